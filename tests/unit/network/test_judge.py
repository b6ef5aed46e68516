"""Each fault of a home's network is found, told with what shows it and what to do, and none is found where there is none."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from plugins.module_utils.network.findings import ERROR, NOT_PROVEN, NOTE, PROVEN_INSIDE, PROVEN_OUTSIDE, SEVERITIES, WARNING, Finding

from .looks import LAN, NAMES, NS, OTHERS, V4, V6, Home, found, resolved, told, tried

FIRST, SECOND = NAMES
ELSEWHERE, ELSEWHERE6 = "81.9.9.9", "2a0e:9:9:9::9"
RULE = {"external_port": 443, "protocol": "tcp", "address": LAN, "port": 443, "outcome": "kept"}
RULE_80 = {**RULE, "external_port": 80, "port": 80}

Spoil = Callable[[Home], object]


def address(verdict: str, family: str = "ipv4", known: str = "", advice: str = "") -> Spoil:
    def spoil(home: Home) -> None:
        home.only_ipv4() if family == "ipv4" else None
        home.server["found"][family] = found(family, known, verdict, "natpmp says 100.72.1.2", advice=advice)

    return spoil


def closed(port: str = "https", host: str = "phone", where: str = V4, outcome: str = "silent") -> Spoil:
    return lambda home: home.change(host, where, port, outcome)


def both(*spoils: Spoil) -> Spoil:
    return lambda home: [spoil(home) for spoil in spoils]


def wish(**wanted: object) -> Spoil:
    return lambda home: home.wish.update(wanted)


def names_servers(**said: object) -> Spoil:
    """The name servers of the first name answer so, each by itself: first, second."""

    def spoil(home: Home) -> None:
        for server, key in zip(NS, ("first", "second"), strict=True):
            if key in said:
                home.server["names"][FIRST]["servers"][server] = said[key]

    return spoil


def set_name(**said: object) -> Spoil:
    return lambda home: home.server["names"][FIRST].update(said)


def at_laptop(a: list[str], aaaa: list[str] | None = None) -> Spoil:
    return lambda home: home.laptop["names"].update({name: {"resolved": resolved(a, aaaa or [])} for name in NAMES})


def forbid(*challenges: str) -> Spoil:
    problem = {"kind": "caa", "identifier": FIRST, "seen": 'The CAA records of example.org (issue "other.example") do not name this CA.', "advice": "Add one."}

    def spoil(home: Home) -> None:
        for challenge in challenges:
            home.server["names"][FIRST]["caa"][challenge] = [{**problem, "severity": "error"}]

    return spoil


def at_home_address(home: Home, outcome: str) -> None:
    home.laptop["tried"] += [tried(name, LAN, scheme, outcome) for name in NAMES for scheme in ("https", "http")]


WILD = {"A": [ELSEWHERE], "AAAA": [V6]}

FAULTS: dict[str, tuple[Spoil, str, str, str, str]] = {
    # what is spoilt, the finding, its weight, where it is proven, words of what is told
    "cgnat": (both(address("cgnat"), closed()), "cgnat", ERROR, PROVEN_INSIDE, "natpmp says 100.72.1.2"),
    "cgnat with advice of its own": (both(address("cgnat", advice="Call them."), closed()), "cgnat", ERROR, PROVEN_INSIDE, "Call them."),
    "double nat": (both(address("double_nat"), closed()), "double_nat", ERROR, PROVEN_INSIDE, "bridge mode"),
    "double nat that forwards all the same": (address("double_nat", known=V4), "double_nat", WARNING, PROVEN_INSIDE, "reached from outside all the same"),
    "vpn": (both(address("vpn_egress"), closed(), closed("http")), "vpn_egress", ERROR, PROVEN_INSIDE, "exposure_address: interface"),
    "disagreement": (address("sources_disagree"), "sources_disagree", WARNING, PROVEN_INSIDE, "IPv4"),
    "no address": (both(address("unknown"), lambda home: home.without("phone", "laptop")), "address_unknown", WARNING, PROVEN_INSIDE, "UPnP or NAT-PMP"),
    "a lost host": (lambda home: home.failed.update(attic="No route to host"), "not_looked", WARNING, NOT_PROVEN, "No route to host"),
    "no listener": (lambda home: home.change("home", LAN, "https", "refused", key="here").change("home", V6, "https", "refused", key="here"),
                    "nothing_listens", ERROR, PROVEN_INSIDE, "playbooks/site.yml"),
    "no proxy yet": (wish(answering=("http", "https")), "nothing_listens", NOTE, PROVEN_INSIDE, "the diagnosis answered there itself"),
    "a fence": (lambda home: at_home_address(home, "silent"), "firewall_blocks", ERROR, PROVEN_INSIDE, f"laptop (at home): port 443 of {LAN} does not answer."),
    "closed": (closed(), "port_443_closed", ERROR, PROVEN_OUTSIDE, f"phone (outside): port 443 of {V4} does not answer."),
    "refused": (closed(outcome="refused"), "port_443_closed", ERROR, PROVEN_OUTSIDE, "refuses the connection"),
    "closed 80": (closed("http"), "port_80_closed", WARNING, PROVEN_OUTSIDE, "Port 443 comes through"),
    "closed without a rule": (both(closed(), wish(mappings=())), "port_443_closed", ERROR, PROVEN_OUTSIDE, "The router has no rule for TCP 443."),
    "closed behind another rule": (both(closed("http"), wish(mappings=(RULE,))), "port_80_closed", WARNING, PROVEN_OUTSIDE, "no rule for TCP 80"),
    "closed although forwarded": (both(closed("http"), wish(mappings=(RULE, RULE_80))), "isp_blocks_port", ERROR, PROVEN_OUTSIDE, f"TCP 80 to {LAN}:80"),
    "closed on the internet": (both(address("direct", known=V4), closed()), "isp_blocks_port", ERROR, PROVEN_OUTSIDE, "nft list ruleset"),
    "closed 80 over IPv6": (closed("http", where=V6), "port_80_closed", WARNING, PROVEN_OUTSIDE, "over IPv6"),
    "another certificate": (lambda home: home.change("phone", V4, "https", "open", OTHERS), "another_answers", ERROR, PROVEN_OUTSIDE, "router's own page"),
    "another page": (lambda home: home.change("phone", V4, "http", "open", "200"), "another_answers", ERROR, PROVEN_OUTSIDE, "another answer (200)"),
    "no record": (lambda home: home.record(a=[], aaaa=[]), "no_record", ERROR, PROVEN_INSIDE, f"A {V4} and AAAA {V6}"),
    "no zone": (set_name(zone="", servers={}, trouble="no such name", resolved=resolved([], [])), "dns_broken", ERROR, PROVEN_INSIDE, "no DNS zone"),
    "a broken zone": (both(set_name(servers={}), set_name(silent={NS[0]: "SERVFAIL"})), "dns_broken", ERROR, PROVEN_INSIDE, "SERVFAIL"),
    "silent servers": (both(set_name(servers={}), set_name(silent={NS[0]: "timeout"})), "dns_unread", WARNING, NOT_PROVEN, "port 53"),
    "a server in between": (names_servers(first=told([], [], trouble="answered by somebody in between"), second=told([], [], trouble="timeout")),
                            "dns_unread", WARNING, NOT_PROVEN, "in their place"),
    "no dnspython": (lambda home: home.server["names"].update({FIRST: {"resolved": resolved([V4], [V6])}}),
                     "dns_unread", WARNING, NOT_PROVEN, "python3-dnspython"),
    "private": (lambda home: home.record(a=[LAN]), "private_record", ERROR, PROVEN_INSIDE, "lan_names"),
    "shared": (lambda home: home.record(a=["100.64.3.3"]), "private_record", ERROR, PROVEN_INSIDE, "CGNAT"),
    "wildcard": (both(lambda home: home.record(a=[ELSEWHERE]), set_name(sibling=WILD)), "wrong_wildcard", ERROR, PROVEN_INSIDE, "*.example.org"),
    "old A": (lambda home: home.record(a=[ELSEWHERE]), "stale_a", ERROR, PROVEN_INSIDE, f"say A {ELSEWHERE} for {FIRST}"),
    "one A too many": (lambda home: home.record(a=[ELSEWHERE, V4]), "stale_a", ERROR, PROVEN_INSIDE, ELSEWHERE),
    "old A seen outside": (lambda home: (home.record(a=[ELSEWHERE]), home.meets("phone", FIRST, ELSEWHERE, "open", OTHERS)),
                           "stale_a", ERROR, PROVEN_OUTSIDE, f"port 443 of {ELSEWHERE} shows another certificate"),
    "old AAAA": (lambda home: home.record(aaaa=[ELSEWHERE6]), "stale_aaaa", ERROR, PROVEN_INSIDE, "never after a wrong answer"),
    "AAAA without IPv6": (lambda home: (home.only_ipv4(), home.record(aaaa=[ELSEWHERE6])), "stale_aaaa", ERROR, PROVEN_INSIDE, "no public IPv6 address"),
    "closed IPv6": (closed(where=V6), "aaaa_not_working", ERROR, PROVEN_OUTSIDE, "pinhole"),
    "servers that differ": (names_servers(second=told([ELSEWHERE], [V6])), "dns_servers_differ", WARNING, PROVEN_INSIDE, f"{NS[1]}: {ELSEWHERE}, {V6}."),
    "a server of another zone": (set_name(silent={"9.9.3.3": "REFUSED"}), "dns_servers_differ", WARNING, PROVEN_INSIDE, "9.9.3.3: REFUSED."),
    "an old answer": (lambda home: home.phone["names"].update({FIRST: {"resolved": resolved([ELSEWHERE], [V6])}}),
                      "not_spread_yet", NOTE, PROVEN_INSIDE, "60 seconds"),
    "CAA": (forbid("http-01", "tls-alpn-01"), "caa_forbids", ERROR, PROVEN_INSIDE, "do not name this CA"),
    "CAA of one challenge": (forbid("http-01"), "caa_forbids", WARNING, PROVEN_INSIDE, "by http-01"),
    "no hairpin": (closed(host="laptop"), "no_hairpin", WARNING, PROVEN_INSIDE, f"laptop (at home): port 443 of {V4} does not answer"),
    "the router's page inside": (lambda home: home.change("laptop", V4, "https", "open", OTHERS), "no_hairpin", WARNING, PROVEN_INSIDE, "another certificate"),
    "no hairpin, nobody outside": (both(closed(host="laptop"), lambda home: home.without("phone")), "no_hairpin", WARNING, NOT_PROVEN, "without Wi-Fi first"),
    "no hairpin for the server": (both(closed(host="home"), lambda home: home.without("laptop")), "no_hairpin", WARNING, PROVEN_INSIDE, "home (server)"),
    "split DNS astray": (at_laptop(["192.168.1.99"]), "lan_name_wrong", ERROR, PROVEN_INSIDE, LAN),
    "a hosts entry left": (at_laptop(["127.0.0.1"]), "lan_name_wrong", ERROR, PROVEN_INSIDE, "/etc/hosts"),
    "nobody outside": (lambda home: home.without("phone"), "not_proven_from_outside", NOTE, NOT_PROVEN, "Wi-Fi turned off"),
    "nobody outside with IPv6": (lambda home: home.change("phone", V6, "https", "no route").change("phone", V6, "http", "no route"),
                                 "not_proven_from_outside", NOTE, NOT_PROVEN, "port 443 over IPv6 and port 80 over IPv6"),
}  # fmt: skip


def sentences(one: Finding) -> str:
    return "\n".join([one.what, *one.evidence, one.advice])


@pytest.mark.proves("B07", "R05", "R11")
@pytest.mark.parametrize("case", FAULTS)
def test_a_fault_is_found_with_what_shows_it_and_what_to_do(case: str) -> None:
    spoil, name, severity, proven, words = FAULTS[case]
    home = Home()
    spoil(home)
    one = next(one for one in home.picture().findings if one.id == name)
    assert (one.severity, one.proven) == (severity, proven), sentences(one)
    assert words in sentences(one), sentences(one)
    assert one.advice and one.what.endswith("."), sentences(one)
    assert one.evidence or name in ("dns_unread",)


@pytest.mark.parametrize("case", [case for case in FAULTS if case not in ("a lost host",)])
def test_a_fault_is_told_alone(case: str) -> None:
    """What follows from it is told too, and nothing else."""
    spoil, name, *_ = FAULTS[case]
    home = Home()
    spoil(home)
    follows = {
        "cgnat": {"port_443_closed"},
        "double_nat": {"port_443_closed"},
        "vpn_egress": {"port_443_closed", "port_80_closed"},
        "no_hairpin": {"not_proven_from_outside"},
        "address_unknown": {"not_proven_from_outside"},
        "nothing_listens": set(),
        "no_record": set(),
        "dns_unread": set(),
    }
    assert set(home.ids()) - {name} <= follows.get(name, set()), home.ids()


def test_every_finding_has_a_case() -> None:
    assert {name for _, name, *_ in FAULTS.values()} == set(SEVERITIES)


def test_a_home_without_faults_has_no_findings() -> None:
    assert Home().ids() == []
    assert Home().only_ipv4().ids() == []


WELL: dict[str, Spoil] = {
    "the laptop is led to the server by the home's own DNS": both(at_laptop([LAN]), closed(host="laptop")),
    "the server reaches its own public address, which is no hairpin": both(
        lambda home: home.without("laptop"), lambda home: [one.update(own=True, outcome="silent", shows="") for one in home.server["tried"]]
    ),
    "an AAAA record of another machine of the home": lambda home: home.record(aaaa=["2a02:1:2:3::77"]),
    "an address of a tunnel that leads to the server": lambda home: (home.record(a=[ELSEWHERE]), home.meets("phone", FIRST, ELSEWHERE, "open")),
    "an address that the owner declared": both(lambda home: home.record(a=[ELSEWHERE]), wish(addresses=(ELSEWHERE,))),
    "a wildcard that leads home": set_name(sibling={"A": [V4], "AAAA": [V6]}),
    "a wildcard elsewhere, and names with records of their own": set_name(sibling=WILD),
    "a server that others at home reach": lambda home: at_home_address(home, "open"),
    "a name that is an alias": set_name(alias="example.duckdns.org", zone="duckdns.org"),
    "closed IPv6 without AAAA records": lambda home: [home.record(name, aaaa=[]) for name in NAMES] + [home.change("phone", V6, "https", "silent")]
    + [home.change("phone", V6, "http", "silent")],
    "a server over IPv6 that this home does not reach": set_name(silent={"2001:db8::53": "timeout"}),
    "no http, as the owner wishes": both(closed("http"), wish(http_port=0)),
    "CAA against a challenge that nobody uses": forbid("dns-01"),
    "an unknown IPv4 that was reached from outside": lambda home: home.server["found"].update(ipv4=found("ipv4", "", "unknown")),
}  # fmt: skip


@pytest.mark.parametrize("case", WELL)
def test_what_is_well_is_not_called_a_fault(case: str) -> None:
    home = Home()
    WELL[case](home)
    assert home.ids() == []


def test_what_causes_others_is_told_first() -> None:
    home = Home().only_ipv4()
    home.server["found"]["ipv4"] = found("ipv4", "", "cgnat")
    home.change("phone", V4, "https", "silent").change("phone", V4, "http", "silent").change("laptop", V4, "https", "silent")
    assert home.ids() == ["cgnat", "port_443_closed", "port_80_closed"]
    assert "CGNAT" in home.picture().findings[1].what


def test_names_with_one_fault_are_told_together() -> None:
    home = Home()
    for name in NAMES:
        home.record(name, a=[ELSEWHERE])
    (one,) = home.picture().findings
    assert one.about == NAMES


@pytest.mark.proves("R11")
def test_a_port_is_open_only_where_somebody_outside_met_the_server_itself() -> None:
    assert Home().picture().seen.states["https"] == {"ipv4": "open", "ipv6": "open"}
    assert Home().without("phone").picture().seen.states["https"] == {"ipv4": "unproven", "ipv6": "unproven"}
    inside = Home().without("phone").picture().findings
    assert [one.id for one in inside] == ["not_proven_from_outside"]
    assert "That the provider lets visitors in is not proven by that." in sentences(inside[0])
    silent = Home().change("phone", V4, "https", "open", "")
    assert silent.picture().seen.states["https"]["ipv4"] == "unproven"


def test_of_two_machines_outside_one_that_meets_the_server_is_enough() -> None:
    home = Home()
    home.looks["vps"] = {**home.phone, "tried": [{**one, "outcome": "silent", "shows": ""} for one in home.phone["tried"]]}
    assert home.picture().seen.states["https"]["ipv4"] == "open"


def test_another_port_than_443_is_what_is_looked_at() -> None:
    home = Home(https_port=8443)
    for look in (home.phone, home.laptop):
        look["tried"] = [{**one, "port": 8443 if one["scheme"] == "https" else 80} for one in look["tried"]]
    picture = home.picture()
    assert picture.findings == () and picture.kept("now")["ports"]["8443"] == {"ipv4": "open", "ipv6": "open"}
    home.change("phone", V4, "https", "silent")
    assert "Port 8443 (https)" in home.picture().findings[0].what


def test_a_test_network_may_count_as_public() -> None:
    home = Home(public=("198.51.100.0/24",))
    home.record(a=["198.51.100.7"])
    assert home.ids() == ["stale_a"]
    home = Home()
    home.record(a=["198.51.100.7"])
    assert home.ids() == ["private_record"]
    home = Home(allow_private=True)
    home.record(a=[LAN])
    assert home.ids() == []


def test_without_any_look_of_the_server_that_alone_is_told() -> None:
    home = Home().without("home")
    home.failed["home"] = "sudo: a password is required"
    assert home.ids() == ["not_looked"]


def test_what_is_kept_is_json_with_what_a_choice_needs() -> None:
    kept = json.loads(json.dumps(Home().change("phone", V4, "http", "silent").picture().kept("2026-11-21T10:00:00+00:00")))
    assert kept["ports"] == {"443": {"ipv4": "open", "ipv6": "open"}, "80": {"ipv4": "closed", "ipv6": "open"}}
    assert kept["verdicts"] == {"ipv4": "nat", "ipv6": "direct"}
    assert kept["published"] == ["ipv6", "ipv4"]
    assert kept["outside"] is True and kept["findings"][0]["id"] == "port_80_closed"
    assert kept["challenges"] == ["http-01", "tls-alpn-01"]


def test_what_strangers_say_cannot_write_on_the_terminal() -> None:
    home = Home()
    home.server["names"][FIRST]["servers"] = {}
    home.server["names"][FIRST]["silent"] = {NS[0]: "\x1b[2Jgone"}
    assert "\x1b" not in sentences(home.picture().findings[0])
