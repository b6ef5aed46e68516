# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Apps that anybody gets into: by a log-in that they came with, or by being the first to open them. Seen from the app's own host, not from the internet."""

from __future__ import annotations

import contextlib
import http.client
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ..inspection.side_by_side import side_by_side
from ..watch.apps import engine
from .log_in import ELSEWHERE, GRANTED, REFUSED, UNCLEAR, NotReached, Place, ask, attempt, marked
from .outcome import NotProven, Outcome, Wrong, outcome
from .tried import FOLDER, Tried, containers_of, day, mark

ACCOUNTS, OWNER = "accounts", "owner"
UNCLAIMED, KNOWN = "unclaimed", "known_log_ins"
CLOSED = (401, 403, 404, 410)
"""How the page for a first visitor answers once there is an owner, where it does not say so in words."""
DOWN = "See on its host whether the app runs and what it says (docker ps -a, docker logs)."
BY_HAND = "Try the log-in yourself, and once it is replaced, write accounts_replaced: [%s] %s."


@dataclass
class Found:
    """`findings` are what an owner is to do although nothing has failed: `id`, `severity`, `about` (public names), `what`, `why`, `advice`."""

    outcomes: list[Outcome] = field(default_factory=list)
    findings: list[dict[str, Any]] = field(default_factory=list)

    def told(self) -> dict[str, Any]:
        return {"outcomes": [asdict(one) for one in self.outcomes], "findings": self.findings}


