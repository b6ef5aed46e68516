"""A home behind the real miniupnpd of this machine's Debian release, in networks of its own: the packages are unpacked, not installed."""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from tests.tools import CACHE

CLONE_NEWNET = 0x40000000
HOME, GUEST, ROUTER = "192.168.77.10", "192.168.77.50", "192.168.77.1"
WAN, PROVIDER = "5.9.0.10", "5.9.0.1"
OUTSIDE_ADDRESS = "5.9.9.9"
"""The provider's own address on the internet, which it shares among customers."""
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


def packages() -> Path:
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


def loaded(root: Path) -> ModuleType:
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
