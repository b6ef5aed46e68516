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
from . import make
from .pem import LARGEST, Certificate, Pair, Unusable, pair

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
    """What the store holds for a name: a pair, or a damage that says what is wrong; neither where the name is missing."""

    pair: Pair | None = None
    damage: str = ""

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
        place = self.place(name)
        try:
            return Entry(pair(self.content(name, "fullchain.pem"), self.content(name, "privkey.pem")))
        except Unusable as reason:
            return Entry(damage=f"{place}: {reason}")
        except OSError as error:
            if not place.is_symlink() and not place.exists():
                return Entry()
            return Entry(damage=f"{place}: {error.strerror or error}")

    def current(self, name: str) -> Certificate | None:
        """The certificate that is there and whole, a placeholder included."""
        return self.look(name).certificate

    def place(self, name: str) -> Path:
        """Where a name's files are read."""
        if not SLUG.match(name):
            raise Unusable(f"{name!r} cannot be the name of a certificate: write up to 40 of a-z, 0-9, _ and -, a letter first")
        return self.root / name

    def content(self, name: str, file: str) -> bytes:
        """A file of the current version."""
        with open(self.place(name) / file, "rb", opener=lambda path, flags: os.open(path, flags | os.O_NONBLOCK)) as opened:
            if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
                raise Unusable(f"{file} is not a file")
            return opened.read(LARGEST + 1)

    def install(self, name: str, chain_pem: bytes, key_pem: bytes) -> bool:
        """Put a chain with its key in place. Returns whether anything changed; raises Unusable where they are no pair."""
        new = pair(chain_pem, key_pem)
        with self.locked():
            return self.put(name, new)

    def placeholder(self, name: str, hosts: Sequence[str]) -> bool:
        """Put a placeholder in place, unless the name holds anything whole. Returns whether anything changed."""
        with self.locked():
            if self.look(name).pair:
                return self.restrict(name)
            return self.put(name, make.placeholder(hosts, datetime.now(UTC)))

    def put(self, name: str, new: Pair) -> bool:
        place = self.place(name)
        if place.exists() and not place.is_symlink():
            raise Unusable(f"{place} is not a link of this store, and is left as it is. Move it away, and run again.")
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
        link(place, self.versions / version)
        self.step("prune")
        self.prune(name)
        return True

    def differs(self, name: str, new: Pair) -> bool:
        try:
            return any(self.content(name, file) != content for file, content in contents(new).items()) or not self.held(name)
        except (OSError, Unusable):
            return True

    def held(self, name: str) -> Path | None:
        """The version that a name's link leads to, if it is one of the store's."""
        with contextlib.suppress(OSError):
            target = Path(os.path.normpath(self.root / self.place(name).readlink()))
            if target.parent == self.versions and (found := VERSION.match(target.name)) and found["name"] == name:
                return target
        return None

    def restrict(self, name: str) -> bool:
        """Give the files of the current version their group and modes again, where somebody changed them."""
        group, changed = self.group_id(), False
        for file, mode in FILES.items():
            descriptor = os.open(self.place(name) / file, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                status = os.fstat(descriptor)
                if file == "privkey.pem" and status.st_gid != group:
                    os.fchown(descriptor, -1, group)
                    changed = True
                if stat.S_IMODE(status.st_mode) != mode:
                    os.fchmod(descriptor, mode)
                    changed = True
            finally:
                os.close(descriptor)
        return changed

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
            if place.exists() and not place.is_symlink():
                raise Unusable(f"{place} is not a link of this store, and is left as it is. Look at it, and remove it yourself.")
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
