# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Values for nginx's configuration."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

SAFE = re.compile(r"[A-Za-z0-9._~/=&?%+,@:\[\]*-]+\Z")
TEXT = re.compile(r"[ -#%-~]*\Z")
LONGEST = 4094
"""Bytes of a word, without its quotes (ngx_conf_file.c, NGX_CONF_BUFFER)."""


def nginx_token(value: Any) -> str:
    """A value as one word of nginx's configuration.

    The Plan lets only safe letters pass; this is the second lock, for a role that is used by itself. A `$` is replaced even in quotes,
    so what is not safe is refused. Raises ValueError.
    """
    text = str(value)
    if not SAFE.match(text):
        raise ValueError(f"{text!r} cannot stand in nginx's configuration: letters, digits and . _ ~ / = & ? % + , @ : [ ] * - only")
    return text


def nginx_text(value: Any) -> str:
    """A value of a header, or a body, as one word in quotes. There is no way to write a `$`, so that is refused, as is a line break. Raises ValueError."""
    text = str(value)
    if not TEXT.match(text):
        raise ValueError(f"{text[:80]!r} cannot stand in nginx's configuration: plain ASCII without $ only")
    quoted = text.replace("\\", "\\\\").replace("'", "\\'")
    if len(quoted) > LONGEST:
        raise ValueError(f"{text[:80]!r} is too long for nginx's configuration: {len(quoted)} of at most {LONGEST} bytes")
    return f"'{quoted}'"


def nginx_pattern(value: Any) -> str:
    """A path as a part of a regular expression that matches it alone."""
    return re.sub(r"([.+*?])", r"\\\1", nginx_token(value))


def is_name(upstream: str) -> bool:
    """Whether the host of `host:port` is a name that a DNS server has to be asked for."""
    host = upstream.rpartition(":")[0].strip("[]")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host != "localhost"
    return False


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"nginx_token": nginx_token, "nginx_pattern": nginx_pattern, "nginx_text": nginx_text, "is_name": is_name}
