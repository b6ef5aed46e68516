# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The calls of an account: held back by the provider's rules, remembered before they are sent, and understood when they were answered."""

from __future__ import annotations

import ipaddress

from .backoff import DAY, wait
from .confirm import Question
from .engine import latch_text
from .model import DONE, FAMILIES, IPV6, LATCHING, Call, Capabilities, Kind, Outcome
from .plan_calls import calls
from .report import FAILED, LATCHED, REFUSED, UNCHANGED, UPDATED, WAITING, Entry
from .state import Latch
from .transport import Unreachable
from .turn import Turn, put_off

HOST_ALONE = frozenset({Kind.NOT_FOUND})
"""Refusals that are about one name, and stop that one alone."""


def send(turn: Turn) -> None:
    """Everything that is to change."""
    wanted: dict[str, dict[str, str]] = {}
    for (host, family), address in turn.changing.items():
        wanted.setdefault(host, {})[family] = address
    planned, refusals = calls(wanted, {host: turn.known(host) for host in wanted}, turn.can)
    for refusal in refusals:
        entry = turn.entries[refusal.host, refusal.family]
        entry.action, entry.message = FAILED if refusal.passing else REFUSED, refusal.text
    for call in planned:
        latch = turn.at.latches.get("")
        until, why = limit(turn, call)
        if latch:
            tell(turn, call, LATCHED, latch_text(turn.entry, latch.said or latch.kind))
        elif until:
            tell(turn, call, WAITING, why, until)
        elif turn.check:
            tell(turn, call, UPDATED, "")
        else:
            carry(turn, call)


def limit(turn: Turn, call: Call) -> tuple[float, str]:
    """Until when a call has to wait, so that the provider's rules are kept, and which. 0 for not at all."""
    moment, at, can = turn.now(), turn.at, turn.can
    if at.next_try > moment and (turn.stopped or at.asked or not turn.force):
        return at.next_try, at.error
    free = max((free_at(at.calls.get(name, []), can) for name in counted(turn, call)), default=0.0)
    if free > moment:
        often = "one call" if can.burst == 1 else f"{can.burst} calls"
        return free, f"This provider takes {often} in {can.interval * can.burst:.0f} s."
    if can.daily and len(at.sent) >= can.daily:
        why = f"This provider takes {can.daily} calls in 24 hours, and they are used up."
        until = at.sent[-can.daily] + DAY
        if not turn.check:
            put_off(at, moment, until - moment, why, asked=True)
        return until, why
    return 0.0, ""


def free_at(times: list[float], can: Capabilities) -> float:
    """From when on another call keeps to the provider's interval. 0 for always."""
    return times[-can.burst] + can.interval * can.burst if can.interval and len(times) >= can.burst else 0.0


def counted(turn: Turn, call: Call) -> list[str]:
    """As what a call counts: its names or what they are counted by, each family for itself where a provider takes no two in one call."""
    scopes = list(dict.fromkeys(turn.provider.scope(host) for host in call.hosts))
    return scopes if turn.can.together else [f"{scope} {family}" for scope in scopes for family in told(call)]


def told(call: Call) -> dict[str, str]:
    """Family -> what a call says of it, a prefix too."""
    return {**call.values, **({IPV6: call.prefix} if call.prefix else {})}


def changing(turn: Turn, call: Call) -> list[tuple[Question, Entry]]:
    """What of a call was wanted, rather than said so that it stays as it is."""
    questions = [(host, family) for host in call.hosts for family in FAMILIES if family in told(call)]
    return [(question, turn.entries[question]) for question in questions if question in turn.changing]


def tell(turn: Turn, call: Call, action: str, message: str, next_try: float = 0.0) -> None:
    for _, entry in changing(turn, call):
        entry.action, entry.next_try, entry.message = action, next_try, message or entry.message


