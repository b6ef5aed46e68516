# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a question to the DNS can end. Plain data, for those who only read answers: it needs no dnspython."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

FOUND = "found"
NOTHING = "nothing"
NO_NAME = "no such name"
SERVFAIL = "servfail"
TIMEOUT = "timeout"
BROKEN = "broken"


@dataclass(frozen=True)
class Answer:
    """How a question ended, the records (dnspython's), where it went wrong what dnspython says of it, and the name at the end of all aliases."""

    state: str
    records: tuple[Any, ...] = ()
    detail: str = ""
    canonical: str = ""

    @property
    def texts(self) -> tuple[str, ...]:
        """The records as a zone file writes them, such as addresses."""
        return tuple(record.to_text() for record in self.records)


Ask = Callable[[str, str], Answer]
"""A question: name and type of record."""
