# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The part of a run that may call providers: account by account, each call remembered before it is sent and after it was answered."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from ..address.model import Found, Verdict
from .backoff import DAY, LONGEST, wait
from .confirm import Question, Resolver, Seen, confirm
from .decide import Step, decide, due, text_of
from .engine import account_key, latch_text, names_of, record_key, value
from .model import CLEAR, DONE, FAMILIES, LATCHING, Account, Call, Kind, LeftOut, Outcome
from .options import completed
from .plan_calls import Refusal, calls
from .providers.port import Provider
from .redact import redacted
from .report import FAILED, LATCHED, REFUSED, UNCHANGED, UPDATED, WAITING, Entry
from .settings import ABSENT, KEEP, AccountSettings, Settings
from .state import AccountState, Latch, Record, State
from .transport import Transport, Unreachable

HOST_ALONE = frozenset({Kind.NOT_FOUND})
"""Refusals that are about one name and stop that one alone."""


def registered(name: str) -> type[Provider]:
    from .providers.registry import provider

    return provider(name)


@dataclass
class Run:
    """What all accounts of a run share. `found` is empty where no address is needed."""

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
    written: dict[Question, list[tuple[Entry, Record]]] = field(default_factory=dict)
    chance: Callable[[], float] = random.random

    def account(self, entry: AccountSettings, account: Account) -> list[Entry]:
        """Everything of one account. Trouble of one keeps no other from its turn."""
        try:
            return Work(self, entry, account).carry_out()
        except Exception as error:
            said = redacted(f"{type(error).__name__}: {error}", account.secrets.values())
            at = self.state.accounts[account_key(entry)]
            at.failures += 1
            put_off(at, self.now(), wait(Kind.UNKNOWN, at.failures, None, 0, self.chance()), said)
            return [Entry(host, family, entry.name, FAILED, message=said, next_try=at.next_try) for host, family in names_of(entry)]

    def confirm(self) -> None:
        """See that the authoritative servers show what was written."""
        if not self.written or self.check:
            return
        self.state.save()
        goals = {question: entries[0][0].new for question, entries in self.written.items()}
        shown, last = confirm(goals, self.resolver, self.settings.confirm_within, self.sleep, self.now)
        for question, entries in self.written.items():
            for entry, record in entries:
                settle(entry, record, shown.get(question), last[question], self.now())


def settle(entry: Entry, record: Record, after: float | None, seen: Seen, moment: float) -> None:
    record.looked = moment
    if after is not None:
        record.verified, record.elsewhere, entry.confirmed = moment, "", True
        entry.message = " ".join(filter(None, [entry.message, f"Confirmed in {after:.0f} s."]))
    elif seen.addresses is not None:
        record.elsewhere, entry.confirmed = text_of(seen.addresses), False
        entry.message = " ".join(filter(None, [entry.message, f"Not yet seen: its name servers say {record.elsewhere or 'none'}."]))
    else:
        entry.message = " ".join(filter(None, [entry.message, f"Not confirmed: {seen.trouble or 'its name servers gave no answer'}."]))


def put_off(at: AccountState, moment: float, seconds: float, said: str, asked: bool = False) -> None:
    at.next_try, at.asked, at.error, at.error_at = max(at.next_try, moment + seconds), asked, said, moment


