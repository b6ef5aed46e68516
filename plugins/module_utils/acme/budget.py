# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How many orders a CA may still be sent: what is remembered of earlier ones, and how long to wait after failures.

The limits are those of Let's Encrypt (https://letsencrypt.org/docs/rate-limits/), each stopped short of, because a limit that was reached takes a
home off the internet for up to a week. What other machines order for the same domain is not known here.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from .authorities import has_limits
from .ledger import KEPT, Ledger, Order

STATE = Path("/var/lib/exposure/budget.json")
HOUR = 3600.0
WEEK = 7 * 24 * HOUR

WAITS = (0.0, 1 * HOUR, 3 * HOUR, 9 * HOUR, 24 * HOUR)
"""Seconds to wait after the first, second, ... failure in a row; the last one stays."""

FAILURES_PER_NAME = 4
"""In an hour, at every CA: Let's Encrypt refuses after 5."""

SAME_NAMES = 4
"""Certificates for exactly the same names in 7 days: Let's Encrypt refuses after 5."""

SAME_DOMAIN = 45
"""Certificates below one registered domain in 7 days: Let's Encrypt refuses after 50."""

ORDERS = 295
"""Orders in 3 hours: Let's Encrypt refuses after 300."""


class Verdict(NamedTuple):
    """Whether an order may be sent now; else from when on (seconds since 1970, 0: not by waiting), and why."""

    allowed: bool
    until: float
    reason: str


class Budget:
    """The orders of this machine. `clock` gives seconds since 1970."""

    def __init__(self, path: Path = STATE, clock: Callable[[], float] = time.time) -> None:
        self.ledger = Ledger(path)
        self.clock = clock

    def may_order(self, directory: str, names: Iterable[str], challenge: str, force: bool = False, renewal: bool = False) -> Verdict:
        """Whether these names may be ordered now. `force` ends a wait of our own, never one that the CA asked for nor the limits. A `renewal`, an
        order for names that have a certificate, is not held to the limit of the domain, as the CA does not hold it to that either. Never raises."""
        now = self.clock()
        try:
            with self.ledger.opened(now) as orders:
                past = [order for order in orders if order.directory == directory]
        except OSError as error:
            folder = self.ledger.path.parent
            return Verdict(
                False, 0.0, f"What was ordered before cannot be read or kept ({error}), so nothing is ordered: root must be able to write to {folder}."
            )
        wanted = normal(names)
        blocks = [*waits(past, wanted, challenge, force), *hourly(past, wanted, now)]
        if has_limits(directory):
            blocks += limits(past, wanted, now, renewal)
        until, why = max((block for block in blocks if block[0] > now), default=(0.0, ""))
        return Verdict(not why, until, f"{why} Next try after {readable(until)}." if why else "")

    def failed(self, directory: str, names: Iterable[str], challenge: str, reason: str, retry_after: float | None = None) -> None:
        """Remember an order that failed; `retry_after`: seconds that the CA asks to wait. Raises OSError where it cannot be kept."""
        now = self.clock()
        later = now + min(max(retry_after, 0.0), KEPT) if retry_after is not None and retry_after == retry_after else 0.0
        self.add(Order(directory, normal(names), challenge, now, False, writable(reason)[:400], later))

    def succeeded(self, directory: str, names: Iterable[str], challenge: str) -> None:
        """Remember an order that gave a certificate. Raises OSError where it cannot be kept."""
        self.add(Order(directory, normal(names), challenge, self.clock(), True, "", 0.0))

    def add(self, order: Order) -> None:
        with self.ledger.opened(order.at) as orders:
            orders.append(order)


Block = tuple[float, str]
"""Until when, and why, as sentences."""


def waits(past: list[Order], names: tuple[str, ...], challenge: str, force: bool) -> list[Block]:
    """The wait after failures in a row of just these names by this challenge, and what the CA asked for."""
    same = [order for order in past if order.names == names]
    asked = max((order.retry_at for order in same), default=0.0)
    found = [(asked, f"The CA asked to wait before {listed(names)} is ordered again.")] if asked else []
    row = 0
    for order in reversed(same):
        if order.succeeded or order.challenge != challenge:
            break
        row += 1
    if row and not force:
        words = f"The last {row} orders" if row > 1 else "The last order"
        last = f" (at last: {same[-1].reason.rstrip('.')})" if same[-1].reason else ""
        found.append((same[-1].at + WAITS[min(row, len(WAITS)) - 1], f"{words} for {listed(names)} failed{last}."))
    return found


def hourly(past: list[Order], names: tuple[str, ...], now: float) -> list[Block]:
    """The cap on failures of one name within an hour, which nothing lifts."""
    found = []
    for name in names:
        times = [order.at for order in past if not order.succeeded and name in order.names and order.at > now - HOUR]
        found += reached(times, FAILURES_PER_NAME, HOUR, f"{name} failed {len(times)} times within an hour, and the CA would lock it at one more.")
    return found


def limits(past: list[Order], names: tuple[str, ...], now: float, renewal: bool) -> list[Block]:
    """The limits of a public CA on what succeeds."""
    issued = [order for order in past if order.succeeded and order.at > now - WEEK]
    same = [order.at for order in issued if order.names == names]
    found = reached(same, SAME_NAMES, WEEK, f"{len(same)} certificates for just {listed(names)} were issued within 7 days: use the one that is there.")
    for domain in () if renewal else sorted({registered(name) for name in names}):
        times = [order.at for order in issued if domain in {registered(name) for name in order.names}]
        found += reached(times, SAME_DOMAIN, WEEK, f"{len(times)} certificates below {domain} were issued within 7 days: put several names on one certificate.")
    recent = [order.at for order in past if order.at > now - 3 * HOUR]
    return found + reached(recent, ORDERS, 3 * HOUR, f"{len(recent)} orders were sent within 3 hours.")


def reached(times: list[float], most: int, window: float, why: str) -> list[Block]:
    """A limit that these orders have reached, until the oldest of those that fill it has left the window."""
    return [(sorted(times)[-most] + window, why)] if len(times) >= most else []


def registered(name: str) -> str:
    """The registered domain of a name, approximated as its last two labels: wider than the truth below suffixes such as duckdns.org or co.uk, so
    that too much is counted, never too little."""
    return ".".join(name.split(".")[-2:])


def normal(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({name.strip().rstrip(".").lower() for name in names}))


def writable(text: str) -> str:
    """A text without what UTF-8 cannot hold, such as a byte of a program's output that was no character."""
    return text.encode("utf-8", "replace").decode()


def listed(names: tuple[str, ...]) -> str:
    return f"{names[0]} and {len(names) - 1} more" if len(names) > 1 else "".join(names)


def readable(moment: float) -> str:
    """A time for people, in UTC and rounded up to the minute."""
    try:
        return f"{datetime.datetime.fromtimestamp(-(-moment // 60) * 60, datetime.UTC):%Y-%m-%d %H:%M} UTC"
    except (OverflowError, ValueError, OSError):
        return "a time that this machine cannot write"
