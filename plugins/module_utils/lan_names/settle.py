# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The names come into a place, or go out of it, as a whole: files, check, load, proof; and back where one of these fails."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..acme.problem import printable
from ..host.sockets import Listener, listeners
from .ask import NoAnswer, Server
from .place import File, Place, Run, text_of
from .records import Record, Refused, kind

PATIENCE = 5.0
"""Seconds within which a server that was told must give the new answers."""
ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}


@dataclass
class Outcome:
    """What changed (or would change), Ansible's diff of it, and what a person should know."""

    changed: list[str] = field(default_factory=list)
    diff: list[dict[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def settle(place: Place, wanted: Sequence[Record], run: Run, check: bool, listening: Callable[[], list[Listener]] = listeners) -> Outcome:
    """Make a place as wished; without records, as it was without us."""
    outcome = Outcome()
    before = {file.path: text_of(file.path) for file in place.files(wanted)}
    changes = [file for file in place.files(wanted) if file.content != before[file.path]]
    for file in changes:
        outcome.changed.append(str(file.path))
        shown = {"before": before[file.path] or "", "after": file.content or ""}
        outcome.diff.append({"before_header": str(file.path), "after_header": str(file.path), **shown})
    held = place.held()
    if held and not changes:
        outcome.changed.append(place.unit)
    if check:
        return outcome
    if not changes:
        problem = place.load(run) if held else ""
        if problem:
            raise Refused(f"{place.title} was stopped by a run that was cut short, and does not start again: {told(problem)}")
        return outcome
    running = place.running(run) or held
    old = [File(file.path, before[file.path], file.mode) for file in changes]
    complaint = place.complaint(run)
    if complaint:
        raise Refused(f"{place.title} does not take its own configuration as it is, so nothing was changed. Repair this first:\n{told(complaint)}")
    problem = place.hold(run) if running else ""
    if problem:
        raise Refused(f"{place.title} could not be prepared, and nothing was changed: {told(problem)}")
    try:
        for file in changes:
            put(file)
        complaint = place.complaint(run)
        if complaint:
            raise Refused(f"{place.title} refuses the new names, and the files from before are back:\n{told(complaint)}")
    except (OSError, Refused):
        back(place, old, run, running)
        raise
    if not running:
        if place.unit:
            outcome.warnings.append(f"{place.title} does not run here. It gives the new answers from its next start on: systemctl start {place.unit}")
        return outcome
    problem = place.load(run)
    if not problem and not place.running(run):
        problem = "it does not run any more"
    problem = problem or wrong_answers(place, wanted, listening, outcome)
    if problem:
        back(place, old, run, running, after_load=True)
        raise Refused(f"{place.title} does not serve the new names, and the files from before are back: {told(problem)}")
    return outcome


def told(words: str) -> str:
    return "\n".join(printable(line, 300) for line in words.splitlines()[-6:])


def back(place: Place, old: Sequence[File], run: Run, running: bool, after_load: bool = False) -> None:
    """What was there before is there again, and is served where something else may be."""
    for file in old:
        put(file)
    if not running:
        return
    problem = place.load(run) if after_load or not place.running(run) else ""
    if problem:
        raise Refused(f"{place.title} has its files from before again, and does not start with them either. Look at it: {told(problem)}")


def wrong_answers(place: Place, wanted: Sequence[Record], listening: Callable[[], list[Listener]], outcome: Outcome) -> str:
    """What the server says that differs from the records, once it had time to read them. Where it cannot be asked, that is a warning."""
    if not place.process or not wanted:
        return ""
    deadline = time.monotonic() + PATIENCE
    while True:
        problem = unproven = ""
        servers = [Server(ANY.get(one.address, one.address), one.port) for one in listening() if one.process == place.process]
        for server in [one for one in servers if one.port == 53] or servers[:1]:
            try:
                problem = difference(server, wanted, place)
                unproven = ""
                break
            except NoAnswer as none:
                unproven = str(none)
        if not servers:
            unproven = "it listens nowhere yet"
        if not problem and not unproven:
            return ""
        if time.monotonic() > deadline:
            break
        time.sleep(0.2)
    if not problem:
        outcome.warnings.append(f"{place.title} has the new names, but could not be asked for them from here ({told(unproven)}).")
    return problem


def difference(server: Server, wanted: Sequence[Record], place: Place) -> str:
    for record in wanted:
        for family in ("A", "AAAA"):
            due = {one for one in record.addresses if kind(one) == family}
            got = server.addresses(record.name, family) if due else set()
            if got != due:
                return f"it answers {', '.join(sorted(got)) or 'nothing'} for {record.name}, not {', '.join(sorted(due))}. {place.advice()}"
    return ""


def put(file: File) -> None:
    """One file in one step, with the owner and mode that it had. A file that is mounted, as in a container, is written where it is."""
    if file.content is None:
        file.path.unlink(missing_ok=True)
        return
    file.path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=".exposure-", dir=file.path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as out:
            out.write(file.content.encode())
            out.flush()
            os.fsync(out.fileno())
        if file.path.exists():
            status = file.path.stat()
            os.chown(temporary, status.st_uid, status.st_gid)
            shutil.copymode(file.path, temporary)
        else:
            temporary.chmod(file.mode)
        try:
            temporary.replace(file.path)
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            with os.fdopen(os.open(file.path, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW), "wb") as out:
                out.write(file.content.encode())
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
