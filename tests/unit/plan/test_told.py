"""Which Home Assistants are told of their proxy by their API, and which tokens are of no use."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest

from plugins.module_utils.plan.declaration import HIDDEN

from .declarations import host, mistakes, plan

pytestmark = pytest.mark.proves("R43")

LAN = {"addresses": ["192.168.1.10"], "release": "trixie"}
OTHER = {"addresses": ["192.168.1.20"], "release": "trixie"}
SITE = {"name": "home", "hosts": ["home.example.org", "ha.example.org"], "app": "home_assistant", "upstream": "http://192.168.1.30:8123"}
SECRET = "eyJ-very-secret"
TOKENS = {"home": SECRET}


def told(name: str = "server", **hosts: Any) -> list[dict[str, Any]]:
    made = asdict(plan(**hosts))
    assert SECRET not in json.dumps(made)
    return list(made["hosts"][name]["told"])


def test_one_that_runs_elsewhere_is_told_by_its_proxy() -> None:
    (one,) = told(server=host(sites=[SITE], app_tokens=TOKENS, found=LAN))
    assert one == {"name": "home", "address": "192.168.1.30", "port": 8123, "tls": False, "host": "home.example.org"}


def test_its_public_name_has_the_port_outside_and_https_is_kept() -> None:
    site = SITE | {"upstream": "https://[fd00::5]:8443"}
    (one,) = told(server=host(sites=[site], app_tokens=TOKENS, found=LAN, ports={"https": 8443, "http": 80}, acme={"challenges": ["http-01"]}))
    assert (one["address"], one["port"], one["tls"], one["host"]) == ("fd00::5", 8443, True, "home.example.org:8443")


def test_nobody_is_told_anything_when_all_is_taken_off() -> None:
    assert plan(None, True, server=host(sites=[SITE], app_tokens=TOKENS, found=LAN)).hosts["server"].told == []


def test_without_a_token_it_is_for_its_owner_to_tell() -> None:
    assert told(server=host(sites=[SITE], found=LAN)) == []


def test_a_site_of_another_host_is_told_by_the_proxy_that_has_the_token() -> None:
    hosts = {"server": host(groups=("proxy",), app_tokens=TOKENS, found=LAN), "attic": host(sites=[SITE], found=OTHER)}
    assert [one["name"] for one in told(**hosts)] == ["home"] and told("attic", **hosts) == []


def test_a_token_that_every_host_has_is_used_by_the_proxy() -> None:
    hosts = {"server": host(groups=("proxy",), app_tokens=TOKENS, found=LAN), "attic": host(sites=[SITE], app_tokens=TOKENS, found=OTHER)}
    assert len(told(**hosts)) == 1 and told("attic", **hosts) == []


@pytest.mark.parametrize(
    ("site", "tokens", "says"),
    [
        (SITE, {"hame": SECRET}, "there is no site of this name"),
        ({"name": "home", "hosts": ["home.example.org"], "app": "home_assistant"}, TOKENS, "runs elsewhere"),
        (SITE | {"app": "jellyfin"}, TOKENS, "only a Home Assistant"),
        (SITE | {"upstream": "https://192.168.1.30:8123", "tls": "passthrough"}, TOKENS, "only a Home Assistant"),
    ],
)
def test_a_token_of_no_use_is_a_mistake_that_does_not_show_it(site: dict[str, Any], tokens: dict[str, str], says: str) -> None:
    (one,) = mistakes(server=host(sites=[site], app_tokens=tokens, found=LAN))
    assert one.field == f"exposure_app_tokens.{next(iter(tokens))}" and says in one.problem and one.value == HIDDEN


def test_a_token_that_its_proxy_does_not_have_is_a_mistake() -> None:
    (one,) = mistakes(server=host(groups=("proxy",), found=LAN), attic=host(sites=[SITE], app_tokens=TOKENS, found=OTHER))
    assert (one.host, one.problem) == ("attic", "it is for the host of its proxy, which is server")


@pytest.mark.parametrize("tokens", ["text", ["list"], {"home": ["x"]}, {"home": "two\nlines"}, {"Not a name": SECRET}, 5])
def test_tokens_that_are_none_are_a_mistake_that_does_not_show_them(tokens: Any) -> None:
    (one,) = mistakes(server=host(sites=[SITE], app_tokens=tokens, found=LAN))
    assert one.field == "exposure_app_tokens" and one.value == HIDDEN and SECRET not in str(one)
