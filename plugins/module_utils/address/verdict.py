# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How the home is connected, judged from what the sources said; each verdict with what shows it, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from . import reserved
from .interface import Look
from .model import IPV4, IPV6, Settings, Sighting, SourceKind, Verdict
from .names import OUTSIDE

ADVICE = {
    Verdict.DIRECT: "",
    Verdict.NAT: "",
    Verdict.DOUBLE_NAT: (
        "There is a second router in front of yours, often the provider's box. Put that one into bridge mode (also called modem mode), or forward the "
        "ports there to your own router as well, or make your own router its 'exposed host' (DMZ)."
    ),
    Verdict.CGNAT: (
        "Nobody can come in by IPv4 through your provider's shared address. Ask the provider for a public IPv4 address (often free, sometimes some "
        "euros a month), publish IPv6 alone where your line has it, or go through a server or tunnel outside. Certificates then need the challenge dns-01."
    ),
    Verdict.VPN_EGRESS: (
        "Leave this server out of the VPN (split tunnel), or name the interface of the home's line, or give the address as fixed: a name must not lead "
        "to the VPN's way out."
    ),
    Verdict.SOURCES_DISAGREE: "Nothing is published until they agree. Look for a second line, a proxy or a VPN; or name the sources that are right.",
    Verdict.UNKNOWN: "Look whether the internet connection works and whether a firewall keeps this server from asking; then try again.",
    Verdict.NONE: "",
}
NO_ROUTER = (
    "The router tells its address neither by NAT-PMP nor by UPnP, so whether a second NAT is in front of it cannot be told from here: compare {address} "
    "with the internet address on the router's own page."
)


class Judged(NamedTuple):
    verdict: Verdict
    evidence: tuple[str, ...]
    advice: str = ""


def judge(family: str, sightings: Sequence[Sighting], agreed: str, seen: Look, settings: Settings, path: Sequence[str] = ()) -> Judged:
    """`agreed`: the address on which the sources agree, '' for none. `path`: the first routers on the way to the address that is seen from outside."""
    verdict, evidence = (judge_ipv4 if family == IPV4 else judge_ipv6)(sightings, agreed, seen, settings, path)
    return Judged(verdict, tuple(evidence), ADVICE[verdict])


Ruling = tuple[Verdict, list[str]]


def judge_ipv4(sightings: Sequence[Sighting], agreed: str, seen: Look, settings: Settings, path: Sequence[str]) -> Ruling:
    router, outside = by_kind(sightings, SourceKind.ROUTER), [one for one in sightings if one.kind in OUTSIDE and one.address]
    way = seen.way(IPV4)
    # Where private addresses are allowed, an interface's tells nothing of the connection unless the others see it too.
    own = [one for one in by_kind(sightings, SourceKind.INTERFACE) if one.address == agreed or not reserved.kind(one.address, settings.public)]
    for one in router:
        what = reserved.kind(one.address, settings.public)
        if what in (reserved.SHARED, reserved.DS_LITE):
            return Verdict.CGNAT, [f"The router's address on its internet side is {one.address} ({one.source}): {reserved.WHY[what]}."]
        if what in (reserved.PRIVATE, reserved.LINK):
            return Verdict.DOUBLE_NAT, [f"The router's address on its internet side is {one.address} ({one.source}), which is one of another home network."]
        if what and what != reserved.CDN:
            return Verdict.DOUBLE_NAT, [f"The router's address on its internet side is {one.address} ({one.source}), and {reserved.WHY[what]}."]
    if way and way.tunnel:
        seen_as = f", and the internet sees {outside[0].address} ({outside[0].source})" if outside else ""
        return Verdict.VPN_EGRESS, [f"What this server sends to the internet leaves by {way.device}, a tunnel{seen_as}."]
    if warped := [one for one in sightings if "WARP" in one.trouble]:
        return Verdict.VPN_EGRESS, [f"{warped[0].source}: {warped[0].trouble}."]
    addresses = {one.address for one in router}
    if len(addresses) > 1:
        return Verdict.SOURCES_DISAGREE, [stories(router, "The router contradicts itself")]
    public = next(iter(addresses), "")
    others = sorted({one.address for one in outside} - {public})
    if public and others and public not in {one.address for one in outside}:
        both = f"The router's address is {public} ({router[0].source}), but the internet sees this server come from {', '.join(others)}"
        if len(others) > 1:
            return Verdict.SOURCES_DISAGREE, [f"{both}."]
        return Verdict.VPN_EGRESS, [f"{both} ({', '.join(one.source for one in outside)}): a VPN or a second line on the router."]
    if own and not outside and not public:
        return Verdict.DIRECT, [f"{own[0].address} is this server's own address on {way.device if way else 'its interface'}. Nothing outside confirms it."]
    if own and (agreed == own[0].address or own[0].address in {one.address for one in outside}):
        return Verdict.DIRECT, [f"{own[0].address} is this server's own address on {way.device if way else 'its interface'}."]
    if len({one.address for one in outside}) > 1 and not agreed:
        return Verdict.SOURCES_DISAGREE, [stories(outside, "The internet sees more than one address")]
    if own and outside:
        return Verdict.SOURCES_DISAGREE, [f"This server's own address is {own[0].address}, but the internet sees {others[0]} ({outside[0].source})."]
    if shared := own_shared(seen, settings):
        return Verdict.CGNAT, [f"This server's own address is {shared}: {reserved.WHY[reserved.SHARED]}."]
    if public:
        return Verdict.NAT, [f"The router's address on the internet is {public} ({', '.join(one.source for one in router)})."]
    if outside:
        return behind_silent_router(sightings, outside[0].address, path, settings)
    if agreed:
        return Verdict.NAT, [f"{agreed} is what was given for this home."]
    if not way:
        return Verdict.NONE, ["This server has no way to the internet by IPv4."]
    return Verdict.UNKNOWN, ["No source of an IPv4 address answered.", *troubles(sightings)]


