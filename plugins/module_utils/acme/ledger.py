# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The file that holds what was ordered: read and written under a lock, whole or not at all, and never a reason to crash."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import math
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

KEPT = 8 * 24 * 3600.0
"""Seconds: a day longer than the longest window of a limit."""


@dataclasses.dataclass(frozen=True)
class Order:
    """An order that was sent to a CA. Times are seconds since 1970; `retry_at` is 0 where the CA did not ask to wait."""

    directory: str
    names: tuple[str, ...]
    challenge: str
    at: float
    succeeded: bool
    reason: str
    retry_at: float


class Ledger:
    """The orders in a file, oldest first."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextlib.contextmanager
    def opened(self, now: float) -> Iterator[list[Order]]:
        """The orders, to read and to change; written back where they differ from what the file holds. Raises OSError."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(self.path.with_name(f"{self.path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            held = self.read()
            orders = [current(order, now) for order in held if order.at > now - KEPT]
            yield orders
            if orders != held:
                self.write(orders)
        finally:
            os.close(lock)

    def read(self) -> list[Order]:
        """What the file holds. A damaged file is set aside as .damaged; what can still be read of it counts, so that damage frees nobody of a wait."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return []
        try:
            entries = json.loads(content)["orders"]
            found = [order_of(entry) for entry in entries]
        except (ValueError, KeyError, TypeError, RecursionError):
            entries, found = [], [None]
        orders = [order for order in found if order]
        if len(orders) < len(found):
            self.path.replace(self.path.with_name(f"{self.path.name}.damaged"))
            self.write(orders)
        return orders

    def write(self, orders: list[Order]) -> None:
        text = json.dumps({"orders": [dataclasses.asdict(order) for order in orders]}, indent=1)
        descriptor, temporary = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")  # mkstemp: 0600
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(self.path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def current(order: Order, now: float) -> Order:
    """The order as of now. One in the future means that the clock was put back: it counts as just sent, else its wait might never end."""
    ahead = order.at - now
    if ahead <= 0:
        return order
    return dataclasses.replace(order, at=now, retry_at=max(order.retry_at - ahead, 0.0))


def order_of(entry: Any) -> Order | None:
    """An entry of the file, or None where it is not one."""
    if not isinstance(entry, dict) or set(entry) != {field.name for field in dataclasses.fields(Order)}:
        return None
    names = entry["names"]
    texts = [entry["directory"], entry["challenge"], entry["reason"]]
    if (
        not isinstance(names, list)
        or not all(isinstance(text, str) and encodable(text) for text in [*names, *texts])
        or not isinstance(entry["succeeded"], bool)
    ):
        return None
    times = [moment(entry[key]) for key in ("at", "retry_at")]
    if times[0] is None or times[1] is None or times[1] > times[0] + KEPT + 1:
        return None
    return Order(entry["directory"], tuple(names), entry["challenge"], times[0], entry["succeeded"], entry["reason"], times[1])


def encodable(text: str) -> bool:
    """Whether a text can be written as UTF-8: JSON can spell half of a surrogate pair."""
    return all(not 0xD800 <= ord(c) <= 0xDFFF for c in text)


def moment(value: Any) -> float | None:
    """A time that a file can mean, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    with contextlib.suppress(OverflowError):
        if math.isfinite(value) and 0 <= value < 1e11:
            return float(value)
    return None
