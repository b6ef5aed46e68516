# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A diagnosis as text for a person at a terminal."""

from __future__ import annotations

import textwrap
from collections import Counter

from ..address.model import FAMILIES
from .challenge import CLOSED, OPEN, OTHER, UNPROVEN
from .findings import ERROR, NOTE, WARNING, written
from .judge import Picture, used
from .seen import SPOKEN, Seen, place_of

WIDTH = 100
COLUMN = 14

CONNECTED = {
    "direct": "the server has it itself",
    "nat": "behind your router",
    "double_nat": "behind two routers",
    "cgnat": "shared by your provider (CGNAT)",
    "vpn_egress": "the server goes out by a VPN or another line",
    "sources_disagree": "the sources do not agree",
    "unknown": "not found",
    "none": "none",
}
STATES = {
    OPEN: "leads to the server, proven from outside",
    CLOSED: "closed from outside",
    OTHER: "leads to something else",
    UNPROVEN: "not proven from outside",
}
COUNTED = {ERROR: "problem", WARNING: "warning", NOTE: "note"}
ABOUT_NAMES = frozenset({"no_record", "dns_broken", "private_record", "wrong_wildcard", "stale_a", "stale_aaaa", "aaaa_not_working"})


def text(picture: Picture, width: int = WIDTH) -> str:
    """Address, ports, names and certificates at a glance, then each finding with what was seen and what to do."""
    seen = picture.seen
    lines = [f"The network of {seen.server_name}, looked at from {', '.join(place_of(host, look) for host, look in seen.looks.items())}", ""]
    lines += [glance(SPOKEN[family], address(seen, family), width) for family in FAMILIES]
    for scheme, port in seen.wish.ports.items():
        states = {family: seen.states[scheme][family] for family in FAMILIES if used(seen, family)}
        same = len(set(states.values())) == 1
        told = [f"{STATES[state]}" if same else f"{SPOKEN[family]} {STATES[state]}" for family, state in states.items()]
        lines.append(glance(f"Port {port}", (told[0] if same else "; ".join(told)) if told else "nothing known", width))
    lines += [glance("Names", names(picture), width), glance("Certificates", certificates(picture), width), ""]
    counted = Counter(one.severity for one in picture.findings)
    if not picture.findings:
        return "\n".join([*lines, "Nothing is wrong."])
    lines += [", ".join(f"{number} {COUNTED[kind]}{'' if number == 1 else 's'}" for kind in COUNTED if (number := counted[kind])) + ":"]
    for number, one in enumerate(picture.findings, 1):
        lines += ["", written(number, one, width)]
    return "\n".join(lines)


def glance(label: str, told: str, width: int) -> str:
    return textwrap.fill(
        told, width, initial_indent=f"  {label:<{COLUMN}}", subsequent_indent=" " * (COLUMN + 2), break_on_hyphens=False, break_long_words=False
    )


def address(seen: Seen, family: str) -> str:
    verdict = seen.verdict(family)
    known = ", ".join(seen.home[family])
    return f"{known}, {CONNECTED[verdict]}" if known and verdict not in ("unknown", "none") else known or CONNECTED[verdict]


def names(picture: Picture) -> str:
    wished = picture.seen.wish.names
    if not wished:
        return "none are declared"
    wrong = [name for name in wished if any(name in one.about and one.severity == ERROR and one.id in ABOUT_NAMES for one in picture.findings)]
    unknown = [name for name in wished if name not in wrong and not any(picture.seen.records(name).values())]
    good = len(wished) - len(wrong) - len(unknown)
    every = f"{good} of {len(wished)} lead home" if len(wished) > 1 else (f"{wished[0]} leads home" if good else f"{wished[0]} does not lead home")
    return f"{every}{f'; nothing is known of {len(unknown)}' if unknown and len(wished) > 1 else ''}"


def certificates(picture: Picture) -> str:
    choice = picture.choice
    return choice.impossible or f"{' and '.join(choice.challenges)} can work: {choice.because}"
