# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The part of a run that may call providers, account by account."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ..address.model import Found
from . import judging, sending
from .backoff import wait
from .confirm import Question, Resolver, Seen, confirm
from .decide import text_of
from .engine import account_key, names_of
from .model import Account, Kind
from .options import completed
from .providers.port import Provider
from .redact import redacted
from .report import FAILED, REFUSED, Entry
from .settings import AccountSettings, Settings
from .state import Record, State
from .transport import Transport
from .turn import Turn, put_off


def registered(name: str) -> type[Provider]:
    from .providers.registry import provider

    return provider(name)


@dataclass
class Run:
    """What all accounts of a run share. `found` is empty where no address is needed; `chance` gives figures between 0 and 1."""

    settings: Settings
    found: Mapping[str, Found]
    resolver: Resolver
    transport_of: Callable[[Account], Transport]
    state: State
    now: Callable[[], float]
    sleep: Callable[[float], None]
    check: bool
    force: bool
    provider_of: Callable[[str], type[Provider]] = registered
    chance: Callable[[], float] = random.random
    written: dict[Question, list[tuple[Entry, Record]]] = field(default_factory=dict)

    def account(self, entry: AccountSettings, account: Account) -> list[Entry]:
        """Everything of one account. Trouble of one keeps no other from its turn."""
        try:
            return self.carry_out(entry, account)
        except Exception as error:
            said = redacted(f"{type(error).__name__}: {error}", account.secrets.values())
            at = self.state.accounts[account_key(entry)]
            at.failures += 1
            put_off(at, self.now(), wait(Kind.UNKNOWN, at.failures, None, 0, self.chance()), said)
            return [Entry(host, family, entry.name, FAILED, message=said, next_try=at.next_try) for host, family in names_of(entry)]

    def carry_out(self, entry: AccountSettings, account: Account) -> list[Entry]:
        try:
            kind = self.provider_of(entry.provider)
        except LookupError as error:
            return refused(entry, str(error.args[0]))
        account, trouble = completed(account, kind)
        if trouble:
            return refused(entry, trouble)
        turn = Turn(entry, account, kind(account, self.transport_of(account)), self.state, self.now, self.check, self.force, self.chance)
        goals = judging.goals(turn, self.settings, self.found)
        judging.look(turn, goals, self.resolver, self.settings.verify_every)
        for question, wanted in goals.items():
            judging.judge(turn, question, wanted, self.settings.verify_every)
        sending.send(turn)
        for question, written in turn.written.items():
            self.written.setdefault(question, []).append(written)
        return list(turn.entries.values())

    def confirm(self) -> None:
        """See that the authoritative servers show what was written."""
        if not self.written:
            return
        self.state.save()
        goals = {question: entries[0][0].new for question, entries in self.written.items()}
        shown, last = confirm(goals, self.resolver, self.settings.confirm_within, self.sleep, self.now)
        for question, entries in self.written.items():
            for entry, record in entries:
                settle(entry, record, shown.get(question), last[question], self.now())


def refused(entry: AccountSettings, text: str) -> list[Entry]:
    return [Entry(host, family, entry.name, REFUSED, message=text) for host, family in names_of(entry)]


def settle(entry: Entry, record: Record, after: float | None, seen: Seen, moment: float) -> None:
    """Note whether what was written was seen, `after` how many seconds, or what was seen instead."""
    record.looked = moment
    if after is not None:
        record.verified, record.elsewhere, record.differs, entry.confirmed = moment, "", False, True
        added = f"Confirmed in {after:.0f} s."
    elif seen.addresses is not None:
        record.elsewhere, record.differs, entry.confirmed = text_of(seen.addresses), True, False
        added = f"Not yet seen: its name servers say {record.elsewhere or 'none'}."
    else:
        added = f"Not confirmed: {seen.trouble or 'its name servers gave no answer'}."
    entry.message = f"{entry.message} {added}".strip()
