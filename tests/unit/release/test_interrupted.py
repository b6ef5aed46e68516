"""A run is killed, really, at every step and at every touch of the file system; then the power fails, and then it is run again."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plugins.module_utils.release import disk
from plugins.module_utils.release.transaction import KEPT, Failure, Transaction
from plugins.module_utils.release.tree import File, Tree

from .systemd import Systemd

TOUCHES = {
    "open",
    "os.mkdir",
    "os.rename",
    "os.symlink",
    "os.link",
    "os.remove",
    "os.rmdir",
    "os.chmod",
    "os.chown",
    "shutil.rmtree",
    "shutil.chown",
    "fcntl.flock",
}
"""What Python says of itself (sys.addaudithook) just before it changes something on disk."""


@pytest.fixture(autouse=True)
def quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A killed process takes nothing with it that the kernel has; waiting for the disk would only make hundreds of runs slow."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@dataclass(frozen=True)
class Story:
    """What stood there (None: nothing), what is wanted, and what is wanted after the kill (None: the same)."""

    units: tuple[str, ...]
    before: str | None
    wanted: str
    then: str | None = None
    stopped: bool = False

    @property
    def works(self) -> bool:
        """Whether the wanted files serve."""
        return "not " not in self.wanted and "deaf" not in self.wanted

    def trees(self, host: Systemd, text: str) -> list[Tree]:
        return [
            host.tree(
                "", unit, port, files=(File("main.conf", f"listen {port}\n{text}\n".encode()), File("sub/token", f"# {text}\n".encode(), 0o600, secret=True))
            )
            for port, unit in enumerate(self.units, 80)
        ]

    def expected(self, host: Systemd, text: str) -> dict[str, str]:
        """What each process has in memory when it serves this text."""
        return {tree.unit: "".join(file.content.decode() for file in tree.files) for tree in self.trees(host, text)}


STORIES = {
    "first release": Story(("web",), None, "new"),
    "update": Story(("web",), "old", "new"),
    "update of two trees": Story(("inner", "outer"), "old", "new"),
    "update of a stopped service": Story(("web",), "old", "new", stopped=True),
    "update, then the old one is wanted again": Story(("web",), "old", "new", then="old"),
    "refused at the reload": Story(("inner", "outer"), "old", "new not reloadable", then="old"),
    "refused by the probe": Story(("web",), "old", "new deaf", then="old"),
    "refused by the probe, then corrected": Story(("inner", "outer"), "old", "new deaf", then="corrected"),
    "first release refused, then corrected": Story(("web",), None, "new deaf", then="corrected"),
}


def prepared(story: Story, folder: Path) -> Systemd:
    host = Systemd(folder)
    if story.before:
        run(host, story.trees(host, story.before))
    if story.stopped:
        for unit in story.units:
            host.run(["systemctl", "stop", unit])
    return host


def run(host: Systemd, trees: list[Tree], step: Callable[[str], None] = lambda name: None) -> None:
    Transaction(host, step, patience=0, pause=0).carry_out(trees)


class Countdown:
    """Counts steps, or touches of the file system, and kills this process at the n-th. With n = 0 it only notes them."""

    def __init__(self, folder: Path, number: int) -> None:
        self.folder, self.number, self.seen = str(folder), number, list[str]()

    def at(self, name: str) -> None:
        self.seen.append(name)
        if len(self.seen) == self.number:
            os.kill(os.getpid(), signal.SIGKILL)

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event not in TOUCHES or (event == "open" and not (isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR))):
            return
        # What the test's own systemd writes is not ours to cut in two: systemd does its part whole or not at all.
        frame = sys._getframe(1)
        while frame.f_back:
            if frame.f_code.co_filename.endswith("systemd.py"):
                return
            frame = frame.f_back
        self.at(event)


def in_child(story: Story, host: Systemd, number: int, fine: bool) -> list[str]:
    """Run the wanted trees in a process of their own that is killed at a moment. What it passed, when it was not killed."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            countdown = Countdown(host.folder, number)
            if fine:
                sys.addaudithook(countdown.audit)

            def step(name: str) -> None:
                if name == "commit":
                    (host.folder / "proven").touch()
                if not fine:
                    countdown.at(name)

            with contextlib.suppress(Failure):
                run(host, story.trees(host, story.wanted), step)
            os.write(write, "\n".join(countdown.seen).encode())
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(99)
    os.close(write)
    with os.fdopen(read) as pipe:
        passed = pipe.read().splitlines()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status == (-signal.SIGKILL if number else 0)
    return passed


def moments(name: str, folder: Path, fine: bool) -> list[str]:
    return in_child(STORIES[name], prepared(STORIES[name], folder), 0, fine)


def loaded(host: Systemd, story: Story) -> dict[str, str]:
    return {unit: host.loaded(unit) for unit in story.units}


