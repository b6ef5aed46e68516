# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The change of one stack, step by step, and the way back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ..release import transaction
from ..release.disk import Failure, link, resolved, tidy
from .backup import PUT_BACK, Backups, opened
from .engine import Container, Engine
from .files import Unknown
from .health import Clock, ask, missing, wait
from .project import Places, Project, compose_of, images, services, tree_of, without_secrets
from .reason import last_words, shown, versions
from .through import led_elsewhere, lost, served
from .trial import BACK, RESTORE, Trial, read

AT_ONCE = 15
"""Seconds in which an app that was started long ago has to show that it is well."""
ONE_BACKUP = threading.Lock()
"""A disk is filled by one at a time, so that each sees the room that is left."""


class Settled(Protocol):
    """What apps/settings.py says of a stack."""

    changed: list[str]
    diff: list[dict[str, str]]
    backups: list[str]


@dataclass
class Tools:
    """What a change works with. `settle` brings folders, secrets and settings of one stack to what is wanted, or only says what it would do.
    `step` is told before each step; tests end the process there."""

    engine: Engine
    settle: Callable[[Mapping[str, Any], bool], Any]
    places: Places
    step: Callable[[str], None] = lambda name: None
    clock: Clock = time
    answers: Callable[[Mapping[str, Any], str], str] = ask

    def own(self, name: str) -> list[Container]:
        return [one for one in self.engine.containers() if one.project == name]

    def project(self, name: str, folder: Path) -> Project:
        return Project(name, folder, self.places.secret(name))

    def well(self, stack: Mapping[str, Any]) -> str:
        """Wait until a stack is well; '' when it is."""
        return wait(stack, lambda: self.own(str(stack["name"])), self.answers, self.clock)

    def backups(self) -> Backups:
        return Backups(self.places, self.engine, self.step)


