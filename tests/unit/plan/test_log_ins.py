"""Which apps a host looks at for log-ins that everybody knows, and where."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest

from plugins.module_utils.plan.collection import Route
from plugins.module_utils.plan.log_ins import upstream

from .declarations import catalogue, host, mistakes, places, plan

pytestmark = pytest.mark.proves("R54")

LAN = {"addresses": ["192.168.1.10"], "release": "trixie"}
OTHER = {"addresses": ["192.168.1.20"], "release": "trixie"}
LOG_IN = {"user": "admin", "password": "changeme", "path": "/api/tokens", "json": {"secret": "changeme"}, "replace": "Change it"}
NPM = {"title": "NPM", "image": "docker.io/jc21/nginx-proxy-manager", "version": "2.13", "port": 81}
APPS = {**catalogue(), "npm": {**NPM, "accounts": [LOG_IN, {"user": "guest", "replace": "Delete it"}]}}
SITE = {"name": "npm", "hosts": ["npm.example.org", "proxy.example.org"], "app": "npm"}


def looked_at(name: str = "home", **hosts: Any) -> list[dict[str, Any]]:
    made = asdict(plan(APPS, **hosts))
    assert json.loads(json.dumps(made)) == made
    return list(made["hosts"][name]["log_ins"])


def test_an_app_that_came_with_log_ins_is_looked_at_by_its_own_host_under_its_public_name() -> None:
    (one,) = looked_at(home=host(sites=[SITE], found=LAN))
    assert (one["name"], one["title"], one["version"], one["address"], one["port"], one["tls"]) == ("npm", "NPM", "2.13", "127.0.0.1", 81, False)
    assert one["hosts"] == {"npm.example.org": "npm", "proxy.example.org": "npm"} and one["url"] == "https://npm.example.org"
    assert [(row["user"], row["path"], row["granted"], row["refused"]) for row in one["accounts"]] == [
        ("admin", "/api/tokens", [200], [400, 401, 422]),
        ("guest", "", [200], [400, 401, 422]),
    ]


def test_an_app_of_another_host_is_looked_at_there_on_the_address_that_its_proxy_uses() -> None:
    hosts = {"home": host(groups=("proxy",), found=LAN, ports={"https": 8443, "http": 80}), "attic": host(sites=[SITE], found=OTHER)}
    assert looked_at("home", **hosts) == []
    (one,) = looked_at("attic", **hosts)
    assert (one["address"], one["url"]) == ("192.168.1.20", "https://npm.example.org:8443")


def test_an_app_that_no_site_leads_to_yet_is_looked_at_before_one_does() -> None:
    (one,) = looked_at(home=host(apps=[{"name": "npm", "port": 8181}], found=LAN))
    assert (one["port"], one["hosts"], one["url"]) == (8181, {}, "")


def test_what_its_owner_replaced_is_not_tried_any_more() -> None:
    (one,) = looked_at(home=host(sites=[SITE], apps=[{"name": "npm", "accounts_replaced": ["guest"]}], found=LAN))
    assert [row["user"] for row in one["accounts"]] == ["admin"]
    assert looked_at(home=host(sites=[SITE], apps=[{"name": "npm", "accounts_replaced": ["guest", "admin"]}], found=LAN)) == []


def test_a_replaced_account_that_the_app_never_had_is_a_mistake() -> None:
    (one,) = mistakes(APPS, home=host(sites=[SITE], apps=[{"name": "npm", "accounts_replaced": ["admim"]}], found=LAN))
    assert (one.site, one.field, one.value) == ("app npm", "accounts_replaced", "admim") and "admin or guest" in one.write


def test_an_app_that_goes_or_that_anybody_may_use_is_not_looked_at() -> None:
    assert looked_at(home=host(apps=[{"name": "npm", "state": "absent"}], found=LAN)) == []
    assert looked_at(home=host(sites=[{"name": "who", "hosts": ["who.example.org"], "app": "whoami"}], found=LAN)) == []


def test_home_assistant_belongs_to_whoever_opens_it_first() -> None:
    (one,) = looked_at(home=host(sites=[{"name": "home", "hosts": ["home.example.org"], "app": "home_assistant"}], found=LAN))
    assert one["accounts"] == [] and one["unclaimed"]["path"] == "/api/onboarding"


@pytest.mark.parametrize(
    ("place", "tls", "expected"),
    [
        ("https://192.168.1.30:8443", "acme", {"address": "192.168.1.30", "port": 8443, "tls": True}),
        ("http://192.168.1.30:443", "passthrough", {"address": "192.168.1.30", "port": 443, "tls": True}),
        ("http://[fd00::30]:80", "acme", {"address": "fd00::30", "port": 80, "tls": False}),
    ],
)
def test_an_app_that_runs_elsewhere_is_looked_at_where_its_proxy_reaches_it(place: str, tls: str, expected: object) -> None:
    site = {"name": "pbx", "upstream": place, "tls": tls}
    assert upstream(Route(site, "attic", "home", None, site)) == expected


@pytest.mark.parametrize("target", [{"app": "npm"}, {"upstream": "http://192.168.1.30:80"}])
def test_what_was_replaced_can_stand_in_the_site_where_that_shows_such_an_app(target: dict[str, str]) -> None:
    site = {"name": "npm", "hosts": ["npm.example.org"], **target}
    if "app" in target:
        (one,) = looked_at(home=host(sites=[{**site, "accounts_replaced": ["admin"]}], found=LAN))
        assert [row["user"] for row in one["accounts"]] == ["guest"]
    (mistake,) = mistakes(APPS, home=host(sites=[{**site, "accounts_replaced": ["root"]}], found=LAN))
    assert (mistake.site, mistake.field, mistake.value) == ("site npm", "accounts_replaced", "root")


@pytest.mark.parametrize(
    "account",
    [{"user": "a", "path": "/x", "replace": "r"}, {"user": "a", "path": "/x", "json": {}, "form": {}, "replace": "r"}],
)
def test_an_account_of_the_catalogue_that_cannot_be_tried_is_a_mistake(account: dict[str, Any]) -> None:
    assert ("(catalogue)", "app npm", "accounts[1]") in places({"npm": {**NPM, "accounts": [account]}}, home=host(apps=[{"name": "npm"}]))