@dataclass
class Look:
    """A look at one app as the Plan describes it (plan/model.py, LogIns). `trying`: whether log-ins may be tried."""

    app: Mapping[str, Any]
    folder: Path
    now: float
    trying: bool = True
    timeout: float = 6.0
    containers: Callable[[str], str] = lambda project: containers_of(project, engine())

    @property
    def names(self) -> dict[str, str]:
        """Public names with their sites; an app that has none is called by its own."""
        return dict(self.app["hosts"]) or {self.name: self.name}

    @property
    def name(self) -> str:
        return str(self.app["name"] or next(iter(self.app["hosts"]), self.app["address"]))

    @property
    def entry(self) -> str:
        """Where its owner writes something about it."""
        return "in its entry of exposure_apps" if self.app["name"] else "in its site"

    @property
    def title(self) -> str:
        return str(self.app["title"])

    @property
    def place(self) -> Place:
        url = str(self.app["url"]).partition("://")[2].partition("/")[0]
        return Place(str(self.app["address"]), int(self.app["port"]), bool(self.app["tls"]), url, self.timeout)

    def all(self) -> Found:
        found = Found()
        if self.app["unclaimed"]:
            self.add(found, OWNER, partial(self.owner, found))
        if self.app["accounts"]:
            self.add(found, ACCOUNTS, partial(self.log_ins, found))
        return found

    def add(self, found: Found, check: str, look: Callable[[], str]) -> None:
        """The same outcome for each of its names: it is one app."""
        place = self.place.address
        seen = outcome("", "", check, place, look)
        found.outcomes += [Outcome(host, site, check, place, seen.ok, seen.detail, seen.advice) for host, site in self.names.items()]

    def finding(self, kind: str, severity: str, what: str, why: str, advice: str) -> dict[str, Any]:
        about = list(self.names)
        return {"id": kind, "severity": severity, "about": about, "what": f"{about[0]}: {what}", "why": why, "advice": advice}

    def owner(self, found: Found) -> str:
        wanted = self.app["unclaimed"]
        try:
            answer = ask(self.place, wanted["path"])
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise NotProven(f"{wanted['path']} gives no answer ({str(error) or type(error).__name__})", DOWN) from None
        if answer.status in wanted["status"] and marked(answer, wanted):
            why = "Everybody can open it, and whoever does so first makes its first account."
            url = self.app["url"]
            advice = f"Open {url} now and make the first account." if url else "Make the first account before a site leads to it."
            found.findings.append(self.finding(UNCLAIMED, "warning", f"nobody owns {self.title} yet, and whoever opens it first will.", why, advice))
            raise NotProven("nobody owns it yet: whoever opens it first becomes its owner", advice)
        elsewhere = 300 <= answer.status < 400 and not wanted["location"]
        if elsewhere or (answer.status >= 400 and answer.status not in CLOSED):
            raise NotProven(f"{wanted['path']} answers {answer.status}", DOWN)
        return "it has an owner"

    def log_ins(self, found: Found) -> str:
        """Every account that can be tried is granted, refused or unclear; the worst of them is the outcome."""
        accounts: Sequence[Mapping[str, Any]] = self.app["accounts"]
        unseen = [one for one in accounts if not one["path"]]
        if unseen:
            users = ", ".join(str(one["user"]) for one in unseen)
            what = f"{self.title} came with {'log-ins' if len(unseen) > 1 else 'a log-in'} that everybody knows: {users}."
            why = "Nobody can see from here whether it still works, and whoever tries it may be in."
            advice = f"{replaced_by(unseen)} Then write accounts_replaced: [{users}] {self.entry}."
            found.findings.append(self.finding(KNOWN, "error", what, why, advice))
        ended = self.tried([one for one in accounts if one["path"]])
        still = [(one, told) for one, state, told in ended if state == GRANTED]
        if still:
            users = ", ".join(f"{one['user']}{told}" for one, told in still)
            raise Wrong(f"everybody gets in by a log-in that it came with: {users}", replaced_by([one for one, _ in still]))
        if unseen:
            raise NotProven(f"it came with {users}, and nobody can see from here whether that still works", advice)
        left = [(one, told) for one, state, told in ended if state != REFUSED]
        if left:
            raise NotProven("; ".join(f"{one['user']}: {told}" for one, told in left), BY_HAND % (", ".join(str(one["user"]) for one, _ in left), self.entry))
        return "replaced: " + ", ".join(f"{one['user']}{told}" for one, _, told in ended)

    def tried(self, accounts: Sequence[Mapping[str, Any]]) -> list[tuple[Mapping[str, Any], str, str]]:
        """Each account with how its log-in ended and words on that. The first that is not granted is the last that is tried in this run: a run adds
        one failed log-in at most to what the app counts."""
        memory = Tried(self.folder, self.name, self.now)
        containers = self.containers(str(self.app["name"]))
        keys = [mark(self.app, one, containers) for one in accounts]
        known = {key: memory.of(key) for key in keys}
        order = sorted(range(len(accounts)), key=lambda number: known[keys[number]] is None)
        told: dict[int, tuple[str, str]] = {}
        over = "" if self.trying else "no log-in is tried in check mode"
        for number in order:
            key = keys[number]
            before = known[key]
            if before and (before[0] != GRANTED or over):
                words = {GRANTED: f" (on {day(before[1])}; {over})", REFUSED: f" (seen on {day(before[1])})"}
                told[number] = before[0], words.get(before[0], f"a try on {day(before[1])} ended neither way, and is repeated a day later")
            elif over:
                told[number] = UNCLEAR, over
            else:
                told[number] = self.one(accounts[number], key, memory)
                over = "" if told[number][0] in (GRANTED, ELSEWHERE) else "one log-in that fails is enough for a run; the next one tries it"
        return [(one, *told[number]) for number, one in enumerate(accounts)]

    def one(self, account: Mapping[str, Any], key: str, memory: Tried) -> tuple[str, str]:
        before = memory.kept.get(key)
        try:
            memory.keep(key, UNCLEAR)  # first, so that a run which ends here is not one that tried nothing
        except OSError as error:
            return UNCLEAR, f"not tried, as it could not be remembered ({error.strerror or error}) and might be tried too often"
        try:
            ended, answered = attempt(self.place, account)
        except NotReached as error:
            ended, answered = ELSEWHERE, f"the app is not reached ({error})"
        else:
            answered = f"{account['path']} answers {answered}, which says neither yes nor no"
        with contextlib.suppress(OSError):  # it stays in mind as one that ended neither way
            memory.put_back(key, before) if ended == ELSEWHERE else memory.keep(key, ended)
        return ended, "" if ended in (GRANTED, REFUSED) else answered


def replaced_by(accounts: Sequence[Mapping[str, Any]]) -> str:
    """What the catalogue says of it, as sentences, each once."""
    said = (str(one["replace"]).strip().rstrip(".") for one in accounts)
    return " ".join(dict.fromkeys(f"{one[:1].upper()}{one[1:]}." for one in said))


def look_at(apps: Sequence[Mapping[str, Any]], deadline: float = 30.0, trying: bool = True, folder: str = FOLDER, timeout: float = 6.0) -> Found:
    """All apps side by side, within `deadline` seconds. `folder`: where it is remembered what was tried."""
    now = time.time()
    looks = [Look(app, Path(folder), now, trying, timeout) for app in apps]
    every = Found()
    for look, found in zip(looks, side_by_side([look.all for look in looks], time.monotonic() + deadline), strict=True):
        if found is None:
            found = Found()
            check = ACCOUNTS if look.app["accounts"] else OWNER
            look.add(found, check, late)
        every.outcomes += found.outcomes
        every.findings += found.findings
    return every


def late() -> str:
    raise NotProven("the time for everything was over", "Give it more time (deadline).")
