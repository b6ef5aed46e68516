# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What was found before, and what was told of it: so that a person hears of each change once, and of nothing twice."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from ..host import memory
from ..network.findings import WEIGHT
from .model import ERROR, Finding

NAME = "state.json"
LOOKS = 2
"""Looks in a row without it, or in which it was milder, before that counts."""
MOST_WAITING = 20
"""Notices that wait for one receiver."""


@dataclass
class Known:
    """A finding as it was told. `since`, `told`: seconds of Unix time; `missed`: looks in a row that did not see it, `milder`: in which it was less grave."""

    severity: str
    what: str
    stage: int = 0
    since: float = 0.0
    told: float = 0.0
    missed: int = 0
    milder: int = 0


@dataclass
class Changes:
    """What a person is to be told of: findings that are new, worse, or still there and grave; and what is well again, as it was told."""

    new: list[Finding] = field(default_factory=list)
    worse: list[Finding] = field(default_factory=list)
    still: list[Finding] = field(default_factory=list)
    gone: list[Known] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.new or self.worse or self.still or self.gone)


@dataclass
class State:
    """`waiting`: receiver -> notices that did not reach it yet, each a mapping of title, text and kind. `at`: when it was written. `lost`: the file was there
    and could not be read."""

    known: dict[str, Known] = field(default_factory=dict)
    waiting: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    at: float = 0.0
    lost: bool = False

    def step(self, findings: Sequence[Finding], unseen: Collection[tuple[str, str]], now: float, remind: float) -> Changes:
        """Take in what a look found. `unseen`: (area, about) of which nothing can be said now; what is known of them stays."""
        changes = Changes()
        present = {one.key for one in findings}
        for one in findings:
            self.meet(one, now, remind, changes)
        for key, known in list(self.known.items()):
            area, _, rest = key.partition("/")
            if key in present or (area, "") in unseen or (area, rest.partition("/")[2]) in unseen:
                continue
            known.missed += 1
            if known.missed >= LOOKS:
                changes.gone.append(self.known.pop(key))
        return changes

    def meet(self, one: Finding, now: float, remind: float, changes: Changes) -> None:
        known = self.known.get(one.key)
        if known is None:
            self.known[one.key] = Known(one.severity, one.what, one.stage, now, now)
            changes.new.append(one)
            return
        known.missed, known.what = 0, one.what
        now_is, was = (-WEIGHT[one.severity], one.stage), (-WEIGHT[known.severity], known.stage)
        known.milder = known.milder + 1 if now_is < was else 0
        if now_is > was or known.milder >= LOOKS:
            known.severity, known.stage, known.milder = one.severity, one.stage, 0
        if now_is > was:
            known.told = now
            changes.worse.append(one)
        elif known.severity == ERROR and not 0 <= now - known.told < remind:
            known.told = now
            changes.still.append(one)


def read(folders: Sequence[Path]) -> State:
    """The newest state of these folders; an empty one where there is none."""
    found, lost = [], False
    for folder in folders:
        try:
            found.append(taken(json.loads((folder / NAME).read_text(encoding="utf-8"))))
        except FileNotFoundError:
            continue
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            lost = True
    return max(found, key=lambda state: state.at) if found else State(lost=lost)


def taken(given: Mapping[str, Any]) -> State:
    """Raises ValueError, KeyError, TypeError or AttributeError for what no run wrote."""
    known = {str(key): checked(entry) for key, entry in given["known"].items()}
    waiting = {
        str(to): [{name: str(notice[name]) for name in ("title", "text", "kind")} for notice in notices][-MOST_WAITING:]
        for to, notices in given["waiting"].items()
    }
    return State(known, waiting, float(given["at"]))


def checked(entry: Mapping[str, Any]) -> Known:
    known = Known(**{each.name: entry[each.name] for each in fields(Known)})
    numbers = (known.since, known.told, known.missed, known.milder, known.stage)
    if known.severity not in WEIGHT or not isinstance(known.what, str) or not all(isinstance(one, int | float) for one in numbers):
        raise ValueError
    return known


def write(state: State, folders: Sequence[Path], now: float) -> None:
    """Into the first folder that takes it, whole or not at all. The last is in memory: a full disk is worth a notice, and not one each hour.
    Raises OSError where none takes it."""
    state.at = now
    plain = {"at": now, "known": {key: asdict(known) for key, known in state.known.items()}, "waiting": state.waiting}
    text = json.dumps(plain, indent=1) + "\n"
    trouble: OSError | None = None
    for folder in folders:
        try:
            memory.write(folder / NAME, text)
        except OSError as error:
            trouble = error
        else:
            return
    raise trouble or OSError("there is no folder for it")
