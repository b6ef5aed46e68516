"""Which address a home is given, and what is said of its connection."""

from __future__ import annotations

import pwd
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from plugins.module_utils.address import sources
from plugins.module_utils.address.detect import Here, detect
from plugins.module_utils.address.interface import Own
from plugins.module_utils.address.model import IPV4, IPV6, Found, Settings, Sighting, Verdict
from plugins.module_utils.address.names import kind_of

from .surroundings import HOME, LAN, OTHER, SIX, Home

ROOT = Path(__file__).resolve().parents[3]
OUTSIDE = {"dns:cloudflare": HOME, "https:ipify": HOME}


def ipv4(home: Home, **settings: Any) -> Found:
    return detect(Settings(families=(IPV4,), **settings), asker=home)[IPV4]


def ipv6(home: Home, **settings: Any) -> Found:
    return detect(Settings(families=(IPV6,), **settings), asker=home)[IPV6]


CONNECTIONS = {
    "a router that tells its address": (Home({"natpmp": HOME, **OUTSIDE}), Verdict.NAT, HOME, HOME),
    "a router that is silent, and nothing behind it": (Home(OUTSIDE, way=[HOME]), Verdict.NAT, HOME, "the home router's own address"),
    "a router that is silent, on a way that is": (Home(OUTSIDE), Verdict.NAT, HOME, "cannot be told from here"),
    "an own public address": (Home(OUTSIDE, owns=[Own(HOME, 24, "eth0")]), Verdict.DIRECT, HOME, "own address"),
    "a router in a provider's shared network": (Home({"upnp": "100.70.1.2", **OUTSIDE}), Verdict.CGNAT, "", "100.70.1.2 (upnp)"),
    "DS-Lite": (Home({"upnp": "192.0.0.2", **OUTSIDE}), Verdict.CGNAT, "", "DS-Lite"),
    "a silent router in a provider's shared network": (Home(OUTSIDE, way=["192.168.1.1", "100.64.0.1", ""]), Verdict.CGNAT, "", "lies 100.64.0.1"),
    "an own address in a provider's shared network": (Home(OUTSIDE, owns=[Own("100.64.3.4", 10, "eth0")]), Verdict.CGNAT, "", "100.64.3.4"),
    "a router behind another": (Home({"natpmp": "192.168.178.20", **OUTSIDE}), Verdict.DOUBLE_NAT, HOME, "192.168.178.20 (natpmp)"),
    "a silent router behind another": (Home(OUTSIDE, way=["192.168.1.1", HOME]), Verdict.DOUBLE_NAT, HOME, "goes on beyond 192.168.1.1."),
    "a silent router behind two others": (Home(OUTSIDE, way=["192.168.1.1", "", "10.0.0.1"]), Verdict.DOUBLE_NAT, HOME, "beyond 192.168.1.1, 10.0.0.1."),
    "a router that says that it has no address": (
        Home({"natpmp": "The router refuses: it has no address on the internet itself.", **OUTSIDE}),
        Verdict.DOUBLE_NAT,
        HOME,
        "no address on the internet itself",
    ),
    "a VPN on this server": (Home({"natpmp": HOME, "dns:cloudflare": OTHER, "https:ipify": OTHER}, device="wg0", tunnel=True), Verdict.VPN_EGRESS, "", "wg0"),
    "a VPN on the router": (Home({"natpmp": HOME, "dns:cloudflare": OTHER, "https:ipify": OTHER}), Verdict.VPN_EGRESS, "", f"come from {OTHER}"),
    "Cloudflare's VPN": (Home({"dns:cloudflare": HOME, "https:ipify": "this machine comes through Cloudflare's WARP"}), Verdict.VPN_EGRESS, "", "WARP"),
    "sources outside that contradict each other": (
        Home({"dns:cloudflare": HOME, "https:ipify": OTHER}),
        Verdict.SOURCES_DISAGREE,
        "",
        f"{HOME} (dns:cloudflare), {OTHER} (https:ipify)",
    ),
    "a router that contradicts itself": (Home({"natpmp": HOME, "upnp": OTHER, **OUTSIDE}), Verdict.SOURCES_DISAGREE, "", "contradicts itself"),
    "two lines": (Home({"natpmp": HOME, "dns:cloudflare": OTHER, "https:ipify": "5.9.0.30"}), Verdict.SOURCES_DISAGREE, "", "5.9.0.20, 5.9.0.30"),
    "an own address that the internet does not see": (
        Home({"dns:cloudflare": OTHER, "https:ipify": OTHER}, owns=[Own(HOME, 24, "eth0")]),
        Verdict.SOURCES_DISAGREE,
        "",
        f"own address is {HOME}",
    ),
    "silence": (Home(), Verdict.UNKNOWN, "", "No source of an IPv4 address answered."),
}


