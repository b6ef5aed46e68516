# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Values for a Caddyfile."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

SAFE = re.compile(r"[A-Za-z0-9._~/=&?%+,@:\[\]-]+\Z")
TEXT = re.compile(r"[ -_a-z|~]*\Z")
BODY = re.compile(r"[ -_a-~]*\Z")
PLACEHOLDER = re.compile(r"\{(?![\"}])|\\[{}]|\{\$")
"""What Caddy may read as one, or as a brace that is none. In JSON, a brace that opens is before a quote or the one that closes."""


def caddy_token(value: Any) -> str:
    """A value as one token of a Caddyfile.

    The Plan lets only safe letters pass; this is the second lock, for a role that is used by itself. A Caddyfile has no quoting that holds for all
    values (`{$NAME}` is replaced before anything is read, placeholders after), so what is not safe is refused. Raises ValueError.
    """
    text = str(value)
    if not SAFE.match(text):
        raise ValueError(f"{text!r} cannot stand in a Caddyfile: letters, digits and . _ ~ / = & ? % + , @ : [ ] - only")
    return text


def caddy_text(value: Any) -> str:
    """A value of a header as one token. Raises ValueError for what Caddy would not take as it is."""
    text = str(value)
    if not TEXT.match(text):
        raise ValueError(f"{text!r} cannot stand in a Caddyfile: plain ASCII without ` {{ }} only")
    return f"`{text}`"


def caddy_body(value: Any) -> str:
    """The body of an answer as one token: JSON as the Plan makes it (plan/answers.py, compact). Between backticks nothing is read but placeholders, which
    are found later; what could be one is refused. Raises ValueError."""
    text = str(value)
    if not BODY.match(text) or PLACEHOLDER.search(text):
        raise ValueError(f"{text[:80]!r} cannot be a body in a Caddyfile: JSON in plain ASCII without ` and with no brace in its texts only")
    return f"`{text}`"


def caddy_order(site: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Answers and locations as Caddy is to try them: an answer for a path alone first, then the longest path, then what the proxy answers itself."""
    tried = [*site["answers"], *(location for location in site["locations"] if location["path"] != "/")]
    return sorted(tried, key=lambda one: (not one.get("exact"), -len(one["path"]), "upstream" in one, one["path"]))


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"caddy_token": caddy_token, "caddy_text": caddy_text, "caddy_body": caddy_body, "caddy_order": caddy_order}
