# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files of the imported inventory on the controller: a person may have edited them, so none is written over unasked."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from ..host import memory


@dataclass
class Placed:
    """Paths that were written or would be, those that were there and differ, and what a diff shows: path -> before, after."""

    written: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    diff: list[dict[str, str]] = field(default_factory=list)


def place(files: dict[Path, str], overwrite: bool, check: bool) -> Placed:
    """Write what is new, mode 0600. With `overwrite`, what differs too; it stays beside the new one. Raises OSError."""
    made = Placed()
    for path, content in files.items():
        before = there(path)
        if before == content:
            continue
        if before is not None and not overwrite:
            made.kept.append(str(path))
            continue
        made.written.append(str(path))
        made.diff.append({"before_header": str(path), "after_header": str(path), "before": before or "", "after": content})
        if not check:
            if before is not None:
                backup(path)
            memory.write(path, content)
    return made


def there(path: Path) -> str | None:
    """A file's content, None where there is none."""
    try:
        return path.read_bytes().decode("utf-8", "replace")
    except FileNotFoundError:
        return None


def backup(path: Path) -> None:
    """A copy beside a file, with `~` after its name: Ansible does not read it as variables. Raises OSError."""
    beside = path.with_name(f"{path.name}~")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as file:
        file.write(path.read_bytes())
