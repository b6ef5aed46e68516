"""The real miniupnpd of this machine's Debian release, as the router between a home and the internet, in networks of this test's own."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from plugins.module_utils.address import interface
from plugins.module_utils.address.detect import Here, detect
from plugins.module_utils.address.hops import hops
from plugins.module_utils.address.model import IPV4, Settings, Sighting, Verdict
from plugins.module_utils.address.names import OUTSIDE, kind_of
from plugins.module_utils.command import address_watch, router
from plugins.module_utils.router.keep import FINE, PERSON, TROUBLE, Report, Wish, keep
from plugins.module_utils.router.mapping import Remembered
from plugins.module_utils.router.memory import read
from plugins.module_utils.router.model import Backend, Mapping
from plugins.module_utils.router.natpmp import NatPmp
from plugins.module_utils.router.upnp import Upnp, find

from .miniupnpd import CHAINS, GUEST, HOME, OUTSIDE_ADDRESS, PROVIDER, ROUTER, WAN, World, loaded, packages, serving

PUBLIC = Settings(families=(IPV4,), sources=("natpmp", "upnp"), timeout=4)
TAG = "homeserver.exposure home"


@pytest.fixture(scope="session")
def root() -> Path:
    return packages()


@pytest.fixture(scope="session")
def miniupnpc(root: Path) -> ModuleType:
    return loaded(root)


@pytest.fixture(scope="module")
def built(root: Path, miniupnpc: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(root, tmp_path_factory.mktemp("router"))
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def world(built: World) -> World:
    """A router that has just been switched on, with a public address."""
    built.stop()
    built.wan(WAN, PROVIDER)
    (built.folder / "leases").unlink(missing_ok=True)
    with built.within("router"):
        built.nft(CHAINS)
    built.start()
    return built


BACKENDS: dict[str, Callable[[], Backend]] = {"upnp": lambda: Upnp(ROUTER, HOME), "natpmp": lambda: NatPmp(ROUTER, HOME)}
HTTPS = Mapping(443, "tcp", HOME, 8443, TAG)


def once(protocol: str, *wished: Mapping, known: tuple[Remembered, ...] = (), lease: int = 7200, check: bool = False, now: float | None = None) -> Report:
    return keep(Wish(wished, lease, tag=TAG, protocols=(protocol,)), interface.look(), known, now or time.time(), check)


def kept(report: Report) -> list[str]:
    assert not report.trouble, report.trouble
    return [str(one.kept) for one in report.settled]


# What a router is asked


@pytest.mark.parametrize("protocol", BACKENDS)
def test_the_router_tells_its_address(protocol: str, world: World) -> None:
    assert BACKENDS[protocol]().external_address() == WAN


def test_a_router_is_found_by_asking_it_alone_and_by_asking_everybody(world: World) -> None:
    assert find(ROUTER, HOME) == f"http://{ROUTER}:5000/rootDesc.xml"
    assert Upnp("", HOME).external_address() == WAN


@pytest.mark.proves("R06")
@pytest.mark.parametrize("protocol", BACKENDS)
def test_a_visitor_comes_in_while_the_mapping_is_wished_and_no_longer(protocol: str, world: World) -> None:
    with serving(8443, "welcome"):
        assert world.visitor_reaches(443) == ""
        assert kept(once(protocol, HTTPS, check=True)) == ["made"] and world.visitor_reaches(443) == ""
        first = once(protocol, HTTPS)
        assert kept(first) == ["made"] and first.external_address == WAN and world.visitor_reaches(443) == "welcome"
        assert kept(once(protocol, HTTPS, known=first.remembered)) == ["kept"]
        assert kept(once(protocol, known=first.remembered, check=True)) == ["removed"] and world.visitor_reaches(443) == "welcome"
        assert kept(once(protocol, known=first.remembered)) == ["removed"] and world.visitor_reaches(443) == ""


@pytest.mark.parametrize("protocol", BACKENDS)
def test_a_mapping_is_renewed_after_half_of_its_life_and_ends_by_itself_unless_it_is(protocol: str, world: World) -> None:
    with serving(8443, "welcome"):
        first = once(protocol, HTTPS, lease=4)
        time.sleep(2.5)
        second = once(protocol, HTTPS, lease=4, known=first.remembered)
        over = time.monotonic() + 4
        assert kept(second) == ["renewed"]
        time.sleep(2.5)
        assert world.visitor_reaches(443) == "welcome"
        deadline = time.monotonic() + 15
        while world.visitor_reaches(443) and time.monotonic() < deadline:
            time.sleep(0.3)
        assert world.visitor_reaches(443) == ""
        time.sleep(max(0.0, over - time.monotonic()) + 0.2)  # on a busy machine a visitor is late once, and does not come in before it is over
        assert kept(once(protocol, HTTPS, lease=4, known=second.remembered)) == ["made"], "what has ended is not remembered"


def test_a_mapping_for_ever_is_left_alone(world: World) -> None:
    assert kept(once("upnp", HTTPS, lease=0)) == ["made"]
    assert kept(once("upnp", HTTPS, lease=0)) == ["kept"]


def test_after_the_router_was_switched_off_and_on_what_it_forgot_is_made_again(world: World) -> None:
    first = once("natpmp", HTTPS)
    (world.folder / "leases").unlink(missing_ok=True)
    time.sleep(1.2)
    world.start()
    later = time.time() + 600  # its list is seconds old, where it should be ten minutes older
    assert kept(once("natpmp", HTTPS, known=first.remembered, now=later)) == ["renewed"]


@pytest.mark.proves("R06")
@pytest.mark.parametrize("protocol", BACKENDS)
@pytest.mark.parametrize("theirs", BACKENDS)
def test_a_port_that_another_machine_has_stays_theirs(protocol: str, theirs: str, world: World) -> None:
    with world.within("guest"):
        other: Backend = Upnp(ROUTER, GUEST) if theirs == "upnp" else NatPmp(ROUTER, GUEST)
        other.add(Mapping(443, "tcp", GUEST, 9443, "Games console"), 3600)
    report = once(protocol, HTTPS)
    assert kept(report) == ["conflict"] and report.exit_code == PERSON and report.instruction
    assert kept(once(protocol, known=report.remembered)) == []
    (entry,) = Upnp(ROUTER, HOME).entries()
    assert (entry.mapping.address, entry.mapping.port) == (GUEST, 9443)


def test_another_program_s_mapping_on_this_machine_stays_its_own(world: World) -> None:
    Upnp(ROUTER, HOME).add(replace(HTTPS, port=32400, description="Plex"), 3600)
    assert kept(once("upnp", HTTPS)) == ["conflict"]
    assert [entry.mapping.port for entry in Upnp(ROUTER, HOME).entries()] == [32400]


def test_a_mapping_that_natpmp_made_is_taken_over_by_upnp(world: World) -> None:
    first = once("natpmp", HTTPS)
    assert kept(once("upnp", HTTPS, known=first.remembered)) == ["kept"]
    assert kept(once("upnp", known=first.remembered)) == ["removed"] and Upnp(ROUTER, HOME).entries() == []


# How the home is connected


class NoInternet(Here):
    """This machine, to which services outside answer that it comes from this address."""

    def __init__(self, address: str) -> None:
        self.address = address

    def ask(self, name: str, family: str, settings: Settings, seen: interface.Look) -> Sighting:
        return Sighting(name, kind_of(name), family, self.address) if kind_of(name) in OUTSIDE else super().ask(name, family, settings, seen)


CONNECTIONS = {
    "a public address": (WAN, PROVIDER, WAN, Verdict.NAT, WAN),
    "an address that the provider shares": ("100.64.7.2", "100.64.7.1", OUTSIDE_ADDRESS, Verdict.CGNAT, ""),
    "an address of another home network": ("192.168.178.2", "192.168.178.1", OUTSIDE_ADDRESS, Verdict.DOUBLE_NAT, OUTSIDE_ADDRESS),
}


@pytest.mark.proves("R05", "B08")
@pytest.mark.parametrize(("wan", "provider", "outside", "verdict", "address"), CONNECTIONS.values(), ids=CONNECTIONS)
@pytest.mark.parametrize("speaks", ["both", "neither"])
def test_a_second_nat_is_seen_by_the_router_s_word_and_by_the_way_alike(
    speaks: str, wan: str, provider: str, outside: str, verdict: Verdict, address: str, world: World
) -> None:
    world.wan(wan, provider)
    world.start() if speaks == "both" else world.stop()
    found = detect(Settings(families=(IPV4,), timeout=4), asker=NoInternet(outside))[IPV4]
    assert (found.verdict, found.address) == (verdict, address), found


def test_the_way_shows_whose_address_it_is(world: World) -> None:
    world.stop()
    assert hops(WAN) == [WAN]
    assert hops(PROVIDER) == [ROUTER, PROVIDER]
    assert hops(OUTSIDE_ADDRESS) == [ROUTER, PROVIDER, OUTSIDE_ADDRESS]


def test_a_local_look_gives_the_router_s_address_within_a_moment(world: World) -> None:
    began, spent = time.monotonic(), time.process_time()
    assert detect(Settings(families=(IPV4,)), local_only=True)[IPV4].address == WAN
    assert time.monotonic() - began < 1 and time.process_time() - spent < 0.2


# What runs on the server


def exposure_router(folder: Path, *mappings: Mapping) -> int:
    fields = ("external_port", "protocol", "address", "port", "description")
    settings = folder / "settings.json"
    settings.write_text(json.dumps({"lease": 3600, "tag": TAG, "mappings": [{name: getattr(one, name) for name in fields} for one in mappings]}))
    return router.run(argparse.Namespace(settings=settings, state=folder / "state", check=False))


@pytest.mark.proves("R06", "R07")
def test_the_command_keeps_the_rule_and_tells_what_needs_a_person(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert exposure_router(tmp_path, HTTPS) == FINE
    assert "made: TCP 443 to 192.168.77.10:8443" in capsys.readouterr().out
    state = read(tmp_path / "state")
    assert (state["protocol"], state["external_address"], state["code"]) == ("upnp", WAN, 0)
    assert [(one["outcome"], one["ends"] > time.time() + 3000) for one in state["mappings"]] == [("made", True)]
    assert exposure_router(tmp_path, HTTPS) == FINE and capsys.readouterr().out == ""
    assert exposure_router(tmp_path, replace(HTTPS, address="192.168.77.99")) == PERSON
    assert "leads to 192.168.77.99, but this server has 192.168.77.10 now" in capsys.readouterr().err
    world.stop()
    assert exposure_router(tmp_path, HTTPS) == TROUBLE
    assert "No router answers UPnP" in capsys.readouterr().err and read(tmp_path / "state")["remembered"]
    world.start()
    assert exposure_router(tmp_path) == FINE
    assert Upnp(ROUTER, HOME).entries() == [] and read(tmp_path / "state")["remembered"] == []


@pytest.mark.proves("R03")
@pytest.mark.parametrize("speaks", ["enable_natpmp=yes", "enable_natpmp=no"])
def test_a_new_address_of_the_router_is_seen_within_seconds(speaks: str, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world.start(speaks)
    monkeypatch.setattr(address_watch, "CALM", 0.5)
    path = tmp_path / "changed"
    # By NAT-PMP the router's announcement tells; without it the router is asked.
    every = 60 if speaks == "enable_natpmp=yes" else 1
    threading.Thread(target=address_watch.watch, args=(path, every, address_watch.Router().address), daemon=True).start()
    time.sleep(2.5)
    until = time.monotonic() + 20
    while speaks == "enable_natpmp=no" and "GetExternalIPAddress" not in (world.folder / "log").read_text() and time.monotonic() < until:
        time.sleep(0.1)  # what it has not seen cannot change
    time.sleep(0.5)
    assert not path.exists()
    for address in ("5.9.0.77", "5.9.0.78", "5.9.0.79"):  # an announcement is a packet that may be lost
        began = time.monotonic()
        world.wan(address, PROVIDER)
        while not path.exists() and time.monotonic() < began + 15:
            time.sleep(0.05)
        if path.exists():
            break
    assert path.exists(), (world.folder / "log").read_text()[-2000:]
    print(f"seen after {time.monotonic() - began:.1f} s")


def test_the_watcher_is_small_and_idle(world: World, tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from plugins.module_utils.command.address_watch import Router, watch\n"
        "watch(Path(sys.argv[1]), 1, Router().address)"
    )
    watcher = subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "changed")], cwd=Path(__file__).parents[2])
    try:
        time.sleep(1.5)
        fields = lambda: Path(f"/proc/{watcher.pid}/stat").read_text().rpartition(")")[2].split()  # noqa: E731
        before = sum(map(int, fields()[11:13]))
        time.sleep(5)
        spent = (sum(map(int, fields()[11:13])) - before) / os.sysconf("SC_CLK_TCK")
        memory = int(fields()[21]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    finally:
        watcher.kill()
        watcher.wait()
    print(f"{spent:.3f} s of processor time in 5 s of asking every second, {memory:.0f} MB")
    assert spent < 0.15 and memory < 40
