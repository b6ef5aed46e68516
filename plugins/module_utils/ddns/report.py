# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a run did for each name, and what that means to whoever started it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from .model import RECORD

NONE, UPDATED, UNCHANGED, WAITING, LATCHED, FAILED, REFUSED = "none", "updated", "unchanged", "waiting", "latched", "failed", "refused"

FINE, SETTINGS_WRONG, NO_ADDRESS, PERSON_NEEDED, TROUBLE, NOT_CONFIRMED = 0, 3, 10, 11, 12, 13
WORST_FIRST = (SETTINGS_WRONG, PERSON_NEEDED, TROUBLE, NO_ADDRESS, NOT_CONFIRMED, FINE)
CODES = {REFUSED: SETTINGS_WRONG, LATCHED: PERSON_NEEDED, FAILED: TROUBLE, WAITING: TROUBLE}


@dataclass
class Entry:
    """One family of one name. `old` and `new` are addresses, '' for none; `old` is None where it is not known. `next_try`: seconds since 1970, 0 where
    none is set. `confirmed`: whether the authoritative servers show it, None where they were not asked or did not say. `news`: it is well or in trouble since this run, otherwise than before."""

    host: str
    family: str
    account: str
    action: str = NONE
    old: str | None = None
    new: str = ""
    message: str = ""
    next_try: float = 0.0
    confirmed: bool | None = None
    no_address: bool = False
    news: bool = False

    @property
    def code(self) -> int:
        if self.action in CODES:
            return CODES[self.action]
        if self.no_address:
            return NO_ADDRESS
        return NOT_CONFIRMED if self.confirmed is False else FINE

    def __str__(self) -> str:
        what = f"{self.host} {RECORD[self.family]}"
        if self.action == UPDATED:
            what += f": {shown(self.old)} -> {shown(self.new)}"
        return f"{what}: {self.message}" if self.message else what


@dataclass
class Report:
    entries: list[Entry] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        return any(entry.action == UPDATED for entry in self.entries)

    @property
    def exit_code(self) -> int:
        """0 nothing to do, or done; 3 the settings are wrong; 10 no address on which the sources agree; 11 latched: a person is needed; 12 trouble that is
        tried again by itself; 13 written, but not seen at the authoritative servers. The worst one counts, in the order 3, 11, 12, 10, 13."""
        codes = {entry.code for entry in self.entries}
        return next((code for code in WORST_FIRST if code in codes), FINE)

    def diff(self) -> dict[str, str]:
        """The records that changed, as Ansible shows differences."""
        changed = [entry for entry in self.entries if entry.action == UPDATED]
        before, after = ([line(entry, getattr(entry, side)) for entry in changed] for side in ("old", "new"))
        return {"before": "".join(before), "after": "".join(after)}

    def plain(self) -> list[dict[str, Any]]:
        return [asdict(entry) for entry in self.entries]


def line(entry: Entry, address: str | None) -> str:
    return f"{entry.host} {RECORD[entry.family]} {shown(address)}\n" if address != "" else ""


def shown(address: str | None) -> str:
    return "unknown" if address is None else address or "none"
