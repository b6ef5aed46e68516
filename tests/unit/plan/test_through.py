"""Which pages an app's host asks of its proxies when the app changes."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from .declarations import host, plan

pytestmark = pytest.mark.proves("R57")

LAN = {"addresses": ["192.168.1.10"], "release": "trixie"}
OTHER = {"addresses": ["192.168.1.20"], "release": "trixie"}
SITE = {"name": "home", "hosts": ["home.example.org", "ha.example.org"], "app": "home_assistant"}


def through(name: str = "server", **hosts: Any) -> list[tuple[str, str]]:
    (stack,) = asdict(plan(**hosts))["hosts"][name]["stacks"]
    return [(page["host"], page["url"]) for page in stack["through"]]


def test_the_proxy_of_the_same_host_is_asked_on_loopback_for_every_name() -> None:
    url = "https://127.0.0.1/manifest.json"
    assert through(server=host(sites=[SITE], found=LAN)) == [("home.example.org", url), ("ha.example.org", url)]


def test_the_proxy_of_another_host_is_asked_where_it_is() -> None:
    hosts = {"server": host(groups=("proxy",), found=LAN), "attic": host(sites=[SITE | {"hosts": ["home.example.org"]}], found=OTHER)}
    assert through("attic", **hosts) == [("home.example.org", "https://192.168.1.10/manifest.json")]


def test_what_a_person_says_of_the_page_counts() -> None:
    probe = {"path": "/own", "status": [204]}
    (stack,) = plan(server=host(sites=[SITE | {"hosts": ["home.example.org"], "probe": probe}], found=LAN)).hosts["server"].stacks
    assert stack.through == [{"host": "home.example.org", "url": "https://127.0.0.1/own", "status": [204], "contains": ""}]


@pytest.mark.parametrize("more", [{"maintenance": True}, {"tls": "passthrough"}])
def test_where_the_proxy_shows_nothing_of_the_app_it_is_not_asked(more: dict[str, Any]) -> None:
    assert through(server=host(sites=[SITE | more], found=LAN)) == []
