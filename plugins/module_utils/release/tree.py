# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A tree of files that is owned whole: as wanted, as found on disk, and how the two differ."""

from __future__ import annotations

import grp
import hashlib
import os
import pwd
import re
import stat
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

HIDDEN = "(secret, hidden)\n"
HIDDEN_TOO = "(another secret, hidden)\n"
OTHERS = 0o007
"""The permission bits of those who are neither the owner nor in the group."""


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
        if self.secret and self.mode & OTHERS:
            raise ValueError(f"{self.path} is a secret that everybody may read with mode {self.mode:04o}: write a mode such as '0600'")

    @property
    def hidden(self) -> bool:
        """Whether its content must not show: a file that others may not read counts as a secret too, for nothing on disk says which were."""
        return self.secret or self.mode & OTHERS == 0


@dataclass(frozen=True)
class Tree:
    """A set of files below one root, and what makes them serve.

    root: directory that holds `releases/` and the link `current`. live: link that the running service reads, on a file system that a
    reboot clears; a tree with a unit needs it. validate: command that checks a staged tree, `{tree}` standing for its directory. unit:
    systemd unit that serves it. listens: TCP ports that the unit must listen on once it serves. state: present or absent.
    replaces: units that held the ports of the unit so far; they are stopped as it starts.
    """

    root: str
    files: tuple[File, ...] = ()
    live: str = ""
    validate: tuple[str, ...] = ()
    unit: str = ""
    listens: tuple[int, ...] = ()
    state: str = "present"
    replaces: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for what, path in (("root", self.root), ("live", self.live)):
            if (path or what == "root") and (not path.startswith("/") or path.startswith("//") or os.path.normpath(path) != path or path == "/"):
                raise ValueError(f"{path!r} cannot be the {what} of a tree: write an absolute path, without . or .. or a slash at its end")
        if self.state == "present" and self.unit and not self.live:
            raise ValueError(f"{self.root}: {self.unit} needs 'live', the link through which it reads its files")
        paths = [file.path for file in self.files]
        if twice := sorted({path for path in paths if paths.count(path) > 1}):
            raise ValueError(f"{self.root}: {', '.join(twice)} is there more than once")

    @property
    def digest(self) -> str:
        whole = hashlib.sha256()
        for file in sorted(self.files, key=lambda f: f.path):
            whole.update(repr((file.path, file.mode, file.owner, file.group, file.content)).encode())
        return whole.hexdigest()[:16]


def found(directory: Path) -> dict[str, File]:
    """The files of a release as they are on disk now, by path. A missing directory has none."""
    files = {}
    for folder, folders, names in os.walk(directory):
        for path in [Path(folder) / name for name in names] + [Path(folder) / name for name in folders if (Path(folder) / name).is_symlink()]:
            status = path.lstat()
            regular = stat.S_ISREG(status.st_mode)
            content = path.read_bytes() if regular else os.fsencode(path.readlink()) if path.is_symlink() else b""
            # The mode of what is no plain file keeps its type, and so is never the wanted one.
            mode = stat.S_IMODE(status.st_mode) if regular else status.st_mode
            relative = str(path.relative_to(directory))
            files[relative] = File(relative, content, mode, owner_name(status.st_uid), group_name(status.st_gid))
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
        result.append(
            {
                "before_header": f"{tree.root}/{path}{rights(old)}",
                "after_header": f"{tree.root}/{path}{rights(new)}",
                **shown(old, new),
            }
        )
    return result


def rights(file: File | None) -> str:
    return f" ({file.owner}:{file.group} {file.mode:04o})" if file else " (absent)"


def shown(old: File | None, new: File | None) -> dict[str, str]:
    """Both sides of a difference. Where only the rights differ they are what is shown: equal texts would show as nothing."""
    if old and new and old.content == new.content:
        return {"before": f"{rights(old).strip()}\n", "after": f"{rights(new).strip()}\n"}
    if any(file.hidden for file in (old, new) if file):
        return {"before": HIDDEN if old else "", "after": (HIDDEN_TOO if old else HIDDEN) if new else ""}
    return {"before": old.content.decode(errors="replace") if old else "", "after": new.content.decode(errors="replace") if new else ""}


def mode_of(text: str) -> int:
    """Permission bits written as octal digits. Raises ValueError."""
    if not re.fullmatch("0[0-7]{3}", text):
        raise ValueError(f"{text!r} is not a mode: write four octal digits in quotes, such as '0644' (without quotes YAML makes another number of it)")
    return int(text, 8)
