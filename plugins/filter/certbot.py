# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Values for the files that certbot reads."""

from __future__ import annotations

import re
from typing import Any

PLAIN = re.compile(r"[A-Za-z0-9._~/=&?%+,@:-]+\Z")


def certbot_word(value: Any) -> str:
    """A value of cli.ini, where nothing is quoted. Raises ValueError."""
    text = str(value)
    if not PLAIN.match(text):
        raise ValueError("a value for certbot has letters that its cli.ini cannot hold: letters, digits and . _ ~ / = & ? % + , @ : - only")
    return text


def certbot_credential(value: Any) -> str:
    """A value of a DNS plugin's credentials file, in quotes, in which nothing is cut or replaced (ConfigObj, String interpolation). Raises ValueError."""
    text = str(value)
    if not text.isprintable() or "%(" in text or ('"' in text and "'" in text):
        raise ValueError("a credential has a line break, both kinds of quotes, or %(, which certbot's files cannot hold")
    return f"'{text}'" if '"' in text else f'"{text}"'


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"certbot_word": certbot_word, "certbot_credential": certbot_credential}
