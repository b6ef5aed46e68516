# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How containers reach their host: by which network they go out, and whether a port of the host answers them. It is tried, not guessed."""

from __future__ import annotations

import ipaddress
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

PROC = Path("/proc")
HOST_NAME = "host.docker.internal"
CONNECT = (
    "import socket, sys\n"
    "try:\n"
    "    socket.create_connection((sys.argv[1], int(sys.argv[2])), 2).close()\n"
    "    print('open')\n"
    "except TimeoutError:\n"
    "    print('silent')\n"
    "except ConnectionRefusedError:\n"
    "    print('refused')\n"
    "except OSError:\n"
    "    print('unreachable')\n"
)
MOST_PORTS = 5


def way_out(networks: Mapping[str, Mapping[str, str]], container: Mapping[str, Any], engine: Callable[[str], Any], proc: Path = PROC) -> str:
    """The network that holds a container's default route: packets to its host leave with its address there, and published ports lead to it."""
    if len(networks) < 2:
        return next(iter(networks), "")
    inspected = engine(f"/containers/{quote(str(container.get('Id', '')), safe='')}/json") or {}
    gateway = default_gateway(proc / str((inspected.get("State") or {}).get("Pid") or 0) / "net/route")
    return next((name for name, its in networks.items() if gateway and its["gateway"] == gateway), "")


def default_gateway(route: Path) -> str:
    """The gateway of the default route in a /proc/PID/net/route: little-endian, in hexadecimal (Linux, net/ipv4/fib_trie.c); '' for none."""
    try:
        rows = [line.split() for line in route.read_text().splitlines()[1:]]
    except OSError:
        return ""
    found = [row[2] for row in rows if len(row) > 7 and row[1] == row[7] == "00000000" and row[2] != "00000000"]
    return str(ipaddress.IPv4Address(int.from_bytes(bytes.fromhex(found[0]), "little" if sys.byteorder == "little" else "big"))) if found else ""


def look(service: str, found: Mapping[str, Any], engine: Callable[[str], Any]) -> list[dict[str, Any]]:
    """For each port of the host that a containerised proxy sends requests to: whether it answers in the proxy's own network."""
    ports = sorted({int(port) for name, _, port in (one.rpartition(":") for one in found["upstreams"]) if name == HOST_NAME})[:MOST_PORTS]
    running = next((one for one in found["containers"] if one["service"] == service and one["state"] == "running"), None)
    if not ports or running is None:
        return []
    inspected = engine(f"/containers/{quote(running['id'], safe='')}/json") or {}
    address, pid = host_address(Path(str(inspected.get("HostsPath") or "/dev/null"))), (inspected.get("State") or {}).get("Pid") or 0
    if not address or not pid:
        return []
    return [{"address": address, "port": port, "answer": connect(int(pid), address, port)} for port in ports]


def host_address(hosts: Path) -> str:
    """What the container knows its host by (its /etc/hosts)."""
    try:
        rows = [line.split() for line in hosts.read_text().splitlines()]
    except OSError:
        return ""
    return next((row[0] for row in rows if HOST_NAME in row[1:]), "")


def connect(pid: int, address: str, port: int) -> str:
    """open, refused, silent (something drops it), or unreachable, seen from a container's network."""
    words = ["nsenter", "--target", str(pid), "--net", sys.executable, "-c", CONNECT, address, str(port)]
    try:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()
