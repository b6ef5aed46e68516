"""Whether a name leads here to where its own name servers say: against a real name server, and by what servers may say."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import pytest

from plugins.module_utils.acme.lookup import Lookup
from plugins.module_utils.probe.names import Authorities, Told, at_home, compare, judge
from plugins.module_utils.probe.outcome import NotProven, View, Wrong
from tests.unit.acme.name_server import serving

ZONES = {
    "casa.example.": """
@ NS ns
@ NS ns2
ns A 127.0.0.1
ns2 A 127.0.0.9
home A 203.0.113.7
home AAAA 2001:db8::7
new A 203.0.113.8
alias CNAME home
away CNAME house.ddns.example.
""",
    "ddns.example.": "@ NS ns\nns A 127.0.0.1\nhouse A 203.0.113.7",
}
HOME = ["203.0.113.7", "2001:db8::7"]


@pytest.fixture(scope="module")
def lookup(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lookup]:
    """A resolver that knows both zones; the second name server of one of them is silent."""
    with serving(tmp_path_factory.mktemp("names") / "nsd", ZONES) as port:
        yield Lookup(["127.0.0.1"], port, 1)


def compared(lookup: Lookup, vantage: str = "outside", connect_to: str = "", **found: list[str]) -> dict[str, str | Wrong]:
    names = {f"{name}.casa.example": here for name, here in found.items()}
    told = compare(names, View(connect_to, 2, vantage=vantage), time.monotonic() + 20, lookup)
    return {name.partition(".")[0]: said for name, said in told.items()}


def test_a_name_is_compared_with_what_its_own_name_servers_say(lookup: Lookup) -> None:
    told = compared(lookup, home=HOME, alias=HOME, away=["203.0.113.7"], new=["203.0.113.7"], gone=["203.0.113.7"])
    assert told["home"] == "2001:db8::7, 203.0.113.7, here as at its 1 name server (1 more gave no answer)"
    assert told["alias"] == told["home"]
    assert told["away"] == "203.0.113.7, here as at its 1 name server (1 more gave no answer)"
    assert "here it is 203.0.113.7, but its 1 name server (1 more gave no answer) says 203.0.113.8" in str(told["new"])
    assert "no address" in str(told["gone"])
    assert [name for name, said in told.items() if isinstance(said, Wrong)] == ["new", "gone"]
    assert not any(isinstance(said, NotProven) for said in told.values())


def test_a_name_that_stands_for_one_of_another_zone_is_followed_to_the_servers_of_that_one() -> None:
    class Zones(Authorities):
        def servers(self, zone: str) -> dict[str, str]:
            return {f"server of {zone}": "found"}

        def ask(self, server: str, name: str) -> Told:
            said = {
                "server of casa.example": Told("NOERROR", alias="house.ddns.example"),
                "server of ddns.example": Told("NOERROR", frozenset(["203.0.113.7"])),
            }
            return said[server]

    class Resolver:
        def zone_of(self, name: str) -> str:
            return name.partition(".")[2]

    found = Zones(Resolver()).of("away.casa.example")  # type: ignore[arg-type]
    assert judge(["203.0.113.7"], found, "outside") == "203.0.113.7, here as at its 1 name server"


def test_at_home_a_name_may_lead_straight_to_the_proxy(lookup: Lookup) -> None:
    assert "here at home; for everyone else 203.0.113.8" in str(compared(lookup, "lan", new=["192.168.1.10"])["new"])
    assert isinstance(compared(lookup, "outside", new=["192.168.1.10"])["new"], Wrong)


def test_a_family_that_this_host_does_not_look_for_is_no_failure(lookup: Lookup) -> None:
    assert isinstance(compared(lookup, home=["203.0.113.7"])["home"], str)


def told(**servers: list[str] | None) -> dict[str, Told]:
    return {server: Told("" if addresses is None else "NOERROR", frozenset(addresses or ())) for server, addresses in servers.items()}


def test_name_servers_that_do_not_agree_are_a_failure_with_what_each_says() -> None:
    with pytest.raises(Wrong, match=r"do not agree: first says 203\.0\.113\.7; second says 203\.0\.113\.8") as caught:
        judge(["203.0.113.9"], told(first=["203.0.113.7"], second=["203.0.113.8"]), "outside")
    assert "Wait" in caught.value.advice and not isinstance(caught.value, NotProven)


def test_name_servers_that_answer_each_client_differently_prove_nothing_where_one_of_them_says_what_is_found_here() -> None:
    with pytest.raises(NotProven, match="do not agree"):
        judge(["203.0.113.7"], told(first=["203.0.113.7"], second=["203.0.113.8"]), "outside")


@pytest.mark.parametrize(
    ("here", "there"),
    [
        (["192.168.1.5", "2a01:4f8::5"], ["93.184.216.34", "2a01:4f8::5"]),
        (["100.64.0.5"], ["93.184.216.34"]),
        (["fe80::1%2", "192.168.1.5"], ["93.184.216.34"]),
        (["fd00::5", "93.184.216.34"], ["93.184.216.34"]),
    ],
    ids=["split DNS with public IPv6", "Tailscale", "link-local", "both"],
)
def test_at_home_addresses_of_the_home_stand_beside_public_ones(here: list[str], there: list[str]) -> None:
    for vantage in ("lan", "controller"):
        assert "here at home" in judge(here, told(one=there), vantage)
        with pytest.raises(Wrong, match="but its 1 name server says") as caught:
            judge([*here, "8.8.8.8"], told(one=there), vantage)
        assert not isinstance(caught.value, NotProven)
    with pytest.raises(Wrong):
        judge(here, told(one=there), "outside")


def test_ipv4_in_the_ipv6_of_a_network_without_ipv4_is_that_ipv4() -> None:
    assert judge(["64:ff9b::5db8:d822", "93.184.216.34"], told(one=["93.184.216.34"]), "outside").startswith("93.184.216.34, here as at")


def test_a_name_that_its_own_servers_do_not_have_is_never_proven() -> None:
    with pytest.raises(NotProven, match="no address"):
        judge(["192.168.1.5"], told(one=[]), "lan")
    with pytest.raises(Wrong, match="no address") as caught:
        judge(["192.168.1.5"], told(one=[]), "outside")
    assert not isinstance(caught.value, NotProven)


@pytest.mark.parametrize(
    ("flags", "rcode", "counts"),
    [("AA", "NOERROR", True), ("AA", "NXDOMAIN", True), ("RA", "NOERROR", False), ("AA", "SERVFAIL", False), ("AA", "REFUSED", False)],
)
def test_only_a_server_s_own_word_counts_and_not_that_of_who_answers_in_its_place(flags: str, rcode: str, counts: bool) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        channel.bind(("127.0.0.1", 0))

        def serve() -> None:
            for _ in range(2 if counts else 1):
                packet, client = channel.recvfrom(4096)
                reply = dns.message.make_response(dns.message.from_wire(packet))
                reply.flags |= dns.flags.from_text(flags)
                reply.set_rcode(dns.rcode.from_text(rcode))
                channel.sendto(reply.to_wire(), client)

        thread = threading.Thread(target=serve)
        thread.start()
        said = Authorities(Lookup(["127.0.0.1"], channel.getsockname()[1], 2)).ask("127.0.0.1", "home.casa.example")
        thread.join()
    assert said.state == (rcode if counts else "")


def test_without_an_answer_of_any_name_server_nothing_is_proven() -> None:
    with pytest.raises(NotProven, match="none of its name servers"):
        judge(["203.0.113.7"], told(first=None, second=None), "outside")


@pytest.mark.parametrize("name", ["nas.home.arpa", "nas", "printer.local", "nas.fritz.box"])
def test_a_name_of_the_home_network_is_asked_of_nobody(name: str) -> None:
    assert at_home(name)
    said = compare({name: ["192.168.1.9"]}, View(), time.monotonic() + 5, None)
    assert isinstance(said[name], NotProven)


def test_a_client_that_goes_to_a_given_address_proves_nothing_of_the_name(lookup: Lookup) -> None:
    assert isinstance(compared(lookup, connect_to="127.0.0.1", home=HOME)["home"], NotProven)


def test_without_dnspython_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "plugins.module_utils.acme.lookup", None)
    said = compare({"home.casa.example": HOME}, View(), time.monotonic() + 5)["home.casa.example"]
    assert isinstance(said, NotProven) and "apt-get install python3-dnspython" in said.advice
