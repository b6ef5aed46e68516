"""What each host looks after, made of what is declared."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from .declarations import host, mistakes, places, plan

SITE = {"name": "who", "hosts": ["who.example.org"], "app": "whoami"}
LAN = {"addresses": ["192.168.1.10"], "release": "trixie"}
HUSH = "hush-hush"


def proxy(**variables: Any) -> Any:
    return host(groups=("proxy",), found=LAN, **{"sites": [SITE], **variables})


def watched(name: str = "home", **hosts: Any) -> Any:
    return plan(**hosts).hosts[name].watch


@pytest.mark.proves("R40")
def test_a_site_is_watched_without_a_word() -> None:
    its = watched(home=proxy())
    assert [asdict(site) for site in its.sites] == [{"site": "who", "host": "who.example.org", "certificate": "", "trusted": True, "passed": False}]
    assert (its.apps, its.units) == (["whoami"], ["caddy.service", "docker.service", "exposure-watch.timer"])


def test_everything_that_keeps_a_host_going_is_watched() -> None:
    ddns = [{"provider": "duckdns", "token": "t", "hosts": ["home.duckdns.org"]}]
    sites = [SITE, {"name": "printer", "hosts": ["printer.example.org"], "tls": "local", "upstream": "http://192.168.1.40"}]
    sites.append({"name": "mail", "hosts": ["mail.example.org"], "tls": "passthrough", "upstream": "https://192.168.1.30"})
    its = watched(home=proxy(ddns=ddns, sites=sites))
    assert [(site.host, site.certificate, site.trusted, site.passed) for site in its.sites] == [
        ("printer.example.org", "printer", False, False),
        ("who.example.org", "", True, False),
        ("mail.example.org", "", False, True),
    ]
    assert its.certificates == ["printer"]
    assert set(its.units) == {
        *("caddy.service", "exposure-sni-router.service", "exposure-certificates.timer"),
        *("exposure-ddns.timer", "exposure-address-watch.service", "docker.service", "exposure-watch.timer"),
    }


@pytest.mark.parametrize("acme", [{"staging": True}, {"directory": "https://ca.example.org/dir", "ca_root": "/etc/ssl/ca.pem"}])
def test_a_certificate_that_no_browser_is_to_believe_is_not_told_of_for_that(acme: dict[str, Any]) -> None:
    assert [site.trusted for site in watched(home=proxy(acme=acme)).sites] == [False]


def test_an_app_behind_the_proxy_of_another_host_is_watched_where_it_runs() -> None:
    attic = host(found={"addresses": ["192.168.1.20"], "release": "bookworm"}, sites=[SITE])
    made = plan(home=proxy(sites=[]), attic=attic)
    assert made.hosts["attic"].watch is not None and made.hosts["home"].watch is not None
    assert (made.hosts["attic"].watch.apps, made.hosts["attic"].watch.sites) == (["whoami"], [])
    assert "exposure-firewall.service" in made.hosts["attic"].watch.units and "caddy.service" in made.hosts["home"].watch.units


def test_nothing_is_watched_where_nothing_is_or_nobody_wants_it() -> None:
    assert watched("laptop", home=proxy(), laptop=host()) is None
    assert watched(home=proxy(watch={"state": "absent"})) is None
    assert plan(remove=True, home=proxy()).hosts["home"].watch is None


def test_who_is_told_is_not_in_the_plan() -> None:
    made = plan(home=proxy(watch={"notify": [f"ntfys://{HUSH}@ntfy.example.org/home"], "ping": f"https://hc-ping.com/{HUSH}", "days": [1, 20, 10]}))
    assert HUSH not in repr(asdict(made))
    assert made.hosts["home"].watch is not None and made.hosts["home"].watch.thresholds["days"] == [20, 10, 1]


@pytest.mark.parametrize(
    ("watch", "line"),
    [
        ({"notify": [HUSH]}, "notify"),
        ({"notify": [f"ntfy://{HUSH}\nBcc: x"]}, "notify"),
        ({"notify": {HUSH: 1}}, "notify"),
        ({"notify": []}, "notify"),
        ({"ping": f"file:///{HUSH}"}, "ping"),
        ({"ping": f"https://a/{HUSH} b"}, "ping"),
        ({"warn_left": 30}, "warn_left"),
        ({"warn_left": 0.1}, "critical_left"),
        ({"days": [0]}, "days"),
        ({"notfy": [HUSH]}, "notfy"),
        ([HUSH], ""),
    ],
)
def test_what_cannot_be_followed_is_refused_and_no_secret_is_shown(watch: Any, line: str) -> None:
    assert places(home=proxy(watch=watch)) == {("home", "", f"exposure_watch.{line}".rstrip("."))}
    assert not any(HUSH in str(mistake) for mistake in mistakes(home=proxy(watch=watch)))


def test_the_order_in_which_apps_are_declared_is_no_change() -> None:
    def watched(*names: str) -> list[str]:
        watch = plan(home=host(apps=[{"name": name, "app": "whoami", "port": 8000 + len(name)} for name in names], found=LAN)).hosts["home"].watch
        return watch.apps if watch else []

    assert watched("a", "bb", "ccc") == watched("ccc", "a", "bb") == ["a", "bb", "ccc"]