@dataclass
class Result:
    """What was (or in check mode would be) done with one stack. `said`: what a person should know; `trouble`: why it is not as wanted."""

    name: str
    changed: bool = False
    diff: list[dict[str, str]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    trouble: str = ""
    backup: str = ""
    copies: list[str] = field(default_factory=list)


class StackChange:
    """A stack that is present. `look` first; then, where it is `needed`, `carry_out`."""

    def __init__(self, tools: Tools, stack: Mapping[str, Any], own: Sequence[Container], result: Result) -> None:
        self.tools, self.stack, self.own, self.result = tools, stack, list(own), result
        self.name, self.places = result.name, tools.places
        self.root = self.places.projects / self.name
        self.tree = tree_of(stack, self.places)
        self.files = transaction.Transaction(tools.engine, step=tools.step)

    def tidy(self) -> None:
        """What a killed run was in the middle of goes, also where nothing else is to be done."""
        tidy(self.tree)
        self.tools.backups().tidy(self.name)

    def look(self) -> None:
        """What differs. Nothing is touched."""
        self.trial = read(self.places.records, self.name)
        if self.trial and self.trial.phase == RESTORE:
            raise Failure(f"a backup was being brought back, and that did not end. Run playbooks/restore.yml -e restore_app={self.name} again: it goes on.")
        self.change = next(iter(self.files.look([self.tree])), None)
        self.settled = self.tools.settle(self.stack, True)
        self.wrong = missing(self.stack, self.own)
        self.wanted = images(self.stack["compose"])
        current = resolved(self.root / "current")
        self.runs = images(compose_of(current)) if current else {one.service: one.image for one in self.own}
        self.updated = {name: image for name, image in self.runs.items() if self.wanted.get(name) != image}
        self.recorded = bool(getattr(self.settled, "recorded", ()))
        self.needed = bool(self.change or self.settled.changed or self.wrong or self.trial)

    def foretell(self, there: bool) -> None:
        """The diff: files, settings, and what starts and why."""
        self.result.diff += [without_secrets(one) for one in (self.change.diff if self.change else [])] + self.settled.diff
        self.result.changed = self.needed or self.recorded
        if not self.needed:
            return
        why = [
            *self.wrong,
            *(["its compose project changed"] if self.change else []),
            *(["its folders, secrets or settings changed"] if self.settled.changed else []),
            *(["an earlier run did not end"] if self.trial else []),
        ]
        pulled = [image for image in dict.fromkeys(self.wanted.values()) if there and not self.tools.engine.has(image)]
        steps = [f"pull {image}" for image in pulled] + (["stop, and back up its data"] if self.backs_up() else []) + [f"start, because {'; '.join(why)}"]
        before = "".join(f"{one.service}: {one.image} {one.state}\n" for one in sorted(self.own, key=lambda one: one.service))
        after = "".join(f"{name}: {image} running\n" for name, image in sorted(self.wanted.items())) + "".join(f"({step})\n" for step in steps)
        self.result.diff.append({"before_header": f"{self.name}, containers", "after_header": f"{self.name}, containers", "before": before, "after": after})

    def backs_up(self) -> bool:
        wished = (self.stack.get("backup") or {}).get("make", True)
        return bool(self.updated and wished and not (self.trial and (self.trial.backup or self.trial.started)))

    def carry_out(self) -> None:
        """All of it. Raises `Failure` with the previous version serving, or with a record from which the next run goes on."""
        self.result.changed = True
        if self.trial and (self.trial.phase == BACK or self.trial.digest != self.tree.digest):
            self.finish(self.trial)
            if not self.needed:
                return
        previous = resolved(self.root / "current")
        first = previous is None or (self.trial is not None and not self.trial.previous)
        trial = self.trial or Trial(self.name, previous="" if first else str(previous))
        trial.digest = self.tree.digest
        trial.served = trial.served or self.served()
        try:
            if self.change:
                self.files.stage(self.change)
                self.files.validate(self.change)
            self.pull()
            if self.backs_up():
                trial.backup = str(self.back_up())
        except BaseException:
            self.drop()
            raise
        self.tools.step("record")
        trial.save(self.places.records)
        try:
            trouble = self.on_trial(trial, first)
        except (Failure, Unknown, OSError) as error:
            trouble = str(error)
        if trouble:
            self.give_up(trial, trouble)
        self.keep(trial)

    def served(self) -> list[str]:
        """What has to be served through its proxy when all is done. Nothing, where the proxy is told only afterwards where the app is now."""
        before = resolved(self.root / "current")
        if before is None or led_elsewhere(compose_of(before), self.stack["compose"]):
            return []
        return served(self.stack, self.tools.answers)

    def finish(self, trial: Trial) -> None:
        """A trial of something that is no longer wanted: where it is well, it ended well. Else, or where its way back was cut short, it is put back."""
        release = resolved(Path(trial.release)) if trial.release else None
        if trial.previous and trial.phase != BACK and trial.started and release and self.is_well(release):
            link(self.root / "current", release)
            trial.end(self.places.records)
        elif trial.previous:
            self.put_back(trial)
        unproven, self.own = not trial.previous, self.tools.own(self.name)
        self.look()
        if unproven:  # what never was well is nothing to go back to
            self.trial = Trial(self.name, backup="")

    def is_well(self, release: Path) -> bool:
        health = {**self.stack["health"], "wait": AT_ONCE}
        return not self.tools.well({**self.stack, "compose": compose_of(release), "health": health})

    def pull(self) -> None:
        """Images first: one that cannot be had changes nothing."""
        self.tools.step("pull")
        built = {name for name, service in services(self.stack["compose"]).items() if service.get("build")}
        for image in dict.fromkeys(image for name, image in self.wanted.items() if name not in built):
            if not self.tools.engine.has(image) and (trouble := self.tools.engine.pull(image)):
                raise Failure(f"the image {image} cannot be pulled: {shown(trouble)}\n{self.untouched()}")

    def untouched(self) -> str:
        running = any(one.state == "running" for one in self.own)
        return f"Nothing was changed: {versions(self.runs)} goes on serving." if running else "Nothing was started."

    def back_up(self) -> Path:
        ran = [one for one in self.own if one.state == "running"]
        with ONE_BACKUP:
            try:
                made = self.tools.backups().make(self.stack, self.runs, self.wanted, "update")
            except (Failure, OSError) as error:
                if ran and (trouble := self.tools.engine.start(self.name)):
                    raise Failure(f"{error}\nIt could not be started again: {shown(trouble)}") from error
                raise Failure(f"{error}\nThe update was not begun: {versions(self.runs)} goes on serving.") from error
        self.result.backup = str(made)
        return made

    def on_trial(self, trial: Trial, first: bool) -> str:
        """Settings, containers, health: '' when all is well."""
        waiting = self.write_settings(trial) if self.settled.changed or self.recorded else list(getattr(self.settled, "waiting", ()))
        if self.change and first:
            self.tools.step("first")
            self.files.commit(self.change)
        trouble = self.start(trial)
        if trouble or self.name not in waiting:
            return trouble
        # Files that the app makes at its first start are there now.
        self.settled = self.tools.settle(self.stack, True)
        if self.settled.changed:
            self.write_settings(trial)
            trouble = self.start(trial)
        return trouble

    def write_settings(self, trial: Trial) -> list[str]:
        """An app writes its settings when it stops: it is stopped first, and its files are kept as it left them."""
        self.tools.step("settings stop")
        if (
            self.settled.changed
            and any(one.state in ("running", "restarting") for one in self.tools.own(self.name))
            and (trouble := self.tools.engine.stop(self.name))
        ):
            raise Failure(f"it could not be stopped, so its settings are left as they are: {shown(trouble)}")
        paths = [Path(entry["before_header"]) for entry in [*self.settled.diff, *self.tools.settle(self.stack, True).diff] if "before_header" in entry]
        trial.keep(self.places.records, [path for path in paths if path != self.places.secret(self.name)])
        self.tools.step("settings")
        done = self.tools.settle(self.stack, False)
        self.result.copies += done.backups
        return list(getattr(done, "waiting", ()))

    def start(self, trial: Trial) -> str:
        trial.started = True
        folder = self.change.staged if self.change and self.change.staged else self.root / "current"
        trial.release = str(resolved(folder))
        trial.save(self.places.records)
        self.tools.step("up")
        if trouble := self.tools.engine.up(self.tools.project(self.name, folder)):
            return f"it could not be started: {shown(trouble)}"
        self.tools.step("wait")
        if trouble := self.tools.well(self.stack):
            return f"{versions(self.wanted)} is not well after {self.stack['health'].get('wait', 120)} s: {trouble}"
        self.tools.step("through")
        trouble = lost(self.stack, trial.served, self.tools.answers, self.tools.clock)
        return f"{versions(self.wanted)} does not answer through its proxy as it did before: {trouble}" if trouble else ""

    def keep(self, trial: Trial) -> None:
        """It is well: a boot and the next run start from here."""
        if self.change:
            if not self.change.committed:
                self.files.commit(self.change)
            self.files.settle(self.change)
        self.tools.step("end")
        trial.end(self.places.records)

    def give_up(self, trial: Trial, trouble: str) -> None:
        """Put back what served before. Raises `Failure` with the reason."""
        words = ""
        try:
            words = last_words(self.tools.engine, self.stack, self.tools.own(self.name), self.places)
            said = self.put_back(trial)
        except (Failure, OSError) as error:
            said = f"What served before could not be put back: {error}\nRun again when that is repaired: it goes on from there."
        raise Failure("\n".join(line for line in (trouble, words, said) if line))

    def put_back(self, trial: Trial) -> str:
        """The release, the data and the settings from before, and their containers. Returns what serves now."""
        previous = Path(trial.previous)
        current = resolved(self.root / "current")
        staged = self.change.staged if self.change else None
        if not trial.previous or (previous == current and not (staged or trial.files or trial.backup)):
            return f"Its containers are left as they are, for you to look: docker compose -p {self.name} logs. The next run goes on from there."
        kept = bool(trial.backup and trial.started)
        if kept:
            self.tools.backups().prove(opened(Path(trial.backup)))
        if self.trial and trial.phase != BACK and kept:
            # It was begun by an earlier run, and may have been used since: nobody's letters are thrown away.
            with ONE_BACKUP:
                wish = {**(self.stack.get("backup") or {}), "dumps": []}
                ran = images(compose_of(Path(trial.release)))
                kept_too = self.tools.backups().make({**self.stack, "backup": wish}, ran, self.runs, "put back", [Path(trial.backup)])
            self.result.backup = str(kept_too)
        trial.phase = BACK
        trial.save(self.places.records)
        self.tools.step("back stop")
        if trouble := self.tools.engine.stop(self.name):
            raise Failure(f"it could not be stopped: {shown(trouble)}")
        if kept:
            backup = opened(Path(trial.backup))
            self.tools.backups().bring_data(backup)
            (backup.folder / PUT_BACK).touch()
        self.tools.step("files back")
        trial.bring_files_back()
        if current != previous:
            link(self.root / "current", previous)
        self.tools.step("back up")
        before = {**self.stack, "compose": compose_of(previous)}
        trouble = self.tools.engine.up(self.tools.project(self.name, previous)) or self.tools.well(before)
        self.drop()
        self.tools.step("back end")
        trial.end(self.places.records)
        serves = versions(images(before["compose"]))
        if trouble:
            return f"{serves} is put back, and is not well either: {shown(trouble)}"
        return f"{serves} serves again{', with its data as it was' if kept else ', as it was'}."

    def drop(self) -> None:
        """The staged release goes."""
        if self.change and self.change.staged:
            self.files.put_back(self.change)
