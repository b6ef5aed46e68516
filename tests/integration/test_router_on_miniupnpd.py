"""The real miniupnpd of this machine's Debian release, as the router between a home and the internet, in networks of this test's own."""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import importlib.util
import json
import os
import shutil
import socket
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
from tests.tools import CACHE

CLONE_NEWNET = 0x40000000
HOME, GUEST, ROUTER = "192.168.77.10", "192.168.77.50", "192.168.77.1"
WAN, PROVIDER = "5.9.0.10", "5.9.0.1"
OUTSIDE_ADDRESS = "5.9.9.9"
"""The provider's own address on the internet, which it shares among customers."""
PUBLIC = Settings(families=(IPV4,), sources=("natpmp", "upnp"), timeout=4)
TAG = "homeserver.exposure home"

CHAINS = """
table inet filter
delete table inet filter
table inet filter {
  chain forward { type filter hook forward priority 0; policy accept; jump miniupnpd; }
  chain miniupnpd { }
  chain prerouting { type nat hook prerouting priority -100; jump prerouting_miniupnpd; }
  chain prerouting_miniupnpd { }
  chain postrouting { type nat hook postrouting priority 100; jump postrouting_miniupnpd; oifname "wan" masquerade; }
  chain postrouting_miniupnpd { }
}
"""


# Debian's packages, without installing them


def libraries(package: str, found: set[str]) -> set[str]:
    """A package and the libraries that it needs, other than the C library."""
    if package not in found:
        found.add(package)
        listing = subprocess.run(["apt-cache", "depends", package], check=True, capture_output=True, text=True).stdout
        for line in listing.splitlines():
            kind, _, name = line.strip().partition(": ")
            if kind == "Depends" and name.startswith("lib") and not name.startswith(("libc6", "libgcc")):
                libraries(name, found)
    return found


@pytest.fixture(scope="session")
def root() -> Path:
    """Where miniupnpd, nft and miniupnpc's Python module lie."""
    target = CACHE / "router"
    if not target.exists():
        folder = CACHE / "router.new"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        wanted: set[str] = set()
        for package in ("miniupnpd-nftables", "nftables", "python3-miniupnpc"):
            libraries(package, wanted)
        subprocess.run(["apt-get", "download", "-q", *sorted(wanted)], cwd=folder, check=True, capture_output=True)
        for archive in folder.glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", str(archive), str(folder)], check=True)
            archive.unlink()
        folder.rename(target)
    return target


def search_path(root: Path) -> str:
    return ":".join(sorted({str(path.parent) for path in root.rglob("lib*.so*")}))


@pytest.fixture(scope="session")
def miniupnpc(root: Path) -> ModuleType:
    """Debian's module, in this Python, which is of the version that Debian built it for."""
    for library in (root / "usr/lib").glob("*/libminiupnpc.so.*"):
        ctypes.CDLL(str(library), ctypes.RTLD_GLOBAL)
    (place,) = (root / "usr/lib/python3/dist-packages").glob(f"miniupnpc*cpython-{sys.version_info.major}{sys.version_info.minor}-*.so")
    spec = importlib.util.spec_from_file_location("miniupnpc", place)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.modules["miniupnpc"] = module
    return module


# The home, the router and the internet


