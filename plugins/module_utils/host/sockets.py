# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What listens on this machine, from /proc/net/tcp, tcp6, udp and udp6 (format: proc_net_tcp of the kernel's documentation)."""

from __future__ import annotations

import ipaddress
import os
import struct
from dataclasses import dataclass
from pathlib import Path

LISTEN = "0A"
UNCONNECTED = "07"
"""The state of a UDP socket that takes datagrams of anybody: it is bound, and not connected to one peer (TCP_CLOSE of the kernel's tcp_states.h)."""

STATES = {"tcp": LISTEN, "udp": UNCONNECTED}


@dataclass(frozen=True)
class Listener:
    """A listening TCP socket: its address, port, and the name of the process that holds it ('' where unknown)."""

    address: str
    port: int
    process: str


@dataclass(frozen=True)
class Holder:
    """A process that holds a socket: its number and name. Number 0 where it could not be seen."""

    pid: int = 0
    name: str = ""


@dataclass(frozen=True)
class Socket:
    """A socket that takes what comes from anybody. `holders` are all processes that have it, by number: none where they belong to somebody else, or where
    the kernel itself has it (`inode` 0, as WireGuard)."""

    address: str
    port: int
    protocol: str
    inode: str
    holders: tuple[Holder, ...] = ()

    @property
    def holder(self) -> Holder:
        """Who answers there: where systemd (number 1) holds it for a service that is started on demand, the service when it runs."""
        return next((one for one in self.holders if one.pid != 1), self.holders[0] if self.holders else Holder())


def parse(table: str, state: str = LISTEN) -> list[tuple[str, int, str]]:
    """(address, port, inode) of each listening socket in one of the kernel's tables; `state` is the one that counts as listening there."""
    found = []
    for line in table.splitlines()[1:]:
        words = line.split()
        if len(words) < 10 or words[3] != state:
            continue
        raw, _, port = words[1].partition(":")
        packed = b"".join(struct.pack("=I", int(raw[i : i + 8], 16)) for i in range(0, len(raw), 8))
        found.append((str(ipaddress.ip_address(packed)), int(port, 16), words[9]))
    return found


def listeners(with_process: bool = True, proc: Path = Path("/proc")) -> list[Listener]:
    """All listening TCP sockets of this network namespace."""
    rows = []
    for name in ("tcp", "tcp6"):
        table = proc / "net" / name
        if table.exists():
            rows += parse(table.read_text())
    owners = owners_of({inode for *_, inode in rows}, proc) if with_process else {}
    return [Listener(address, port, owners.get(inode, "")) for address, port, inode in rows]


def sockets(proc: Path = Path("/proc")) -> list[Socket]:
    """All sockets of this network namespace that take what comes from anybody, TCP and UDP, with the processes that hold them as far as they may be seen."""
    rows = [
        (row, protocol)
        for protocol, state in STATES.items()
        for name in (protocol, f"{protocol}6")
        if (table := proc / "net" / name).exists()
        for row in parse(table.read_text(), state)
    ]
    held = holders_of({inode for (*_, inode), _ in rows}, proc)
    return [Socket(address, port, protocol, inode, tuple(held.get(inode, ()))) for (address, port, inode), protocol in rows]


def owners_of(inodes: set[str], proc: Path) -> dict[str, str]:
    """Socket inode -> name of a process that holds it."""
    return {inode: found[-1].name for inode, found in holders_of(inodes, proc).items()}


def holders_of(inodes: set[str], proc: Path) -> dict[str, list[Holder]]:
    """Socket inode -> the processes that hold it, by number."""
    found: dict[str, list[Holder]] = {}
    wanted = {f"socket:[{inode}]": inode for inode in inodes}
    for number in sorted(int(process) for process in os.listdir(proc) if process.isdigit()):  # noqa: PTH208 - one of thousands of looks
        folder = f"{proc}/{number}"
        try:
            descriptors = os.listdir(f"{folder}/fd")  # noqa: PTH208
            name = Path(folder, "comm").read_text(errors="replace").strip()
        except OSError:
            continue  # the process has ended, or belongs to somebody else
        holder = Holder(number, name)
        for descriptor in descriptors:
            try:
                inode = wanted.get(os.readlink(f"{folder}/fd/{descriptor}"))  # noqa: PTH115
            except OSError:
                continue  # closed since: a busy proxy does that all the time
            if inode and holder not in found.setdefault(inode, []):
                found[inode].append(holder)
    return found