def check(name: str, folder: Path, number: int, fine: bool, boots: bool) -> None:
    story = STORIES[name]
    host = prepared(story, folder)
    in_child(story, host, number, fine)
    if boots:
        committed = [unit for unit in story.units if f"\n{story.wanted}\n" in host.files(unit).get("main.conf", "")]
        host.boot(*story.units)
        for unit in story.units:
            if story.before:
                # The last good one; the new one only once it has been proven, and then as soon as `current` names it.
                assert not committed or (story.works and (host.folder / "proven").exists())
                assert host.loaded(unit) == story.expected(host, story.wanted if unit in committed else story.before)[unit]
            else:
                assert host.loaded(unit) in ("", story.expected(host, story.wanted)[unit])
    wanted = story.then or story.wanted
    run(host, story.trees(host, wanted))
    assert loaded(host, story) == story.expected(host, wanted)
    for unit, tree in zip(story.units, story.trees(host, wanted), strict=True):
        assert host.files(unit) == {file.path: file.content.decode() for file in tree.files}
        assert host.leftovers(unit) == []
        assert len(list((host.root(unit) / "releases").iterdir())) <= KEPT + 1
    seen = len(host.changing_commands())
    assert not Transaction(host).carry_out(story.trees(host, wanted))
    assert host.changing_commands()[seen:] == []
    host.boot(*story.units)
    assert loaded(host, story) == story.expected(host, wanted)


@pytest.mark.parametrize("boots", [True, False], ids=["then a boot", "then no boot"])
@pytest.mark.parametrize("name", STORIES)
def test_killed_at_any_step_a_boot_serves_the_last_good_release_and_the_next_run_completes(name: str, boots: bool, tmp_path: Path) -> None:
    steps = moments(name, tmp_path / "rehearsal", fine=False)
    assert {"stage", "write main.conf", "validate"} <= set(steps)
    assert ({"commit", "settle", "prune"} if "refused" not in name else {"reload back", "settle back"} if STORIES[name].before else {"stop"}) <= set(steps)
    for number in range(1, len(steps) + 1):
        check(name, tmp_path / f"{number} {steps[number - 1].replace('/', ' ')}", number, False, boots)


@pytest.mark.parametrize("boots", [True, False], ids=["then a boot", "then no boot"])
@pytest.mark.parametrize("name", STORIES)
def test_killed_at_any_touch_of_the_file_system_it_is_the_same(name: str, boots: bool, tmp_path: Path) -> None:
    touches = moments(name, tmp_path / "rehearsal", fine=True)
    assert {"open", "os.rename", "os.symlink"} <= set(touches) and len(touches) > 12
    for number in range(1, len(touches) + 1):
        check(name, tmp_path / f"{number} {touches[number - 1]}", number, True, boots)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kills=st.lists(st.tuples(st.integers(1, 40), st.sampled_from(["a", "b", "c deaf"]), st.booleans()), max_size=5))
def test_killed_again_and_again_it_still_ends_with_what_is_wanted(kills: list[tuple[int, str, bool]], tmp_path_factory: pytest.TempPathFactory) -> None:
    host = prepared(Story(("inner", "outer"), "old", ""), tmp_path_factory.mktemp("again"))
    good = {"old", "a", "b"}
    for number, text, boots in kills:
        story = Story(("inner", "outer"), "old", text)
        child = os.fork()
        if child == 0:
            try:
                run(host, story.trees(host, text), Countdown(host.folder, number).at)
            except Failure:
                pass
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        if boots:
            host.boot("inner", "outer")
            for unit in ("inner", "outer"):
                assert host.loaded(unit).splitlines()[1] in good
    final = Story(("inner", "outer"), "old", "final")
    run(host, final.trees(host, "final"))
    assert loaded(host, final) == final.expected(host, "final")
    assert host.leftovers("inner") == host.leftovers("outer") == []


# A removal


def test_killed_at_any_touch_a_removal_is_completed_by_the_next_run(tmp_path: Path) -> None:
    gone = {"state": "absent", "files": ()}

    def removal(folder: Path, number: int) -> tuple[Systemd, int]:
        host = prepared(STORIES["update"], folder)
        child = os.fork()
        if child == 0:
            countdown = Countdown(folder, number)
            sys.addaudithook(countdown.audit)
            run(host, [host.tree("", **gone)])
            os._exit(min(len(countdown.seen), 200))
        return host, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    _, touches = removal(tmp_path / "rehearsal", 0)
    assert touches > 5
    for number in range(1, touches + 1):
        host, status = removal(tmp_path / str(number), number)
        assert status == -signal.SIGKILL
        run(host, [host.tree("", **gone)])
        assert not host.root("web").exists() and not host.live("web").is_symlink()


def test_a_run_that_goes_on_elsewhere_is_waited_for_and_then_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "PATIENCE", 0.3)
    with disk.locked(tmp_path), pytest.raises(disk.Failure, match="Another run is at work"), disk.locked(tmp_path):
        pass
    with disk.locked(tmp_path):
        pass
