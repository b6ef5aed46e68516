# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Values for a Caddyfile."""

from __future__ import annotations

import re
from typing import Any

SAFE = re.compile(r"[A-Za-z0-9._~/=&?%+,@:\[\]-]+\Z")


def caddy_token(value: Any) -> str:
    """A value as one token of a Caddyfile.

    The Plan lets only safe letters pass; this is the second lock, for a role that is used by itself. A Caddyfile has no quoting that holds for all
    values (`{$NAME}` is replaced before anything is read, placeholders after), so what is not safe is refused. Raises ValueError.
    """
    text = str(value)
    if not SAFE.match(text):
        raise ValueError(f"{text!r} cannot stand in a Caddyfile: letters, digits and . _ ~ / = & ? % + , @ : [ ] - only")
    return text


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"caddy_token": caddy_token}
