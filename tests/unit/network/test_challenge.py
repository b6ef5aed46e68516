"""The challenge that can work is chosen from what was seen, and the choice is explained."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.module_utils.network.challenge import Choice, choose

from .looks import NAMES, V4, V6, Home

BOTH = ["ipv6", "ipv4"]


def seen(http: str = "open", https: str = "open", http6: str = "", https6: str = "", **others: Any) -> dict[str, Any]:
    """What a diagnosis kept of a home; without a state over IPv6 it has none."""
    ports = {"80": {"ipv4": http, **({"ipv6": http6} if http6 else {})}, "443": {"ipv4": https, **({"ipv6": https6} if https6 else {})}}
    published = BOTH if http6 or https6 else ["ipv4"]
    return {"outside": True, "ports": ports, "published": published, "verdicts": {"ipv4": "nat", "ipv6": "none"}, "caa": {}, **others}


def chosen(observed: dict[str, Any], **others: Any) -> Choice:
    values: dict[str, Any] = {"https_port": 443, "http_port": 80, "dns_provider": "", "engine": "caddy", "wildcard": False, **others}
    return choose(observed, **values)


CASES: dict[str, tuple[dict[str, Any], dict[str, Any], list[str], str]] = {
    "all open": (seen(), {}, ["http-01", "tls-alpn-01"], "from outside, ports 80 and 443 lead to the server"),
    "all open, nginx": (seen(), {"engine": "nginx"}, ["http-01"], "port 80 leads to the server"),
    "80 closed": (seen("closed"), {}, ["tls-alpn-01"], "port 80 is closed from outside"),
    "80 closed, nginx with DNS": (seen("closed"), {"engine": "nginx", "dns_provider": "duckdns"}, ["dns-01"], "port 80 is closed from outside; so the names"),
    "443 closed": (seen(https="closed"), {}, ["http-01"], "port 443 is closed"),
    "443 is the router's": (seen(https="other"), {}, ["http-01"], "something else"),
    "another port outside": (seen(https="closed"), {"https_port": 8443}, ["http-01"], "tls-alpn-01 needs port 443, and https comes in by port 8443"),
    "other ports outside": (seen(), {"https_port": 8443, "http_port": 0, "dns_provider": "rfc2136"}, ["dns-01"], "http does not come in at all"),
    "wildcard": (seen(), {"wildcard": True, "dns_provider": "cloudflare"}, ["dns-01"], "a wildcard is proven by DNS alone"),
    "nothing seen yet": ({}, {}, ["http-01", "tls-alpn-01"], "nobody outside has met the server yet"),
    "nothing seen, nginx": ({}, {"engine": "nginx"}, ["http-01"], "nobody outside has met the server yet"),
    "not proven": (seen("unproven", "unproven"), {}, ["http-01", "tls-alpn-01"], "nobody outside has met the server yet"),
    "80 proven, 443 not": (seen("open", "unproven"), {}, ["http-01"], "from outside, port 80"),
    "IPv6 closed, IPv4 open": (seen(http6="closed", https6="closed"), {}, ["http-01", "tls-alpn-01"], "lead to the server"),
    "IPv6 open, IPv4 closed": (seen("closed", "closed", "open", "open"), {}, ["http-01", "tls-alpn-01"], "lead to the server"),
    "IPv6 leads elsewhere": (seen(http6="other", https6="open"), {}, ["tls-alpn-01"], "over IPv6, which a CA asks first"),
    "CGNAT with IPv6 records": (
        seen("closed", "closed", "open", "open", verdicts={"ipv4": "cgnat", "ipv6": "direct"}), {}, ["http-01", "tls-alpn-01"], "lead to the server"
    ),
    "CGNAT, DNS": (
        {"verdicts": {"ipv4": "cgnat", "ipv6": "none"}, "published": ["ipv4"]}, {"dns_provider": "duckdns"}, ["dns-01"], "shares the IPv4 address",
    ),
    "CGNAT, and IPv6 that nobody tried": (
        {"verdicts": {"ipv4": "cgnat", "ipv6": "direct"}, "ports": {"80": {"ipv6": "unproven"}}}, {"engine": "nginx"}, ["http-01"], "nobody"
    ),
    "CAA against http": (seen(caa={"http-01": ["home.example.org"]}), {}, ["tls-alpn-01"], "not admitted by the CAA records of home.example.org"),
}  # fmt: skip


@pytest.mark.proves("B07", "R32")
@pytest.mark.parametrize("case", CASES)
def test_a_challenge_is_chosen_and_explained(case: str) -> None:
    observed, others, wanted, because = CASES[case]
    choice = chosen(observed, **others)
    assert (choice.challenges, choice.impossible) == (wanted, ""), choice
    assert because in choice.because, choice


IMPOSSIBLE: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "all closed": (seen("closed", "closed"), {}, "Port 80 is closed from outside; port 443 is closed from outside. Name your DNS provider"),
    "80 closed, nginx": (seen("closed"), {"engine": "nginx"}, "Name your DNS provider"),
    "wildcard": (seen(), {"wildcard": True}, "A wildcard is proven by DNS alone. Name your DNS provider"),
    "CGNAT": ({"verdicts": {"ipv4": "cgnat"}, "published": ["ipv4"]}, {}, "The provider shares the IPv4 address"),
    "double NAT": ({"verdicts": {"ipv4": "double_nat"}, "published": ["ipv4"]}, {}, "second router"),
    "CAA against all": (
        seen(caa={key: ["a.example.org"] for key in ("http-01", "tls-alpn-01", "dns-01")}), {"dns_provider": "duckdns"}, "do not admit dns-01 either"
    ),
    "only another port": (seen(), {"https_port": 8443, "http_port": 8080}, "http-01 needs port 80, and http comes in by port 8080"),
}  # fmt: skip


@pytest.mark.parametrize("case", IMPOSSIBLE)
def test_where_no_challenge_can_work_the_way_out_is_told(case: str) -> None:
    observed, others, words = IMPOSSIBLE[case]
    choice = chosen(observed, **others)
    assert choice.challenges == [] and words in choice.impossible, choice


@pytest.mark.parametrize("blocked", ["http", "https"])
def test_what_a_diagnosis_keeps_leads_to_the_same_choice(blocked: str) -> None:
    home = Home()
    for address in (V4, V6):
        home.change("phone", address, blocked, "silent")
    picture = home.picture()
    left = ["tls-alpn-01"] if blocked == "http" else ["http-01"]
    assert picture.choice.challenges == left == chosen(picture.kept("now")).challenges


def test_records_that_are_not_there_yet_do_not_hide_a_closed_port() -> None:
    home = Home().only_ipv4().change("phone", V4, "http", "silent").change("phone", V4, "https", "silent")
    for name in NAMES:
        home.record(name, a=[], aaaa=[])
    assert "closed" in home.picture().choice.impossible