def behind_silent_router(sightings: Sequence[Sighting], address: str, path: Sequence[str], settings: Settings) -> Ruling:
    """What the way to the own address tells. The router that has it takes every packet for it; one that says that a packet has come too far to go on
    to it (ICMP time exceeded) has it not, so another NAT is behind."""
    refused = [one for one in sightings if one.kind == SourceKind.ROUTER and "no address on the internet" in one.trouble]
    if path and path[0] == address:
        return Verdict.NAT, [f"{address} is the home router's own address: the way to it ends there."]
    for hop in path:
        if hop and reserved.kind(hop, settings.public) in (reserved.SHARED, reserved.DS_LITE):
            return Verdict.CGNAT, [f"On the way to {address}, the address that the internet sees, lies {hop}: {reserved.WHY[reserved.SHARED]}."]
    if any(path):
        passed = ", ".join(hop for hop in path if hop and hop != address)
        return Verdict.DOUBLE_NAT, [f"{address}, the address that the internet sees, is not the home router's own: the way to it goes on beyond {passed}."]
    if refused:
        return Verdict.DOUBLE_NAT, [f"The router says that it has no address on the internet itself, yet the internet sees {address} ({refused[0].source})."]
    return Verdict.NAT, [f"The internet sees {address}.", NO_ROUTER.format(address=address)]


def judge_ipv6(sightings: Sequence[Sighting], agreed: str, seen: Look, settings: Settings, path: Sequence[str]) -> Ruling:
    own, outside = by_kind(sightings, SourceKind.INTERFACE), [one for one in sightings if one.kind in OUTSIDE and one.address]
    way = seen.way(IPV6)
    given = [one for one in sightings if one.address and one.kind in (SourceKind.FIXED, SourceKind.COMMAND)]
    if way and way.tunnel:
        return Verdict.VPN_EGRESS, [f"What this server sends to the internet by IPv6 leaves by {way.device}, a tunnel."]
    if own and outside:
        if {one.address for one in outside} == {own[0].address} or agreed == own[0].address:
            return Verdict.DIRECT, [f"{own[0].address} is this server's own address on {way.device if way else 'its interface'}, and seen from outside."]
        return Verdict.SOURCES_DISAGREE, [f"This server's own address is {own[0].address}, but the internet sees {outside[0].address} ({outside[0].source})."]
    if own:
        text = (
            f"{own[0].address} is this server's own address on {way.device if way else 'its interface'}. Nothing outside confirms that it reaches the internet."
        )
        return Verdict.DIRECT, [text, *troubles([one for one in sightings if one.kind in OUTSIDE])]
    if len({one.address for one in outside}) > 1 and not agreed:
        return Verdict.SOURCES_DISAGREE, [stories(outside, "The internet sees more than one address")]
    if outside:
        return Verdict.NAT, [f"This server has no lasting public IPv6 address of its own, yet the internet sees {outside[0].address} ({outside[0].source})."]
    if given:
        return Verdict.DIRECT, [f"{given[0].address} is what was given for this home ({given[0].source})."]
    if not way or not any(":" in one.address and one.device == way.device and not reserved.unfit(one.address, settings.public) for one in seen.owns):
        return Verdict.NONE, ["This server has no public IPv6 address, so no name should have an AAAA record."]
    return Verdict.UNKNOWN, ["No source of an IPv6 address answered.", *troubles(sightings)]


def by_kind(sightings: Sequence[Sighting], kind: SourceKind) -> list[Sighting]:
    return [one for one in sightings if one.kind == kind and one.address]


def own_shared(seen: Look, settings: Settings) -> str:
    """An address of the provider's shared network on the way out itself."""
    way = seen.way(IPV4)
    shared = (own.address for own in seen.owns if way and own.device == way.device and reserved.kind(own.address, settings.public) == reserved.SHARED)
    return next(shared, "")


def stories(sightings: Sequence[Sighting], begin: str) -> str:
    return f"{begin}: {', '.join(f'{one.address} ({one.source})' for one in sightings)}."


def troubles(sightings: Sequence[Sighting]) -> list[str]:
    return [f"{one.source}: {one.trouble.rstrip('.')}." for one in sightings if one.trouble]
