"""Whether a name leads here to where its own name servers say: against a real name server, and by what servers may say."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

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
        judge(["203.0.113.7"], told(first=["203.0.113.7"], second=["203.0.113.8"]), "outside")
    assert "Wait" in caught.value.advice


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


def answers(*addresses: str) -> Told:
    return Told("NOERROR", frozenset(addresses))


@pytest.mark.parametrize(
    ("here", "vantage"),
    [(["192.168.1.5", "2a01::7"], "lan"), (["100.64.0.9"], "controller"), (["64:ff9b::509:a", "5.9.0.10"], "outside")],
    ids=["split DNS of one family", "an overlay network", "DNS64"],
)
def test_ways_in_which_a_healthy_home_resolves_its_names(here: list[str], vantage: str) -> None:
    assert judge(here, {"one": answers("5.9.0.10", "2a01::7")}, vantage)


def test_servers_that_differ_are_not_proven_where_one_of_them_says_what_is_found_here() -> None:
    with pytest.raises(NotProven, match="do not agree"):
        judge(["5.9.0.10"], {"one": answers("5.9.0.10"), "two": answers("5.9.0.11")}, "outside")


def test_a_name_that_only_the_home_knows_is_not_proven_there_and_a_failure_outside() -> None:
    with pytest.raises(NotProven, match="for everyone else it has no address"):
        judge(["192.168.1.5"], {"one": Told("NXDOMAIN")}, "lan")
    with pytest.raises(Wrong, match="no address"):
        judge(["5.9.0.10"], {"one": Told("NXDOMAIN")}, "outside")
