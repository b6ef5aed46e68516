# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the authoritative servers of names show, asked directly: no cache stands between. Needs dnspython, without which nothing is known."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from .decide import shows

Question = tuple[str, str]
"""Host and family."""


@dataclass(frozen=True)
class Seen:
    """`addresses`: what every server that answered shows; None where none did, where they differ, or where the name is an alias."""

    addresses: frozenset[str] | None
    trouble: str = ""


Resolver = Callable[[Iterable[Question]], Mapping[Question, Seen]]

PAUSES = (1.0, 1.0, 2.0, 4.0, 8.0)
"""Seconds between looks; the last one stays."""

MOST_SILENT = 2
"""Looks again where no server says anything of any name: they cannot be asked from here."""

ANY_LABEL = "exposure-any"
"""What a wildcard is asked for."""


def confirm(
    written: Mapping[Question, str],
    resolver: Resolver,
    within: float,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[dict[Question, float], dict[Question, Seen]]:
    """Look until the authoritative servers show all that was written (question -> address), or `within` seconds have passed. Seconds after which each was
    shown, and what was seen last of each."""
    begun, shown, last, looks, slept = clock(), dict[Question, float](), dict[Question, Seen](), 0, 0.0
    while True:
        open_ones = [question for question in written if question not in shown]
        answers = resolver(open_ones)
        for question in open_ones:
            last[question] = answers.get(question, Seen(None))
            addresses = last[question].addresses
            if addresses is not None and shows(addresses, written[question]):
                shown[question] = clock() - begun
        silent = not any(last[question].addresses is not None for question in written)
        pause = PAUSES[min(looks, len(PAUSES) - 1)]
        if len(shown) == len(written) or max(clock() - begun, slept) + pause > within or (silent and looks == MOST_SILENT):
            return shown, last
        looks += 1
        slept += pause  # a clock that is put back meanwhile does not make this endless
        sleep(pause)


class Authorities:
    """The resolver of the product. `nameservers` find the servers of a zone, none: those of the system. What was found out about zones is kept as long as the
    object lives."""

    def __init__(self, nameservers: Iterable[str] = (), port: int = 53, timeout: float = 3.0) -> None:
        self.nameservers, self.port, self.timeout = tuple(nameservers), port, timeout
        self.servers: dict[str, tuple[list[str], str]] = {}

    def __call__(self, questions: Iterable[Question]) -> dict[Question, Seen]:
        asked = list(questions)
        try:
            from .authorities import ask
        except ImportError:
            return dict.fromkeys(asked, Seen(None, "python3-dnspython is not installed"))
        try:
            return ask(self, asked)
        except Exception as error:  # whatever a name server sends: it must not end a run
            return dict.fromkeys(asked, Seen(None, f"the name servers could not be asked ({type(error).__name__})"))