@pytest.mark.proves("R05", "B07")
@pytest.mark.parametrize(("home", "verdict", "address", "evidence"), CONNECTIONS.values(), ids=CONNECTIONS)
def test_a_connection_is_named_with_what_shows_it(home: Home, verdict: Verdict, address: str, evidence: str) -> None:
    found = ipv4(home)
    assert (found.verdict, found.address) == (verdict, address)
    assert evidence in " ".join(found.evidence)
    assert bool(found.advice) is (verdict not in (Verdict.DIRECT, Verdict.NAT))


LONELY = {
    "natpmp alone answers": ({"natpmp": HOME}, ()),
    "two sources of one kind answer": ({"natpmp": HOME, "upnp": HOME}, ()),
    "two of HTTPS agree and no other answers": ({"https:ipify": HOME, "https:icanhazip": HOME}, ("https:ipify", "https:icanhazip", "dns:cloudflare")),
}


@pytest.mark.proves("B08")
@pytest.mark.parametrize(("said", "sources"), LONELY.values(), ids=LONELY)
def test_one_kind_of_source_alone_publishes_nothing_and_says_who_is_missing(said: dict[str, str], sources: tuple[str, ...]) -> None:
    found = ipv4(Home(said), sources=sources)
    assert not found.address
    assert "2 kinds of sources have to agree. Nothing came from" in found.evidence[-1] and "dns:cloudflare" in found.evidence[-1]


@pytest.mark.parametrize("settings", [{"sources": ("https:ipify",)}, {"sources": ("https:ipify", "https:icanhazip")}, {"quorum": 1}])
def test_one_kind_is_enough_where_the_owner_lists_no_other_or_asks_for_no_more(settings: dict[str, Any]) -> None:
    assert ipv4(Home({"https:ipify": HOME}), **settings).address == HOME


def test_a_source_that_is_wrong_is_outvoted_by_the_router_and_another() -> None:
    assert ipv4(Home({"natpmp": HOME, "dns:cloudflare": HOME, "https:ipify": OTHER})).address == HOME


REFUSED = ["10.1.2.3", "100.64.0.9", "169.254.1.1", "127.0.0.1", "198.51.100.2", "203.0.113.9", "104.16.3.4", "172.64.1.1", "224.0.0.1", "0.0.0.0", "192.0.2.1"]


@pytest.mark.proves("B08")
@pytest.mark.parametrize("address", REFUSED)
def test_an_address_that_is_not_of_the_internet_is_never_published_though_all_agree(address: str) -> None:
    found = ipv4(Home({"dns:cloudflare": address, "https:ipify": address}))
    assert found.address == "" and f"{address}, which is not published" in " ".join(found.evidence)


@pytest.mark.parametrize("address", ["10.1.2.3", "198.51.100.2", "104.16.3.4"])
def test_allow_private_publishes_what_the_owner_wants(address: str) -> None:
    assert ipv4(Home({"dns:cloudflare": address, "https:ipify": address}), allow_private=True).address == address


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.1.1", "0.0.0.0"])
def test_no_setting_publishes_an_address_of_one_machine_or_one_cable(address: str) -> None:
    assert ipv4(Home({"dns:cloudflare": address, "https:ipify": address}), allow_private=True).address == ""


