"""Which host keeps which names, what the router is to forward, and what other ports than 443 and 80 mean."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .declarations import host, mistakes, nginx_files, places, plan, proxy_of, rendered

SITE = {"name": "who", "hosts": ["who.example.org"], "app": "whoami"}
LAN = {"addresses": ["192.168.1.10", "fd00::10"], "release": "trixie"}
DUCK = {"provider": "duckdns", "token": "a-token-that-nobody-sees", "hosts": ["home.duckdns.org"]}


def proxy(**variables: Any) -> Any:
    return host(groups=("proxy",), found=LAN, sites=[SITE], **variables)


@pytest.mark.proves("R01")
def test_an_entry_of_four_words_is_enough() -> None:
    published = plan(home=proxy(domain="home.duckdns.org", ddns=[{"provider": "duckdns", "token": "secret"}])).hosts["home"].ddns
    assert published is not None
    (account,) = published.accounts
    assert (account.name, account.hosts, account.families, account.options) == ("duckdns", ["home.duckdns.org"], ["ipv4", "ipv6"], {})


def test_the_plan_holds_no_secret_of_a_provider() -> None:
    made = plan(home=proxy(ddns=[DUCK]))
    assert made.hosts["home"].ddns is not None
    assert DUCK["token"] not in repr(asdict(made))


@pytest.mark.parametrize(
    ("entry", "place"),
    [
        ({"provider": "dukdns", "token": "t", "hosts": ["home.duckdns.org"]}, ("ddns number 1", "provider")),
        ({"provider": "duckdns", "hosts": ["home.duckdns.org"]}, ("ddns duckdns", "token")),
        ({**DUCK, "tokn": "t"}, ("ddns duckdns", "tokn")),
        ({**DUCK, "token": "two\nlines"}, ("ddns duckdns", "token")),
        ({**DUCK, "token": ["a"]}, ("ddns duckdns", "token")),
        ({"provider": "noip", "username": "u", "password": "p", "hosts": ["*.home.example.org"]}, ("ddns noip", "hosts")),
        ({**DUCK, "families": ["ipv5"]}, ("ddns duckdns", "families")),
        ({**DUCK, "prefix": True}, ("ddns duckdns", "prefix")),
        ({**DUCK, "suffixes": {"nas.duckdns.org": "::20"}}, ("ddns duckdns", "suffixes")),
        ({**DUCK, "suffixes": {"home.duckdns.org": "2001:db8::20"}}, ("ddns duckdns", "suffixes")),
        ({"provider": "namecheap", "zone": "example.org", "password": "p", "hosts": ["a.example.org"], "families": ["ipv6"]}, ("ddns namecheap", "families")),
    ],
)
def test_what_a_provider_cannot_do_is_refused_before_anything_is_sent(entry: dict[str, Any], place: tuple[str, str]) -> None:
    assert places(home=proxy(ddns=[entry])) == {("home", *place)}


def test_a_secret_stands_in_no_message() -> None:
    for entry in ({**DUCK, "token": "hush\nhush"}, {"provider": "nobody", "token": "hush-hush"}, {**DUCK, "pasword": "hush-hush"}, "hush-hush"):
        for mistake in mistakes(home=proxy(ddns=[entry])):
            assert "hush" not in str(mistake)


def test_names_are_kept_by_the_proxies_and_a_group_ddns_takes_them_over() -> None:
    made = plan(home=proxy(ddns=[DUCK]), attic=host(ddns=[DUCK]))
    assert [name for name, its in made.hosts.items() if its.ddns] == ["home"]
    made = plan(home=proxy(ddns=[DUCK]), attic=host(groups=("ddns",), ddns=[DUCK]))
    assert [name for name, its in made.hosts.items() if its.ddns] == ["attic"]
    assert places(home=proxy(), attic=host(ddns=[DUCK])) == {("attic", "", "exposure_ddns")}


def test_a_name_is_not_kept_and_removed_at_once() -> None:
    gone = {**DUCK, "name": "old", "state": "absent"}
    assert places(home=proxy(ddns=[DUCK, gone])) == {("home", "ddns duckdns", "hosts")}
    assert plan(home=proxy(ddns=[DUCK, {**gone, "hosts": ["other.duckdns.org"]}])).hosts["home"].ddns


def test_a_lease_is_told_as_any_duration() -> None:
    assert plan(home=proxy(router="auto", router_lease="2h")).hosts["home"].router_lease == 7200


def test_no_name_has_two_keepers() -> None:
    two = [host(groups=("proxy",), found=LAN, ddns=[DUCK], router="none"), host(groups=("proxy",), found=LAN, ddns=[DUCK], router="none")]
    assert places(home=two[0], attic=two[1]) == {("attic", "ddns duckdns", "hosts")}
    assert ("home", "ddns duckdns", "name") in places(home=proxy(ddns=[DUCK, {**DUCK, "hosts": ["b.duckdns.org"]}]))


@pytest.mark.proves("R06")
def test_the_router_is_told_every_port_by_which_clients_come() -> None:
    its = plan(home=proxy()).hosts["home"]
    assert [(rule.external_port, rule.protocol, rule.address, rule.port) for rule in its.forwardings] == [
        (80, "tcp", "192.168.1.10", 80),
        (443, "tcp", "192.168.1.10", 443),
        (443, "udp", "192.168.1.10", 443),
    ]
    assert (its.router, its.used) == ("manual", [])
    assert plan(home=proxy(router="auto")).hosts["home"].used == ["ddns", "router"]
    assert plan(home=proxy(ddns=[DUCK])).hosts["home"].used == ["ddns", "router"]
    assert plan(home=proxy(ddns=[DUCK], router="none")).hosts["home"].used == ["ddns"]


def test_one_router_forwards_a_port_to_one_proxy() -> None:
    second = {"name": "two", "hosts": ["two.example.org"], "app": "whoami", "proxy": "attic"}
    attic = host(groups=("proxy",), found={**LAN, "addresses": ["192.168.1.11"]}, sites=[second], router="auto", http3=False)
    assert {place[2] for place in places(home=proxy(router="auto"), attic=attic)} == {"exposure_ports.https", "exposure_ports.http"}


@pytest.mark.proves("R08")
def test_a_port_of_ones_own_is_in_every_address() -> None:
    moved = {"name": "old", "hosts": ["old.example.org"], "redirect": "https://who.example.org"}
    other = {"name": "away", "hosts": ["away.example.org"], "redirect": "https://elsewhere.example.org"}
    ha = {"name": "home", "hosts": ["home.example.org"], "app": "home_assistant"}
    acme = {"challenges": ["dns-01"], "dns": "rfc2136"}
    made = plan(home=host(groups=("proxy",), found=LAN, sites=[SITE, moved, other, ha], ports={"https": 8443}, acme=acme, http3=True))
    its = made.hosts["home"]
    assert {site.name: site.redirect for site in proxy_of(made).sites}["old"] == "https://who.example.org:8443"
    assert {site.name: site.redirect for site in proxy_of(made).sites}["away"] == "https://elsewhere.example.org"
    (stack,) = [stack for stack in its.stacks if stack.name == "home_assistant"]
    assert stack.env["EXPOSURE_URL"] == "https://home.example.org:8443" and stack.trust and stack.trust["external_url"] == stack.env["EXPOSURE_URL"]
    assert {(probe.https_port, probe.http_port) for probe in made.probes} == {(8443, 0)}
    assert {(opening.port, opening.protocol) for opening in its.openings} == {(80, "tcp"), (443, "tcp"), (8443, "tcp"), (443, "udp"), (8443, "udp")}
    assert [(rule.external_port, rule.port) for rule in its.forwardings] == [(8443, 8443), (8443, 8443)]
    text = rendered(made, "home", [2, 11])
    assert "who.example.org, who.example.org:8443 {" in text and "redir https://{host}:8443{uri} 308" in text and ":443, :8443 {" in text
    assert "redir https://{host}{uri}" not in text


@pytest.mark.proves("R08")
def test_nginx_listens_there_and_says_so() -> None:
    acme = {"challenges": ["dns-01"], "dns": "rfc2136"}
    made = plan(home=proxy(proxy="nginx", ports={"https": 8443}, acme=acme, http3=True))
    text = nginx_files(asdict(proxy_of(made)))["http.conf"]
    assert text.count("listen 8443 ssl") == text.count("listen 443 ssl") == 2 and "listen [::]:8443 quic" in text
    assert 'h3=":8443"' in text and "return 308 https://$host:8443$request_uri" in text and "https://$host$request_uri" not in text
    passed = {"name": "pbx", "hosts": ["pbx.example.org"], "tls": "passthrough", "upstream": "192.168.1.30:443"}
    split = plan(home=host(groups=("proxy",), found=LAN, proxy="nginx", sites=[SITE, passed], ports={"https": 8443}, acme=acme))
    stream = nginx_files(asdict(proxy_of(split)))["stream.conf"]
    assert "listen 8443;" in stream and "listen [::]:8443 default_server;" in stream


def test_the_two_ports_are_two() -> None:
    acme = {"challenges": ["dns-01"], "dns": "rfc2136"}
    for ports in ({"https": 80}, {"https": 8443, "http": 8443}):
        assert ("home", "", "exposure_ports.https") in places(home=proxy(ports=ports, acme=acme))
    assert places(home=proxy(ports={"https": "eight"})) == {("home", "", "exposure_ports.https")}
    assert ("home", "app whoami", "port") in places(home=proxy(ports={"https": 8000}, acme=acme, apps=[{"name": "whoami", "port": 8000}]))


@pytest.mark.proves("B07", "R08")
def test_without_port_80_and_443_only_the_dns_can_prove_a_name_and_the_plan_says_so() -> None:
    (mistake,) = mistakes(home=proxy(ports={"https": 8443}))
    assert mistake.field == "exposure_ports" and "exposure_acme" in f"{mistake.problem} {mistake.write}"
    made = plan(home=proxy(ports={"https": 8443}, acme={"dns": "rfc2136"}))
    (certificate,) = made.hosts["home"].certificates
    assert certificate.challenge == "dns-01" and "rfc2136" in made.hosts["home"].challenges
    assert plan(home=proxy(ports={"https": 8443, "http": 80})).hosts["home"].certificates == []
    assert places(home=proxy(ports={"https": 8443}, acme={"challenges": ["http-01"]})) == {("home", "", "exposure_acme.challenges")}


@pytest.mark.proves("B07")
def test_what_a_diagnosis_saw_chooses_the_challenge() -> None:
    shut = {**LAN, "network": {"ports": {"80": {"ipv4": "closed"}, "443": {"ipv4": "closed"}}, "published": ["ipv4"]}}

    def seen(acme: dict[str, Any]) -> Any:
        return plan(home=host(groups=("proxy",), found=shut, proxy="nginx", sites=[SITE], acme=acme)).hosts["home"]

    assert seen({"dns": "rfc2136"}).certificates[0].challenge == "dns-01"
    half = {**LAN, "network": {"ports": {"80": {"ipv4": "closed"}, "443": {"ipv4": "open"}}, "published": ["ipv4"]}}
    wild = [{"name": "wild", "hosts": ["*.example.org"]}]
    made = plan(home=host(groups=("proxy",), found=half, sites=[SITE], certificates=wild, acme={"dns": "rfc2136"}))
    assert proxy_of(made).acme["challenges"] == ["tls-alpn-01"], "which is Caddy's affair, and not the wildcard's"
    its = seen({})  # it may be mended by now: the order is tried, and the reason told
    assert its.certificates[0].challenge == "http-01" and "Port 80 is closed" in its.challenges


@given(
    https=st.one_of(st.integers(1, 65535), st.text(max_size=8), st.none()),
    http=st.one_of(st.integers(-1, 65536), st.text(max_size=8), st.none()),
    entry=st.fixed_dictionaries(
        {"provider": st.sampled_from(["duckdns", "dyndns2", "x", 3])},
        optional={"hosts": st.lists(st.text(max_size=20), max_size=2), "token": st.text(max_size=20), "server": st.text(max_size=20)},
    ),
)
@settings(max_examples=150, deadline=None)
def test_any_declaration_makes_a_plan_or_mistakes(https: Any, http: Any, entry: dict[str, Any]) -> None:
    made_of = proxy(ports={"https": https, "http": http}, ddns=[entry], acme={"dns": "rfc2136"})
    try:
        assert plan(home=made_of).hosts["home"].ddns
    except Exception as refused:
        assert type(refused).__name__ == "InventoryRefused", refused
