"""A file system that is really full."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from plugins.module_utils.release.transaction import Failure, Transaction
from plugins.module_utils.release.tree import File

from .systemd import Systemd

SIZE = 65536


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small file system")
    folder = tmp_path / "small"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def host(small: Path, tmp_path: Path) -> Systemd:
    """Releases on the small file system; systemd's own state elsewhere, as /run is."""
    (tmp_path / "systemd").mkdir()
    (tmp_path / "systemd" / "etc").symlink_to(small)
    return Systemd(tmp_path / "systemd")


def fill(path: Path, leave: int = 0) -> None:
    """Take all room but some."""
    with path.open("wb", buffering=0) as out:
        try:
            while True:
                out.write(b"x" * 4096)
        except OSError as error:
            assert error.errno == errno.ENOSPC
    if leave:
        os.truncate(path, path.stat().st_size - leave)


def release(host: Systemd, text: str, *more: File) -> None:
    Transaction(host, patience=0, pause=0).carry_out([host.tree("", files=(File("main.conf", f"listen 80\n{text}\n".encode()), *more))])


def test_a_tree_that_does_not_fit_is_refused_clearly_and_the_live_one_untouched(host: Systemd, small: Path) -> None:
    release(host, "one")
    before, seen = sorted(small.rglob("*")), len(host.changing_commands())
    big = File("big", b"x" * SIZE)
    with pytest.raises(Failure, match=r"The disk is full: 65550 bytes could not be written below .*served before is untouched\. Make room .* and run again"):
        release(host, "two", big)
    assert sorted(small.rglob("*")) == before
    assert host.changing_commands()[seen:] == []
    assert host.files() == {"main.conf": "listen 80\none\n"} and host.loaded() == "listen 80\none\n"


@pytest.mark.parametrize("leave", [0, 4096, 8192])
def test_when_there_is_room_again_the_next_run_completes(host: Systemd, small: Path, leave: int) -> None:
    release(host, "one")
    fill(small / "backup.tar", leave)
    with pytest.raises(Failure, match="The disk is full"):
        release(host, "two", File("more", b"y" * 8192))
    host.boot("web")
    assert host.loaded() == "listen 80\none\n"
    (small / "backup.tar").unlink()
    release(host, "two", File("more", b"y" * 8192))
    assert host.loaded().startswith("listen 80\ntwo\n") and host.leftovers() == []


def test_a_full_disk_at_the_first_release_leaves_nothing_running(host: Systemd, small: Path) -> None:
    fill(small / "backup.tar")
    with pytest.raises(Failure, match=r"full|No space left"):
        release(host, "one")
    assert host.changing_commands() == []
    (small / "backup.tar").unlink()
    release(host, "one")
    assert host.loaded() == "listen 80\none\n"


def test_a_disk_without_inodes_is_told_from_one_without_a_fault(host: Systemd, small: Path) -> None:
    release(host, "one")
    subprocess.run(["mount", "-o", f"remount,nr_inodes={len(list(small.rglob('*'))) + 3}", str(small)], check=True)
    with pytest.raises(Failure, match="The disk is full"):
        release(host, "two", *(File(f"{number}.conf", b"") for number in range(20)))
    assert host.loaded() == "listen 80\none\n" and host.leftovers() == []


def test_a_disk_that_fills_up_at_the_last_moment_takes_files_and_process_back(host: Systemd, small: Path) -> None:
    """Between the reload and the commit: the new release serves, but `current` cannot be written any more."""
    release(host, "one")

    def step(name: str) -> None:
        if name == "commit":
            used = int(subprocess.run(["df", "--output=iused", str(small)], capture_output=True, text=True, check=True).stdout.split()[-1])
            subprocess.run(["mount", "-o", f"remount,nr_inodes={used}", str(small)], check=True)

    with pytest.raises(Failure, match=r"(?s)No space left.*previous files of .* are back, and web serves them"):
        Transaction(host, step, patience=0, pause=0).carry_out([host.tree("two")])
    assert host.loaded() == "listen 80\none\n"
    host.boot("web")
    assert host.loaded() == "listen 80\none\n"