def carry(turn: Turn, call: Call) -> None:
    moment, at = turn.now(), turn.at
    at.sent.append(moment)
    for name in counted(turn, call):
        at.calls.setdefault(name, []).append(moment)
    # Before it is sent: a run that dies here has called nevertheless.
    turn.state.save()
    outcomes = [clean(turn, call, outcome) for outcome in answered(turn, call)]
    trouble = [outcome for outcome in outcomes if outcome.kind not in DONE | LATCHING]
    if trouble:
        turn.stopped = True
        at.failures += 1
        worst = max(trouble, key=lambda outcome: (outcome.retry_after or 0.0, outcome.kind == Kind.RATE_LIMITED))
        least = turn.can.retry if worst.kind in (Kind.SERVER, Kind.RATE_LIMITED) else 0.0
        seconds = wait(worst.kind, at.failures, worst.retry_after, least, turn.chance())
        put_off(at, turn.now(), seconds, said_by(turn, worst), asked=worst.kind == Kind.RATE_LIMITED or bool(worst.retry_after or least))
    else:
        at.failures, at.next_try, at.asked = 0, 0.0, False
    for host, outcome in zip(call.hosts, outcomes, strict=True):
        conclude(turn, call, host, outcome)
    turn.state.save()


def answered(turn: Turn, call: Call) -> list[Outcome]:
    """What came of a call for each of its names. Whatever goes wrong is an outcome."""
    number = len(call.hosts)
    try:
        given = turn.provider.update(call)
    except Unreachable as error:
        return [Outcome(Kind.NETWORK, str(error))] * number
    except ImportError as error:
        return [Outcome(Kind.UNKNOWN, f"this host lacks a Python library, {error.name}: run the playbook again, which installs it")] * number
    except Exception as error:
        return [Outcome(Kind.UNKNOWN, f"the answer was not understood ({type(error).__name__}: {error})")] * number
    return given if len(given) == number else [Outcome(Kind.UNKNOWN, f"{len(given)} answers for {number} names")] * number


def clean(turn: Turn, call: Call, outcome: Outcome) -> Outcome:
    """An outcome without secrets, and not taken for a success where the provider says that it set something else."""
    kind, said = outcome.kind, outcome.said
    other = [text for family, text in outcome.echoed.items() if call.values.get(family) and not equal(text, call.values[family])]
    if kind in DONE and other:
        kind, said = Kind.UNKNOWN, f"it says that it set {other[0]}, which it was not told"
    return Outcome(kind, turn.shown(said), {}, outcome.retry_after)


def equal(one: str, other: str) -> bool:
    """Whether two texts spell one address."""
    try:
        return ipaddress.ip_address(one) == ipaddress.ip_address(other)
    except ValueError:
        return False


def said_by(turn: Turn, outcome: Outcome) -> str:
    return f"{turn.entry.provider}: {outcome.said or outcome.kind}"


def conclude(turn: Turn, call: Call, host: str, outcome: Outcome) -> None:
    """Remember what came of a call for one of its names, and tell it."""
    own = {question: entry for question, entry in changing(turn, call) if question[0] == host}
    if outcome.kind in LATCHING:
        turn.at.latches[host if outcome.kind in HOST_ALONE else ""] = Latch(str(outcome.kind), outcome.said, turn.now())
        turn.at.error, turn.at.error_at = said_by(turn, outcome), turn.now()
        for entry in own.values():
            entry.action, entry.message = LATCHED, latch_text(turn.entry, outcome.said or str(outcome.kind))
    elif outcome.kind not in DONE:
        for entry in own.values():
            entry.action, entry.message, entry.next_try = FAILED, said_by(turn, outcome), turn.at.next_try
    else:
        for family, address in told(call).items():
            question, wanted = (host, family), own.get((host, family))
            record = turn.remember(question, address, str(outcome.kind), wanted.old if wanted else address)
            if wanted:
                wanted.action = UPDATED if outcome.kind == Kind.GOOD and wanted.old != address else UNCHANGED
                if not turn.can.proxied:
                    turn.written[question] = (wanted, record)
