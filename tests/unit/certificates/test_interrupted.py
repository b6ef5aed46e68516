"""A change of the store is killed, really, at every step and every touch of the disk: readers see the old or the new pair, and the next run completes."""

from __future__ import annotations

import grp
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from plugins.module_utils.certificates.store import KEPT, STAGING, Store

from .authority import served

GROUP = grp.getgrgid(os.getegid()).gr_name
TOUCHES = {"open", "os.mkdir", "os.rename", "os.symlink", "os.remove", "os.rmdir", "os.chmod", "os.chown", "shutil.rmtree", "fcntl.flock"}
OLD, NEW, LATER = served(), served(), served()


@pytest.fixture(autouse=True)
def quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


def store_in(folder: Path, step: Callable[[str], None] = lambda name: None) -> Store:
    return Store(lambda command: (1, ""), folder, GROUP, step)


def killed(folder: Path, number: int, fine: bool) -> list[str]:
    """Install NEW in a process that is killed at the n-th moment; with 0 the moments are returned."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        seen: list[str] = []

        def at(name: str) -> None:
            seen.append(name)
            if len(seen) == number:
                os.kill(os.getpid(), signal.SIGKILL)

        def audit(event: str, arguments: tuple[Any, ...]) -> None:
            writes = event != "open" or (isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR))
            if event in TOUCHES and writes:
                at(event)

        if fine:
            sys.addaudithook(audit)
        status = 1
        try:
            store_in(folder, (lambda name: None) if fine else at).install("home", *NEW)
            os.write(write, "\n".join(seen).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(write)
    with os.fdopen(read) as pipe:
        moments = pipe.read().splitlines()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == (-signal.SIGKILL if number else 0)
    return moments


def prepared(folder: Path, before: str) -> Path:
    for pair in {"nothing": [], "one": [OLD], "many": [served(), served(), served(), OLD]}[before]:
        store_in(folder).install("home", *pair)
    return folder


@pytest.mark.parametrize("fine", [False, True], ids=["at every step", "at every touch of the disk"])
@pytest.mark.parametrize("before", ["nothing", "one", "many"])
def test_killed_at_any_moment_a_reader_sees_a_whole_pair_and_the_next_run_completes(before: str, fine: bool, tmp_path: Path) -> None:
    moments = killed(prepared(tmp_path / "rehearsal", before), 0, fine)
    assert (
        {"os.mkdir", "os.rename", "os.symlink", "os.chmod"} <= set(moments) if fine else {"stage", "write privkey.pem", "name", "swap", "prune"} <= set(moments)
    )
    seen = set()
    for number in range(1, len(moments) + 1):
        folder = prepared(tmp_path / str(number), before)
        killed(folder, number, fine)
        entry = store_in(folder).look("home")
        assert entry.damage == ""
        held = entry.pair.key if entry.pair else b""
        assert held in ({OLD[1], NEW[1]} if before != "nothing" else {b"", NEW[1]})
        seen.add(held)
        then = LATER if number % 2 else NEW
        store_in(folder).install("home", *then)
        final = store_in(folder).look("home")
        assert final.pair and final.pair.key == then[1] and not final.damage
        store_in(folder).install("home", *OLD)
        left = [entry.name for entry in (folder / ".versions").iterdir() if entry.name != "lock"]
        assert len(left) <= KEPT + 1 and not any(name.startswith(STAGING) for name in left)
        assert sorted(entry.name for entry in folder.iterdir()) == [".versions", "home"]
    # Where there is nothing to prune, the swap is the last touch of all.
    assert len(seen) == (1 if fine and before != "many" else 2)
