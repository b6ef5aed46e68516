# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`exposure address-watch --touch FILE`: sees within seconds that an address of this machine or of the router changed, and touches a file, which a systemd
path unit takes as the sign to publish. It never asks anybody outside the home, and publishes nothing itself.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import select
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path

RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR = 0x10, 0x100
RTM_NEWADDR, RTM_GETADDR, NLMSG_DONE, NLMSG_ERROR = 20, 22, 3, 2
NLM_F_REQUEST, NLM_F_DUMP = 0x1, 0x300
IFA_ADDRESS, IFA_LOCAL, IFA_FLAGS = 1, 2, 8
UNSTEADY = 0x01 | 0x08 | 0x20 | 0x40
"""Temporary, a duplicate, deprecated, tentative (linux/if_addr.h): none of them is published."""
GLOBAL_SCOPE = 0

CALM = 2.0
"""Seconds without a further change before the file is touched: a new connection brings several addresses, one after the other."""
AGAIN = 75.0
"""Seconds after which the file is touched once more: a path unit does not see what comes while its service runs, which is up to a minute long."""
SETTINGS = Path("/etc/exposure/ddns/current/settings.json")
ANNOUNCEMENTS = ("224.0.0.1", 5350)
SEARCH_AGAIN = 600.0
"""Seconds after which a router that answered nothing is looked for by UPnP once more."""

Addresses = frozenset[tuple[int, str]]


def add_to(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--touch", type=Path, required=True, metavar="FILE", help="what is written to when an address changed")
    parser.add_argument("--every", type=float, default=30.0, metavar="SECONDS", help="how often the router is asked for its address")
    parser.add_argument("--router", default="", metavar="ADDRESS", help="the router, where it is not the default gateway")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    watch(given.touch, max(5.0, given.every), Router(given.router).address)
    return 0


def watch(path: Path, every: float, ask_router: Callable[[], str], rounds: int = -1) -> None:
    """Until the process ends. `ask_router` gives the router's address, '' while it does not answer. `rounds`: for tests, how often to wake up."""
    events, announcements = netlink(), announced()
    own, router = addresses(), ask_router()
    asked = time.monotonic()
    next_ask, changed_at, again_at = asked + every, 0.0, 0.0
    while rounds:
        rounds -= 1
        until = min(next_ask, changed_at + CALM) if changed_at else next_ask
        until = min(until, again_at) if again_at else until
        ready, _, _ = select.select([one for one in (events, announcements) if one], [], [], max(0.0, until - time.monotonic()))
        if announcements in ready:
            drain(announcements)
            # Only a hint, which anybody at home can send: the router itself is asked, and not at every packet.
            next_ask = min(next_ask, asked + CALM)
        if events in ready:
            drain(events)
            now = addresses()
            if now != own:
                own, changed_at = now, time.monotonic()
        if time.monotonic() >= next_ask:
            seen = ask_router()
            # A router that was silent when this began may have got a new address meanwhile; one that falls silent tells nothing.
            if seen and seen != router:
                router, changed_at = seen, time.monotonic()
            asked = time.monotonic()
            next_ask = asked + every
        if changed_at and time.monotonic() >= changed_at + CALM:
            touch(path)
            changed_at, again_at = 0.0, time.monotonic() + AGAIN
        elif again_at and time.monotonic() >= again_at:
            touch(path)
            again_at = 0.0


def touch(path: Path) -> None:
    """Written to and closed, as systemd.path(5) wants it for PathChanged= and PathModified=."""
    try:
        path.write_text(f"{time.time():.0f}\n")
    except OSError as error:
        print(f"<3>{path} cannot be written: {error.strerror}", file=sys.stderr)


def netlink(groups: int = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR) -> socket.socket:
    """The kernel's news of addresses (rtnetlink(7)). Needs no right."""
    channel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    channel.bind((0, groups))
    channel.setblocking(False)
    return channel


def announced() -> socket.socket | None:
    """What a NAT-PMP router says unasked when its address changed (RFC 6886, section 3.2.1). None where the port is not to be had."""
    channel = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        channel.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        channel.bind(("", ANNOUNCEMENTS[1]))
    except OSError:
        channel.close()
        return None
    with contextlib.suppress(OSError):  # without a default route; all hosts belong to this group anyway
        channel.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(ANNOUNCEMENTS[0]) + b"\0\0\0\0")
    channel.setblocking(False)
    return channel


