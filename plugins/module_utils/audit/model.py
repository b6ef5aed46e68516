# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a host exposes and what was declared of it, as plain data."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..address.reserved import LINK, PRIVATE, SHARED, kind

LOOPBACK, LAN, ANY = "loopback", "lan", "any"
"""How far a socket can be reached by its address alone: from the host itself, from its networks, from wherever packets reach it."""

PROTOCOLS = ("tcp", "udp")
ADMITTED = "exposure_listening"


class NotUnderstood(ValueError):
    """A declaration that cannot be taken; the text says which line."""


@dataclass(frozen=True)
class Declared:
    """What is to listen: at `address` ('' for every one), `port` and `protocol`; `what` names it for a person. `process`: which one alone is meant. `sources`:
    who alone may reach it, which a rule of ours sees to."""

    port: int
    protocol: str = "tcp"
    address: str = ""
    what: str = ""
    process: str = ""
    sources: tuple[str, ...] = ()


@dataclass(frozen=True)
class Listening:
    """What listens, at all addresses at which one process does so with one port. `reach` is the widest of them. `opens` is the
    systemd socket that starts it."""

    addresses: tuple[str, ...]
    port: int
    protocol: str
    process: str = ""
    pid: int = 0
    unit: str = ""
    container: str = ""
    opens: str = ""

    @property
    def reach(self) -> str:
        return widest(self.addresses)


@dataclass(frozen=True)
class Published:
    """A port that Docker sends to a container (or to a swarm's service). `target` is the port inside; `file` the compose file as Docker tells it.
    `last` is the end of a row of ports that are told together, 0 for one."""

    addresses: tuple[str, ...]
    port: int
    protocol: str
    target: int
    container: str
    image: str = ""
    project: str = ""
    service: str = ""
    file: str = ""
    swarm: bool = False
    last: int = 0

    @property
    def reach(self) -> str:
        return widest(self.addresses)


@dataclass(frozen=True)
class Redirected:
    """A rule of the packet filter that sends what comes in for `port` (to `last`, where it is a range; 0: every port) elsewhere."""

    family: str
    table: str
    chain: str
    rule: str
    port: int
    protocol: str
    to: str
    last: int = 0

    def covers(self, port: int, protocol: str) -> bool:
        return self.protocol in ("", protocol) and (not self.port or self.port <= port <= max(self.port, self.last))


@dataclass(frozen=True)
class Seen:
    """One look at a host. `held_back`: the ports for which our rules admit nobody but `sources`, as (address, port) -> sources.
    `drops`: family (ip or ip6) -> where the packet filter drops what it does not admit; `admits` are the ports that it names, as first and last of a range.
    `unseen` says what could not be looked at, and `passwords` whether sshd takes them (None: not known)."""

    listening: tuple[Listening, ...] = ()
    published: tuple[Published, ...] = ()
    redirected: tuple[Redirected, ...] = ()
    held_back: Mapping[tuple[str, int], frozenset[str]] | None = None
    drops: Mapping[str, str] = field(default_factory=dict)
    admits: frozenset[tuple[int, int]] = frozenset()
    ufw: bool = False
    global_ipv6: tuple[str, ...] = ()
    client_ports: tuple[int, int] = (32768, 60999)
    passwords: bool | None = None
    unseen: tuple[str, ...] = ()


def read_declared(entries: Iterable[Mapping[str, Any]], what: str = "") -> tuple[Declared, ...]:
    """Declarations from their plain form. Raises NotUnderstood."""
    found = []
    for entry in entries:
        try:
            port, protocol = int(entry["port"]), str(entry.get("protocol") or "tcp")
            address = str(entry.get("address") or "")
            if address:
                address = str(ipaddress.ip_address(address))
        except (KeyError, TypeError, ValueError) as error:
            raise NotUnderstood(f"{dict(entry)}: each entry needs a port, and its address is one of IPv4 or IPv6 ({error})") from None
        if not 0 < port < 65536 or protocol not in PROTOCOLS:
            raise NotUnderstood(f"{dict(entry)}: the port is a number from 1 to 65535, and protocol tcp or udp")
        known = {"port", "protocol", "address", "what", "process", "sources"}
        if unknown := sorted(set(entry) - known):
            raise NotUnderstood(f"{dict(entry)}: {', '.join(unknown)} is not known; known are {', '.join(sorted(known))}")
        sources = tuple(str(one) for one in entry.get("sources") or ())
        found.append(Declared(port, protocol, address, str(entry.get("what") or what), str(entry.get("process") or ""), sources))
    return tuple(found)


def plain(address: str) -> str:
    """An address as people write it: an IPv4 one that came in IPv6's clothes without them (RFC 4291, section 2.5.5.2)."""
    found = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(found, "ipv4_mapped", None)
    return str(mapped or found)


def reach_of(address: str) -> str:
    """How far one address is reached."""
    found = ipaddress.ip_address(address)
    if found.is_unspecified:
        return ANY
    if found.is_loopback:
        return LOOPBACK
    return LAN if found.is_multicast or kind(address) in (PRIVATE, LINK, SHARED) else ANY


def widest(addresses: Iterable[str]) -> str:
    reaches = {reach_of(address) for address in addresses}
    return next((reach for reach in (ANY, LAN) if reach in reaches), LOOPBACK)