class World:
    """Five networks: `home` and `guest` behind `router`, the `provider` before it, and the `internet` beyond. This thread is in `home`."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.root, self.folder = root, folder
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.machine = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        self.networks: dict[str, int] = {}
        self.processes: list[subprocess.Popen[bytes]] = []
        self.daemon: subprocess.Popen[bytes] | None = None
        holders = {}
        for name in ("home", "guest", "router", "provider", "internet"):
            assert self.libc.unshare(CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
            self.networks[name] = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
            holders[name] = subprocess.Popen(["sleep", "600"])
            self.processes.append(holders[name])
            self.run("ip", "link", "set", "lo", "up")
        with self.within("router"):
            self.run("ip", "link", "add", "lan", "type", "bridge")
            for name, address in {"home": HOME, "guest": GUEST}.items():
                self.run("ip", "link", "add", f"to-{name}", "type", "veth", "peer", "name", "eth0", "netns", str(holders[name].pid))
                self.run("ip", "link", "set", f"to-{name}", "master", "lan", "up")
                with self.within(name):
                    self.run("ip", "address", "add", f"{address}/24", "dev", "eth0")
                    self.run("ip", "link", "set", "eth0", "up")
                    self.run("ip", "route", "add", "default", "via", ROUTER)
            self.run("ip", "address", "add", f"{ROUTER}/24", "dev", "lan")
            self.run("ip", "link", "set", "lan", "up")
            self.run("ip", "link", "add", "wan", "type", "veth", "peer", "name", "wan", "netns", str(holders["provider"].pid))
            self.run("ip", "link", "set", "wan", "up")
            subprocess.run(["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"], check=True)
        with self.within("provider"):
            self.run("ip", "link", "set", "wan", "up")
            subprocess.run(["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"], check=True)
            self.run("ip", "link", "add", "core", "type", "veth", "peer", "name", "core", "netns", str(holders["internet"].pid))
            self.run("ip", "address", "add", "5.10.0.1/24", "dev", "core")
            self.run("ip", "link", "set", "core", "up")
            self.run("ip", "route", "add", OUTSIDE_ADDRESS, "via", "5.10.0.2")
        with self.within("internet"):
            self.run("ip", "address", "add", "5.10.0.2/24", "dev", "core")
            self.run("ip", "link", "set", "core", "up")
            self.run("ip", "address", "add", f"{OUTSIDE_ADDRESS}/32", "dev", "lo")
            self.run("ip", "route", "add", "default", "via", "5.10.0.1")
        self.wan(WAN, PROVIDER)
        self.enter("home")

    def close(self) -> None:
        self.stop()
        for process in self.processes:
            process.kill()
            process.wait()
        assert self.libc.setns(self.machine, CLONE_NEWNET) == 0
        for number in (*self.networks.values(), self.machine):
            os.close(number)

    def enter(self, name: str) -> None:
        assert self.libc.setns(self.networks[name], CLONE_NEWNET) == 0

    @contextlib.contextmanager
    def within(self, name: str) -> Iterator[None]:
        before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        self.enter(name)
        try:
            yield
        finally:
            assert self.libc.setns(before, CLONE_NEWNET) == 0
            os.close(before)

    @staticmethod
    def run(*words: str) -> None:
        subprocess.run(words, check=True)

    def nft(self, text: str) -> None:
        environment = {**os.environ, "LD_LIBRARY_PATH": search_path(self.root)}
        subprocess.run([str(self.root / "usr/sbin/nft"), "-f", "-"], input=text.encode(), env=environment, check=True)

    def wan(self, address: str, provider: str) -> None:
        """The router's address on the internet's side becomes another."""
        with self.within("provider"):
            self.run("ip", "address", "flush", "dev", "wan")
            self.run("ip", "address", "add", f"{provider}/24", "dev", "wan")
        with self.within("router"):
            self.run("ip", "address", "flush", "dev", "wan")
            self.run("ip", "address", "add", f"{address}/24", "dev", "wan")
            self.run("ip", "route", "replace", "default", "via", provider)

    def start(self, *lines: str) -> None:
        """miniupnpd on the router."""
        self.stop()
        settings = {
            "ext_ifname": "wan",
            "listening_ip": "lan",
            "http_port": "5000",
            "enable_natpmp": "yes",
            "enable_upnp": "yes",
            "secure_mode": "yes",
            "ipv6_disable": "yes",
            "uuid": "fc4ec57e-b051-11db-88f8-0060085db3f6",
            "lease_file": str(self.folder / "leases"),
            **dict(line.split("=") for line in lines),
        }
        path = self.folder / "miniupnpd.conf"
        path.write_text("".join(f"{name}={value}\n" for name, value in settings.items()) + "allow 1-65535 192.168.77.0/24 1-65535\n")
        environment = {**os.environ, "LD_LIBRARY_PATH": search_path(self.root)}
        with self.within("router"), (self.folder / "log").open("ab") as log:
            words = [str(self.root / "usr/sbin/miniupnpd"), "-d", "-f", str(path), "-P", str(self.folder / "pid")]
            self.daemon = subprocess.Popen(words, env=environment, stdout=log, stderr=log)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection((ROUTER, 5000), 1):
                return
            assert self.daemon.poll() is None, (self.folder / "log").read_text()
            time.sleep(0.05)
        raise AssertionError((self.folder / "log").read_text())

    def stop(self) -> None:
        if not self.daemon:
            return
        for _ in range(20):  # It looks at its "quitting" before it waits for packets: a signal in between is seen after the next one only.
            self.daemon.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.daemon.wait(0.5)
                break
        else:
            self.daemon.kill()
            self.daemon.wait(10)
        self.daemon = None

    def visitor_reaches(self, port: int) -> str:
        """What a visitor from the internet hears at the router's public address."""
        with self.within("provider"), contextlib.suppress(OSError), socket.create_connection((WAN, port), 1) as channel:
            channel.settimeout(1)
            return channel.recv(100).decode()
        return ""


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


@contextlib.contextmanager
def serving(port: int, words: str) -> Iterator[None]:
    """A server at home that says something to everybody."""
    with socket.create_server(("0.0.0.0", port)) as listening:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    channel, _ = listening.accept()
                    with channel:
                        channel.sendall(words.encode())

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield
        with contextlib.suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)


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
        assert kept(second) == ["renewed"]
        time.sleep(2.5)
        assert world.visitor_reaches(443) == "welcome"
        deadline = time.monotonic() + 15
        while world.visitor_reaches(443) and time.monotonic() < deadline:
            time.sleep(0.3)
        assert world.visitor_reaches(443) == ""
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
    began = time.monotonic()
    world.wan("5.9.0.77", PROVIDER)
    while not path.exists() and time.monotonic() < began + 20:
        time.sleep(0.05)
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
