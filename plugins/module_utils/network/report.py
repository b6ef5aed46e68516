# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A diagnosis as text for a person at a terminal."""

from __future__ import annotations

import textwrap
from collections import Counter

from ..address.model import FAMILIES
from .challenge import CLOSED, OPEN, OTHER, UNPROVEN
from .findings import ERROR, NOTE, WARNING, listed, written
from .judge import Picture
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
ABOUT_NAMES = frozenset({"no_record", "dns_broken", "private_record", "wrong_wildcard", "stale_a", "stale_aaaa"})


def text(picture: Picture, width: int = WIDTH) -> str:
    """Address, ports, names and certificates at a glance, then each finding with what was seen and what to do."""
    seen = picture.seen
    places = ", ".join(place_of(host, look) for host, look in seen.looks.items())
    lines = [textwrap.fill(f"The network of {seen.server_name}, looked at from {places or 'nowhere'}", width), ""]
    lines += [glance(SPOKEN[family], address(seen, family), width) for family in FAMILIES]
    for scheme, port in seen.wish.ports.items():
        states = {family: seen.states[scheme][family] for family in FAMILIES if seen.used(family)}
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
    return "\n".join([*lines, "", "The word in brackets is explained in docs/network.md."])


def glance(label: str, told: str, width: int) -> str:
    return textwrap.fill(
        told, width, initial_indent=f"  {label:<{COLUMN}}", subsequent_indent=" " * (COLUMN + 2), break_on_hyphens=False, break_long_words=False
    )


def address(seen: Seen, family: str) -> str:
    verdict = seen.verdict(family)
    known = ", ".join(seen.home[family])
    return f"{known}, {CONNECTED[verdict]}" if known and verdict not in ("unknown", "none") else known or CONNECTED[verdict]


def names(picture: Picture) -> str:
    """How many names lead home, and which do not; one of which nobody can say it does not count for either."""
    seen = picture.seen
    wished = seen.wish.names
    wrong = [name for name in wished if any(name in one.about and one.severity == ERROR and one.id in ABOUT_NAMES for one in picture.findings)]
    good = [name for name in wished if name not in wrong and led_home(seen, name)]
    unknown = [name for name in wished if name not in wrong and name not in good]
    told = [
        f"{listed(good)} lead{'s' if len(good) == 1 else ''} home" if good else "",
        f"{listed(wrong)} do{'es' if len(wrong) == 1 else ''} not{'' if good else ' lead home'}" if wrong else "",
        f"nobody can say where {listed(unknown)} lead{'s' if len(unknown) == 1 else ''}" if unknown else "",
    ]
    return "; ".join(one for one in told if one) if wished else "none are declared"


def led_home(seen: Seen, name: str) -> bool:
    records = [address for family in FAMILIES for address in seen.records(name)[family]]
    return bool(records) and all(seen.leads_home(address) for address in records)


def certificates(picture: Picture) -> str:
    choice = picture.choice
    return choice.impossible or f"{' and '.join(choice.challenges)} can work: {choice.because}"
