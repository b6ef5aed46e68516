# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files in folders that somebody else may write to, reached by descriptors: no link of anybody but root is followed on the way, none at the end."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .pem import LARGEST, Unusable

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
LINKS = 40
"""How many links a path may lead through, as in Linux itself."""
PREFIX = ".exposure-certificate-"


@dataclass(frozen=True)
class Rights:
    """Owner and group as numbers, and permission bits."""

    owner: int
    group: int
    mode: int


@dataclass(frozen=True)
class Found:
    """A regular file as it is."""

    content: bytes
    rights: Rights


@contextlib.contextmanager
def folder(path: Path, make: Rights | None = None) -> Iterator[int]:
    """The descriptor of a folder. Missing folders are made where `make` says with which rights. Raises OSError and Unusable.

    The path is walked part by part, so that nobody can put a link in place of a part in between.
    """
    current = os.open("/", FOLDER)
    parts, links = list(path.parts[1:]), 0
    try:
        while parts:
            part = parts.pop(0)
            following, target = step_into(current, part, path, make)
            if target is not None:
                links += 1
                if links > LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
                aim = Path(target)
                parts = list(aim.parts[1:] if aim.is_absolute() else aim.parts) + parts
                following = os.open("/", FOLDER) if aim.is_absolute() else os.dup(current)
            os.close(current)
            current = following
        yield current
    finally:
        os.close(current)


def step_into(current: int, part: str, path: Path, make: Rights | None) -> tuple[int, str | None]:
    """The next folder of a path, or -1 and where a link of root's leads."""
    try:
        return os.open(part, FOLDER, dir_fd=current), None
    except FileNotFoundError:
        if make is None:
            raise
        os.mkdir(part, 0o700, dir_fd=current)
        made = os.open(part, FOLDER, dir_fd=current)
        os.fchown(made, make.owner, make.group)
        os.fchmod(made, make.mode)
        return made, None
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.ENOTDIR):
            raise
        link = os.open(part, os.O_PATH | os.O_NOFOLLOW, dir_fd=current)
        try:
            status = os.fstat(link)
            if not stat.S_ISLNK(status.st_mode):
                raise
            if status.st_uid not in (0, os.geteuid()):
                raise Unusable(f"{path} leads through a link ({part}) that user {status.st_uid} made, and is not followed. Name the real folder.") from None
            return -1, os.readlink("", dir_fd=link)
        finally:
            os.close(link)


def look(parent: int, name: str, shown: Path) -> Found | None:
    """A regular file of a folder, None where there is nothing. Anything else there, and a file too large, raises Unusable."""
    try:
        # Without waiting: the other end of a pipe may never come.
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=parent)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise Unusable(f"{shown} is a link, and is not followed. Remove it, so that the file itself can be there.") from None
        raise
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise Unusable(f"{shown} is not a file. Move away what is there.")
        with os.fdopen(descriptor, "rb", closefd=False) as opened:
            content = opened.read(LARGEST + 1)
    finally:
        os.close(descriptor)
    if len(content) > LARGEST:
        raise Unusable(f"{shown} is larger than {LARGEST >> 20} MiB, which no certificate is. Move it away.")
    return Found(content, Rights(status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)))


def write(parent: int, name: str, content: bytes, rights: Rights) -> None:
    """A file of a folder, in one step that survives a power loss, with its rights before its content."""
    temporary = PREFIX + secrets.token_hex(8)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=parent)
    try:
        with os.fdopen(descriptor, "wb") as out:
            os.fchown(out.fileno(), rights.owner, rights.group)
            os.fchmod(out.fileno(), rights.mode)
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        os.rename(temporary, name, src_dir_fd=parent, dst_dir_fd=parent)
        os.fsync(parent)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=parent)
        raise


def tidy(parent: int) -> None:
    """Take away what a killed run was in the middle of writing."""
    for name in os.listdir(parent):
        if name.startswith(PREFIX):
            with contextlib.suppress(IsADirectoryError, FileNotFoundError):
                os.unlink(name, dir_fd=parent)


def read(path: Path) -> bytes | None:
    """The content of a regular file, through links that root made to its folder, but not at its end; None where it is missing."""
    try:
        with folder(path.parent) as parent:
            found = look(parent, path.name, path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.content if found else None
