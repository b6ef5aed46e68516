# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What was not carried over, or not wholly: nothing is dropped without a word."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ..acme.problem import printable

CLOSED = "closed"
LOST = "lost"
DIFFERS = "differs"

SECRET = re.compile(r"auth|cookie|token|secret|passw|passphrase|key|bearer|credential", re.IGNORECASE)
"""A line of nginx with one of these may hold a secret."""


@dataclass(frozen=True)
class Left:
    """One thing that a person has to know: what it is, where in NPM, why, what to do. `kind`: `closed`, a site that is written as a comment because it would
    be open or could not work; `lost`, what has no place here; `differs`, what is carried over and not quite the same. `lines`: nginx's own, one printable line
    each, without what may be a secret. All texts are printable."""

    kind: str
    what: str
    where: str
    why: str
    do: str
    lines: list[str] = field(default_factory=list)


def shown(value: object, longest: int = 80) -> str:
    """What came out of the database, for a terminal or a comment: one line, without a user name or password of a URL."""
    if not isinstance(value, str):
        return printable(f"({type(value).__name__})" if isinstance(value, (list, dict, bytes)) else str(value), longest)
    return re.sub(r"(?<=//)[^/@\s]*@", "(hidden)@", printable(value, longest))


def verbatim(line: str) -> str:
    """A line of nginx's language for a comment. Of one that may hold a secret, the first two words."""
    if not SECRET.search(line):
        return shown(line.strip(), 300)
    words = line.split()[:2]
    start = " ".join([words[0], re.split(r"[?=&\"']", words[1])[0]] if len(words) > 1 else words)
    return shown(start, 120) if start == line.strip().rstrip(";") else f"{shown(start, 120)} ... (the rest is not shown: it may be a secret)"
