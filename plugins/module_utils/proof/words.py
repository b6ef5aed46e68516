# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How things are said on the page: strangers' words made harmless, times, numbers."""

from __future__ import annotations

import html
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Any

LONGEST = 400
"""Letters of one text; what is longer is cut, and how much was cut is said."""
MARKS_IN_A_ROW = 3
"""Accents upon one letter: more of them paint over the lines above and below."""


def visible(text: object, longest: int = LONGEST) -> str:
    """A stranger's words in one line: what cannot be seen, or turns the direction of what follows, is shown by its number."""
    given = str(text)
    pieces: list[str] = []
    marks = 0
    for letter in given[:longest]:
        kind = unicodedata.category(letter)
        marks = marks + 1 if kind in ("Mn", "Me") else 0
        hidden = kind[0] == "C" or kind in ("Zl", "Zp") or marks > MARKS_IN_A_ROW
        pieces.append(f"[U+{ord(letter):04X}]" if hidden else letter)
    shown = " ".join("".join(pieces).split())
    return f"{shown} … ({len(given) - longest} more letters)" if len(given) > longest else shown


def esc(text: object, longest: int = LONGEST) -> str:
    """The same for the text or an attribute of HTML."""
    return html.escape(visible(text, longest), quote=True)


def plural(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def moment(text: object) -> datetime | None:
    """A time in ISO 8601, None for anything else."""
    try:
        found = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def clock(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M} UTC"


def span(length: timedelta) -> str:
    """A time in the unit that fits it."""
    hours = abs(length.total_seconds()) / 3600
    if hours >= 72:
        return plural(int(hours / 24), "day")
    return plural(int(hours), "hour") if hours >= 1 else plural(int(hours * 60), "minute")


def mapping(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, dict) else {}


def entries(value: Any) -> list[dict[str, Any]]:
    """The mappings of a list; what is something else is left out."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, (list, tuple)) else []


def sentences(value: Any) -> tuple[str, ...]:
    """A text, or a list of them, without the empty ones."""
    given = value if isinstance(value, (list, tuple)) else [value]
    return tuple(str(one) for one in given if one not in (None, ""))
