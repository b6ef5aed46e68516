# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The proof as a short table for a terminal: a line for each name, none longer than WIDTH."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from .gather import FAILED, OK, UNPROVEN, Proof, Site
from .said import counted
from .vantages import KINDS, together_by_name
from .words import visible

WIDTH = 100
MARKS = {OK: "ok", FAILED: "FAIL", UNPROVEN: "?"}
HEADS = {"outside": "outside", "lan": "at home", "server": "server", "controller": "here"}
PASSED = "TLS ends at the app, which sees the address of the proxy in place of each client's."
MOST = 10
"""Problems that are told here."""
CELL = 9
LIFE = 15


def text(proof: Proof, page: str = "") -> str:
    """The verdict, a line for each name, and what else there is to know. `page` is where the whole is to be read."""
    kinds = [kind for kind in KINDS if any(one.kind == kind for one in proof.vantages)]
    room = WIDTH - 2 - 5 - LIFE - 2 - len(kinds) * (CELL + 2)
    lines = [ended(f"{proof.headline}{':' if proof.sites else '.'}")]
    if proof.sites:
        name = min(room, max(len(named(one)) for one in proof.sites))
        lines.append(row("", "", name, "certificate", [HEADS[kind] for kind in kinds]))
        lines += [row(MARKS[one.state], named(one), name, life(one), [cell(one, kind, proof) for kind in kinds]) for one in proof.sites]
        lines += [f"  * {PASSED}"] if any(one.passthrough for one in proof.sites) else []
        lines += [""]
    lines += to_do(proof)
    besides = counted(one for one in proof.findings if one.source != "app")
    lines += [line for one in proof.left_to_do for line in textwrap.wrap(visible(one), WIDTH, break_long_words=False, break_on_hyphens=False)]
    problems = [
        ended(f"  - {visible(': '.join(one.what[:2] if one.source == 'host' else one.what[:1]))}")
        for one in proof.findings
        if one.severity == "error" and one.what and one.source != "app"
    ]
    lines += [f"Also found: {besides}{':' if problems else '.'}"] if besides else []
    lines += problems[:MOST] + ([f"  - and {len(problems) - MOST} more problems"] if len(problems) > MOST else [])
    lines += [f"All of it, with what to do: {page}"] if page else []
    return "\n".join(line.rstrip() for line in lines).rstrip()


def to_do(proof: Proof) -> list[str]:
    """What stands open to whoever comes first: what it is, and what to do."""
    found = [one for one in proof.findings if one.source == "app"]
    lines = [line for one in found[:MOST] for said in (f"! {visible(one.what[0])}", f"  {visible(one.advice)}") for line in wrapped(said)]
    more = [f"  ! and {len(found) - MOST} more apps"] if len(found) > MOST else []
    return [*lines, *more, *[""] * bool(found)]


def wrapped(said: str) -> list[str]:
    return textwrap.wrap(said, WIDTH, initial_indent="  ", subsequent_indent="    ", max_lines=4, placeholder="...", break_on_hyphens=False)


def ended(line: str) -> str:
    """A line that does not wrap."""
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 3]}..."


def named(site: Site) -> str:
    return f"{visible(site.place)} *" if site.passthrough else visible(site.place)


def row(mark: str, place: str, name: int, certificate: str, cells: Sequence[str]) -> str:
    columns = "".join(f"  {one:<{CELL}}" for one in cells)
    return f"  {mark:<4} {shortened(place, name):<{name}}  {certificate:<{LIFE}}{columns}"


def shortened(word: str, most: int) -> str:
    """A name with its middle left out, where it is too long: both ends tell names apart."""
    if len(word) <= most:
        return word
    head = (most - 3) // 2
    return f"{word[:head]}...{word[len(word) - (most - 3 - head) :]}"


def life(site: Site) -> str:
    return site.certificates[0].short if site.certificates else "-"


def cell(site: Site, kind: str, proof: Proof) -> str:
    names = [one.name for one in proof.vantages if one.kind == kind]
    states = together_by_name(one for one in site.checks if one.vantage in names)
    failed, passed = states.count(FAILED), states.count(OK)
    if failed:
        return f"{failed} fail"
    if passed:
        return f"ok {passed}"
    return "?" if any(one.looked for one in proof.vantages if one.kind == kind) else "no look"
