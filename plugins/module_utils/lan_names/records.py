# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The names that the home network is to resolve by itself, and the lines that say so to each kind of server."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..plan.mistakes import Refused as NotAValue
from ..plan.values import address, host_name

MADE = "Made by homeserver.exposure. What is changed here is lost."
TTL = 300
"""Seconds for which a client keeps an answer, where the server lets us say it."""


class Refused(Exception):
    """The names could not be changed as wished. The message says what, where, and what to do; what was there before is there again."""


@dataclass(frozen=True)
class Record:
    """A full name (A-labels) and its addresses on the home network, canonical, IPv4 first."""

    name: str
    addresses: tuple[str, ...]


def records(given: Sequence[Mapping[str, Any]]) -> list[Record]:
    """Entries {name, addresses} as records, sorted by name. All mistakes are told together."""
    found: dict[str, Record] = {}
    mistakes = []
    for entry in given:
        try:
            name = host_name(entry.get("name"))
            addresses = {address(one) for one in entry.get("addresses") or []}
            if not addresses:
                raise NotAValue("it has no address on the home network", "addresses: [192.168.1.10]")
            if name in found:
                raise NotAValue("the name stands there twice", "one entry with all its addresses")
            found[name] = Record(name, tuple(sorted(addresses, key=lambda one: (":" in one, ipaddress.ip_address(one)))))
        except NotAValue as refused:
            mistakes.append(f"{dict(entry)!r}: {refused}")
    if mistakes:
        raise Refused("These LAN names cannot be used:\n" + "\n".join(f"  - {mistake}" for mistake in mistakes))
    return [found[name] for name in sorted(found)]


def kind(address: str) -> str:
    """The record type of an address."""
    return "AAAA" if ":" in address else "A"


def hosts_lines(wanted: Sequence[Record]) -> list[str]:
    """As in /etc/hosts (hosts(5)): one name in each line."""
    return [f"{one} {record.name}" for record in wanted for one in record.addresses]


def dnsmasq_lines(wanted: Sequence[Record]) -> list[str]:
    """For dnsmasq (dnsmasq(8), --host-record): the name alone, not what is below it, and none of its other types of record."""
    return [f"host-record={record.name},{one}" for record in wanted for one in record.addresses]


def unbound_lines(wanted: Sequence[Record]) -> list[str]:
    """For unbound (unbound.conf(5), local-zone): `typetransparent` leaves other types of record, and names below, to the public DNS."""
    lines = ["server:"] if wanted else []
    for record in wanted:
        lines.append(f'    local-zone: "{record.name}." typetransparent')
        lines += [f'    local-data: "{record.name}. {TTL} IN {kind(one)} {one}"' for one in record.addresses]
    return lines
