# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a name's record has to be sent: from what the provider was last told, and what its authoritative servers show. Nothing is asked here.

The rules of the Dyn protocol (https://help.dyn.com/remote-access-api/policies/) hold for every provider: what it was told is kept, and it is not told the
same again. A resolver of the home is never asked for this: what its cache holds would make a loop.
"""

from __future__ import annotations

from collections.abc import Set
from enum import StrEnum
from typing import NamedTuple

from .backoff import DAY, HOUR
from .model import CLEAR
from .state import Record

SOON = 240.0
"""Seconds after which servers that did not show it yet are asked again, during the first hour."""


class Step(StrEnum):
    SAME = "same"
    ADOPT = "adopt"
    """The servers show it, without anything having been sent from here."""
    SEND = "send"
    PENDING = "pending"
    """It was sent, and the servers show something else: that may still change, or is not helped by sending it again."""


class Decision(NamedTuple):
    step: Step
    why: str = ""


def decide(wanted: str, record: Record | None, seen: Set[str] | None, moment: float, verify_every: float) -> Decision:
    """`wanted`: an address, a prefix, or `CLEAR`. `seen`: what the authoritative servers all show, None where that is not known. `moment`: seconds since
    1970."""
    if record is None or not record.at:
        return Decision(Step.ADOPT) if seen is not None and shows(seen, wanted) else Decision(Step.SEND)
    if record.address != wanted:
        return Decision(Step.SEND)
    if seen is None or shows(seen, wanted):
        return Decision(Step.SEND, "The provider would let the name expire.") if 0 < record.refresh <= moment else Decision(Step.SAME)
    return elsewhere(record, seen, moment, verify_every)


def elsewhere(record: Record, seen: Set[str], moment: float, verify_every: float) -> Decision:
    """The provider has it, its servers show something else."""
    shown = text_of(seen)
    says = f"The provider took {record.address or 'the removal'}, but its name servers say {shown or 'none'}"
    if not record.kind:
        # The account was changed or released since: that it was told then says nothing of now.
        return Decision(Step.SEND, f"The name servers say {shown or 'none'}.")
    if record.kind == "nochg" and record.elsewhere == shown:
        return Decision(Step.PENDING, f"{says}. Look at the zone: the name may be an alias, or be kept by another provider.")
    if moment < record.at + min(max(verify_every, HOUR) * 2.0 ** min(record.again, 10), DAY):
        return Decision(Step.PENDING, f"{says} so far. Where that stays so, it is sent again.")
    return Decision(Step.SEND, f"The name servers say {shown or 'none'}.")


def removed(record: Record | None) -> bool:
    """Whether a record that was to go is gone. What stands there later, somebody else put there."""
    return bool(record and record.at and record.address == CLEAR and record.kind and record.verified)


def taken(record: Record, seen: Set[str]) -> bool:
    """Whether the servers show something after a removal that was not there before it."""
    return record.address == CLEAR and bool(record.kind and seen) and not (record.before and shows(seen, record.before))


def due(record: Record, moment: float, verify_every: float) -> bool:
    """Whether the authoritative servers are to be asked about a name that was published."""
    fresh = not record.verified and moment - record.at < HOUR
    return moment - record.looked >= (min(SOON, verify_every) if fresh else verify_every)


def shows(seen: Set[str], wanted: str) -> bool:
    """Whether these addresses are what was wanted. One among several counts: sending it again would not take the others away."""
    if wanted == CLEAR:
        return not seen
    if "/" not in wanted:
        return wanted in seen
    import ipaddress

    network = ipaddress.ip_network(wanted, strict=False)
    return bool(seen) and all(ipaddress.ip_address(address) in network for address in seen)


def text_of(seen: Set[str]) -> str:
    return ", ".join(sorted(seen))
