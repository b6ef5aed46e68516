# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether the sources agree on one address, which alone may be published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .model import Settings, Sighting, SourceKind
from .names import BY_THEMSELVES, LOCAL, kind_of
from .reserved import unfit


@dataclass(frozen=True)
class Agreement:
    """`address`: what enough kinds of sources say, '' for nothing. `why`: what is missing or in the way where there is none."""

    address: str = ""
    why: tuple[str, ...] = ()


def needed(names: Sequence[str], quorum: int) -> int:
    """How many kinds have to agree: the owner's quorum, or all of the kinds where they list fewer."""
    return max(1, min(quorum, len({kind_of(name) for name in names} - BY_THEMSELVES)))


def agree(sightings: Sequence[Sighting], settings: Settings, names: Sequence[str]) -> Agreement:
    """`names`: the sources that were to be asked for this family."""
    said = [one for one in sightings if one.address]
    why = []
    fit: dict[str, set[SourceKind]] = {}
    for one in said:
        reason = unfit(one.address, settings.public, settings.allow_private)
        if not reason:
            fit.setdefault(one.address, set()).add(one.kind)
        elif one.kind != SourceKind.INTERFACE:
            why.append(f"{one.source} says {one.address}, which is not published: {reason}.")
    for kind in (SourceKind.FIXED, SourceKind.COMMAND):
        owners = [address for address, kinds in fit.items() if kind in kinds]
        if owners:
            return Agreement(owners[0])
    enough = needed(names, settings.quorum)
    winners = [address for address, kinds in fit.items() if len(kinds) >= enough]
    # The router's own address and the interface's are the home's: whoever sees another has seen something else, such as a VPN's.
    against = [one for one in said if one.kind in LOCAL and one.address not in winners and not unfit(one.address, settings.public)]
    if len(winners) == 1 and not against:
        return Agreement(winners[0])
    if len(fit) > 1:
        stories = "; ".join(f"{', '.join(one.source for one in said if one.address == address)} {verb(said, address)} {address}" for address in fit)
        return Agreement("", (*why, f"The sources do not agree: {stories}."))
    if fit:
        ((address, kinds),) = fit.items()
        silent = [one.source for one in sightings if not one.address and one.kind not in kinds]
        missing = f" Nothing came from {', '.join(silent)}." if silent else ""
        only = ", ".join(one.source for one in said if one.address == address)
        why.append(f"Only {only} {verb(said, address)} {address}, and {enough} kinds of sources have to agree.{missing}")
    return Agreement("", tuple(why))


def verb(said: Sequence[Sighting], address: str) -> str:
    return "says" if len([one for one in said if one.address == address]) == 1 else "say"
