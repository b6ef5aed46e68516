# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Trees of configuration, changed as a transaction: staged, validated, switched, reloaded, probed; else put back.

Three names decide what serves. `releases/<time>-<digest>` is a whole tree and is never edited. `current` names the last release that
was proven; a boot starts from it. `live`, in /run, is what the running service reads: its unit points it at `current` each time it
starts, and a transaction points it at a release for a reload, and at `current` again when it has ended well. So a run that is killed
anywhere leaves a boot with the last good release, and the next run finds `live` or `current` not where it wants them and completes.
A service that has no good release yet, or whose last one does not start, is the exception: there `current` names what is on trial.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from .disk import Failure, leads_to, link, locked, remove, resolved, sync, tidy, umask, write
from .tree import File, Tree, differences, found

KEPT = 3
"""Releases kept besides the current one, for a person to look back at."""

CLOSING = 2.0
"""Seconds in which the sockets of a configuration that was taken back are to close."""


class Host(Protocol):
    """What a transaction needs of the machine."""

    def run(self, command: Sequence[str]) -> tuple[int, str]:
        """Run a command: (exit code, output and errors together)."""

    def listening(self) -> Collection[int]:
        """TCP ports that something listens on, once for each socket."""


@dataclass
class Change:
    """One tree on its way: what stands there now and what is to stand there."""

    tree: Tree
    before: dict[str, File]
    diff: list[dict[str, str]]
    previous: Path | None
    staged: Path | None = None
    switched: bool = False
    committed: bool = False
    running: bool = False
    replaced: list[str] = field(default_factory=list)
    sockets: Counter[int] = field(default_factory=Counter)

    @property
    def root(self) -> Path:
        return Path(self.tree.root)


