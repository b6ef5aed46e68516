# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Copies of a certificate where another service expects them, with its names, owner and mode."""

from __future__ import annotations

import grp
import os
import pwd
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .store import Stored, parts_of

FFDHE2048 = b"""-----BEGIN DH PARAMETERS-----
MIIBCAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz
+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a
87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7
YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi
7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD
ssbzSibBsu/6iGtCOGEoXJf//////////wIBAg==
-----END DH PARAMETERS-----
"""
"""The group of RFC 7919, appendix A.1: better known and better checked than any that is made here."""


class CopyRefused(Exception):
    """A copy that cannot be written; the message says why."""


def write_copies(stored: Stored, copies: list[Mapping[str, Any]]) -> list[str]:
    """Write those that differ. Returns their paths; raises CopyRefused, with the others written."""
    contents = {**parts_of(stored), "dhparam": FFDHE2048}
    changed, wrong = [], []
    for copy in copies:
        try:
            if write_copy(copy, contents[copy["content"]]):
                changed.append(copy["path"])
        except KeyError as error:
            wrong.append(f"{copy['path']}: this host has no user or group {error}")
        except OSError as error:
            wrong.append(f"{copy['path']} cannot be written: {error}")
    if wrong:
        raise CopyRefused("; ".join(wrong))
    return changed


def differs(copy: Mapping[str, Any], content: bytes) -> bool:
    """Whether a copy is not there as it is wanted."""
    path = Path(copy["path"])
    wanted = (stat.S_IFREG | int(copy["mode"], 8), number(pwd.getpwnam, copy["owner"]), number(grp.getgrnam, copy["group"]))
    try:
        status = path.lstat()
        return (status.st_mode, status.st_uid, status.st_gid) != wanted or path.read_bytes() != content
    except FileNotFoundError:
        return True


def number(find: Any, name: str) -> int:
    """The number of a user or group; a number in digits stands for itself, such as that of a user in a container."""
    if name.isdigit():
        return int(name)
    try:
        return int(find(name)[2])
    except KeyError:
        raise KeyError(name) from None


def write_copy(copy: Mapping[str, Any], content: bytes) -> bool:
    """Put a copy in place in one step; what stands there, even a link, is replaced and never written through."""
    if not differs(copy, content):
        return False
    path = Path(copy["path"])
    owner, group = number(pwd.getpwnam, copy["owner"]), number(grp.getgrnam, copy["group"])
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as out:
            out.write(content)
            out.flush()
            os.fchown(out.fileno(), owner, group)
            os.fchmod(out.fileno(), int(copy["mode"], 8))
            os.fsync(out.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return True
