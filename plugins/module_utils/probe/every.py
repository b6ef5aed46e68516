# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""All sites looked at side by side, within a time for everything; those that fail again, until they are as declared or the waiting is over."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, repeat
from typing import Any

from ..inspection.side_by_side import side_by_side
from . import certificate, names, wire
from .outcome import LAN, SERVER, Outcome, View, Wrong, outcome
from .site import BODY, Visit, at_address

SIDE_BY_SIDE = 64
PAUSES = (1, 2, 4, 8)
"""Seconds between looks at what fails, and then LONGEST_PAUSE: a server that is starting is not hammered."""
LONGEST_PAUSE = 15
FINAL = re.compile(r"unknown name|no name|HSTS|body size|client address|port \d+ closed")
"""Checks that no waiting heals: they tell how a server is set up, once it answers."""
NO_WAY = "not proven: this host has no way to any %s address"
GRACE = 0.5
"""Seconds in which what ends with the time for everything may still say how."""
Site = Mapping[str, Any]


@dataclass
class Proof:
    """What was seen of every site, in their order. `certificates`: what the inspector tells of each, with `host` and `address`."""

    outcomes: list[Outcome] = field(default_factory=list)
    certificates: list[dict[str, Any]] = field(default_factory=list)

    @property
    def may_heal(self) -> bool:
        """Whether something failed that waiting may heal."""
        return any(one.ok is False and not FINAL.fullmatch(one.check) for one in self.outcomes)

    @property
    def failures(self) -> list[str]:
        return [str(one) for one in self.outcomes if one.ok is False]


def resolved(site: Site, addresses: Sequence[str] | str | None, view: View) -> Outcome:
    """The outcome of a name. `addresses`, or what the resolver said of it, or nothing where it said nothing in time."""
    host = str(site["host"])

    def look() -> str:
        if isinstance(addresses, str) and names.at_home(host) and view.vantage not in (LAN, SERVER):
            raise names.AT_HOME
        if addresses is None or isinstance(addresses, str):
            raise Wrong(f"{host} does not resolve here ({addresses or 'no answer in time'}): is its DNS record there?")
        return ", ".join(addresses)

    return outcome(host, str(site.get("site", "")), "name", "", look)


def find(host: str) -> Sequence[str] | str:
    try:
        return wire.addresses(host)
    except (OSError, UnicodeError) as error:
        return str(error)


def once(sites: Sequence[Site], view: View, until: float, sent: Sequence[bool] = ()) -> list[Proof]:
    """Every site looked at once, until a time of time.monotonic. `sent`: for which of them a body need not be sent again."""
    hosts = list(dict.fromkeys(str(site["host"]) for site in sites))
    if view.connect_to:
        found: dict[str, Sequence[str] | str | None] = {host: [view.connect_to] for host in hosts}
    else:
        patience = min(until, time.monotonic() + 4 * view.timeout)
        found = dict(zip(hosts, side_by_side([partial(find, host) for host in hosts], patience, SIDE_BY_SIDE), strict=True))
    places, missing = reachable_from_here([addresses_in(found[str(site["host"])]) for site in sites])
    here = {host: addresses for host, addresses in found.items() if addresses_in(addresses)}
    works: list[Callable[[], Any]] = [
        partial(certificate.inspect, [(sites[number], address) for number, address in places], view, until),
        partial(names.compare, {host: addresses_in(addresses) for host, addresses in here.items()}, view, until),
        *(partial(at_address, Visit(sites[number], address, view, until, sent=bool(sent and sent[number]))) for number, address in places),
    ]
    inspected, compared, *seen = side_by_side(works, until + GRACE, SIDE_BY_SIDE)
    proofs = [Proof([resolved(site, found[str(site["host"])], view)]) for site in sites]
    for proof, site in zip(proofs, sites, strict=True):
        if proof.outcomes[0].ok and view.vantage != SERVER:
            proof.outcomes.append(named(site, (compared or {}).get(str(site["host"]), names.LATE)))
    for place, (number, address) in enumerate(places):
        outcomes = seen[place] or [late(sites[number], address)]
        verdict, told = inspected[place] if inspected else (certificate.late(sites[number], address), None)
        if outcomes[0].ok:
            outcomes[1:1] = [verdict] if verdict else []
            proofs[number].certificates += [told] if told else []
        proofs[number].outcomes += outcomes
    for number, address, family in missing:
        proofs[number].outcomes.append(Outcome(str(sites[number]["host"]), str(sites[number].get("site", "")), "reachable", address, None, NO_WAY % family))
    return proofs


def reachable_from_here(found: Sequence[Sequence[str]]) -> tuple[list[tuple[int, str]], list[tuple[int, str, str]]]:
    """Of each site's addresses those that are looked at, with its number, and those whose family this host has no way to, with that family. A site of
    which none is left is looked at all the same: it is not reached, and that is a failure."""
    lacking = {address: wire.lacks(address) for addresses in found for address in addresses}
    places, missing = [], []
    for number, addresses in enumerate(found):
        able = [address for address in addresses if not lacking[address]]
        places += [(number, address) for address in able or addresses]
        missing += [(number, address, lacking[address]) for address in addresses if able and lacking[address]]
    return places, missing


def addresses_in(found: Sequence[str] | str | None) -> Sequence[str]:
    return [] if found is None or isinstance(found, str) else found


def named(site: Site, said: str | Wrong) -> Outcome:
    def look() -> str:
        if isinstance(said, Wrong):
            raise said
        return said

    return outcome(str(site["host"]), str(site.get("site", "")), names.CHECK, "", look)


def late(site: Site, address: str) -> Outcome:
    detail = "it was not looked at: the time for everything was over"
    return Outcome(
        str(site["host"]), str(site.get("site", "")), "reachable", address, False, detail, "Give it more time (deadline), or see which site is slow."
    )


def probe_all(sites: Sequence[Site], view: View, wait: float = 0.0, deadline: float = 60.0) -> Proof:
    """All sites side by side. Those that fail are tried again for up to `wait` seconds, so that a certificate may still arrive. It all ends within
    `deadline` and `wait` seconds."""
    started = time.monotonic()
    proofs: dict[int, Proof] = {}
    failing, sent = list(range(len(sites))), dict.fromkeys(range(len(sites)), False)
    for pause in chain(PAUSES, repeat(LONGEST_PAUSE)):
        looked = once([sites[number] for number in failing], view, started + wait + deadline, [sent[number] for number in failing])
        for number, proof in zip(failing, looked, strict=True):
            proofs[number] = with_body(proof, proofs[number]) if sent[number] else proof
            sent[number] = sent[number] or any(one.check == BODY and one.ok is not None for one in proof.outcomes)
        failing = [number for number in failing if proofs[number].may_heal]
        left = started + wait - time.monotonic()
        if not failing or left < 1:
            break
        time.sleep(min(pause, left))
    ordered = [proofs[number] for number in sorted(proofs)]
    return Proof([one for proof in ordered for one in proof.outcomes], [one for proof in ordered for one in proof.certificates])


def with_body(proof: Proof, before: Proof) -> Proof:
    """A later look at a site, with what an earlier one said of its body: it is not sent again."""
    known = {one.address: one for one in before.outcomes if one.check == BODY and one.ok is not None}
    return Proof([known.get(one.address, one) if one.check == BODY else one for one in proof.outcomes], proof.certificates)
