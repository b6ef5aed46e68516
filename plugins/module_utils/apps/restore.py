# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A stack as it was when a backup of it was made: data, volumes, secrets, release. What is there now is kept as a backup first."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..release.disk import Failure, locked, resolved, umask
from ..release.transaction import Transaction
from ..release.tree import File, Tree
from . import archive
from .backup import Backup, Backups, amount, opened
from .change import Tools
from .project import Project, compose_of, images
from .reason import last_words, shown, versions
from .trial import RESTORE, Trial, read


@dataclass
class Restored:
    """What was, or is to be, brought back. `kept`: the backup of what was there before; `said`: what a person should know."""

    name: str
    backup: str = ""
    version: str = ""
    kept: str = ""
    said: list[str] = field(default_factory=list)


class Restore:
    """Bring one stack back."""

    def __init__(self, tools: Tools) -> None:
        self.tools, self.places = tools, tools.places
        self.backups: Backups = tools.backups()

    def listed(self, name: str = "") -> list[dict[str, str]]:
        """The backups of a stack, or of all, the newest first."""
        return [
            {"app": one, "name": backup.name, "version": str(backup.told["version"]), "made": str(backup.told["made"]), "why": str(backup.told["why"])}
            for one in ([name] if name else self.backups.names())
            for backup in self.backups.found(one)
        ]

    def choose(self, name: str, when: str) -> Backup:
        """The one that is meant: by its name or the beginning of it, or the newest."""
        unfinished = read(self.places.records, name)
        if unfinished and unfinished.phase == RESTORE and (not when or Path(unfinished.backup).name.startswith(when)):
            return opened(Path(unfinished.backup))
        found = self.backups.found(name)
        chosen = [backup for backup in found if backup.name.startswith(when)]
        if not chosen:
            have = ", ".join(backup.name for backup in found) or "none"
            raise Failure(f"There is no backup of {name} with the name {when!r}. There is {have}." if when else f"There is no backup of {name} on this host.")
        return chosen[0]

    def bring(self, name: str, when: str, dumps: bool, check: bool) -> Restored:
        """Do it. Nothing is touched before the backup is read to its end, its images are there, and there is room."""
        backup = self.choose(name, when)
        told = backup.told
        done = Restored(name, str(backup.folder), str(told["version"]))
        if check:
            return done
        compose = compose_of(backup.folder / "release")
        if not compose:
            raise Failure(f"{backup.folder} has no compose project in it. Its data.tar.gz can be unpacked by hand. Nothing was changed.")
        stack = {"name": name, "app": told["app"], "directory": told["directory"], "compose": compose, "health": told["health"]}
        stack |= {"env": {"EXPOSURE_HOST": told["host"]}, "backup": {"leave_out": told["leave_out"], "dumps": []}}
        self.backups.prove(backup)
        for image in dict.fromkeys(images(compose).values()):
            if not self.tools.engine.has(image) and (trouble := self.tools.engine.pull(image)):
                raise Failure(f"The image {image} of that time cannot be pulled: {shown(trouble)}\nNothing was changed.")
        with umask(0o022), locked(self.places.projects / name):
            self.backups.tidy(name)
            trial = read(self.places.records, name)
            if trial is None or trial.phase != RESTORE or trial.backup != str(backup.folder):
                self.room(backup)
                done.kept = self.keep(stack, backup, trial)
                trial = Trial(name, backup=str(backup.folder), phase=RESTORE)
                trial.save(self.places.records)
            self.put(stack, backup, trial)
            if dumps:
                self.load(stack, backup)
        self.tools.step("end")
        Trial(name).end(self.places.records)
        self.backups.prune(name, {backup.folder, *([Path(done.kept)] if done.kept else [])})
        done.said.append(
            f'{name} is {versions(images(compose))} again, as it was at {told["made"]}. Write version: "{told["version"]}" into its line of '
            "exposure_apps in the inventory, or the next run updates it again."
        )
        return done

    def room(self, backup: Backup) -> None:
        """For the data of the backup, besides what its place gives back. The backup of what is there now is measured where it is made."""
        file, directory = backup.folder / "data.tar.gz", Path(backup.told["directory"])
        if not file.exists():
            return
        need = archive.unpacked(file) - (archive.size(directory, backup.told["leave_out"]) if directory.is_dir() else 0)
        base = next(path for path in (directory, *directory.parents) if path.is_dir())
        status = os.statvfs(base)
        free = status.f_bavail * status.f_frsize
        if need > free:
            raise Failure(f"The data of the backup needs {amount(need)} more than what is there now, and {base} has {amount(free)} free. Nothing was changed.")

    def keep(self, stack: Mapping[str, Any], backup: Backup, unfinished: Trial | None) -> str:
        """What is there now, as a backup of its own. A trial that did not end is over with it."""
        name = str(stack["name"])
        current = resolved(self.places.projects / name / "current")
        own = self.tools.own(name)
        if not (current or own or Path(stack["directory"]).is_dir()):
            return ""
        runs = images(compose_of(current)) if current else {one.service: one.image for one in own}
        try:
            kept = self.backups.make(stack, runs, images(stack["compose"]), "restore", [backup.folder])
        except Failure as error:
            if any(one.state == "running" for one in own):
                self.tools.engine.start(name)
            raise Failure(f"What is there now could not be kept, so nothing was brought back. {error}") from error
        if unfinished:
            unfinished.end(self.places.records)
        return str(kept)

    def put(self, stack: Mapping[str, Any], backup: Backup, trial: Trial) -> None:
        """Data and release as they were, and the containers of then. One that was cut short after its start does not touch the data again."""
        name = str(stack["name"])
        project = self.tools.project(name, self.places.projects / name / "current")
        if not trial.started:
            self.put_files(name, backup, project)
            trial.started = True
            trial.save(self.places.records)
        self.tools.step("up")
        trouble = self.tools.engine.up(project) or self.tools.well(stack)
        if trouble:
            words = last_words(self.tools.engine, stack, self.tools.own(name), self.places)
            raise Failure(f"{name} is brought back from {backup.name}, and is not well: {shown(trouble)}\n{words}".strip())

    def put_files(self, name: str, backup: Backup, project: Project) -> None:
        self.tools.step("stop")
        if self.tools.own(name) and (trouble := self.tools.engine.stop(name)):
            raise Failure(f"{name} could not be stopped: {shown(trouble)} Run again when that is repaired.")
        release = Transaction(self.tools.engine, step=self.tools.step)
        files = [File(file, (backup.folder / "release" / file).read_bytes()) for file in ("compose.json", ".env")]
        for change in release.look([Tree(str(self.places.projects / name), tuple(files))]):
            release.stage(change)
            release.commit(change)
            release.settle(change)
        self.backups.bring_secrets(backup)
        # Volumes have to be there to be filled.
        if backup.told["volumes"] and (trouble := self.tools.engine.up(project, start=False)):
            raise Failure(f"{name} could not be made ready: {shown(trouble)} Run again when that is repaired.")
        self.backups.bring_data(backup)

    def load(self, stack: Mapping[str, Any], backup: Backup) -> None:
        """The dumps, into the running databases."""
        for dump in backup.told["dumps"]:
            running: Sequence[Any] = [one for one in self.tools.own(str(stack["name"])) if one.service == dump["service"] and one.state == "running"]
            if not dump["made"]:
                continue
            self.tools.step("load")
            if not running:
                raise Failure(f"{dump['service']} does not run, so its dump could not be brought back.")
            if trouble := self.tools.engine.send(running[0].id, dump["restore"], None, backup.folder / "dumps" / dump["file"]):
                raise Failure(f"The dump {dump['file']} could not be brought back: {shown(trouble)}")
