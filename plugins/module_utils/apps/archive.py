# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A folder as a compressed archive, and back as it was: owners by number, modes, links, times, extended attributes."""

from __future__ import annotations

import contextlib
import gzip
import os
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..release.disk import Failure

XATTR = "SCHILY.xattr."
"""How archives keep extended attributes (star(5), pax header keywords; GNU tar writes the same)."""
FAST = 1
"""Compression that keeps up with a disk, so that an app is stopped for a short time."""
PIECE = 1 << 20
BROKEN = (OSError, EOFError, zlib.error, tarfile.TarError)
"""What is raised where an archive cannot be read."""


def entries(folder: Path, leave_out: Sequence[str]) -> Iterator[Path]:
    """The folder and everything in it, parents first. Of what is left out, the folder itself is there and nothing in it."""
    left = {folder / path for path in leave_out}
    yield folder
    for where, folders, names in os.walk(folder):
        here = Path(where)
        yield from sorted(here / name for name in folders)
        yield from (path for path in sorted(here / name for name in names) if path not in left)
        folders[:] = [name for name in folders if here / name not in left]


def size(folder: Path, leave_out: Sequence[str] = ()) -> int:
    """Bytes that an archive may need: what its files hold, with a header for each."""
    total = 0
    for path in entries(folder, leave_out):
        with contextlib.suppress(FileNotFoundError):
            status = path.lstat()
            total += 1024 + (status.st_size if path.is_file() and not path.is_symlink() else 0)
    return total


def pack(folder: Path, file: Path, leave_out: Sequence[str] = ()) -> None:
    """Write the archive, and have it on the disk when this returns. Sockets are not kept: who makes them makes them again."""
    folder = folder.resolve()
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        with tarfile.open(fileobj=out, mode="w:gz", compresslevel=FAST, format=tarfile.PAX_FORMAT) as archive:
            for path in entries(folder, leave_out):
                add(archive, path, str(path.relative_to(folder)))
        out.flush()
        os.fsync(out.fileno())


def add(archive: tarfile.TarFile, path: Path, name: str) -> None:
    member = archive.gettarinfo(path, name)
    if member is None:  # a socket
        return
    with contextlib.suppress(OSError):  # a file system without attributes
        for attribute in os.listxattr(path, follow_symlinks=False):
            value = os.getxattr(path, attribute, follow_symlinks=False).decode("utf-8", "surrogateescape")
            member.pax_headers = {**member.pax_headers, XATTR + attribute: value}
    if member.isreg():
        with path.open("rb") as content:
            archive.addfile(member, content)
    else:
        archive.addfile(member)


def prove(file: Path) -> None:
    """Read an archive to its end, checksum and all, before anything is thrown away for it."""
    try:
        with gzip.open(file) as content:
            while content.read(PIECE):
                pass
    except BROKEN as error:
        raise Failure(f"{file} is damaged ({error}), and nothing was changed. Take another backup.") from error
    if not file.stat().st_size:
        raise Failure(f"{file} is empty, and nothing was changed. Take another backup.")


def unpacked(file: Path) -> int:
    """Bytes that the files of an archive need on the disk."""
    with tarfile.open(file, "r:gz") as archive:
        return sum(member.size + 1024 for member in archive)


def replace(file: Path, folder: Path, leave_out: Sequence[str] = ()) -> None:
    """Make a folder what the archive says. What was left out of the archive stays as it is. It can be cut short and done again."""
    folder.mkdir(parents=True, exist_ok=True)
    folder = folder.resolve()
    wipe(folder, {folder / path for path in leave_out})
    attributes: list[tuple[Path, str, bytes]] = []
    trusted: dict[str, Any] = {"filter": "fully_trusted"} if hasattr(tarfile, "fully_trusted_filter") else {}
    try:
        with tarfile.open(file, "r:gz") as archive:
            archive.extractall(folder, members=checked(archive, folder, attributes), numeric_owner=True, **trusted)
    except BROKEN as error:
        raise Failure(f"{file} could not be unpacked into {folder}: {error}.") from error
    for path, name, value in attributes:  # last, for a change of owner takes some away
        with contextlib.suppress(OSError):
            if os.getxattr(path, name, follow_symlinks=False) == value:
                continue
        try:
            os.setxattr(path, name, value, follow_symlinks=False)
        except OSError as error:
            raise Failure(f"{path} cannot have its attribute {name} here: {error}.") from error


def checked(archive: tarfile.TarFile, folder: Path, attributes: list[tuple[Path, str, bytes]]) -> Iterator[tarfile.TarInfo]:
    """The members, none of which leads out of the folder; their extended attributes are put down for later."""
    for member in archive:
        if member.name.startswith("/") or ".." in Path(member.name).parts:
            raise Failure(f"An archive for {folder} has the entry {member.name!r}, which no backup of ours has. Nothing more of it is taken.")
        for name, value in member.pax_headers.items():
            if name.startswith(XATTR):
                attributes.append((folder / member.name, name.removeprefix(XATTR), value.encode("utf-8", "surrogateescape")))
        yield member


def wipe(folder: Path, keep: set[Path]) -> bool:
    """Empty a folder but for what is kept and for mount points, which stay, empty. Whether nothing is left in it."""
    empty = True
    for entry in list(folder.iterdir()) if folder.is_dir() else []:
        if entry in keep:
            empty = False
        elif entry.is_dir() and not entry.is_symlink():
            if wipe(entry, keep) and not entry.is_mount():
                entry.rmdir()
            else:
                empty = False
        else:
            entry.unlink()
    return empty
