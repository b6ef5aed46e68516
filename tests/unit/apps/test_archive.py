"""A folder, packed and unpacked: everything of it comes back, and nothing else changes."""

from __future__ import annotations

import os
import socket
import tarfile
from io import BytesIO
from pathlib import Path

import pytest

from plugins.module_utils.apps import archive
from plugins.module_utils.release.disk import Failure


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "data"
    (found / "cache" / "deep").mkdir(parents=True)
    (found / "cache" / "deep" / "old").write_text("old")
    (found / "file").write_bytes(b"\x00\xff" * 1000)
    (found / "file").chmod(0o4750)
    os.link(found / "file", found / "same")
    (found / "link").symlink_to("../elsewhere")
    found.chmod(0o2770)
    return found


def seen(folder: Path) -> dict[str, tuple[int, int, int, int]]:
    paths = [folder, *folder.rglob("*")]
    return {str(p.relative_to(folder)): (s.st_mode, s.st_uid, s.st_gid, int(s.st_mtime)) for p in paths for s in [p.lstat()]}


def test_owners_modes_links_times_and_attributes_come_back(folder: Path, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        os.chown(folder / "file", 1234, 4321)
        (folder / "file").chmod(0o4750)
    os.utime(folder / "file", (1, 1))
    try:
        os.setxattr(folder / "file", "user.note", b"\xff\x00here")
    except OSError:
        pytest.skip("this file system has no extended attributes")
    before, file = seen(folder), tmp_path / "data.tar.gz"
    archive.pack(folder, file)
    assert file.stat().st_mode & 0o777 == 0o600
    (folder / "file").unlink()
    (folder / "new").mkdir()
    (folder / "new" / "more").touch()
    (folder / "cache").rename(folder / "moved")
    archive.prove(file)
    for _ in range(2):  # it can be done again
        archive.replace(file, folder)
        assert seen(folder) == before
    assert os.getxattr(folder / "file", "user.note") == b"\xff\x00here"
    assert (folder / "file").stat().st_ino == (folder / "same").stat().st_ino


def test_what_is_left_out_is_not_packed_and_is_not_touched(folder: Path, tmp_path: Path) -> None:
    archive.pack(folder, tmp_path / "a", ["cache/deep", "same"])
    with tarfile.open(tmp_path / "a") as packed:
        assert set(packed.getnames()) == {".", "cache", "cache/deep", "file", "link"}
    (folder / "cache" / "deep" / "old").write_text("newer")
    (folder / "cache" / "other").touch()
    archive.replace(tmp_path / "a", folder, ["cache/deep", "same"])
    assert (folder / "cache" / "deep" / "old").read_text() == "newer" and (folder / "same").exists() and not (folder / "cache" / "other").exists()


def test_a_socket_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "d" / "s"))
        archive.pack(tmp_path / "d", tmp_path / "a")
    with tarfile.open(tmp_path / "a") as packed:
        assert packed.getnames() == ["."]


def test_room_is_measured_for_what_is_packed(folder: Path, tmp_path: Path) -> None:
    archive.pack(folder, tmp_path / "a", ["cache"])
    assert 4000 < archive.size(folder, ["cache"]) < 16000
    assert archive.unpacked(tmp_path / "a") <= archive.size(folder, ["cache"])


def test_a_damaged_archive_is_found_out_before_anything_is_thrown_away(folder: Path, tmp_path: Path) -> None:
    archive.pack(folder, tmp_path / "a")
    whole = (tmp_path / "a").read_bytes()
    for damaged in (whole[:-4], whole[:100], whole[:200] + b"x" + whole[201:], b""):
        (tmp_path / "a").write_bytes(damaged)
        with pytest.raises(Failure, match=r"is damaged|is empty"):
            archive.prove(tmp_path / "a")


@pytest.mark.parametrize("name", ["../out", "/tmp/out", "a/../../out"])
def test_no_entry_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    with tarfile.open(tmp_path / "a", "w:gz") as packed:
        member = tarfile.TarInfo(name)
        member.size = 1
        packed.addfile(member, BytesIO(b"x"))
    with pytest.raises(Failure, match="which no backup of ours has"):
        archive.replace(tmp_path / "a", tmp_path / "d" / "e")
    assert not list(tmp_path.rglob("out"))
