# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which addresses a home can be reached at: those that no registry keeps for something else, and that are no content network's.

The reserved networks are those of the IANA registries (https://www.iana.org/assignments/iana-ipv4-special-registry and iana-ipv6-special-registry).
"""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Sequence

from .model import IPV4, IPV6

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

PRIVATE, SHARED, DS_LITE, HOST, LINK, DOCUMENTATION, CDN, SPECIAL = ("private", "shared", "ds_lite", "host", "link", "documentation", "cdn", "special")

KINDS: dict[str, tuple[str, ...]] = {
    HOST: ("0.0.0.0/8", "127.0.0.0/8", "::/128", "::1/128"),
    LINK: ("169.254.0.0/16", "fe80::/10"),
    SHARED: ("100.64.0.0/10",),
    DS_LITE: ("192.0.0.0/29",),
    PRIVATE: ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fec0::/10"),
    DOCUMENTATION: ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"),
    SPECIAL: (
        "192.0.0.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "2001::/23",  # Teredo, ORCHID, benchmarking
        "2002::/16",  # 6to4, withdrawn by RFC 7526
    ),
    CDN: (
        # Cloudflare, https://www.cloudflare.com/ips/ as of 2026-02-11: an address of theirs is that of a proxy, or of WARP's way out.
        "173.245.48.0/20",
        "103.21.244.0/22",
        "103.22.200.0/22",
        "103.31.4.0/22",
        "141.101.64.0/18",
        "108.162.192.0/18",
        "190.93.240.0/20",
        "188.114.96.0/20",
        "197.234.240.0/22",
        "198.41.128.0/17",
        "162.158.0.0/15",
        "104.16.0.0/13",
        "104.24.0.0/14",
        "172.64.0.0/13",
        "131.0.72.0/22",
        "2400:cb00::/32",
        "2606:4700::/32",
        "2803:f800::/32",
        "2405:b500::/32",
        "2405:8100::/32",
        "2a06:98c0::/29",
        "2c0f:f248::/32",
    ),
}
"""In the order in which they are looked up."""

WHY = {
    HOST: "every machine takes it for itself",
    LINK: "it is good on one cable alone",
    SHARED: "a provider shares it among customers (carrier-grade NAT, 100.64.0.0/10)",
    DS_LITE: "it is the inner end of a DS-Lite tunnel, behind which the provider shares addresses",
    PRIVATE: "it is good inside a home alone",
    DOCUMENTATION: "it is kept for documentation",
    SPECIAL: "registries keep it for a special use",
    CDN: "it belongs to Cloudflare, not to a home",
}
LIFTED = frozenset({SHARED, DS_LITE, PRIVATE, DOCUMENTATION, SPECIAL, CDN})
"""What `allow_private` admits."""


@functools.cache
def networks(kind: str, version: int) -> tuple[Network, ...]:
    return tuple(network for network in map(ipaddress.ip_network, KINDS[kind]) if network.version == version)


@functools.cache
def own(public: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text, strict=False) for text in public)


def parse(text: str, family: str) -> str:
    """The address that a text is, spelled in the one way that Python spells it. The text must be the address and nothing besides. Raises ValueError."""
    if not text.isascii() or len(text) > 45 or "%" in text:
        raise ValueError("not an address")
    address = ipaddress.ip_address(text)
    if (address.version == 4) != (family == IPV4):
        raise ValueError(f"an address of the other family ({address})")
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        raise ValueError("an IPv4 address in IPv6's clothes")
    return str(address)


def kind(address: str, public: Sequence[str] = ()) -> str:
    """What an address is kept for, '' for one of the internet. `public`: networks that count as the internet all the same, such as a test network."""
    place = ipaddress.ip_address(address)
    if any(place in network for network in own(tuple(public)) if network.version == place.version):
        return ""
    for name in KINDS:
        if any(place in network for network in networks(name, place.version)):
            return name
    return "" if place.version == 4 or place in ipaddress.ip_network("2000::/3") else SPECIAL


def inside(address: str) -> bool:
    """Whether it is good inside one network alone: a home's, a host's, or one laid over the internet (Tailscale's is of the shared ones)."""
    return kind(address) in (PRIVATE, SHARED, LINK, HOST)


def unfit(address: str, public: Sequence[str] = (), allow_private: bool = False) -> str:
    """Why an address is not to be published, as the end of a sentence; '' where nothing speaks against it."""
    what = kind(address, public)
    return "" if not what or (allow_private and what in LIFTED) else WHY[what]


def family_of(address: str) -> str:
    return IPV6 if ":" in address else IPV4
