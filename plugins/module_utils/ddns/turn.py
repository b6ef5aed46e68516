# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One account in one run: what is known of its names, what is to change, and what is told."""

from __future__ import annotations

from collections.abc import Callable

from .backoff import DAY, HOUR
from .confirm import Question, Seen
from .decide import text_of
from .engine import account_key, names_of, record_key
from .model import CLEAR, FAMILIES, Account
from .providers.port import Provider
from .redact import redacted
from .report import Entry
from .settings import AccountSettings
from .state import AccountState, Record, State

ADOPTED, UPDATED = 0.5, 0.85
"""The share of the time after which a provider lets a name expire, at whose end it is refreshed. Where it was found as it should be, nobody knows how much
of the time has passed."""


class Turn:
    """`changing`: what is to be sent. `written`: what the provider took, to be looked for at the name servers. `stopped`: a call failed, so that what is
    left of this account waits for another run."""

    def __init__(
        self,
        entry: AccountSettings,
        account: Account,
        provider: Provider,
        state: State,
        now: Callable[[], float],
        check: bool,
        force: bool,
        chance: Callable[[], float],
    ) -> None:
        self.entry, self.account, self.provider, self.can = entry, account, provider, provider.CAPABILITIES
        self.state, self.now, self.check, self.force, self.chance = state, now, check, force, chance
        self.at = state.accounts[account_key(entry)]
        self.entries: dict[Question, Entry] = {question: Entry(*question, entry.name) for question in names_of(entry)}
        self.seen: dict[Question, Seen] = {}
        self.changing: dict[Question, str] = {}
        self.written: dict[Question, tuple[Entry, Record]] = {}
        self.stopped = False

    def record(self, question: Question) -> Record | None:
        """What the provider was told, None where nothing is remembered of that."""
        record = self.state.records.get(record_key(self.entry, *question))
        return record if record and record.at else None

    def outlasted(self, question: Question) -> bool:
        """Note that the home has no such connection now. Whether it has had none for so long that this is no mere restart of something."""
        moment, record = self.now(), self.state.records.setdefault(record_key(self.entry, *question), Record())
        if record.at and record.address == CLEAR:
            return True
        if not record.gone or moment - record.missed > HOUR:
            record.gone = moment
        record.missed = moment
        return moment - record.gone >= HOUR

    def there(self, question: Question) -> None:
        """Note that it is not certain any more that there is no such connection."""
        record = self.state.records.get(record_key(self.entry, *question))
        if record:
            record.gone = record.missed = 0.0

    def known(self, host: str) -> dict[str, str]:
        """What a name has in each family, as far as that is known: what the provider was told, else what its servers show."""
        known = {}
        for family in FAMILIES:
            record, seen = self.record((host, family)), self.seen.get((host, family), Seen(None)).addresses
            if record:
                known[family] = record.address
            elif seen is not None and len(seen) <= 1:
                known[family] = text_of(seen)
        return known

    def shown(self, text: str) -> str:
        return redacted(text, self.account.secrets.values())

    def remember(self, question: Question, address: str, kind: str, old: str | None) -> Record:
        """The provider has this address now. `old`: what the name had before, None where that is not known."""
        moment, key = self.now(), record_key(self.entry, *question)
        record = self.state.records.setdefault(key, Record())
        if not record.at or record.address != address:
            record.before = record.address if record.at else old or ""
            record.changed = moment if old != address else 0.0
            record.again = 0
        record.address, record.at, record.kind, record.differs = address, moment, kind, False
        record.gone = record.missed = 0.0
        share = ADOPTED if kind == "seen" else UPDATED
        record.refresh = moment + self.can.keep_alive * DAY * share if self.can.keep_alive and address != CLEAR else 0.0
        # Where only the API tells, its answer to the call is the proof.
        proven = kind == "seen" or self.can.proxied
        record.looked, record.verified = (moment, moment) if proven else (0.0, 0.0)
        return record


def put_off(at: AccountState, moment: float, seconds: float, said: str, asked: bool = False) -> None:
    """No call before these seconds have passed. `asked`: the provider wants it so."""
    at.next_try, at.asked, at.error, at.error_at = max(at.next_try, moment + seconds), asked, said, moment
