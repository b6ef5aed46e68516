# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A SQLite database of a program that may be running, read into memory: no lock is taken, and no file beside it is made or changed.

Opened in place, a database with a write-ahead log gets a file `-shm` that belongs to whoever looks, and its own program might not open it any more.
Formats: sqlite.org/fileformat2.html, sections 1.3 (header), 3 (rollback journal) and 4 (write-ahead log).
"""

from __future__ import annotations

import sqlite3
import struct
import time
from pathlib import Path

MAGIC = b"SQLite format 3\0"
LARGEST = 256 * 1024**2
"""Bytes. A large NPM has a few million, most of them in its audit log."""

LONGEST_VALUE = 16 * 1024**2
STEPS = 200
"""Times that SQLite says it is still at it, each 100,000 instructions apart: about ten seconds, for a view that never ends."""

JOURNAL_MAGIC = bytes.fromhex("d9d505f920a163d7")
WAL_MAGIC = {0x377F0682: "<", 0x377F0683: ">"}
"""First word of a log: the byte order of its checksums."""

AGAIN = "Look again in a moment, or stop Nginx Proxy Manager for as long as it takes."


class Unreadable(Exception):
    """The database cannot be read. The message is for the owner: what is wrong, where, what to do."""


def read_bytes(path: Path, longest: int = LARGEST) -> bytes:
    """A file as a whole, empty where there is none. Raises Unreadable."""
    try:
        if not path.exists():
            return b""
        if not path.is_file():
            raise Unreadable(f"{path} is not a file.")
        with path.open("rb") as file:
            content = file.read(longest + 1)
    except OSError as error:
        raise Unreadable(f"{path} cannot be read: {error.strerror}. Run as root, or with become.") from error
    if len(content) > longest:
        raise Unreadable(f"{path} has more than {longest // 1024**2} MiB, which is no database of a home's Nginx Proxy Manager.")
    return content


def state_of(path: Path) -> list[tuple[int, int]]:
    """What changes when a database or a file beside it is written."""
    found = []
    for one in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-journal")):
        try:
            told = one.stat()
            found.append((told.st_mtime_ns, told.st_size))
        except OSError:
            found.append((0, 0))
    return found


def open_database(path: Path) -> sqlite3.Connection:
    """The database as it is now, in memory. Raises Unreadable."""
    for _ in range(5):
        before = state_of(path)
        content = read_bytes(path)
        log = read_bytes(path.with_name(f"{path.name}-wal"))
        journal = read_bytes(path.with_name(f"{path.name}-journal"))
        busy = journal.startswith(JOURNAL_MAGIC)  # a program is at it, or died: what is in the file is half of a change
        if state_of(path) == before and not busy:
            break
        time.sleep(0.2)
    else:
        cure = "If it is stopped already, start it once: it settles the change by itself."
        raise Unreadable(f"{path} is in the middle of a change. {AGAIN} {cure}")
    if not content:
        raise Unreadable(f"{path} is not there, or empty.")
    if not content.startswith(MAGIC) or len(content) < 512:
        raise Unreadable(f"{path} is not a SQLite database. If it is encrypted or compressed, give the folder of the plain one.")
    return load(with_log(content, log), path)


def load(content: bytes, path: Path) -> sqlite3.Connection:
    """Bytes of a database as one in memory that is never written. Raises Unreadable."""
    connection = sqlite3.connect(":memory:")
    try:
        connection.deserialize(content)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_VALUE)
        connection.execute("PRAGMA query_only = ON")
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except (sqlite3.Error, MemoryError) as error:
        connection.close()
        raise Unreadable(f"{path} is damaged ({error}). Take a copy from your backup, and give the folder of that.") from error
    left = [STEPS]

    def enough() -> int:
        left[0] -= 1
        return left[0] < 0

    connection.set_progress_handler(enough, 100_000)
    connection.row_factory = sqlite3.Row
    connection.text_factory = lambda value: value.decode("utf-8", "replace")
    return connection


def with_log(content: bytes, log: bytes) -> bytes:
    """The database with every change of its write-ahead log that was completed, marked as one that has no log."""
    pages = bytearray(content)
    if content[18:20] == b"\2\2" and log:
        apply_log(pages, log)
    pages[18:20] = b"\1\1"
    return bytes(pages)


def apply_log(pages: bytearray, log: bytes) -> None:
    """Put the pages of a log's completed changes where they belong. What comes after the last of them was never completed, or is of an earlier log."""
    if len(log) < 32:
        return
    magic, _, size, _, *salt = struct.unpack(">6I", log[:24])
    order = WAL_MAGIC.get(magic)
    if order is None or size < 512 or size & (size - 1):
        return
    sums = checksum(log[:24], (0, 0), order)
    if sums != struct.unpack(">2I", log[24:32]):
        return
    waiting: dict[int, bytes] = {}
    for start in range(32, len(log) - 24 - size + 1, 24 + size):
        head, page = log[start : start + 24], log[start + 24 : start + 24 + size]
        number, total, *its = struct.unpack(">6I", head)
        sums = checksum(page, checksum(head[:8], sums, order), order)
        if its[:2] != salt or tuple(its[2:]) != sums or not 0 < number <= LARGEST // size or total > LARGEST // size:
            return
        waiting[number] = page
        if total:  # the last page of a change
            pages.extend(bytes(max(0, total * size - len(pages))))
            for place, written in waiting.items():
                pages[(place - 1) * size : place * size] = written
            del pages[total * size :]
            waiting.clear()


def checksum(data: bytes, sums: tuple[int, int], order: str) -> tuple[int, int]:
    """The log's running checksum (fileformat2.html, 4.2): two sums over pairs of 32-bit words."""
    first, second = sums
    for one, other in struct.iter_unpack(f"{order}2I", data):
        first = (first + one + second) & 0xFFFFFFFF
        second = (second + other + first) & 0xFFFFFFFF
    return first, second
