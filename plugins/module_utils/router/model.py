# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is wished of a router, what it has, and what it may say to it. Plain data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

TCP, UDP = "tcp", "udp"
TAG = "homeserver.exposure"
LEASE = 7200
"""Seconds that a mapping lives unless it is renewed: what RFC 6886, section 3.3, recommends."""


class RouterTrouble(Exception):
    """The router did not answer, or said no; the text is for the owner. `code` is that of the protocol, 0 where there was no answer."""

    def __init__(self, text: str, code: int = 0) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True)
class Mapping:
    """What comes to `external_port` of the home's public address goes to `address` and `port` at home. `protocol`: tcp or udp."""

    external_port: int
    protocol: str
    address: str
    port: int
    description: str = TAG

    @property
    def key(self) -> str:
        return f"{self.protocol}/{self.external_port}"

    def __str__(self) -> str:
        return f"{self.protocol.upper()} {self.external_port} to {self.address}:{self.port}"


@dataclass(frozen=True)
class Entry:
    """A mapping that the router has. `left`: seconds that it still lives, 0 for ever."""

    mapping: Mapping
    left: int = 0


class Kept(StrEnum):
    """What became of one mapping."""

    KEPT = "kept"
    MADE = "made"
    RENEWED = "renewed"
    MOVED = "moved"
    REMOVED = "removed"
    CONFLICT = "conflict"
    REFUSED = "refused"


class Backend(Protocol):
    """A way to speak to a router. Every method raises RouterTrouble."""

    name: str
    """`upnp` or `natpmp`."""
    reads: bool
    """Whether the router's mappings can be read."""

    def external_address(self) -> str:
        """The router's address on the internet, as it says itself, however reserved it may be."""

    def entries(self) -> list[Entry]:
        """The router's mappings, also those that others made; empty where they cannot be read."""

    def add(self, mapping: Mapping, lease: int) -> int:
        """Make or renew a mapping for `lease` seconds, 0 for ever. Gives the seconds that the router granted."""

    def remove(self, mapping: Mapping) -> None:
        """Take a mapping away. One that is not there is no trouble."""

    def since(self) -> int:
        """Seconds since the router's list began afresh, 0 where it does not say."""
