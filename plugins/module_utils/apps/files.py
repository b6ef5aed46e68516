# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Edits of an app's own files: shown first, then made whole and with a backup."""

from __future__ import annotations

import os
import shutil
import stat
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

MOST_BYTES = 4 << 20
"""No app's settings are longer; a longer file is something else."""


class Unknown(Exception):
    """A file that is not understood is not changed: the message says which, why, and what a person can do."""


class Missing(Unknown):
    """A file cannot be read yet: what reads it is not installed."""


@dataclass(frozen=True)
class Edit:
    """A file's whole new content. `mode` is for a file that is new; an existing one keeps its owner and mode."""

    path: Path
    content: str
    mode: int


def read(path: Path) -> str:
    """A file as it is, line ends included."""
    try:
        return path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise Unknown(f"{path} is not UTF-8 ({error}), and is left as it is. Save it as UTF-8.") from error


def read_below(folder: Path, path: Path) -> str | None:
    """A file of an app below its folder, None where there is none. No link is followed on the way, and nothing but a plain file is opened: the app
    may put there what it likes, and root reads."""
    names = path.relative_to(folder).parts
    at = os.open(folder, os.O_RDONLY | os.O_DIRECTORY) if folder.exists() else -1
    try:
        for number, name in enumerate(names):
            if at < 0:
                return None
            last = number == len(names) - 1
            try:
                following = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | (0 if last else os.O_DIRECTORY), dir_fd=at)
            except FileNotFoundError:
                return None
            except OSError as error:
                raise Unknown(f"{folder.joinpath(*names[: number + 1])} is a link, or no {'file' if last else 'folder'}, and is left as it is.") from error
            os.close(at)
            at = following
        if not stat.S_ISREG(os.fstat(at).st_mode) or os.fstat(at).st_size > MOST_BYTES:
            raise Unknown(f"{path} is not a file of settings (a plain file of at most {MOST_BYTES >> 20} MiB), and is left as it is.")
        with os.fdopen(os.dup(at), "rb") as file:
            return file.read(MOST_BYTES + 1).decode()
    except UnicodeDecodeError as error:
        raise Unknown(f"{path} is not UTF-8 ({error}), and is left as it is. Save it as UTF-8.") from error
    finally:
        if at >= 0:
            os.close(at)


def differences(edits: Sequence[Edit]) -> list[dict[str, str]]:
    """The edits in the form of Ansible's diffs."""
    return [
        {"before_header": str(e.path), "after_header": str(e.path), "before": read(e.path) if e.path.exists() else "", "after": e.content}
        for e in edits
    ]  # fmt: skip


def apply(edits: Sequence[Edit], below: Path | None = None) -> list[str]:
    """Write the edits, each in one step; a file that existed is kept beside it. Returns the backups.

    The folder is the app's, which may put links there: none is followed (from `below` on, else in the last two places), so that root writes
    nowhere else.
    """
    for edit in edits:
        inner = [path for path in edit.path.parents if below and path != below and path.is_relative_to(below)]
        for path in (edit.path, edit.path.parent, *inner):
            if path.is_symlink():
                raise Unknown(f"{path} is a link, and is left as it is. Put the file itself there.")
    backups = []
    for edit in edits:
        folder = edit.path.parent
        for missing in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
            missing.mkdir(mode=0o755)
            copy_owner(missing, missing.parent)
        temporary = folder / f".{edit.path.name}.exposure"
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as out:
            out.write(edit.content.encode())
            out.flush()
            os.fsync(out.fileno())
        if edit.path.exists():
            backup = copy_beside(edit.path)
            backups.append(str(backup))
            shutil.copymode(edit.path, temporary)
            copy_owner(temporary, edit.path)
        else:
            temporary.chmod(edit.mode)
            copy_owner(temporary, folder)
        temporary.replace(edit.path)
    return backups


def copy_beside(path: Path) -> Path:
    """A copy of a file in its folder, readable to nobody else at any moment. A name that is taken, by a link too, is not used."""
    name = f"{path.name}.{time.strftime('%Y%m%dT%H%M%S')}"
    for number in range(1000):
        backup = path.with_name(f"{name}{f'-{number}' if number else ''}.bak")
        try:
            os.close(os.open(backup, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
        except FileExistsError:
            continue
        shutil.copy2(path, backup)
        copy_owner(backup, path)
        return backup
    raise Unknown(f"{path} has a thousand copies of this second beside it, and is left as it is.")


def copy_owner(path: Path, model: Path) -> None:
    status = model.stat()
    os.chown(path, status.st_uid, status.st_gid)
