# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The certificate store of a host: one link for each certificate, moved in one step to a version that nobody edits."""

from __future__ import annotations

import contextlib
import fcntl
import grp
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ..plan.values import SLUG
from ..release.disk import link, sync, umask
from ..release.tree import group_name
from . import disk, make
from .pem import Certificate, Pair, Unusable, pair

ROOT = Path("/etc/exposure/certificates")
GROUP = "exposure-certificates"
"""The system group that may read private keys."""
KEPT = 2
"""Versions kept besides the current one."""
KEY_MODE = 0o640
FILES = {"fullchain.pem": 0o644, "chain.pem": 0o644, "privkey.pem": KEY_MODE}
VERSION = re.compile(r"(?P<name>.+)-[0-9]{8}T[0-9]{6}-[0-9a-f]{8}\Z")
STAGING = ".staging-"

Run = Callable[[Sequence[str]], tuple[int, str]]


@dataclass(frozen=True)
class Entry:
    """What the store holds for a name: a pair that works, what is damaged, and the version that was seen; none of them where the name is missing."""

    pair: Pair | None = None
    damage: str = ""
    version: Path | None = None

    @property
    def certificate(self) -> Certificate | None:
        return self.pair.leaf if self.pair else None

    @property
    def real(self) -> Pair | None:
        """The pair, unless it is only a placeholder."""
        return self.pair if self.pair and not self.pair.leaf.placeholder else None


