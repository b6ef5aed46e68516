# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Backups of a stack: its data while it is stopped, its volumes, dumps of its databases, its release and its secrets.

    /var/backups/exposure/<stack>/<time>-<version>/manifest.json data.tar.gz volumes/ dumps/ release/ secrets.env

One that is being made has another name, so that what was cut short never counts. `put-back` in one says that the update it was made for did not
work out, so that its data is that of the app again: the next backup takes its place.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..release.disk import Failure, resolved, sync
from . import archive
from .engine import Container, Engine
from .project import Places

MAKING = ".making-"
MANIFEST, PUT_BACK = "manifest.json", "put-back"
SPARE = 64 << 20
"""Bytes that stay free besides what a backup needs."""
NAMED = re.compile(r"\d{8}T\d{6}-")


@dataclass(frozen=True)
class Backup:
    """One that is whole. `told` is its manifest."""

    folder: Path
    told: dict[str, Any]

    @property
    def name(self) -> str:
        return self.folder.name


def opened(folder: Path) -> Backup:
    """The backup in a folder. Raises `Failure` where it cannot be read."""
    try:
        return Backup(folder, json.loads((folder / MANIFEST).read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise Failure(f"the backup {folder} cannot be read: {error}") from error


@dataclass
class Backups:
    """The backups of this host. `step` is told before each step; tests end the process there."""

    places: Places
    engine: Engine
    step: Callable[[str], None] = lambda name: None
    now: Callable[[], float] = time.time

    def found(self, name: str) -> list[Backup]:
        """The whole ones of a stack, the newest first."""
        backups = []
        for path in sorted((self.places.backups / name).glob("*/" + MANIFEST), reverse=True):
            if NAMED.match(path.parent.name):
                with contextlib.suppress(Failure):
                    backups.append(opened(path.parent))
        return backups

    def names(self) -> list[str]:
        """The stacks that have one."""
        return sorted({path.parent.parent.name for path in self.places.backups.glob("*/*/" + MANIFEST)}) if self.places.backups.is_dir() else []

    def tidy(self, name: str) -> None:
        """Take away what a killed run was in the middle of."""
        for left in (self.places.backups / name).glob(MAKING + "*"):
            shutil.rmtree(left, ignore_errors=True)

    def make(self, stack: Mapping[str, Any], images: Mapping[str, str], to: Mapping[str, str], why: str, kept: Sequence[Path] = ()) -> Path:
        """Make one, and leave the stack stopped. `images` is what runs, `to` what is to run; `kept` are backups that must not make room.

        Raises `Failure`, with nothing of it left, and the stack running or stopped: who called starts it again.
        """
        name = str(stack["name"])
        wish, directory = stack.get("backup") or {}, Path(stack["directory"])
        left_out = [path for path in wish.get("leave_out", ()) if path]
        shelf = self.places.backups / name
        version = re.sub(r"[^A-Za-z0-9._-]", "_", tag(images.get(str(stack["app"])) or next(iter(images.values()), "")))[:60] or "unknown"
        moment = self.now()
        while [*shelf.glob(f"{stamp(moment)}-*")]:
            moment += 1
        final = shelf / f"{stamp(moment)}-{version}"
        making = shelf / f"{MAKING}{final.name}"
        try:
            shelf.mkdir(parents=True, exist_ok=True, mode=0o700)
            for folder in (self.places.backups, shelf):
                folder.chmod(0o700)
            self.room(name, directory, left_out)
            making.mkdir(mode=0o700)
            self.step("dump")
            containers = [one for one in self.engine.containers() if one.project == name]
            dumps = [self.dump(making, dump, containers) for dump in wish.get("dumps", ())]
            self.step("stop")
            if any(one.state in ("running", "restarting", "paused") for one in containers) and (trouble := self.engine.stop(name)):
                raise Failure(f"It could not be stopped for its backup: {trouble}")
            self.step("pack")
            if directory.is_dir():
                archive.pack(directory, making / "data.tar.gz", left_out)
            volumes = self.pack_volumes(making, name)
            self.copy_files(making, name)
            manifest = {
                "format": 1,
                "name": name,
                "app": stack["app"],
                "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment)),
                "why": why,
                "version": version,
                "images": dict(images),
                "to": dict(to),
                "directory": str(directory),
                "leave_out": left_out,
                "dumps": dumps,
                "volumes": volumes,
                "health": stack["health"],
                "host": stack.get("env", {}).get("EXPOSURE_HOST", ""),
            }
            with (making / MANIFEST).open("w", encoding="utf-8") as out:
                json.dump(manifest, out, indent=2)
                out.flush()
                os.fsync(out.fileno())
            for below, _, _ in os.walk(making):
                sync(Path(below))
            self.step("name")
            making.rename(final)
            sync(shelf)
        except BaseException as error:
            shutil.rmtree(making, ignore_errors=True)
            if isinstance(error, OSError):
                full = error.errno in (errno.ENOSPC, errno.EDQUOT)
                raise Failure(f"Its backup could not be written below {shelf}: {'the disk is full' if full else error}.") from error
            raise
        self.step("prune")
        self.prune(name, {final, *kept})
        return final

    def room(self, name: str, directory: Path, left_out: Sequence[str]) -> None:
        """There is room for all of it, as if nothing could be compressed: half a backup at three in the morning helps no one."""
        need = archive.size(directory, left_out) if directory.is_dir() else 0
        need += sum(archive.size(volume.folder) for volume in self.engine.volumes(name) if volume.folder and volume.folder.is_dir())
        status = os.statvfs(self.places.backups)
        free = status.f_bavail * status.f_frsize
        if need + min(SPARE, need) > free:
            raise Failure(
                f"A backup of its data needs {amount(need)}, and {self.places.backups} has {amount(free)} free. Make room there, move the backups "
                f"(exposure_backups), leave large folders out (backup: {{leave_out: [media]}} of the app), or say backup: false for it."
            )

    def dump(self, making: Path, wanted: Mapping[str, Any], containers: Sequence[Container]) -> dict[str, Any]:
        """A database's own dump, made while it runs. Where it does not, its files are all there is: they are in the data."""
        told = {key: wanted[key] for key in ("service", "restore", "file")}
        running = [one for one in containers if one.service == wanted["service"] and one.state == "running"]
        if not running:
            return {**told, "made": False}
        out = making / "dumps" / wanted["file"]
        out.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if trouble := self.engine.send(running[0].id, wanted["command"], out, None):
            raise Failure(f"The dump of its service {wanted['service']} failed: {trouble[-500:]}")
        return {**told, "made": True}

    def pack_volumes(self, making: Path, name: str) -> list[dict[str, Any]]:
        """The named volumes. The content of one that is kept elsewhere, such as on a NAS, is not in the backup, and the manifest says so."""
        told = []
        for volume in self.engine.volumes(name):
            if volume.folder:
                (making / "volumes").mkdir(exist_ok=True, mode=0o700)
                archive.pack(volume.folder, making / "volumes" / f"{volume.name}.tar.gz")
            told.append({"name": volume.name, "kept": volume.folder is not None})
        return told

    def copy_files(self, making: Path, name: str) -> None:
        current = resolved(self.places.projects / name / "current")
        if current:
            shutil.copytree(current, making / "release")
        if self.places.secret(name).exists():
            shutil.copyfile(self.places.secret(name), making / "secrets.env")
            (making / "secrets.env").chmod(0o600)

    def prune(self, name: str, kept: set[Path]) -> None:
        """The newest stay, so many as are to be kept, and what is named."""
        old = [backup.folder for backup in self.found(name) if backup.folder not in kept]
        for number, folder in enumerate(old, 1 + len([path for path in kept if path.exists()])):
            if number > self.places.keep or (folder / PUT_BACK).exists():
                shutil.rmtree(folder, ignore_errors=True)

    def bring_data(self, backup: Backup) -> None:
        """The data and the volumes as they were. The stack is stopped, and its volumes are there."""
        told = backup.told
        if (backup.folder / "data.tar.gz").exists():
            self.step("data back")
            archive.replace(backup.folder / "data.tar.gz", Path(told["directory"]), told["leave_out"])
        places = {volume.name: volume.folder for volume in self.engine.volumes(str(told["name"]))}
        for kept in told["volumes"]:
            folder = places.get(kept["name"])
            if kept["kept"] and folder:
                self.step("volume back")
                archive.replace(backup.folder / "volumes" / f"{kept['name']}.tar.gz", folder)

    def bring_secrets(self, backup: Backup) -> None:
        """The generated secrets of that time: a database in the data knows them."""
        kept = backup.folder / "secrets.env"
        if kept.exists():
            file = self.places.secret(str(backup.told["name"]))
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            new = file.with_name(f".{file.name}.new")
            new.touch(mode=0o600)
            shutil.copyfile(kept, new)
            new.replace(file)

    def prove(self, backup: Backup) -> None:
        for file in sorted(backup.folder.rglob("*.tar.gz")):
            archive.prove(file)


def stamp(moment: float) -> str:
    return time.strftime("%Y%m%dT%H%M%S", time.gmtime(moment))


def tag(image: str) -> str:
    """The tag of an image reference, '' without one."""
    last = image.partition("@")[0].rpartition("/")[2]
    return last.partition(":")[2]


def amount(size: float) -> str:
    """Bytes for a person."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit in ("B", "KiB") else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"
