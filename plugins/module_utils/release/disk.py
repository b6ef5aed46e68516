# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Single steps of a release on the disk, each whole or not at all: links that move in one step, files that are synced, a root that is locked."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from .tree import File, Tree

OWN = ("releases", "current", ".current.new", "lock")
"""What a root holds; nothing else is ever removed with it."""


PATIENCE = 120.0
"""Seconds for which another run's transaction on the same root is waited for."""


class Failure(Exception):
    """The transaction did not happen: the message says what failed, what serves now, and what to do."""


def resolved(path: Path) -> Path | None:
    """Where a link leads at last, or None where that does not exist."""
    with contextlib.suppress(OSError, RuntimeError):
        return path.resolve(strict=True)
    return None


def leads_to(link: Path) -> Path | None:
    """What a link names, without following it further; None where it is no link."""
    with contextlib.suppress(OSError):
        return Path(os.path.normpath(link.parent / link.readlink()))
    return None


def beside(name: Path) -> Path:
    """Where the next target of a link is prepared."""
    return name.with_name(f".{name.name}.new")


def tidy(tree: Tree) -> None:
    """Take away what a killed run was in the middle of, even where nothing else is to be done: it may hold secrets."""
    root = Path(tree.root)
    try:
        for left in (root / "releases").glob(".staging-*"):
            shutil.rmtree(left)
        for name in (root / "current", Path(tree.live)) if tree.live else (root / "current",):
            if beside(name).is_symlink():
                beside(name).unlink()
    except OSError as error:
        raise Failure(f"What an earlier run left below {root} could not be taken away: {error}. What was served before is untouched.") from error


def link(name: Path, target: Path) -> None:
    """Point a link at a target in one step that survives a power loss."""
    name.parent.mkdir(parents=True, exist_ok=True)
    temporary = beside(name)
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(os.path.relpath(target, name.parent) if target.is_relative_to(name.parent) else target)
    temporary.replace(name)
    sync(name.parent)


def sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write(directory: Path, file: File) -> None:
    """One file of a staged tree, with its final owner and mode before its content is there."""
    path = directory / file.path
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(file.content)
        out.flush()
        os.fsync(out.fileno())
    shutil.chown(path, file.owner, file.group)
    path.chmod(file.mode)


@contextlib.contextmanager
def umask(bits: int) -> Iterator[None]:
    """New directories are open to the service's user, however strict the umask of whoever runs this."""
    before = os.umask(bits)
    try:
        yield
    finally:
        os.umask(before)


@contextlib.contextmanager
def locked(root: Path) -> Iterator[None]:
    """One transaction on a root at a time; a second one waits, though not for ever: a run that was broken off on the controller may go on here for long."""
    try:
        (root / "releases").mkdir(parents=True, exist_ok=True)
        descriptor = os.open(root / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise Failure(f"{root} could not be made: {error}. Nothing was changed.") from error
    try:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Failure(f"Another run is at work on {root} since {PATIENCE:g} s and more. Let it end, and run again. Nothing was changed.") from None
                time.sleep(0.1)
        yield
    finally:
        os.close(descriptor)


def remove(tree: Tree) -> None:
    """A tree that is no longer wanted, with all its releases. A directory that holds anything else is a mistake in the inventory."""
    root = Path(tree.root)
    try:
        strange = sorted(entry.name for entry in root.iterdir() if entry.name not in OWN)
        if strange:
            raise Failure(f"{root} is not removed: it holds {', '.join(strange[:5])}, which no release put there. Look at it, and remove it yourself.")
        if tree.live and Path(tree.live).is_symlink():
            Path(tree.live).unlink()
        (root / "current").unlink(missing_ok=True)
        shutil.rmtree(root)
    except OSError as error:
        raise Failure(f"{root} could not be removed: {error}. Run again when that is repaired.") from error
