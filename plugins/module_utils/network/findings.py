# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a diagnosis can find, how grave it is, and how it is written for a person."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass

from ..acme.problem import printable

LONGEST = 400
"""Letters of one sentence of evidence."""

ERROR, WARNING, NOTE = "error", "warning", "note"
WEIGHT = {ERROR: 0, WARNING: 1, NOTE: 2}

PROVEN_INSIDE, PROVEN_OUTSIDE, NOT_PROVEN = "inside", "outside", "not"

SEVERITIES = {
    "cgnat": ERROR,
    "double_nat": ERROR,
    "vpn_egress": ERROR,
    "sources_disagree": WARNING,
    "address_unknown": WARNING,
    "not_looked": WARNING,
    "nothing_listens": ERROR,
    "firewall_blocks": ERROR,
    "isp_blocks_port": ERROR,
    "port_443_closed": ERROR,
    "port_80_closed": WARNING,
    "another_answers": ERROR,
    "no_record": ERROR,
    "dns_broken": ERROR,
    "dns_unread": WARNING,
    "private_record": ERROR,
    "wrong_wildcard": ERROR,
    "stale_a": ERROR,
    "stale_aaaa": ERROR,
    "aaaa_not_working": ERROR,
    "dns_servers_differ": WARNING,
    "not_spread_yet": NOTE,
    "caa_forbids": ERROR,
    "no_hairpin": WARNING,
    "lan_name_wrong": ERROR,
    "not_proven_from_outside": NOTE,
}
"""Every finding, in the order in which they are told: what causes others comes first. docs/network.md explains each."""

ORDER = {name: place for place, name in enumerate(SEVERITIES)}


@dataclass(frozen=True)
class Finding:
    """`what` is one sentence, `evidence` are sentences of what was seen and by whom, `advice` says what to do. `proven`: seen by a machine inside or
    outside the home, or not proven at all. `about`: names, addresses or hosts."""

    id: str
    severity: str
    what: str
    evidence: tuple[str, ...]
    advice: str
    proven: str
    about: tuple[str, ...] = ()


def finding(name: str, what: str, evidence: Iterable[str], advice: str, proven: str = PROVEN_INSIDE, about: Iterable[str] = (), severity: str = "") -> Finding:
    """A finding with the weight of its kind, where none is given."""
    seen = tuple(dict.fromkeys(printable(one, LONGEST) for one in evidence))  # words of strangers are among them
    return Finding(name, severity or SEVERITIES[name], what, seen, advice, proven, tuple(dict.fromkeys(about)))


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """The gravest first, and among equals what causes others."""
    return sorted(dict.fromkeys(findings), key=lambda one: (WEIGHT[one.severity], ORDER[one.id], one.about))


def listed(words: Iterable[str], most: int = 4) -> str:
    """`a, b and c`, and after that how many more."""
    every = list(dict.fromkeys(words))
    shown = every[:most] if len(every) > most + 1 else every
    if len(shown) < len(every):
        return f"{', '.join(shown)} and {len(every) - len(shown)} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)


PROOF = {
    PROVEN_INSIDE: "seen from inside the home",
    PROVEN_OUTSIDE: "seen from outside",
    NOT_PROVEN: "not proven",
}

MARK = {ERROR: "PROBLEM", WARNING: "WARNING", NOTE: "NOTE"}


def written(number: int, one: Finding, width: int = 100) -> str:
    """One finding for a terminal."""
    head = textwrap.fill(f"{number}. {MARK[one.severity]}: {one.what}", width, subsequent_indent="   ")
    rows = [row("Seen", text, width) if place == 0 else row("", text, width) for place, text in enumerate(one.evidence)]
    return "\n".join([head, *rows, row("To do", one.advice, width), row("Proof", f"{PROOF[one.proven]}  [{one.id}]", width)])


def row(label: str, text: str, width: int = 100, column: int = 8) -> str:
    """A line with a label, folded so that its text stands in one column."""
    indent = " " * (3 + column)
    return textwrap.fill(text, width, initial_indent=f"   {label:<{column}}", subsequent_indent=indent, break_on_hyphens=False, break_long_words=False)
