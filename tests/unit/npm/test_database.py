"""The database is read as it is now, whatever state its program left it in, and nothing of it changes."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from plugins.module_utils.npm import database
from plugins.module_utils.npm.database import Unreadable, open_database


def names(path: Path) -> list[str]:
    opened = open_database(path)
    try:
        return [row["name"] for row in opened.execute("SELECT name FROM host ORDER BY name")]
    finally:
        opened.close()


def written(path: Path, *mode: str) -> sqlite3.Connection:
    made = sqlite3.connect(path, isolation_level=None)
    for one in mode:
        made.execute(one)
    made.execute("CREATE TABLE host (name text)")
    made.execute("INSERT INTO host VALUES ('one')")
    return made


def everything(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


@pytest.mark.parametrize("size", [512, 4096, 65536])
def test_what_is_in_the_write_ahead_log_of_a_running_program_is_read_and_no_file_changes(size: int, tmp_path: Path) -> None:
    made = written(tmp_path / "d", f"PRAGMA page_size = {size}", "PRAGMA journal_mode = WAL", "PRAGMA wal_autocheckpoint = 0")
    made.execute("PRAGMA wal_checkpoint")
    made.execute("INSERT INTO host VALUES ('two')")
    made.executemany("INSERT INTO host VALUES (?)", [("x" * 3000,)] * 30)
    made.execute("DELETE FROM host WHERE length(name) > 9")
    made.execute("INSERT INTO host VALUES ('three')")
    before = everything(tmp_path)
    assert len(before["d-wal"][0]) > 0
    assert names(tmp_path / "d") == ["one", "three", "two"]
    assert everything(tmp_path) == before
    made.close()


def test_a_change_that_was_never_completed_is_not_read(tmp_path: Path) -> None:
    made = written(tmp_path / "d", "PRAGMA journal_mode = WAL", "PRAGMA wal_autocheckpoint = 0", "PRAGMA cache_size = 2", "PRAGMA cache_spill = 1")
    made.execute("BEGIN")
    made.executemany("INSERT INTO host VALUES (?)", [("x" * 3000,)] * 200)
    assert (tmp_path / "d-wal").stat().st_size > 100_000, "SQLite wrote a part of the change"
    assert names(tmp_path / "d") == ["one"]
    made.execute("ROLLBACK")
    made.close()


@pytest.mark.parametrize("place", [0, 4, 8, 16, 24, 28, 32, 36, 40, 48, 56, 4000, 8200, -4000, -1])
def test_of_a_damaged_log_as_much_is_read_as_sqlite_itself_reads(place: int, tmp_path: Path) -> None:
    made = written(tmp_path / "d", "PRAGMA journal_mode = WAL", "PRAGMA wal_autocheckpoint = 0")
    made.executemany("INSERT INTO host VALUES (?)", [("two",), ("three",), ("four",)])
    log = bytearray((tmp_path / "d-wal").read_bytes())
    log[place] ^= 0xFF
    for name in ("ours", "theirs"):
        (tmp_path / name).write_bytes((tmp_path / "d").read_bytes())
        (tmp_path / f"{name}-wal").write_bytes(log)
    theirs = sqlite3.connect(tmp_path / "theirs")
    try:
        expected = [row[0] for row in theirs.execute("SELECT name FROM host ORDER BY name")]
    except sqlite3.Error:
        with pytest.raises(sqlite3.Error):
            names(tmp_path / "ours")
    else:
        assert names(tmp_path / "ours") == expected
    theirs.close()
    made.close()


def test_a_database_that_was_in_log_mode_and_is_stopped_is_read_without_making_the_log_again(tmp_path: Path) -> None:
    written(tmp_path / "d", "PRAGMA journal_mode = WAL").close()
    assert names(tmp_path / "d") == ["one"]
    assert [path.name for path in tmp_path.iterdir()] == ["d"]


def test_half_of_a_change_is_not_taken_for_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database.time, "sleep", lambda seconds: None)
    made = written(tmp_path / "d", "PRAGMA cache_size = 2", "PRAGMA cache_spill = 1")
    made.execute("BEGIN")
    made.executemany("INSERT INTO host VALUES (?)", [("x" * 3000,)] * 200)
    with pytest.raises(Unreadable, match="in the middle of a change"):
        names(tmp_path / "d")
    made.execute("ROLLBACK")
    assert names(tmp_path / "d") == ["one"]
    made.close()


def test_a_database_is_read_while_its_program_has_it_locked(tmp_path: Path) -> None:
    made = written(tmp_path / "d")
    made.execute("BEGIN IMMEDIATE")
    assert names(tmp_path / "d") == ["one"]
    made.close()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not there, or empty"),
        (b"hello" * 200, "not a SQLite database"),
        (database.MAGIC, "not a SQLite database"),
        (database.MAGIC + b"\xff" * 5000, "damaged"),
        (os.urandom(4096), "not a SQLite database"),
    ],
)
def test_what_is_no_database_is_told_with_its_path(content: bytes, reason: str, tmp_path: Path) -> None:
    (tmp_path / "d").write_bytes(content)
    with pytest.raises(Unreadable, match=reason) as told:
        open_database(tmp_path / "d")
    assert str(tmp_path / "d") in str(told.value)


def test_a_folder_a_pipe_and_a_file_without_end_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "d").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name in ("d", "pipe"):
        with pytest.raises(Unreadable, match="is not a file"):
            open_database(tmp_path / name)
    (tmp_path / "long").write_bytes(b"x" * 3_000_000)
    monkeypatch.setattr(database, "LARGEST", 2_000_000)
    monkeypatch.setattr(database.read_bytes, "__defaults__", (2_000_000,))
    with pytest.raises(Unreadable, match="more than 1 MiB"):
        open_database(tmp_path / "long")


def test_nothing_can_be_written_through_it(tmp_path: Path) -> None:
    written(tmp_path / "d").close()
    opened = open_database(tmp_path / "d")
    with pytest.raises(sqlite3.Error):
        opened.execute("INSERT INTO host VALUES ('evil')")
    opened.close()


def test_a_view_that_never_ends_does_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "STEPS", 3)
    made = written(tmp_path / "d")
    made.execute("CREATE VIEW endless AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n WHERE i < 0")
    made.close()
    opened = open_database(tmp_path / "d")
    with pytest.raises(sqlite3.OperationalError, match="interrupted"):
        opened.execute("SELECT * FROM endless").fetchall()
    opened.close()
