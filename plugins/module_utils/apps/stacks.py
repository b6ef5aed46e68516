# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Compose stacks, each changed as a transaction: staged, pulled, backed up, told its settings, started, seen to be well; else put back.

`current` of a stack's release tree names the last release that was proven; at a first start, what is on trial. While one is on trial, a record
(trial.py) says what was there before. A killed run leaves the previous version, or a record from which the next run goes on; one that wants
something else by then puts the unfinished trial back first. The stacks of a list go side by side, and one that fails keeps no other back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ..release.disk import Failure, locked, umask
from ..release.transaction import Transaction
from .change import Result, StackChange, Tools
from .engine import Container
from .files import Unknown
from .project import tree_of
from .reason import shown
from .trial import read

SIDE_BY_SIDE = 4
"""Stacks that are changed at one time: a small board has as many cores."""


class Stacks(Tools):
    """Brings a list of stacks to what the Plan says."""

    def bring(self, stacks: Sequence[Mapping[str, Any]], check: bool) -> list[Result]:
        """All of them. What goes wrong with one is in its result. Raises `Failure` only where Docker itself does not answer."""
        names = [str(stack["name"]) for stack in stacks]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise Failure(f"{', '.join(twice)} is there more than once in the list of stacks.")
        there = self.engine.there()
        if not there and not check and any(stack["state"] == "present" for stack in stacks):
            raise Failure("There is no Docker on this host. The role docker installs it, or install it yourself with the plugin for Compose.")
        containers = self.containers(check) if there else []
        if not check and any(stack["state"] == "present" for stack in stacks):
            # What a person gives an app as environment may be a secret: nobody but root looks in here.
            self.places.projects.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.places.projects.chmod(0o700)
        with umask(0o022), ThreadPoolExecutor(SIDE_BY_SIDE) as side_by_side:
            return list(side_by_side.map(lambda stack: self.one(stack, containers, there, check), stacks))

    def containers(self, check: bool) -> list[Container]:
        try:
            return self.engine.containers()
        except Failure:
            if check:
                return []
            raise

    def one(self, stack: Mapping[str, Any], containers: Sequence[Container], there: bool, check: bool) -> Result:
        result = Result(str(stack["name"]))
        own = [one for one in containers if one.project == result.name]
        try:
            if stack["state"] == "absent":
                self.take_down(stack, own, result, there, check)
            else:
                self.bring_up(stack, own, result, there, check)
        except (Failure, Unknown, OSError) as trouble:
            result.trouble = f"{result.name}: {trouble}"
        return result

    def bring_up(self, stack: Mapping[str, Any], own: Sequence[Container], result: Result, there: bool, check: bool) -> None:
        change = StackChange(self, stack, own, result)
        if check:
            change.look()
            change.foretell(there)
            return
        with locked(change.root):
            change.tidy()
            change.look()
            change.foretell(there)
            if change.needed:
                change.carry_out()
            elif change.recorded:  # written down, and nothing to start
                self.settle(stack, False)

    def take_down(self, stack: Mapping[str, Any], own: Sequence[Container], result: Result, there: bool, check: bool) -> None:
        """Containers, networks and the release go. Data, volumes and secrets go where the app is named to be wiped, backups never."""
        tree = tree_of(stack, self.places)
        transaction = Transaction(self.engine)
        changes = transaction.look([tree])
        settled = self.settle(stack, True)
        volumes = bool(stack["purge"] and there and not check and self.engine.volumes(result.name))
        result.changed = bool(own or changes or settled.changed or volumes)
        result.diff += [{"before_header": result.name, "after_header": result.name, "before": f"runs {one.image}\n", "after": "(absent)\n"} for one in own]
        result.diff += [entry for change in changes for entry in change.diff] + settled.diff
        if check or not result.changed:
            return
        self.step("down")
        if (own or volumes) and (trouble := self.engine.down(result.name, bool(stack["purge"]))):
            raise Failure(f"its containers could not be taken away: {shown(trouble)}")
        transaction.carry_out([tree])
        if trial := read(self.places.records, result.name):
            trial.end(self.places.records)
        self.step("wipe")
        self.settle(stack, False)
