"""Routers for tests: a table in memory behind either protocol, and a NAT-PMP server on a socket."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from plugins.module_utils.router.model import Entry, Mapping, RouterTrouble

TAG = "homeserver.exposure home"
HERE = "192.168.1.10"
HTTPS = Mapping(443, "tcp", HERE, 443, TAG)
HTTP = Mapping(80, "tcp", HERE, 80, TAG)
THEIRS = Mapping(443, "tcp", "192.168.1.50", 8443, "Games console")


@dataclass
class Fake:
    """A `Backend`. `broken`: what it says to everything. `refuses`: keys that it will not add, with the code. `keeps`: keys that it will not remove.
    `most`: seconds that it grants at most, without saying so."""

    table: dict[str, Entry] = field(default_factory=dict)
    reads: bool = True
    broken: str = ""
    refuses: dict[str, int] = field(default_factory=dict)
    keeps: set[str] = field(default_factory=set)
    age: int = 1000
    most: int = 10**9
    calls: list[str] = field(default_factory=list)
    name: str = "upnp"

    def has(self, *mappings: Mapping, left: int = 7200) -> Fake:
        self.table |= {mapping.key: Entry(mapping, left) for mapping in mappings}
        return self

    def answer(self) -> None:
        if self.broken:
            raise RouterTrouble(self.broken)

    def external_address(self) -> str:
        self.answer()
        return "5.9.0.10"

    def since(self) -> int:
        return self.age

    def entries(self) -> list[Entry]:
        self.answer()
        return list(self.table.values())

    def add(self, mapping: Mapping, lease: int) -> int:
        self.answer()
        self.calls.append(f"add {mapping}")
        if mapping.key in self.refuses:
            raise RouterTrouble("The router refuses.", self.refuses[mapping.key])
        self.table[mapping.key] = Entry(mapping, min(lease, self.most))
        return lease

    def remove(self, mapping: Mapping) -> None:
        self.answer()
        self.calls.append(f"remove {mapping}")
        if mapping.key in self.keeps:
            raise RouterTrouble("The router refuses.", 606)
        self.table.pop(mapping.key, None)

    def ages(self, seconds: int) -> None:
        """Time passes in the router: leases end."""
        self.age += seconds
        aged = {key: replace(entry, left=entry.left - seconds) for key, entry in self.table.items() if entry.left}
        self.table = {key: entry for key, entry in {**self.table, **aged}.items() if entry.left >= 0 and (entry.left or key not in aged)}


Answer = Callable[[bytes], list[bytes]]


@contextlib.contextmanager
def natpmp(answer: Answer) -> Iterator[tuple[int, list[bytes]]]:
    """A NAT-PMP router on a port of this machine, and what it was asked."""
    asked: list[bytes] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        channel.bind(("127.0.0.1", 0))
        channel.settimeout(0.05)
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                with contextlib.suppress(OSError):
                    request, who = channel.recvfrom(100)
                    asked.append(request)
                    for reply in answer(request):
                        channel.sendto(reply, who)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield channel.getsockname()[1], asked
        finally:
            over.set()
            thread.join()


def public(address: str = "5.9.0.10", result: int = 0, epoch: int = 77) -> bytes:
    return struct.pack("!BBHI", 0, 128, result, epoch) + socket.inet_aton(address)


def mapped(opcode: int, inner: int, outer: int, life: int, result: int = 0) -> bytes:
    return struct.pack("!BBHIHHI", 0, 128 + opcode, result, 77, inner, outer, life)