@dataclass
class Transaction:
    """Bring a list of trees to what is wanted, all or none. `step` is told before each step; tests end the process there."""

    host: Host
    step: Callable[[str], None] = lambda name: None
    patience: float = 15.0
    pause: float = 0.2
    changes: list[Change] = field(default_factory=list)

    def look(self, trees: Sequence[Tree]) -> list[Change]:
        """The trees that differ from what is on disk and serving; nothing is touched."""
        self.changes = []
        for tree in trees:
            current = resolved(Path(tree.root) / "current")
            before = found(current) if current else {}
            diff = differences(tree, before)
            if diff or self.unsettled(tree, current):
                self.changes.append(Change(tree, before, diff, current))
        return self.changes

    def unsettled(self, tree: Tree, current: Path | None) -> bool:
        """The files are right, but the service does not run, or runs what a killed transaction left."""
        if tree.state == "absent":
            return Path(tree.root).exists()
        if current is None:
            return True
        if not tree.unit:
            return False
        # It must lead there by way of `current`: a link to the release itself is a trial, or a way back, that did not end.
        if leads_to(Path(tree.live)) != Path(tree.root) / "current":
            return True
        return not self.active(tree.unit) or not set(tree.listens) <= set(self.host.listening())

    def carry_out(self, trees: Sequence[Tree]) -> list[Change]:
        """Do it. Returns the trees that changed; raises `Failure` with every tree as it was before."""
        roots = [tree.root for tree in trees]
        if twice := sorted({root for root in roots if roots.count(root) > 1}):
            raise Failure(f"{', '.join(twice)} is there more than once in the list of trees. Write all its files into one tree.")
        with contextlib.ExitStack() as held:
            held.enter_context(umask(0o022))
            for root in sorted(tree.root for tree in trees if tree.state == "present"):
                held.enter_context(locked(Path(root)))
            for tree in trees:
                tidy(tree)
            changes = self.look(trees)
            present = [change for change in changes if change.tree.state == "present"]
            try:
                for change in present:
                    self.stage(change)
                for change in present:
                    self.validate(change)
                for change in present:
                    self.switch(change)
                for change in present:
                    self.commit(change)
            except BaseException as cause:
                said = [sentence for change in reversed(present) if (sentence := self.put_back(change))]
                if isinstance(cause, (Failure, OSError)):
                    raise Failure("\n".join([str(cause), *said])) from cause
                raise
            try:
                for change in present:
                    self.settle(change)
            except OSError as error:
                raise Failure(f"The new files serve, but the run could not be ended: {error}. Repair that and run again.") from error
        for change in changes:
            if change.tree.state == "absent":
                self.step("remove")
                remove(change.tree)
        return changes

    def stage(self, change: Change) -> None:
        """Write the whole tree beside the live one."""
        self.step("stage")
        releases = change.root / "releases"
        directory = releases / f".staging-{secrets.token_hex(4)}"
        change.staged = directory
        try:
            directory.mkdir()
            for file in change.tree.files:
                write(directory, file)
                self.step(f"write {file.path}")
            for folder, _, _ in os.walk(directory):
                sync(Path(folder))
            final = releases / f"{time.strftime('%Y%m%dT%H%M%S')}-{change.tree.digest}-{secrets.token_hex(2)}"
            directory.rename(final)
            change.staged = final
            sync(releases)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                size = sum(len(file.content) for file in change.tree.files)
                raise Failure(
                    f"The disk is full: {size} bytes could not be written below {change.root}. What was served before is untouched. "
                    f"Make room on that file system and run again."
                ) from error
            raise Failure(f"The new files could not be written below {change.root}: {error}. What was served before is untouched.") from error
        except LookupError as error:
            raise Failure(f"The new files below {change.root} need an owner or a group that this host does not have: {error}.") from error

    def validate(self, change: Change) -> None:
        self.step("validate")
        if not change.tree.validate:
            return
        command = [word.replace("{tree}", str(change.staged)) for word in change.tree.validate]
        code, output = self.host.run(command)
        if code:
            raise Failure(f"The new files for {change.root} were refused by '{' '.join(command)}'. What was served before is untouched.\n{output.strip()}")

    def switch(self, change: Change) -> None:
        """Make the service serve the staged tree, and see that it does. `current` keeps naming the last good one until it does."""
        assert change.staged is not None
        tree, unit = change.tree, change.tree.unit
        if not unit:
            return
        running = change.running = self.active(unit)
        for other in tree.replaces:
            if self.active(other):
                self.step("replace")
                change.replaced.append(other)
                if trouble := self.systemctl("stop", other):
                    raise Failure(f"{other} has to make room for {unit}, and does not stop.\n{trouble}")
        if not running and change.previous:
            # Start from the last good release first, so that only what is new is on trial.
            running = self.systemctl("start", unit) == ""
        change.sockets = Counter(self.host.listening())
        change.switched = True
        if not running:
            self.step("first")
            link(change.root / "current", change.staged)
            self.demand(change, "start")
        else:
            if tree.live:
                self.step("live")
                link(Path(tree.live), change.staged)
            self.step("reload")
            self.demand(change, "reload-or-restart")
        self.step("probe")
        self.probe(change)

    def demand(self, change: Change, verb: str) -> None:
        trouble = self.systemctl(verb, change.tree.unit)
        if trouble:
            journal = self.host.run(["journalctl", "--no-pager", "-q", "-o", "cat", "-n", "12", "-u", change.tree.unit])[1]
            raise Failure(f"{change.tree.unit} did not accept the new files.\n{trouble}\n{journal}".strip())

    def probe(self, change: Change) -> None:
        """The unit is active and listens where it should, within `patience` seconds."""
        deadline = time.monotonic() + self.patience
        while True:
            missing = sorted(set(change.tree.listens) - set(self.host.listening()))
            active = self.active(change.tree.unit)
            if active and not missing:
                return
            if time.monotonic() > deadline:
                what = f"does not listen on port {', '.join(map(str, missing))}" if active else "is not running"
                raise Failure(f"With the new files, {change.tree.unit} {what}.")
            time.sleep(self.pause)

    def put_back(self, change: Change) -> str:
        """The files and the process as they were. Returns a sentence on what serves now, '' where nothing had been switched."""
        said = ""
        try:
            if change.previous:
                if resolved(change.root / "current") != change.previous:
                    link(change.root / "current", change.previous)
                if change.replaced and not change.running:
                    said = self.make_room(change, change.previous)
                elif change.switched:
                    said = self.serve_previous(change, change.previous)
            elif change.switched or change.committed:
                said = self.serve_nothing(change)
        except OSError as error:
            said = f"{change.root} could not be put back as it was: {error}. Repair that and run again."
        for other in change.replaced:
            trouble = self.systemctl("start", other)
            said = f"{said} {trouble or f'{other} serves again.'}".strip()
        if change.staged and resolved(change.root / "current") != resolved(change.staged):
            shutil.rmtree(change.staged, ignore_errors=True)
        return said

    def serve_previous(self, change: Change, previous: Path) -> str:
        unit, live = change.tree.unit, Path(change.tree.live)
        self.step("live back")
        link(live, previous)
        self.step("reload back")
        trouble = self.systemctl("reload-or-restart", unit)
        if trouble or not self.active(unit) or self.more_sockets(change):
            trouble = self.systemctl("restart", unit)
        if trouble or not self.active(unit):
            return f"The previous files of {change.root} are back, but {unit} does not run with them either: see 'journalctl -u {unit}'. {trouble}".strip()
        self.step("settle back")
        link(live, change.root / "current")
        return f"The previous files of {change.root} are back, and {unit} serves them."

    def make_room(self, change: Change, previous: Path) -> str:
        """Another unit held the ports before, and is to have them again."""
        trouble = self.systemctl("stop", change.tree.unit)
        if resolved(Path(change.tree.live)):
            link(Path(change.tree.live), previous)
        return trouble or f"The previous files of {change.root} are back, and {change.tree.unit} is stopped, as before."

    def more_sockets(self, change: Change) -> bool:
        """Whether more sockets listen than before the switch, and do not close soon.

        Caddy 2.6 that refuses a reload, because one port is taken, goes on listening on the others, and answers there with what it refused.
        """
        deadline = time.monotonic() + min(self.patience, CLOSING)
        while Counter(self.host.listening()) - change.sockets:
            if time.monotonic() > deadline:
                return True
            time.sleep(self.pause)
        return False

    def serve_nothing(self, change: Change) -> str:
        (change.root / "current").unlink(missing_ok=True)
        if not change.tree.unit:
            return ""
        if change.running:  # with what a person has there besides
            Path(change.tree.live).unlink(missing_ok=True)
            self.step("reload without")
            if not self.systemctl("reload-or-restart", change.tree.unit) and self.active(change.tree.unit):
                return f"There is no earlier release of {change.root} to go back to: {change.tree.unit} serves what it served without one."
        self.step("stop")
        trouble = self.systemctl("stop", change.tree.unit)
        Path(change.tree.live).unlink(missing_ok=True)
        return trouble or f"There is no earlier release of {change.root} to go back to: {change.tree.unit} is stopped."

    def commit(self, change: Change) -> None:
        """From here on a boot starts from the new release."""
        assert change.staged is not None
        self.step("commit")
        change.committed = True
        link(change.root / "current", change.staged)

    def settle(self, change: Change) -> None:
        """What follows a success."""
        self.step("settle")
        for other in change.replaced:
            self.systemctl("disable", other)
        if change.tree.live:
            link(Path(change.tree.live), change.root / "current")
        self.step("prune")
        kept = {release.name for release in (change.staged, change.previous) if release}
        releases = sorted((p for p in (change.root / "releases").iterdir() if p.name not in kept), key=lambda p: p.name)
        for old in releases[: max(0, len(releases) - KEPT + bool(change.previous))]:
            shutil.rmtree(old, ignore_errors=True)

    def active(self, unit: str) -> bool:
        return self.host.run(["systemctl", "is-active", "--quiet", unit])[0] == 0

    def systemctl(self, verb: str, unit: str) -> str:
        """'' when systemd did it, else what it said."""
        code, output = self.host.run(["systemctl", verb, unit])
        return (output.strip() or f"systemctl {verb} {unit} ended with {code}") if code else ""


def summary(changes: Sequence[Change]) -> dict[str, Any]:
    """What a module returns of a transaction."""
    return {"changed": bool(changes), "trees": [change.tree.root for change in changes], "diff": [entry for change in changes for entry in change.diff]}
