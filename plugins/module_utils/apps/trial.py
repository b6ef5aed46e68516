# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is unfinished about a stack, on the disk before it is begun: a run that is killed anywhere is understood by the next."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ..release.disk import Failure, sync

FORWARD, BACK, RESTORE = "forward", "back", "restore"


@dataclass
class Trial:
    """A change of a stack that has not been proven yet.

    digest: of the release tree on trial, and release: its folder. previous: the release that served before, '' for a first start. backup: made
    before the first of the trial's containers started. files: settings as they were, original -> copy, '' where there was none. started:
    whether its containers may have touched the data. served: public names that answered through their proxy before. phase: forward, back
    (it is being put back) or restore (a backup is being brought back).
    """

    name: str
    digest: str = ""
    release: str = ""
    previous: str = ""
    backup: str = ""
    files: dict[str, str] = field(default_factory=dict)
    started: bool = False
    served: list[str] = field(default_factory=list)
    phase: str = FORWARD

    def save(self, records: Path) -> None:
        records.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = records / f".{self.name}.json.new"
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as out:
            json.dump(asdict(self), out)
            out.flush()
            os.fsync(out.fileno())
        new.replace(records / f"{self.name}.json")
        sync(records)

    def end(self, records: Path) -> None:
        (records / f"{self.name}.json").unlink(missing_ok=True)
        shutil.rmtree(records / f"{self.name}.before", ignore_errors=True)

    def keep(self, records: Path, paths: list[Path]) -> None:
        """Copies of files that are going to change, with owners and modes. What was kept before, from the same trial, stays."""
        folder = records / f"{self.name}.before"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for path in paths:
            if str(path) in self.files or path.is_symlink() or path.is_dir():
                continue
            copy = folder / str(len(self.files))
            if path.exists():
                copy_whole(path, copy)
            self.files[str(path)] = str(copy) if path.exists() else ""
        self.save(records)

    def bring_files_back(self) -> None:
        for original, copy in self.files.items():
            path = Path(original)
            if path.is_dir():
                continue  # a folder that was made may stay
            if not copy:
                path.unlink(missing_ok=True)
            elif Path(copy).exists():
                beside = path.with_name(f".{path.name}.exposure")
                beside.unlink(missing_ok=True)
                copy_whole(Path(copy), beside)
                beside.replace(path)


def read(records: Path, name: str) -> Trial | None:
    """The unfinished change of a stack, None where there is none."""
    path = records / f"{name}.json"
    try:
        return Trial(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise Failure(f"{path} cannot be read ({error}). It says what an earlier run did not finish. Look at the app, and remove that file.") from error


def copy_whole(path: Path, copy: Path) -> None:
    shutil.copy2(path, copy)
    status = path.stat()
    os.chown(copy, status.st_uid, status.st_gid)
    copy.chmod(status.st_mode & 0o7777)
