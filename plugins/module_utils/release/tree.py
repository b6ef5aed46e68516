# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A tree of files that is owned whole: as wanted, as found on disk, and how the two differ."""

from __future__ import annotations

import grp
import hashlib
import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

HIDDEN = "(secret, hidden)\n"


@dataclass(frozen=True)
class File:
    """One file: its `path` inside the tree, `content` in bytes, permission bits, owner and group by name."""

    path: str
    content: bytes
    mode: int = 0o644
    owner: str = "root"
    group: str = "root"
    secret: bool = False

    def __post_init__(self) -> None:
        parts = PurePosixPath(self.path).parts
        if not parts or self.path.startswith("/") or ".." in parts or str(PurePosixPath(self.path)) != self.path:
            raise ValueError(f"{self.path!r} is not a path inside a tree: write it relative, without . or ..")


@dataclass(frozen=True)
class Tree:
    """A set of files below one root, and what makes them serve.

    root: directory that holds `releases/` and the link `current`. live: link that the running service reads, on a file system that a
    reboot clears. validate: command that checks a staged tree, `{tree}` standing for its directory. unit: systemd unit that serves it.
    listens: TCP ports that the unit must listen on once it serves. state: present or absent.
    """

    root: str
    files: tuple[File, ...] = ()
    live: str = ""
    validate: tuple[str, ...] = ()
    unit: str = ""
    listens: tuple[int, ...] = ()
    state: str = "present"

    @property
    def digest(self) -> str:
        whole = hashlib.sha256()
        for file in sorted(self.files, key=lambda f: f.path):
            whole.update(repr((file.path, file.mode, file.owner, file.group, file.content)).encode())
        return whole.hexdigest()[:16]


def found(directory: Path) -> dict[str, File]:
    """The files of a release as they are on disk now, by path. A missing directory has none."""
    files = {}
    for folder, _, names in os.walk(directory):
        for name in names:
            path = Path(folder) / name
            status = path.lstat()
            content = path.read_bytes() if stat.S_ISREG(status.st_mode) else os.readlink(path).encode() if path.is_symlink() else b""
            relative = str(path.relative_to(directory))
            files[relative] = File(relative, content, stat.S_IMODE(status.st_mode), owner_name(status.st_uid), group_name(status.st_gid))
    return files


def owner_name(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def group_name(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def same(one: File, other: File) -> bool:
    return (one.content, one.mode, one.owner, one.group) == (other.content, other.mode, other.owner, other.group)


def differences(tree: Tree, before: dict[str, File]) -> list[dict[str, str]]:
    """What would change, in the form of Ansible's diffs. The content of a secret file never shows."""
    wanted = {file.path: file for file in tree.files} if tree.state == "present" else {}
    result = []
    for path in sorted({*wanted, *before}):
        new, old = wanted.get(path), before.get(path)
        if new and old and same(new, old):
            continue
        secret = bool(new and new.secret) or bool(old and not new and old.mode & 0o077 == 0)
        result.append(
            {
                "before_header": f"{tree.root}/{path}{rights(old)}",
                "after_header": f"{tree.root}/{path}{rights(new)}",
                "before": shown(old, secret),
                "after": shown(new, secret),
            }
        )
    return result


def rights(file: File | None) -> str:
    return f" ({file.owner}:{file.group} {file.mode:04o})" if file else " (absent)"


def shown(file: File | None, secret: bool) -> str:
    if file is None:
        return ""
    return HIDDEN if secret else file.content.decode(errors="replace")
