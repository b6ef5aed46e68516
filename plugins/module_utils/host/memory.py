# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A file in which a service remembers something from run to run, in a folder that may belong to a user without rights."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def write(path: Path, text: str, mode: int = 0o600) -> None:
    """Whole or not at all, and for the folder's owner also where root writes: systemd does not give the file to the unit's user. The folder is
    made where it is missing. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        new.unlink(missing_ok=True)
        # The folder may belong to another than root, who must not lead root elsewhere by a link.
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600), "w", encoding="utf-8") as file:
            owned(file.fileno(), path.parent)
            os.fchmod(file.fileno(), mode)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def owned(descriptor: int, folder: Path) -> None:
    """What root writes there by hand belongs to the user whose folder it is, who else could not go on with it. A service that is root without that right
    keeps what it writes."""
    if os.geteuid() == 0:
        status = folder.stat()
        with contextlib.suppress(PermissionError):
            os.fchown(descriptor, status.st_uid, status.st_gid)
