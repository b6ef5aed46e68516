# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What stands in the way of a certificate, as the preflight tells it."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

ERROR = "error"
WARNING = "warning"


@dataclass(frozen=True)
class Problem:
    """`kind` is for programs; `identifier` is the name that was to be certified; what was seen and what to do are sentences for the owner.
    An error would use up an order for nothing; a warning could not be settled from here, so the CA may still succeed."""

    kind: str
    identifier: str
    seen: str
    advice: str
    severity: str = ERROR

    def __str__(self) -> str:
        return f"{self.identifier}: {self.seen} {self.advice}"


def printable(text: str, longest: int = 80) -> str:
    """Words of a stranger, such as a server's header, fit to be shown."""
    shown = "".join(c if unicodedata.category(c)[0] != "C" and unicodedata.category(c) not in ("Zl", "Zp") else " " for c in text[: longest * 4])
    shown = " ".join(shown.split())
    return shown if len(shown) <= longest else f"{shown[: longest - 3]}..."
