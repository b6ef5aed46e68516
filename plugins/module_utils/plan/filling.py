# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the catalogue leaves open, such as `${EXPOSURE_HOST}`, with what the Plan knows in its place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

OPEN = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
LISTS = {"${EXPOSURE_PROXIES}": ",", "${EXPOSURE_HOSTS}": " "}
"""Alone in a list, these stand for all their values, an item each; the text between two of them is how they stand in a text."""


def fill(value: Any, known: Mapping[str, str]) -> Any:
    """A value of the catalogue with the known names replaced, in mappings and lists too; a name that is not known stays as it is."""
    if isinstance(value, Mapping):
        return {fill(key, known): fill(entry, known) for key, entry in value.items()}
    if isinstance(value, list):
        filled: list[Any] = []
        for entry in value:
            name = entry[2:-1] if isinstance(entry, str) and entry in LISTS else ""
            filled += [one for one in known[name].split(LISTS[entry]) if one] if name in known else [fill(entry, known)]
        return filled
    return OPEN.sub(lambda found: known.get(found[1], found[0]), value) if isinstance(value, str) else value
