# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is asked for the home's public addresses, what each said, and what follows. Plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

IPV4, IPV6 = "ipv4", "ipv6"
FAMILIES = (IPV4, IPV6)


class SourceKind(StrEnum):
    """Sources of one kind may be wrong together, so they count once."""

    ROUTER = "router"
    INTERFACE = "interface"
    DNS = "dns"
    HTTPS = "https"
    COMMAND = "command"
    FIXED = "fixed"


@dataclass(frozen=True)
class Sighting:
    """What one source said of one family: an address, or why there is none. `source` is its name, such as natpmp or https:ipify."""

    source: str
    kind: SourceKind
    family: str
    address: str = ""
    trouble: str = ""


class Verdict(StrEnum):
    """How the home is connected, for one family. `none`: there is no such connection; `unknown`: no source answered, so nothing is known."""

    DIRECT = "direct"
    NAT = "nat"
    DOUBLE_NAT = "double_nat"
    CGNAT = "cgnat"
    VPN_EGRESS = "vpn_egress"
    SOURCES_DISAGREE = "sources_disagree"
    UNKNOWN = "unknown"
    NONE = "none"


@dataclass(frozen=True)
class Settings:
    """`sources`: names of sources, see `sources.NAMES`. `quorum`: kinds of sources that must agree. `public`: networks that count as public although
    registries reserve them, for a test network. `interface`: the device to look at and to ask from, '' for that of the default route. `fixed`: family -> the
    address, where it never changes. `command`: words of a command that prints addresses. `suffix`: host part that replaces that of
    the found IPv6 address (`::10`), with `prefix_length`. `router`: the router's address, '' for the default gateway."""

    sources: tuple[str, ...] = ()
    families: tuple[str, ...] = FAMILIES
    quorum: int = 2
    allow_private: bool = False
    public: tuple[str, ...] = ()
    interface: str = ""
    fixed: Mapping[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    suffix: str = ""
    prefix_length: int = 64
    router: str = ""
    timeout: float = 5.0


@dataclass(frozen=True)
class Found:
    """One family: the address on which enough sources agree, '' for none; the verdict, what shows it, and what to do."""

    family: str
    address: str
    verdict: Verdict
    evidence: tuple[str, ...] = ()
    advice: str = ""
    sightings: tuple[Sighting, ...] = ()