def test_a_test_network_counts_as_public_where_it_is_named() -> None:
    home = Home({"natpmp": "198.51.100.2", "dns:cloudflare": "198.51.100.2", "https:ipify": "198.51.100.2"})
    found = ipv4(home, public=("198.51.100.0/24",))
    assert (found.address, found.verdict) == ("198.51.100.2", Verdict.NAT)


def test_a_fixed_address_needs_nobody_s_agreement() -> None:
    assert ipv4(Home({"dns:cloudflare": OTHER}), fixed={IPV4: HOME}).address == HOME


def test_a_fixed_address_is_published_behind_a_vpn_as_the_owner_says_so() -> None:
    assert ipv4(Home({"natpmp": HOME}, tunnel=True), fixed={IPV4: HOME}).address == HOME


COMMANDS = {
    "an address": (["printf", f"{HOME}\n"], HOME, ""),
    "both families": (["printf", f"{SIX}\n{HOME}\n"], HOME, ""),
    "a page": (["echo", f"<html>{HOME}</html>"], "", "printed no address"),
    "two addresses": (["printf", f"{HOME}\n{OTHER}\n"], "", "printed 2 addresses"),
    "a failure": (["sh", "-c", f"echo {HOME}; exit 3"], "", "ended with code 3"),
    "no command": (["/no/such/command"], "", "could not be started"),
    "no end": (["sleep", "9"], "", "did not end within 0.3 s"),
}


@pytest.mark.parametrize(("words", "address", "trouble"), COMMANDS.values(), ids=COMMANDS)
def test_a_command_is_believed_where_it_prints_one_address_and_ends_well(words: list[str], address: str, trouble: str) -> None:
    found = ipv4(Home(), command=tuple(words), sources=("command",), timeout=0.3)
    assert found.address == address
    assert trouble in found.sightings[0].trouble


STABLE = Own(SIX, 64, "eth0")


def test_ipv6_is_published_where_the_internet_sees_the_server_s_own_address() -> None:
    found = ipv6(Home({"dns:cloudflare/ipv6": SIX}, [STABLE], ipv6=True))
    assert (found.address, found.verdict) == (SIX, Verdict.DIRECT)


def test_ipv6_that_nothing_outside_confirms_is_not_published() -> None:
    found = ipv6(Home({}, [STABLE], ipv6=True))
    assert found.address == "" and "Nothing outside confirms" in found.evidence[0]


def test_ipv6_that_the_internet_sees_as_another_is_not_published() -> None:
    found = ipv6(Home({"dns:cloudflare/ipv6": "2a01:4f8:9::1", "https:ipify/ipv6": "2a01:4f8:9::1"}, [STABLE], ipv6=True))
    assert (found.address, found.verdict) == ("", Verdict.SOURCES_DISAGREE)


def test_a_home_without_ipv6_is_told_so_and_nothing_is_wrong_with_it() -> None:
    found = ipv6(Home())
    assert (found.address, found.verdict, found.advice) == ("", Verdict.NONE, "")


def test_ipv6_of_another_host_is_the_home_s_prefix_and_that_host_s_end() -> None:
    found = ipv6(Home({"dns:cloudflare/ipv6": SIX}, [STABLE], ipv6=True), suffix="::cafe")
    assert found.address == "2a01:4f8:1:2::cafe"


WRONG = {
    "an unknown source": ({"sources": ("whatismyip",)}, "is no source of an address"),
    "a source without TLS": ({"sources": ("https:http://ip.example/",)}, "is no source of an address"),
    "a fixed address of the other family": ({"fixed": {IPV4: SIX}}, "cannot be"),
    "a fixed address that is none": ({"fixed": {IPV4: "home"}}, "cannot be"),
    "a suffix that is none": ({"suffix": "ten"}, "neither the end of an IPv6 address"),
    "a suffix with a prefix": ({"suffix": "2001:db8:1:2::10"}, "longer than"),
}