class Store:
    """The store below a root. `run` runs a command (exit code, output); `step` is told of each step before it happens."""

    def __init__(self, run: Run, root: Path = ROOT, group: str = GROUP, step: Callable[[str], None] = lambda name: None) -> None:
        self.root, self.run, self.group, self.step = root, run, group, step
        self.versions = root / ".versions"

    def look(self, name: str) -> Entry:
        """What is there, every file read and checked. Nothing is changed."""
        version = self.held(name)
        if version is None:
            return Entry(damage=f"{self.place(name)} is not a link to a version in this store") if os.path.lexists(self.place(name)) else Entry()
        files = {}
        try:
            for file in FILES:
                files[file] = disk.read(version / file)
            missing = [file for file, content in files.items() if content is None]
            found = pair(files["fullchain.pem"] or b"", files["privkey.pem"] or b"") if not {"fullchain.pem", "privkey.pem"} & set(missing) else None
        except (OSError, Unusable) as reason:
            return Entry(None, f"{version}: {reason}", version)
        if missing:
            return Entry(found, f"{version}: {', '.join(missing)} is missing", version)
        return Entry(found, "" if found and files == contents(found) else f"{version}: somebody changed its files", version)

    def current(self, name: str) -> Certificate | None:
        """The certificate that is there and works, a placeholder included."""
        return self.look(name).certificate

    def place(self, name: str) -> Path:
        """Where a name's files are read."""
        if not SLUG.match(name):
            raise Unusable(f"{name!r} cannot be the name of a certificate: write up to 40 of a-z, 0-9, _ and -, a letter first")
        return self.root / name

    def obstacle(self, name: str) -> str:
        """What is in the way of a name's link, and what to do; nothing where nothing is."""
        place = self.place(name)
        if place.is_symlink() or not os.path.lexists(place):
            return ""
        return f"{place} is not a link of this store, and is left as it is. Look at it, move it away, and run again."

    def install(self, name: str, chain_pem: bytes, key_pem: bytes) -> bool:
        """Put a chain with its key in place. Returns whether anything changed; raises Unusable where they are no pair."""
        new = pair(chain_pem, key_pem)
        with self.locked():
            return self.put(name, new)

    def replace(self, name: str, seen: Entry, new: Pair) -> bool:
        """Install a pair that was chosen for what was seen. What a renewal put there since then stays. Returns whether anything changed."""
        with self.locked():
            return self.held(name) == seen.version and self.put(name, new)

    def placeholder(self, name: str, hosts: Sequence[str]) -> bool:
        """Put a placeholder in place, unless the name holds anything that works. Returns whether anything changed."""
        with self.locked():
            return self.put(name, self.look(name).pair or make.placeholder(hosts, datetime.now(UTC)))

    def put(self, name: str, new: Pair) -> bool:
        if obstacle := self.obstacle(name):
            raise Unusable(obstacle)
        if not self.differs(name, new):
            return self.restrict(name)
        group = self.group_id()
        version = f"{name}-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{secrets.token_hex(4)}"
        staging = self.versions / f"{STAGING}{version}"
        self.step("stage")
        staging.mkdir()
        for file, content in contents(new).items():
            self.step(f"write {file}")
            with open(staging / file, "xb", opener=lambda path, flags: os.open(path, flags, 0o600)) as out:
                if file == "privkey.pem":
                    os.fchown(out.fileno(), -1, group)
                os.fchmod(out.fileno(), FILES[file])
                out.write(content)
                out.flush()
                os.fsync(out.fileno())
        sync(staging)
        self.step("name")
        staging.rename(self.versions / version)
        sync(self.versions)
        self.step("swap")
        link(self.place(name), self.versions / version)
        self.step("prune")
        self.prune(name)
        return True

    def differs(self, name: str, new: Pair) -> bool:
        """Whether something else than this pair is there, or it is damaged."""
        entry = self.look(name)
        return bool(entry.damage) or entry.pair is None or contents(entry.pair) != contents(new)

    def held(self, name: str) -> Path | None:
        """The version that a name's link leads to, if it is one of the store's."""
        with contextlib.suppress(OSError):
            target = Path(os.path.normpath(self.root / self.place(name).readlink()))
            if target.parent == self.versions and (found := VERSION.match(target.name)) and found["name"] == name:
                return target
        return None

    def loose(self, name: str) -> list[Path]:
        """Files of the current version whose group or mode somebody changed."""
        version = self.held(name)

        def wrong(file: Path) -> bool:
            status = file.lstat()
            return stat.S_IMODE(status.st_mode) != FILES[file.name] or (file.name == "privkey.pem" and group_name(status.st_gid) != self.group)

        return [version / file for file in FILES if wrong(version / file)] if version else []

    def restrict(self, name: str) -> bool:
        """Give the files of the current version their group and modes again. Returns whether one had others."""
        wrong = self.loose(name)
        for file in wrong:
            if file.name == "privkey.pem":
                os.chown(file, -1, self.group_id(), follow_symlinks=False)
            file.chmod(FILES[file.name])
        return bool(wrong)

    def group_id(self) -> int:
        """The number of the group that may read keys, which is made where it is missing."""
        with contextlib.suppress(KeyError):
            return grp.getgrnam(self.group).gr_gid
        self.step("group")
        code, output = self.run(["groupadd", "--system", self.group])
        try:
            return grp.getgrnam(self.group).gr_gid
        except KeyError:
            raise Unusable(
                f"The group {self.group} could not be made ({output.strip() or f'groupadd ended with {code}'}). Make it yourself, and run again."
            ) from None

    def names(self) -> list[str]:
        """The names that the store holds, damaged ones too."""
        try:
            return sorted(entry.name for entry in self.root.iterdir() if entry.is_symlink() and SLUG.match(entry.name))
        except FileNotFoundError:
            return []

    def prune(self, name: str) -> None:
        """Take away old versions of a name, and what killed runs left. The newest two besides the current one stay."""
        current = self.held(name)
        own = [entry for entry in self.versions.iterdir() if (found := VERSION.match(entry.name)) and found["name"] == name and entry != current]
        own.sort(key=lambda entry: (entry.lstat().st_mtime_ns, entry.name))
        for old in [*own[: max(0, len(own) - KEPT)], *self.versions.glob(f"{STAGING}*")]:
            shutil.rmtree(old)

    def remove(self, name: str) -> bool:
        """Take a name out of the store with all its versions. Returns whether there was anything."""
        with self.locked():
            place = self.place(name)
            own = [entry for entry in self.versions.iterdir() if (found := VERSION.match(entry.name)) and found["name"] == name]
            if obstacle := self.obstacle(name):
                raise Unusable(obstacle)
            there = place.is_symlink()
            if there:
                place.unlink()
                sync(self.root)
            for version in own:
                shutil.rmtree(version)
            return there or bool(own)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """One change of the store at a time: a renewal and a run of the playbook may meet. A second one waits."""
        try:
            with umask(0o022):
                self.versions.mkdir(parents=True, exist_ok=True)
                descriptor = os.open(self.versions / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX)
                    yield
                finally:
                    os.close(descriptor)
        except OSError as error:
            raise Unusable(f"The certificate store {self.root} could not be changed: {error}. What was served before is untouched.") from error


def contents(new: Pair) -> dict[str, bytes]:
    return {"fullchain.pem": new.fullchain, "chain.pem": new.issuers, "privkey.pem": new.key}
