# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A marked block in a text file that is a person's else: set, changed, or taken out, and every other byte stays."""

from __future__ import annotations

import re
from collections.abc import Sequence

BEGIN = "# BEGIN homeserver.exposure: names of the home network"
END = "# END homeserver.exposure"
BLOCK = re.compile(rf"^{re.escape(BEGIN)}\r?\n(?:.*\n)*?{re.escape(END)}(?:\r?\n|\Z)", re.MULTILINE)


class Torn(ValueError):
    """The marks do not fit together, so what is ours cannot be told from what is not."""


def lines_of(text: str) -> list[str]:
    """The lines of our block; none where there is no block."""
    found = BLOCK.search(text)
    return found[0].splitlines()[1:-1] if found else []


def with_block(text: str, lines: Sequence[str]) -> str:
    """The text with our block of these lines, at its old place or at the end; without lines there is no block."""
    marks = [line.strip() for line in text.splitlines() if line.strip() in (BEGIN, END)]
    if marks not in ([], [BEGIN, END]):
        raise Torn("the lines that mark our block do not fit together")
    ending = "\r\n" if "\r\n" in text else "\n"
    block = "".join(f"{line}{ending}" for line in (BEGIN, *lines, END)) if lines else ""
    found = BLOCK.search(text)
    if found:
        return text[: found.start()] + block + text[found.end() :]
    if marks:
        raise Torn("the lines that mark our block are not as they were written")
    return text + ("" if not block or not text or text.endswith("\n") else ending) + block
