# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""All looks of one run. One that fails is a finding itself, and a doubt that a restart may explain is looked at twice."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from .model import MOMENTARY, NOTE, Finding, Look, finding, in_order

PAUSE = 15.0
"""Seconds in which a service or container has started again."""

Looks = Mapping[str, Callable[[], Look]]
"""Area -> how it is looked at."""
TITLES = {
    "certificates": "the certificates",
    "units": "services and timers",
    "failures": "what failed",
    "names": "the names",
    "router": "the router's rules",
    "apps": "the apps",
    "disk": "the disk",
}


@dataclass
class Seen:
    """Everything that was found. `unseen`: (area, about) of which nothing can be said now, with '' for the whole area. `blind`: nothing at
    all could be looked at."""

    findings: list[Finding] = field(default_factory=list)
    unseen: set[tuple[str, str]] = field(default_factory=set)
    certificates: list[dict[str, Any]] = field(default_factory=list)

    blind: bool = False


def gather(looks: Looks, known: Collection[str], pause: Callable[[float], None]) -> Seen:
    """`known`: keys of what was found before, which needs no second look."""
    done = {area: attempt(area, look) for area, look in looks.items()}
    doubtful = [area for area, look in done.items() if any(one.id in MOMENTARY and one.key not in known for one in look.findings)]
    if doubtful:
        pause(PAUSE)
        for area in doubtful:
            first, second = done[area], attempt(area, looks[area])
            before = {one.key for one in first.findings}
            second.findings = [one for one in second.findings if one.id not in MOMENTARY or one.key in before]
            done[area] = second
    seen = Seen(blind=all(one.findings and one.findings[0].id == "not_looked" for one in done.values()))
    for area, look in done.items():
        seen.findings += [one for one in look.findings if one.severity != NOTE]
        seen.unseen |= {(area, about) for about in look.unseen}
        seen.certificates += look.certificates
    seen.findings = in_order(seen.findings)
    return seen


def attempt(area: str, look: Callable[[], Look]) -> Look:
    try:
        return look()
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and "cryptography" in str(error):
            why, advice = "the Python library cryptography is missing", "apt-get install python3-cryptography"
        else:
            why = f"{type(error).__name__}: {error}" if not isinstance(error, OSError) else str(error.strerror or error)
            advice = "See 'exposure watch --check', as root."
        what = f"Nobody could look at {TITLES.get(area, area)} ({why})."
        return Look(area, [finding(area, "not_looked", area, what, advice)], {""})
