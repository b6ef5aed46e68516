# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Edits of an app's own files: shown first, then made whole and with a backup."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


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


def differences(edits: Sequence[Edit]) -> list[dict[str, str]]:
    """The edits in the form of Ansible's diffs."""
    return [
        {"before_header": str(e.path), "after_header": str(e.path), "before": read(e.path) if e.path.exists() else "", "after": e.content}
        for e in edits
    ]  # fmt: skip


def apply(edits: Sequence[Edit]) -> list[str]:
    """Write the edits, each in one step; a file that existed is kept beside it. Returns the backups.

    The folder is the app's, which may put links there: none is followed, so that root writes nowhere else.
    """
    for edit in edits:
        for path in (edit.path, edit.path.parent):
            if path.is_symlink():
                raise Unknown(f"{path} is a link, and is left as it is. Put the file itself there.")
    backups = []
    for edit in edits:
        folder = edit.path.parent
        if not folder.exists():
            folder.mkdir(parents=True, mode=0o755)
            copy_owner(folder, folder.parent)
        temporary = folder / f".{edit.path.name}.exposure"
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as out:
            out.write(edit.content.encode())
            out.flush()
            os.fsync(out.fileno())
        if edit.path.exists():
            backup = edit.path.with_name(f"{edit.path.name}.{time.strftime('%Y%m%dT%H%M%S')}.bak")
            shutil.copy2(edit.path, backup)
            copy_owner(backup, edit.path)
            backups.append(str(backup))
            shutil.copymode(edit.path, temporary)
            copy_owner(temporary, edit.path)
        else:
            temporary.chmod(edit.mode)
            copy_owner(temporary, folder)
        temporary.replace(edit.path)
    return backups


def copy_owner(path: Path, model: Path) -> None:
    status = model.stat()
    os.chown(path, status.st_uid, status.st_gid)
