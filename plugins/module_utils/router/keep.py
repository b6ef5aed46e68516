# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The whole of it for one host: look where it is, ask the router by whichever protocol it answers, settle, and remember."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ..address.interface import Look
from ..address.router_source import source_for
from . import lease as leases
from .instruction import instruction
from .mapping import BAD, CHANGED, Remembered, Settled, settle
from .memory import plain
from .model import LEASE, Backend, Kept, Mapping, RouterTrouble

UPNP, NATPMP = "upnp", "natpmp"
PROTOCOLS = (UPNP, NATPMP)
"""In the order in which they are tried: only by UPnP can a router say what it has, and whose it is."""

FINE, PERSON, TROUBLE = 0, 11, 12
"""Exit codes: as wished; a person is needed (a conflict, or a lease that moved); the router did not answer, and it is tried again."""


@dataclass(frozen=True)
class Wish:
    """`lease`: seconds, 0 for ever. `router`: its address, '' for the default gateway. `protocols`: those to try, in this order. `tag`: the description
    that marks mappings as ours. `purge`: remove whatever else is ours; else `gone`. `follow`: mappings that lead to an address which this host
    no longer has lead to the one that it has now."""

    mappings: tuple[Mapping, ...] = ()
    lease: int = LEASE
    router: str = ""
    protocols: tuple[str, ...] = PROTOCOLS
    tag: str = ""
    purge: bool = True
    gone: tuple[Mapping, ...] = ()
    follow: bool = True


@dataclass(frozen=True)
class Report:
    """`protocol`: the one that the router answered, '' for none. `trouble`: why nothing could be done. `lan`: whether the host's address is still the one
    that the rules lead to."""

    protocol: str = ""
    router: str = ""
    external_address: str = ""
    settled: tuple[Settled, ...] = ()
    lan: tuple[leases.Lease, ...] = ()
    trouble: str = ""
    instruction: str = ""
    remembered: tuple[Remembered, ...] = field(default=())

    @property
    def changed(self) -> bool:
        return any(one.kept in CHANGED for one in self.settled)

    @property
    def exit_code(self) -> int:
        if any(one.kept == Kept.CONFLICT for one in self.settled) or any(one.moved for one in self.lan):
            return PERSON
        return TROUBLE if self.trouble or any(one.kept in BAD for one in self.settled) else FINE

    def sentences(self) -> list[str]:
        """What a person should know."""
        return [text for text in (*(one.message for one in self.lan if one.moved), self.trouble, *(one.message for one in self.settled)) if text]

    def state(self, now: float) -> dict[str, Any]:
        """As it is kept in router.json. `ends`: when a mapping ends unless it is renewed, seconds since 1970, 0 for never."""
        rows = [
            {
                **plain(one.mapping),
                "outcome": str(one.kept),
                "message": one.message,
                "ends": one.made + one.lease if one.lease and one.kept not in BAD else 0,
            }
            for one in self.settled
            if one.kept != Kept.REMOVED
        ]
        known = [{**plain(one.mapping), "made": one.made, "lease": one.lease, "since": one.since} for one in self.remembered]
        return {
            "checked": now,
            "code": self.exit_code,
            "protocol": self.protocol,
            "router": self.router,
            "external_address": self.external_address,
            "trouble": self.trouble,
            "mappings": rows,
            "lan": [asdict(one) for one in self.lan],
            "instruction": self.instruction,
            "remembered": known,
        }


Backends = Callable[[str, str, str], Backend]
"""Protocol, router, this host's address -> the way to speak to it."""


def backend(protocol: str, router: str, source: str) -> Backend:
    if protocol == UPNP:
        from .upnp import Upnp

        return Upnp(router, source)
    from .natpmp import NatPmp

    return NatPmp(router, source)


def keep(wish: Wish, seen: Look, known: Sequence[Remembered], now: float, check: bool = False, backends: Backends = backend) -> Report:
    """One run. Never raises RouterTrouble: what is wrong is in the report."""
    router, source = wish.router or seen.gateway, source_for(seen)
    known = [one for one in known if not one.lease or now < one.made + one.lease]
    # Without a protocol a person types the rules: what an earlier run made goes, as it would be in their way or stay open for ever.
    protocols = wish.protocols or (PROTOCOLS if known else ())
    lan = tuple(leases.judge(address, seen) for address in sorted({mapping.address for mapping in wish.mappings})) if wish.follow else ()
    moved = {one.wished: one.now for one in lan if one.moved and one.now}
    wished = [replace(mapping, address=moved.get(mapping.address, mapping.address)) for mapping in wish.mappings if wish.protocols]
    by_hand = instruction(wish.mappings, seen.mac, router)
    troubles = [] if router or not protocols else ["This server has no default route now, so it is not known which machine is the router."]
    for protocol in protocols:
        port = backends(protocol, router, source)
        try:
            done = settle(wished, port, wish.lease, check, known, now, wish.tag, wish.purge, wish.gone)
        except RouterTrouble as trouble:
            troubles.append(str(trouble))
            continue
        bad = any(one.kept in BAD for one in done)
        address = address_of(port)
        if not address and protocol == UPNP and NATPMP in protocols:
            address = address_of(backends(NATPMP, router, source))  # miniupnpd tells some addresses by one protocol alone
        left = tuple(still_known(done, known, now))
        return Report(protocol if wish.protocols else "", router, address, tuple(done), lan, "", by_hand if bad or not wish.protocols else "", left)
    return Report("", router, "", (), lan, " ".join(dict.fromkeys(troubles)), by_hand, tuple(known))


def address_of(port: Backend) -> str:
    try:
        return port.external_address()
    except RouterTrouble:
        return ""


def still_known(done: Sequence[Settled], known: Sequence[Remembered], now: float) -> list[Remembered]:
    """What is ours in the router now, as far as can be told."""
    left = {one.mapping.key: one for one in known if not one.lease or now < one.made + one.lease}
    for one in done:
        if one.kept == Kept.REMOVED or not one.ours:
            left.pop(one.mapping.key, None)
        elif one.kept not in BAD:
            left[one.mapping.key] = one.remembered
    return list(left.values())
