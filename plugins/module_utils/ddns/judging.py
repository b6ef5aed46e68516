# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the names of an account should have, what they have, and so which of them are to be sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..address.model import Found, Verdict
from .confirm import Question, Resolver, Seen
from .decide import Step, decide, due, removed, shows, taken, text_of
from .engine import DIFFERED, latch_text, value
from .model import CLEAR, FAMILIES, RECORD, LeftOut
from .report import LATCHED, UNCHANGED
from .settings import ABSENT, KEEP, Settings
from .transport import Unreachable
from .turn import Turn


def goals(turn: Turn, settings: Settings, found: Mapping[str, Found]) -> dict[Question, str]:
    """What each name should have; names that are left alone are told of and are not in it."""
    wanted, lacking = {}, dict[str, str]()
    for question, entry in turn.entries.items():
        host, family = question
        latch, place = turn.at.latches.get(host), found.get(family)
        if turn.entry.when_gone == KEEP or not place or place.address or place.verdict != Verdict.NONE:
            turn.there(question)
        if latch:
            entry.action, entry.message = LATCHED, latch_text(turn.entry, latch.said or latch.kind)
        elif turn.entry.state == ABSENT:
            wanted[question] = CLEAR
        elif family not in settings.address.families:
            continue  # nobody looks for such an address
        elif place and place.address:
            wanted[question] = value(settings, turn.entry, host, family, place.address)
        elif place and place.verdict == Verdict.NONE:
            if turn.entry.when_gone != KEEP:
                # A home that starts again, or a router, has none for a while too.
                if turn.outlasted(question):
                    wanted[question] = CLEAR
                else:
                    entry.message = "The home has no such connection just now. Where that stays so for an hour, the record is removed."
            elif turn.record(question):
                entry.message = "The home has no such connection, and the record stays as it is."
        else:
            entry.no_address = True
            entry.message = " ".join(["No address on which the sources agree, so the record stays as it is.", *told(place)])
            lacking[family] = f"{RECORD[family]}: {entry.message}"
    if lacking:
        turn.at.error, turn.at.error_at = " ".join(lacking.values()), turn.now()
    return wanted


def told(found: Found | None) -> Iterable[str]:
    """What is known of why there is no address."""
    if not found:
        return
    from ..acme.problem import printable

    yield f"({found.verdict})"
    for text in (*found.evidence, found.advice):
        if text:
            yield printable(text, 300)


def look(turn: Turn, wanted: Mapping[Question, str], resolver: Resolver, verify_every: float) -> None:
    """Ask what the names have where that is not known, or was not looked at for long."""
    moment = turn.now()
    asked = set()
    for question, wish in wanted.items():
        known = turn.record(question)
        if turn.entry.state == ABSENT and removed(known):
            continue
        if known is None or due(known, moment, verify_every) or turn.check:
            asked.add(question)
        elif known.address == wish and not turn.force:
            continue
        # A call may be made, which must not spoil what it does not change.
        if turn.can.left_out != LeftOut.UNTOUCHED or (turn.can.clear_together and wish == CLEAR):
            others = [(question[0], family) for family in FAMILIES if family in turn.can.families]
            asked |= {other for other in others if turn.record(other) is None}
    turn.seen = dict(answers(turn, sorted(asked), resolver))
    for question in turn.seen:
        known = turn.record(question)
        if known:
            known.looked = moment


def answers(turn: Turn, questions: list[Question], resolver: Resolver) -> Mapping[Question, Seen]:
    """The provider's own word where the DNS shows other addresses than were set."""
    if not questions or not turn.can.proxied:
        return resolver(questions) if questions else {}
    found = {}
    for question in questions:
        try:
            current = turn.provider.current(*question)
        except Unreachable as error:
            found[question] = Seen(None, turn.shown(str(error)))
        else:
            found[question] = Seen(None if current is None else frozenset(filter(None, [current])))
    return found


def judge(turn: Turn, question: Question, wanted: str, verify_every: float) -> None:
    """Whether a name is to be sent, and what is told of it otherwise."""
    entry, known, moment = turn.entries[question], turn.record(question), turn.now()
    seen = turn.seen.get(question, Seen(None)).addresses
    shown = None if seen is None else text_of(seen)
    if turn.entry.state == ABSENT and known and known.address == CLEAR:
        if seen and taken(known, seen):
            known.verified, known.elsewhere, known.differs = moment, "", False
            entry.message = f"It was removed. That its name servers say {shown} now is somebody else's doing, and stays."
        if removed(known):
            return
    step, entry.message = decide(wanted, known, seen, moment, verify_every)
    entry.old, entry.new = known.address if known else shown, wanted
    if step == Step.ADOPT:
        turn.remember(question, wanted, "seen", wanted)
        entry.action = UNCHANGED
    elif step == Step.PENDING:
        entry.action, entry.confirmed = UNCHANGED, False
        if known:
            known.differs = True
    elif step == Step.SAME and known and known.differs and seen is None:
        entry.message, entry.confirmed = DIFFERED, False
    elif step == Step.SAME and known and seen is not None:
        known.verified, known.elsewhere, known.differs, known.again = moment, "", False, 0
    elif step == Step.SEND and known and known.address == wanted and seen is not None and not shows(seen, wanted):
        entry.old = shown
        known.again += 1
    if step == Step.SEND or (turn.force and not in_vain(turn, question, wanted)):
        turn.changing[question] = wanted


def in_vain(turn: Turn, question: Question, wanted: str) -> bool:
    """Whether the provider has answered already that this changes nothing: telling it again is what providers lock accounts for."""
    known = turn.record(question)
    if known and known.kind == "nochg" and known.address == wanted:
        turn.entries[question].message = "The provider said already that this changes nothing, so it is not asked again."
        return True
    return False
