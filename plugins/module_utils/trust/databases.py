# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where browsers keep the certificates they trust: the NSS databases in the homes of people."""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

SINGLE = (".pki/nssdb",)
"""Chromium and Chrome."""
PROFILES = (".mozilla/firefox", "snap/firefox/common/.mozilla/firefox", ".var/app/org.mozilla.firefox/.mozilla/firefox")
"""Firefox of Debian, of Snap, of Flatpak. Each folder below is a profile."""
FILE = "cert9.db"


@dataclass(frozen=True)
class Home:
    """A person's home, and the account to which everything in it has to belong."""

    path: Path
    uid: int
    gid: int


@dataclass(frozen=True)
class Database:
    """A folder with an NSS database."""

    folder: Path
    home: Home


def homes() -> list[Home]:
    """Of every account whose home is /root or below /home."""
    found: dict[tuple[Path, int], Home] = {}
    for entry in pwd.getpwall():
        path = Path(os.path.normpath(entry.pw_dir))
        if path == Path("/root") or (path.is_relative_to("/home") and path != Path("/home")):
            found.setdefault((path, entry.pw_uid), Home(path, entry.pw_uid, entry.pw_gid))
    return [found[key] for key in sorted(found)]


def find(people: Iterable[Home]) -> tuple[list[Database], list[str]]:
    """The databases, and a sentence for each that is not touched: no link is followed, and nothing that belongs to somebody else is opened."""
    databases, refused = [], []
    for home in people:
        for folder in candidates(home):
            problem = foreign(home, folder)
            if problem:
                refused.append(f"{folder} is left as it is: {problem}. What browsers of {home.path} trust is to be changed in the browser.")
            else:
                databases.append(Database(folder, home))
    return databases, refused


def candidates(home: Home) -> Iterator[Path]:
    """Folders in which a database is, whoever they belong to."""
    for name in SINGLE:
        if there(home.path / name / FILE):
            yield home.path / name
    for name in PROFILES:
        try:
            entries = sorted((home.path / name).iterdir())
        except OSError:
            continue
        yield from (entry for entry in entries if there(entry / FILE))


def there(path: Path) -> bool:
    try:
        return os.path.lexists(path)
    except OSError:
        return False


def foreign(home: Home, folder: Path) -> str:
    """Why a database may not be opened: a part of its path that is a link or somebody else's; '' when all is the owner's."""
    parts = folder.relative_to(home.path).parts
    for path in (home.path, *(home.path.joinpath(*parts[: n + 1]) for n in range(len(parts))), folder / FILE):
        try:
            status = path.lstat()
        except OSError as error:
            return f"{path} cannot be looked at ({error.strerror})"
        if stat.S_ISLNK(status.st_mode):
            return f"{path} is a symbolic link"
        if status.st_uid != home.uid:
            return f"{path} does not belong to the owner of the home"
        if not (stat.S_ISREG(status.st_mode) if path.name == FILE else stat.S_ISDIR(status.st_mode)):
            return f"{path} is not what it should be"
    return ""