@pytest.mark.parametrize(("settings", "said"), WRONG.values(), ids=WRONG)
def test_settings_that_cannot_be_are_refused_before_anybody_is_asked(settings: dict[str, Any], said: str) -> None:
    home = Home(OUTSIDE)
    with pytest.raises(ValueError, match=said):
        ipv4(home, **settings)
    assert not home.asked


def test_a_local_look_asks_nobody_outside_the_home() -> None:
    home = Home({"natpmp": HOME, **OUTSIDE, "dns:cloudflare/ipv6": SIX}, [Own(LAN, 24, "eth0"), STABLE], ipv6=True)
    found = detect(Settings(), local_only=True, asker=home)
    assert {family: one.address for family, one in found.items()} == {IPV4: HOME, IPV6: SIX}
    assert sorted(home.asked) == ["interface/ipv4", "interface/ipv6", "natpmp/ipv4"]


def test_a_local_look_asks_the_router_by_upnp_where_it_is_silent_otherwise() -> None:
    home = Home({"upnp": HOME})
    assert detect(Settings(families=(IPV4,)), local_only=True, asker=home)[IPV4].address == HOME


def test_a_local_look_loads_neither_tls_nor_a_resolver() -> None:
    code = (
        "import sys; from plugins.module_utils.address.detect import detect; from plugins.module_utils.address.model import Settings\n"
        "detect(Settings(sources=('natpmp', 'interface', 'dns:cloudflare'), router='127.0.0.1', timeout=0.2), local_only=True)\n"
        "print({'ssl', 'http.client', 'dns'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_source_that_never_answers_does_not_hold_the_others_up() -> None:
    class Slow(Home):
        def ask(self, name: str, *rest: Any) -> Any:
            if name == "upnp":
                __import__("time").sleep(3)
            return super().ask(name, *rest)

    found = ipv4(Slow({"natpmp": HOME, **OUTSIDE}), timeout=0.2)
    assert found.address == HOME
    assert next(one for one in found.sightings if one.source == "upnp").trouble == "it did not answer in time"


@pytest.mark.proves("B08")
@pytest.mark.parametrize(("family", "interface", "source"), [(IPV6, "", SIX), (IPV4, "", ""), (IPV4, "eth0", LAN)])
def test_the_internet_is_asked_from_the_address_that_is_to_be_published(family: str, interface: str, source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str, str]] = []

    def answer(name: str, family: str, source: str, timeout: float, device: str) -> Sighting:
        asked.append((name, source, device))
        return Sighting(name, kind_of(name), family, HOME)

    monkeypatch.setattr(sources, "ask", answer)
    temporary = Own("2a01:4f8:1:2:aaaa:bbbb:cccc:dddd", 64, "eth0", usable=False)
    seen = Home(owns=[Own(LAN, 24, "eth0"), temporary, STABLE], ipv6=True).look(Settings())
    Here().ask("https:ipify", family, Settings(interface=interface), seen)
    assert asked == [("https:ipify", source, interface)]


def test_nobody_outside_is_asked_by_a_family_that_leads_nowhere() -> None:
    said = Here().ask("https:ipify", IPV6, Settings(), Home().look(Settings()))
    assert said.trouble == "this server has no way to the internet by IPv6"


@pytest.mark.parametrize(("user", "given"), [(0, True), (1000, False)])
def test_root_runs_the_command_as_nobody(user: int, given: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, object] = {}

    def played(words: list[str], **more: object) -> subprocess.CompletedProcess[bytes]:
        asked.update(more)
        return subprocess.CompletedProcess(words, 0, b"5.9.0.10\n", b"")

    monkeypatch.setattr("os.geteuid", lambda: user)
    monkeypatch.setattr("subprocess.run", played)
    found = ipv4(Home(), command=("/usr/local/bin/address",), sources=("command",))
    nobody = pwd.getpwnam("nobody")
    assert found.address == "5.9.0.10"
    assert (asked["user"], asked["group"], asked["extra_groups"]) == ((nobody.pw_uid, nobody.pw_gid, []) if given else (None, None, None))
