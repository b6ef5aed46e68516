# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A browser's NSS database, read and changed with certutil(1) by its owner."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .databases import FILE, Database
from .root import PREFIX, Refused, Root, Run, roots

ENTRY = re.compile(r"(?P<nickname>.+?)\s+(?P<ssl>[a-zA-Z]*),[a-zA-Z]*,[a-zA-Z]*\s*\Z")
MOST = 20
"""Certificates of ours that one database may hold before something is wrong."""


@dataclass(frozen=True)
class Entry:
    nickname: str
    trusted: bool
    """Whether it is trusted to issue certificates of servers (C in the first of the three flags)."""


def entries(output: str) -> list[Entry]:
    """What `certutil -L` lists."""
    found = [ENTRY.match(line) for line in output.splitlines() if "Trust Attributes" not in line]
    return [Entry(match["nickname"].strip(), "C" in match["ssl"]) for match in found if match and match["nickname"].strip()]


@dataclass(frozen=True)
class Nss:
    """One database. `source` is a file with the root that its owner may read."""

    database: Database
    run: Run
    certutil: str = "certutil"

    def ask(self, *words: str) -> tuple[int, str]:
        """certutil as the owner, who may do to these files what they like: whatever lies there, root does not touch it."""
        home = self.database.home
        owner = [] if home.uid == os.getuid() else ["setpriv", f"--reuid={home.uid}", f"--regid={home.gid}", "--clear-groups", "--no-new-privs"]
        environment = ["env", "-i", f"HOME={home.path}", f"PATH={os.environ.get('PATH', os.defpath)}", "LC_ALL=C.UTF-8"]
        return self.run([*environment, *owner, self.certutil, *words, "-d", f"sql:{self.database.folder}"])

    def done(self, *words: str) -> str:
        code, output = self.ask(*words)
        if code:
            raise Refused(f"{self.database.folder}: certutil {words[0]} ended with {code}: {output.strip()[-400:]}")
        return output

    def ours(self, fingerprints: set[str]) -> Iterator[tuple[Entry, list[Root]]]:
        """The entries that bear our name or are one of these certificates under another name."""
        for entry in entries(self.done("-L")):
            if entry.nickname.startswith(PREFIX) or entry.trusted:
                held = roots(self.done("-L", "-n", entry.nickname, "-a"))
                if entry.nickname.startswith(PREFIX) or {root.fingerprint for root in held} & fingerprints:
                    yield entry, held

    def state(self, root: Root) -> tuple[bool, list[Root]]:
        """Whether it trusts this root and no other of ours, and those that it holds."""
        found = list(self.ours({root.fingerprint}))
        return any(entry.trusted for entry, _ in found) and all(held == [root] for _, held in found), [one for _, held in found for one in held]

    def trust(self, root: Root, source: Path, check: bool) -> None:
        """An earlier root of ours goes first: NSS gives certificates of one subject one nickname."""
        locked = "could not authenticate" in self.ask("-K")[1]
        if not check:
            self.untrust({root.fingerprint})
        if locked:
            raise Refused(f"{self.database.folder} has a primary password, so its trust can be changed in the browser alone. Import the root there: {source}")
        if not check:
            self.done("-A", "-n", root.nickname, "-t", "C,,", "-i", str(source))

    def untrust(self, fingerprints: set[str]) -> None:
        for _ in range(MOST):
            found = next(self.ours(fingerprints), None)
            if found is None:
                return
            self.done("-D", "-n", found[0].nickname)
        raise Refused(f"{self.database.folder} still holds a certificate of the local CA after {MOST} were removed. Remove it in the browser.")

    def may_hold_ours(self) -> bool:
        """Without certutil: whether our name stands in the file at all (it is SQLite, which keeps texts as they are)."""
        try:
            descriptor = os.open(self.database.folder / FILE, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            with os.fdopen(descriptor, "rb") as file:
                return PREFIX.encode() in file.read()
        except OSError:
            return True
