# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which calls a provider gets for names that are to change: as few as it allows, and none that would spoil what is not meant.

What providers do with a family that a call leaves out is in the capability table of docs/ddns.md, each with its source.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .model import CLEAR, FAMILIES, IPV4, IPV6, RECORD, Call, Capabilities, LeftOut

Values = Mapping[str, str]
"""Family -> address, `CLEAR`, or for IPv6 a prefix such as 2001:db8:1::/56."""

OTHER_REFUSED = "The other address of the name cannot be told, and this provider would remove or overwrite it in a call without it."

WORD = {IPV4: "IPv4", IPV6: "IPv6"}


@dataclass(frozen=True)
class Refusal:
    """What cannot be asked of a provider, for the owner. `passing`: another run may find that it can."""

    host: str
    family: str
    text: str
    passing: bool = False


def calls(wanted: Mapping[str, Values], known: Mapping[str, Values], can: Capabilities) -> tuple[list[Call], list[Refusal]]:
    """The calls for all that is `wanted`, and what is refused of it.

    `known`: what the names have at present; a family that is missing there is not known. Every wanted family of a name is in exactly one call or
    one refusal; a call holds more than what is wanted only where the provider would spoil what it is not told.
    """
    groups: dict[tuple[tuple[str, str], ...], list[str]] = {}
    refusals: list[Refusal] = []
    for host, values in wanted.items():
        told, refused = split(host, values, known.get(host, {}), can)
        refusals += refused
        parts = [told] if can.together or (can.clear_together and CLEAR in told.values()) else [{family: value} for family, value in told.items()]
        for part in parts:
            if part:
                groups.setdefault(tuple(sorted(part.items())), []).append(host)
    most = max(can.most_hosts, 1)
    return [call(tuple(hosts[start : start + most]), dict(group)) for group, hosts in groups.items() for start in range(0, len(hosts), most)], refusals


def split(host: str, values: Values, known: Values, can: Capabilities) -> tuple[dict[str, str], list[Refusal]]:
    """What a call for one name says, and what cannot be said."""
    told: dict[str, str] = {}
    refusals = []
    for family in FAMILIES:
        if family in values:
            trouble = unsupported(host, family, values[family], can)
            if trouble:
                refusals.append(Refusal(host, family, trouble))
            else:
                told[family] = values[family]
    if can.clear_together and CLEAR in told.values():
        told, more = cleared(host, told, {} if refusals else known)
        refusals += more
        if CLEAR in told.values():
            return told, refusals
    stopped = {refusal.family for refusal in refusals}
    missing = [family for family in FAMILIES if told and family not in told and can.left_out == LeftOut.HAZARD]
    for family in missing:
        hurt = (OTHER_REFUSED, False) if family in stopped and family in can.families else completed(family, told, known, can)
        if hurt:
            refusals += [Refusal(host, each, f"{hurt[0]} Nothing is sent for {host}.", hurt[1]) for each in told]
            return {}, refusals
    return told, refusals


def unsupported(host: str, family: str, value: str, can: Capabilities) -> str:
    if family not in can.families:
        return f"This provider keeps no {WORD[family]} address ({RECORD[family]} record): take {family} out of the account's families."
    if host.startswith("*.") and not can.wildcard:
        return f"This provider takes no wildcard: name {host.removeprefix('*.')} in its place, or each name by itself."
    if value == CLEAR and family not in can.clear:
        return f"This provider cannot remove an {RECORD[family]} record by itself: remove it on its web page, then take the name out of the account."
    if "/" in value and not can.prefix:
        return "This provider cannot change an IPv6 prefix alone: take prefix out of the account, and give the names' host parts as suffixes."
    return ""


def cleared(host: str, told: dict[str, str], known: Values) -> tuple[dict[str, str], list[Refusal]]:
    """A removal at a provider that removes both addresses at once: only where nothing else of the name is to stay."""
    stays = [family for family in FAMILIES if told.get(family, known.get(family, "unknown")) != CLEAR]
    if not stays:
        return dict.fromkeys(FAMILIES, CLEAR), []
    kept = {family: value for family, value in told.items() if value != CLEAR}
    text = f"This provider removes both addresses of a name at once, and {' and '.join(WORD[family] for family in stays)} would go with it."
    return kept, [Refusal(host, family, text) for family, value in told.items() if value == CLEAR]


def completed(family: str, told: dict[str, str], known: Values, can: Capabilities) -> tuple[str, bool] | None:
    """Put the family that was left out into the call, as it is known; else say why that cannot be, and whether that may pass."""
    value = known.get(family)
    if family not in can.families or (value == CLEAR and family == IPV6):
        # Such a provider removes what it is not told (INWX does, ddclient's documentation of it), and there is nothing to remove.
        return None
    if value is None:
        return f"This provider removes or overwrites the {RECORD[family]} record in a call that does not name it, and that record is not known now.", True
    if value == CLEAR:
        return f"This provider writes an {RECORD[family]} record of its own making where it is told none, and the name is to have none.", False
    told[family] = value
    return None


def call(hosts: tuple[str, ...], values: dict[str, str]) -> Call:
    """A prefix goes beside the values, in place of the IPv6 address."""
    if "/" not in values.get(IPV6, ""):
        return Call(hosts, values)
    return Call(hosts, {family: value for family, value in values.items() if family != IPV6}, prefix=values[IPV6])
