# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is remembered between runs: what was published, whom to wait for, and who is not to be called until a person has looked.

The file may be deleted at any time: names without a memory are looked up at their authoritative servers before anything is sent.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any

from ..host import memory
from .backoff import DAY, LONGEST

NAME = "state.json"
MOST_CALLS = 2000
"""Of an account in 24 hours that are remembered."""


@dataclass
class Record:
    """One family of one name. Times are seconds since 1970, 0 for never.

    `address`: what the provider has, '' for none, or the prefix that it was told; `at`: when it said so; `kind`: how it said so, good or nochg, or seen where
    only the DNS did, '' since the account was changed. `changed` and `before`: when it last became another, and from what. `looked`: when the authoritative
    servers were last asked, `verified`: when they last showed it; `elsewhere`: what they showed instead after the last call; `differs`: whether they show
    something else now. `again`: how often it was sent again for that. `refresh`: when it is to be sent again, before the provider lets the name expire.
    `gone`, `missed`: the first and the last of the looks in a row that found no such connection; kept only where the record is to go for that.
    """

    address: str = ""
    at: float = 0.0
    kind: str = ""
    changed: float = 0.0
    before: str = ""
    looked: float = 0.0
    verified: float = 0.0
    elsewhere: str = ""
    differs: bool = False
    again: int = 0
    refresh: float = 0.0
    gone: float = 0.0
    missed: float = 0.0


@dataclass
class Latch:
    """Why nothing is sent any more: the provider's refusal, what it said, and since when."""

    kind: str = ""
    said: str = ""
    since: float = 0.0


@dataclass
class AccountState:
    """`digest`: of the configuration that all this is about. `latches`: host -> latch, '' for all hosts. `asked`: whether the provider asked for the wait
    until `next_try`. `calls`: host -> times of the calls of the last 24 hours. `error`, `error_at`: the last trouble."""

    digest: str = ""
    latches: dict[str, Latch] = field(default_factory=dict)
    next_try: float = 0.0
    asked: bool = False
    failures: int = 0
    calls: dict[str, list[float]] = field(default_factory=dict)
    sent: list[float] = field(default_factory=list)
    error: str = ""
    error_at: float = 0.0


class State:
    """The memory in a folder; without a folder it lasts as long as the object."""

    def __init__(self, folder: Path | None = None, now: Callable[[], float] = time.time) -> None:
        self.folder, self.now = folder, now
        self.salt = ""
        self.records: dict[str, Record] = {}
        self.accounts: dict[str, AccountState] = {}
        self.written = ""
        self.told: dict[str, int] = {}
        """Record -> code of the trouble that was last told of it."""
        self.set_aside = ""
        """Where a damaged file went."""
        self.load()

    def load(self) -> None:
        """Read the file. Raises OSError where it is there and cannot be read."""
        self.salt, self.records, self.accounts, self.told, text = "", {}, {}, {}, ""
        if self.folder is not None:
            with contextlib.suppress(FileNotFoundError, UnicodeDecodeError):
                text = (self.folder / NAME).read_bytes().decode("utf-8", "surrogateescape")
        self.written = text
        if text:
            try:
                self.take(json.loads(text))
            except (ValueError, KeyError, TypeError, RecursionError, AttributeError):
                self.salt, self.records, self.accounts, self.told = "", {}, {}, {}
                self.set_aside = f"{NAME}.broken-{self.now():.0f}"
        self.salt = self.salt or os.urandom(16).hex()
        self.heal()

    def take(self, given: Any) -> None:
        if given["version"] != 1 or not isinstance(given["salt"], str) or not given["salt"]:
            raise ValueError
        self.salt = given["salt"]
        self.told = {key: int(code) for key, code in given["told"].items()}
        self.records = {key: checked(Record, entry) for key, entry in given["records"].items()}
        for key, entry in given["accounts"].items():
            latches = {host: checked(Latch, latch) for host, latch in entry.get("latches", {}).items()}
            calls = {host: times(values) for host, values in entry.get("calls", {}).items()}
            self.accounts[key] = checked(AccountState, entry, latches=latches, calls=calls, sent=times(entry.get("sent", [])))

    def heal(self) -> None:
        """Times that only another clock can have written are forgotten: a wait would never end, a quota would never be free."""
        moment = self.now()
        for account in self.accounts.values():
            if account.next_try > moment + LONGEST:
                account.next_try, account.asked = 0.0, False
            account.sent = [at for at in account.sent if moment - DAY < at <= moment][-MOST_CALLS:]
            kept = {host: [at for at in given if moment - DAY < at <= moment][-MOST_CALLS:] for host, given in account.calls.items()}
            account.calls = {host: given for host, given in kept.items() if given}
        for record in self.records.values():
            record.looked = record.looked if record.looked <= moment else 0.0
            if max(record.gone, record.missed) > moment:
                record.gone = record.missed = 0.0
            record.at, record.verified = min(record.at, moment), min(record.verified, moment)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """One run at a time, each with what the last one left. Raises OSError."""
        if self.folder is None:
            yield
            return
        import fcntl

        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            memory.owned(lock, self.folder)
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.load()
            yield
        finally:
            os.close(lock)

    def save(self) -> None:
        """Write the file where it differs: whole or not at all, for its owner alone. Its time is that of the last look. Raises OSError."""
        plain = {
            "version": 1,
            "salt": self.salt,
            "told": self.told,
            "records": {key: vars(record) for key, record in self.records.items()},
            "accounts": {
                key: {**vars(account), "latches": {host: vars(latch) for host, latch in account.latches.items()}} for key, account in self.accounts.items()
            },
        }
        text = json.dumps(plain, indent=1) + "\n"
        if self.folder is None:
            return
        if text == self.written:
            os.utime(self.folder / NAME)
            return
        path = self.folder / NAME
        if self.set_aside:
            with contextlib.suppress(FileNotFoundError):
                path.rename(self.folder / self.set_aside)
            self.set_aside = ""
        memory.write(path, text)
        self.written = text


def times(values: Any) -> list[float]:
    if not isinstance(values, list) or not all(isinstance(value, float) and 0 <= value < 1e11 for value in values):
        raise ValueError
    return values


RIGHT: dict[str, type] = {"str": str, "float": float, "int": int, "bool": bool, "list[float]": list}


def checked(kind: Any, given: dict[str, Any], **fixed: Any) -> Any:
    """A dataclass from what a file holds, whose fields are of their types. One that is not there has its default, since the release that wrote the file may
    not have known it: what stops an account outlives an upgrade. Raises ValueError."""
    if not isinstance(given, dict):
        raise ValueError
    kept: dict[str, Any] = {}
    for each in fields(kind):
        if each.name in fixed or (each.name not in given and each.default is not MISSING):
            continue
        value: Any = given[each.name]
        right: Any = RIGHT[str(each.type)]
        if type(value) is not right or (right is float and not 0 <= value < 1e11):
            raise ValueError(each.name)
        if right is str:
            value.encode()
        kept[each.name] = value
    return kind(**kept, **fixed)
