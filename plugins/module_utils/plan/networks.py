# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which network a stack gets, and which addresses its app sees a proxy come from.

A stack on the same host as its proxy is published on loopback. Docker sends loopback connections through its userland proxy, so
the app sees the gateway of its own network. A stack on another host is published on that host's LAN address; Docker's DNAT keeps
the source, so the app sees the proxy's LAN address. Over IPv6 the userland proxy passes it on to the stack's IPv4 network, so the app sees
the gateway; the rule of the firewall role lets nobody but the proxy come that way. All were observed with Docker 20.10 and 26.1.
"""

from __future__ import annotations

import hashlib
import ipaddress

from .values import Network

PREFIX_LENGTH = 28
"""A stack's network has 14 addresses: its gateway and up to 13 services."""


def stack_network(pool: str, name: str) -> str:
    """The network of a stack, fixed by its name alone: adding or removing another stack never moves it."""
    whole = ipaddress.ip_network(pool)
    prefix = max(PREFIX_LENGTH, whole.prefixlen)
    slots = 1 << (prefix - whole.prefixlen)
    slot = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") % slots
    return str(ipaddress.ip_network((int(whole.network_address) + (slot << (32 - prefix)), prefix)))


def gateway(network: str) -> str:
    """The address of the host in a stack's network, and so of a proxy on the host."""
    return str(next(iter(ipaddress.ip_network(network).hosts())))


def seen_as(proxy: str, network: str) -> str:
    """The address at which an app in a stack's network sees a proxy on another host, whose LAN address is `proxy`."""
    return gateway(network) if ":" in proxy else proxy


def overlap(one: str, other: str) -> bool:
    first: Network = ipaddress.ip_network(one)
    second: Network = ipaddress.ip_network(other)
    return first.version == second.version and first.overlaps(second)


def pair(app_host: list[str], proxy_host: list[str]) -> tuple[str, str] | None:
    """The LAN addresses over which a proxy reaches an app's host: (the app host's, the proxy host's), of one family, IPv4 first."""
    for version in (4, 6):
        here = [a for a in app_host if ipaddress.ip_address(a).version == version]
        there = [a for a in proxy_host if ipaddress.ip_address(a).version == version]
        if here and there:
            return here[0], there[0]
    return None