def drain(channel: socket.socket | None) -> None:
    """Take what has come. That too much came at once (ENOBUFS) is news as well."""
    with contextlib.suppress(OSError):
        while channel and channel.recv(65536):
            pass


def addresses() -> Addresses:
    """(number of the interface, address) of every lasting address that is not for its cable alone."""
    found: set[tuple[int, str]] = set()
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as channel:
        channel.settimeout(5)
        channel.bind((0, 0))
        channel.send(struct.pack("=IHHII BBBBi", 24, RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP, 1, 0, socket.AF_UNSPEC, 0, 0, 0, 0))
        with contextlib.suppress(TimeoutError):
            while collected(channel.recv(65536), found):
                pass
    return frozenset(found)


def collected(data: bytes, found: set[tuple[int, str]]) -> bool:
    """Take one answer apart; whether more is to come."""
    place = 0
    while place + 16 <= len(data):
        length, kind = struct.unpack_from("=IH", data, place)
        if kind in (NLMSG_DONE, NLMSG_ERROR) or length < 16:
            return False
        if kind == RTM_NEWADDR:
            family, _, flags, scope, index = struct.unpack_from("=BBBBI", data, place + 16)
            address, more = attributes(data[place + 24 : place + length])
            if address and scope == GLOBAL_SCOPE and not (flags | more) & UNSTEADY and len(address) == (4 if family == socket.AF_INET else 16):
                found.add((index, socket.inet_ntop(family, address)))
        place += (length + 3) & ~3
    return True


def attributes(data: bytes) -> tuple[bytes, int]:
    """The address among the attributes of a message, and its further flags. On a point-to-point line IFA_ADDRESS is the other end's."""
    values: dict[int, bytes] = {}
    place = 0
    while place + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, place)
        if length < 4:
            break
        values[kind] = data[place + 4 : place + length]
        place += (length + 3) & ~3
    flags = values.get(IFA_FLAGS, b"")
    return values.get(IFA_LOCAL) or values.get(IFA_ADDRESS, b""), int.from_bytes(flags[:4], sys.byteorder)


def gateway() -> str:
    """The router of the IPv4 default route with the least metric (proc_net_route), '' without one."""
    routes = []
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/self/net/route").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[1] == "00000000" and int(fields[3], 16) & 0x2 and fields[7] == "00000000":
                routes.append((int(fields[6]), socket.inet_ntoa(int(fields[2], 16).to_bytes(4, sys.byteorder))))
    return min(routes)[1] if routes else ""


def configured() -> str:
    """The router that the owner named for the names, '' for none. Read each time, as the unit goes on while the settings change."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        return str(json.loads(SETTINGS.read_text()).get("address", {}).get("router") or "")
    return ""


class Router:
    """Asks for the router's address by NAT-PMP, and where that stays without an answer by UPnP."""

    def __init__(self, given: str = "", clock: Callable[[], float] = time.monotonic) -> None:
        self.given, self.clock = given, clock
        self.asked_upnp = -SEARCH_AGAIN
        self.upnp_at, self.upnp = "", None
        self.natpmp_silent = 0

    def address(self) -> str:
        from ..router.model import Backend, RouterTrouble

        place = self.given or configured() or gateway()
        if not place:
            return ""
        if self.natpmp_silent < 3 or self.upnp is None:
            from ..router.natpmp import NatPmp

            try:
                found = NatPmp(place).external_address()
                self.natpmp_silent = 0
                return found if found != "0.0.0.0" else ""
            except RouterTrouble as trouble:
                self.natpmp_silent = 0 if trouble.code else self.natpmp_silent + 1
        backend: Backend | None = self.upnp if self.upnp_at == place else None
        if backend is None:
            if self.clock() - self.asked_upnp < SEARCH_AGAIN:
                return ""
            from ..router.upnp import Upnp

            self.asked_upnp, backend = self.clock(), Upnp(place)
        try:
            found = backend.external_address()
        except RouterTrouble:
            self.upnp, self.natpmp_silent = None, 0
            return ""
        self.upnp, self.upnp_at = backend, place  # type: ignore[assignment]
        return found
