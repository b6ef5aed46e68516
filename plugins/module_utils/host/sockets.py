# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What listens on this machine, from /proc/net/tcp and tcp6 (format: proc_net_tcp of the kernel's documentation)."""

from __future__ import annotations

import ipaddress
import re
import struct
from dataclasses import dataclass
from pathlib import Path

LISTEN = "0A"


@dataclass(frozen=True)
class Listener:
    """A listening TCP socket: its address, port, and the name of the process that holds it ('' where unknown)."""

    address: str
    port: int
    process: str


def parse(table: str) -> list[tuple[str, int, str]]:
    """(address, port, inode) of each listening socket in one of the kernel's tables."""
    found = []
    for line in table.splitlines()[1:]:
        words = line.split()
        if len(words) < 10 or words[3] != LISTEN:
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


def owners_of(inodes: set[str], proc: Path) -> dict[str, str]:
    """Socket inode -> name of a process that holds it."""
    owners = {}
    for process in proc.iterdir():
        if not process.name.isdigit():
            continue
        try:
            descriptors = list((process / "fd").iterdir())
            name = (process / "comm").read_text().strip()
        except OSError:
            continue  # the process has ended, or belongs to somebody else
        for descriptor in descriptors:
            try:
                target = re.fullmatch(r"socket:\[(\d+)\]", str(descriptor.readlink()))
            except OSError:
                continue  # closed since: a busy proxy does that all the time
            if target and target[1] in inodes:
                owners[target[1]] = name
    return owners