class Work:
    """One account in one run."""

    def __init__(self, run: Run, entry: AccountSettings, account: Account) -> None:
        self.run, self.entry, self.state = run, entry, run.state
        self.at = run.state.accounts[account_key(entry)]
        self.account = account
        self.entries: dict[Question, Entry] = {question: Entry(*question, entry.name) for question in names_of(entry)}
        self.seen: dict[Question, Seen] = {}
        self.changing: dict[Question, str] = {}
        self.stopped = False
        """A call failed: what is left of this account waits for another run."""

    def carry_out(self) -> list[Entry]:
        try:
            kind = self.run.provider_of(self.entry.provider)
        except LookupError:
            return self.refused(f"There is no provider called {self.entry.provider}.")
        self.account, trouble = completed(self.account, kind)
        if trouble:
            return self.refused(trouble)
        self.provider: Provider = kind(self.account, self.run.transport_of(self.account))
        self.can = kind.CAPABILITIES
        goals = self.goals()
        self.look(goals)
        for question, wanted in goals.items():
            self.judge(question, wanted)
        self.send()
        return list(self.entries.values())

    def refused(self, text: str) -> list[Entry]:
        for each in self.entries.values():
            each.action, each.message = REFUSED, text
        return list(self.entries.values())

    def goals(self) -> dict[Question, str]:
        """What each name should have; names that are left alone are told and are not in it."""
        goals = {}
        for question, entry in self.entries.items():
            host, family = question
            latch = self.at.latches.get(host)
            found = self.run.found.get(family)
            if latch:
                entry.action, entry.message = LATCHED, latch_text(self.entry, latch.said or latch.kind)
            elif self.entry.state == ABSENT:
                goals[question] = CLEAR
            elif found and found.address:
                goals[question] = value(self.run.settings, self.entry, host, family, found.address)
            elif found and found.verdict == Verdict.NONE:
                if self.entry.when_gone != KEEP:
                    goals[question] = CLEAR
                else:
                    entry.message = "The home has no such connection, and the record stays as it is."
            else:
                entry.no_address = True
                entry.message = " ".join(["No address on which the sources agree, so the record stays as it is.", *told(found)])
        return goals

    def record(self, question: Question) -> Record | None:
        return self.state.records.get(record_key(self.entry, *question))

    def look(self, goals: Mapping[Question, str]) -> None:
        """Ask what the names have where that is not known, or was not looked at for long."""
        moment = self.run.now()
        asked = set()
        for host, family in goals:
            known = self.record((host, family))
            if known is None or not known.at or due(known, moment, self.run.settings.verify_every) or self.run.check:
                asked.add((host, family))
            if self.can.left_out == LeftOut.HAZARD:
                asked |= {(host, other) for other in FAMILIES if other in self.can.families and self.record((host, other)) is None}
        self.seen = dict(self.ask(sorted(asked)))
        for question in self.seen:
            known = self.record(question)
            if known:
                known.looked = moment

    def ask(self, questions: list[Question]) -> Mapping[Question, Seen]:
        """The provider's own word where the DNS shows other addresses than were set."""
        if not questions or not self.can.proxied:
            return self.run.resolver(questions) if questions else {}
        answers = {}
        for host, family in questions:
            try:
                current = self.provider.current(host, family)
            except Unreachable as error:
                answers[host, family] = Seen(None, str(error))
            else:
                answers[host, family] = Seen(None if current is None else frozenset(filter(None, [current])))
        return answers

    def judge(self, question: Question, wanted: str) -> None:
        """Whether a name is to be sent, and what is told of it otherwise."""
        entry, known, moment = self.entries[question], self.record(question), self.run.now()
        seen = self.seen.get(question, Seen(None)).addresses
        shown = None if seen is None else text_of(seen)
        entry.old, entry.new = known.address if known and known.at else shown, wanted
        step, why = decide(wanted, known, seen, moment, self.run.settings.verify_every)
        entry.message = why
        if step == Step.ADOPT:
            self.remember(question, wanted, "seen", wanted)
            entry.action = UNCHANGED
        elif step == Step.PENDING:
            entry.action, entry.confirmed = UNCHANGED, False
        elif step == Step.SAME and known and seen is not None:
            known.verified, known.elsewhere, known.again = moment, "", 0
        if step == Step.SEND or (self.run.force and not self.told_in_vain(question, wanted)):
            if known and known.address == wanted and seen is not None and shown is not None and step == Step.SEND:
                entry.old = shown
                known.again += 1
            self.changing[question] = wanted

    def told_in_vain(self, question: Question, wanted: str) -> bool:
        """Whether the provider has answered already that this changes nothing: a second time is what providers lock accounts for."""
        known = self.record(question)
        if known and known.kind == "nochg" and known.address == wanted:
            self.entries[question].message = "The provider said already that this changes nothing, so it is not asked again."
            return True
        return False

    def send(self) -> None:
        wanted: dict[str, dict[str, str]] = {}
        for (host, family), address in self.changing.items():
            wanted.setdefault(host, {})[family] = address
        planned, refusals = calls(wanted, {host: self.known(host) for host in wanted}, self.can)
        for refusal in refusals:
            self.refuse(refusal)
        for call in planned:
            until, why = self.limit(call)
            latch = self.at.latches.get("")
            if latch:
                self.tell(call, LATCHED, latch_text(self.entry, latch.said))
            elif until:
                self.tell(call, WAITING, why, until)
            elif self.run.check:
                self.tell(call, UPDATED, "")
            else:
                self.carry(call)

    def known(self, host: str) -> dict[str, str]:
        """What a name has in each family, as far as that is known: what the provider was told, else what its servers show."""
        known = {}
        for family in FAMILIES:
            at, seen = self.record((host, family)), self.seen.get((host, family), Seen(None)).addresses
            if at and at.at:
                known[family] = at.address
            elif seen is not None and len(seen) <= 1:
                known[family] = text_of(seen)
        return known

    def refuse(self, refusal: Refusal) -> None:
        entry = self.entries[refusal.host, refusal.family]
        entry.action, entry.message = FAILED if refusal.passing else REFUSED, refusal.text

    def limit(self, call: Call) -> tuple[float, str]:
        """Until when a call has to wait, so that the provider's rules are kept, and which."""
        moment = self.run.now()
        if self.at.next_try > moment and (self.stopped or self.at.asked or not self.run.force):
            return self.at.next_try, self.at.error
        last = max((times[-1] for name in self.counted(call) if (times := self.at.calls.get(name))), default=0.0)
        if self.can.interval and last + self.can.interval > moment:
            return last + self.can.interval, f"This provider takes a name once in {self.can.interval:.0f} s."
        if self.can.daily and len(self.at.sent) >= self.can.daily:
            why = f"This provider takes {self.can.daily} calls in 24 hours, and they are used up."
            until = self.at.sent[-self.can.daily] + DAY
            if not self.run.check:
                put_off(self.at, moment, until - moment, why, asked=True)
            return until, why
        return 0.0, ""

    def counted(self, call: Call) -> list[str]:
        """As what a call is counted: its names, each family for itself where a provider takes no two in one call."""
        return list(call.hosts) if self.can.together else [f"{host} {family}" for host in call.hosts for family in (*call.values, call.prefix) if family]

    def tell(self, call: Call, action: str, message: str, next_try: float = 0.0) -> None:
        for host in call.hosts:
            for family in FAMILIES:
                if (host, family) in self.changing and (family in call.values or call.prefix):
                    entry = self.entries[host, family]
                    entry.action, entry.next_try, entry.message = action, next_try, message or entry.message

    def carry(self, call: Call) -> None:
        moment = self.run.now()
        self.at.sent.append(moment)
        for name in self.counted(call):
            self.at.calls.setdefault(name, []).append(moment)
        self.state.save()
        outcomes = self.outcomes(call)
        trouble = [outcome for outcome in outcomes if outcome.kind not in DONE | LATCHING]
        if not trouble:
            self.at.failures, self.at.next_try, self.at.asked = 0, 0.0, False
        else:
            self.at.failures += 1
            worst = max(trouble, key=lambda outcome: (outcome.retry_after or 0.0, outcome.kind == Kind.RATE_LIMITED))
            least = self.can.retry if worst.kind in (Kind.SERVER, Kind.RATE_LIMITED) else 0.0
            seconds = wait(worst.kind, self.at.failures, worst.retry_after, least, self.run.chance())
            asked = worst.kind == Kind.RATE_LIMITED or bool(worst.retry_after or least)
            self.stopped = True
            put_off(self.at, self.run.now(), min(seconds, LONGEST), f"{self.entry.provider}: {worst.said or worst.kind}", asked)
        for host, outcome in zip(call.hosts, outcomes, strict=True):
            self.conclude(host, call, outcome)
        self.state.save()

    def outcomes(self, call: Call) -> list[Outcome]:
        """What came of a call for each of its names, free of secrets."""
        try:
            given = self.provider.update(call)
        except Unreachable as error:
            given = [Outcome(Kind.NETWORK, str(error))] * len(call.hosts)
        except Exception as error:
            given = [Outcome(Kind.UNKNOWN, f"the answer was not understood ({type(error).__name__}: {error})")] * len(call.hosts)
        if len(given) != len(call.hosts):
            given = [Outcome(Kind.UNKNOWN, f"{len(given)} answers for {len(call.hosts)} names")] * len(call.hosts)
        return [self.clean(outcome, call) for outcome in given]

    def clean(self, outcome: Outcome, call: Call) -> Outcome:
        said = redacted(outcome.said, self.account.secrets.values())
        other = [text for family, text in outcome.echoed.items() if text != call.values.get(family, text)]
        if outcome.kind in DONE and other:
            return Outcome(Kind.UNKNOWN, redacted(f"it says that it set {other[0]}, which it was not told", self.account.secrets.values()))
        return Outcome(outcome.kind, said, outcome.echoed, outcome.retry_after)

    def conclude(self, host: str, call: Call, outcome: Outcome) -> None:
        """Remember what came of a call for one of its names, and tell it."""
        moment, said = self.run.now(), outcome.said or str(outcome.kind)
        if outcome.kind in LATCHING:
            self.at.latches[host if outcome.kind in HOST_ALONE else ""] = Latch(str(outcome.kind), said, moment)
            self.at.error, self.at.error_at = f"{self.entry.provider}: {said}", moment
        values = {**call.values, **({"ipv6": call.prefix} if call.prefix else {})}
        for family, address in values.items():
            question = host, family
            entry = self.entries.get(question) if question in self.changing else None
            if outcome.kind in DONE:
                record = self.remember(question, address, str(outcome.kind), entry.old if entry else None)
            if entry is None:
                continue
            if outcome.kind in LATCHING:
                entry.action, entry.message = LATCHED, latch_text(self.entry, said)
            elif outcome.kind not in DONE:
                entry.action, entry.message, entry.next_try = FAILED, f"{self.entry.provider}: {said}", self.at.next_try
            else:
                entry.action = UPDATED if outcome.kind == Kind.GOOD and entry.old != address else UNCHANGED
                if not self.can.proxied:
                    self.run.written.setdefault(question, []).append((entry, record))

    def remember(self, question: Question, address: str, kind: str, old: str | None) -> Record:
        """The provider has this address now."""
        moment, key = self.run.now(), record_key(self.entry, *question)
        record = self.state.records.setdefault(key, Record())
        if not record.at or record.address != address:
            record.before, record.changed = (record.address if record.at else old or ""), moment if old != address else 0.0
            record.again = 0
        record.address, record.at, record.kind = address, moment, kind
        # The share of the time that is left where nobody knows when the name was last updated.
        share = 0.5 if kind == "seen" else 0.85
        record.refresh = moment + self.can.keep_alive * DAY * share if self.can.keep_alive and address != CLEAR else 0.0
        record.looked, record.verified = (moment, moment) if kind == "seen" else (0.0, 0.0)
        return record


def told(found: Found | None) -> Iterable[str]:
    """What is known of why there is no address."""
    if not found:
        return
    from ..acme.problem import printable

    yield f"({found.verdict})"
    for text in (*found.evidence, found.advice):
        if text:
            yield printable(text, 300)
