# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Many things at once, over when their time is over, whatever still hangs."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")

AT_ONCE = 128


def side_by_side(works: Sequence[Callable[[], T]], until: float, at_once: int = AT_ONCE) -> list[T | None]:
    """What each gives, in their order; None for what had not ended at the time `until` (of time.monotonic). What one raises is raised here.

    The threads are daemons: a resolver of the system cannot be interrupted, and whoever waits for it at the end of the program waits too long.
    """
    results: list[T | None] = [None] * len(works)
    errors: list[BaseException] = []
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    done = threading.Semaphore(0)
    over = threading.Event()
    for number in range(len(works)):
        waiting.put(number)

    def carry_out() -> None:
        while not over.is_set():
            try:
                number = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                results[number] = works[number]()
            except BaseException as error:
                errors.append(error)
            done.release()

    for _ in range(min(at_once, len(works))):
        threading.Thread(target=carry_out, daemon=True).start()
    for _ in works:
        if not done.acquire(timeout=max(0.0, until - time.monotonic())) or errors:
            break
    over.set()
    if errors:
        raise errors[0]
    return list(results)
