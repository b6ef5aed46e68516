# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A machine and its browsers trust the local CA, or trust it no longer."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field

from .databases import Home, find
from .nss import Nss
from .root import Refused, Root, Run
from .system_store import SystemStore


@dataclass
class Outcome:
    """What changed (or would change), what was left alone with its reason, what failed, and Ansible's diff.

    `missing` are packages to install; then it is to be done again, for the rest.
    """

    changed: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    diff: list[dict[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Machine:
    """Where trust is to change: its store, the homes of its people, and the programs for both."""

    store: SystemStore
    homes: Iterable[Home]
    run: Run
    certutil: str = "certutil"

    def present(self, root: Root, check: bool) -> Outcome:
        """Trusted everywhere. What cannot be done in one place does not keep it from being done in the others."""
        outcome = Outcome()
        before = described(self.store.holds())
        if not self.store.trusts(root):
            if not shutil.which("update-ca-certificates"):
                outcome.missing.append("ca-certificates")
            elif not check:
                self.store.trust(root, self.run)
            if check or not outcome.missing:
                note(outcome, str(self.store.file), before, described([root]))
        databases, outcome.refused = find(self.homes)
        if databases and not shutil.which(self.certutil):
            outcome.missing.append("libnss3-tools")
        for database in databases:
            place = str(database.folder)
            nss = Nss(database, self.run, self.certutil)
            if outcome.missing:
                if check:
                    note(outcome, place, "", described([root]))
                continue
            try:
                trusted, held = nss.state(root)
                if trusted:
                    continue
                nss.trust(root, self.store.file, check)
                note(outcome, place, described(held), described([root]))
            except Refused as refusal:
                outcome.failed.append(str(refusal))
        return outcome

    def absent(self, fingerprints: set[str], check: bool) -> Outcome:
        """Trusted nowhere: whatever bears our name goes, and the root that stands in our file, under whatever name."""
        outcome = Outcome()
        known = fingerprints | {root.fingerprint for root in self.store.holds()}
        databases, outcome.refused = find(self.homes)
        for database in databases:
            nss = Nss(database, self.run, self.certutil)
            if not shutil.which(self.certutil):
                if nss.may_hold_ours():
                    outcome.missing = ["libnss3-tools"]
                    if check:
                        note(outcome, str(database.folder), "the local CA\n", "")
                continue
            try:
                held = [one for _, each in nss.ours(known) for one in each]
                if held and not check:
                    nss.untrust(known)
                if held:
                    note(outcome, str(database.folder), described(held), "")
            except Refused as refusal:
                outcome.failed.append(str(refusal))
        if not self.store.empty() and (check or not outcome.missing):
            before = described(self.store.holds()) or "a link without its certificate\n"
            if not check:
                self.store.untrust(self.run)
            note(outcome, str(self.store.file), before, "")
        return outcome


def note(outcome: Outcome, place: str, before: str, after: str) -> None:
    outcome.changed.append(place)
    outcome.diff.append({"before_header": place, "after_header": place, "before": before, "after": after})


def described(held: list[Root]) -> str:
    return "".join(f"trusted root, SHA-256 {root.fingerprint}\n" for root in held)
