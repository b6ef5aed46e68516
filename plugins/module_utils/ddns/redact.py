# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What passes through to people is freed of secrets here, whoever wrote it."""

from __future__ import annotations

from collections.abc import Iterable

STARS = "***"


def redacted(text: str, secrets: Iterable[str], longest: int = 200) -> str:
    """A stranger's text, fit to be shown: no control characters, at most `longest` characters, and every secret replaced, in whatever spelling and case
    it comes back."""
    import re

    from ..acme.problem import printable

    for form in sorted({form for secret in secrets if secret.strip() for form in spellings(secret.strip())}, key=len, reverse=True):
        text = re.sub(re.escape(form), STARS, text, flags=re.IGNORECASE)
    return printable(text, longest)


def spellings(secret: str) -> set[str]:
    """A secret as it is, as URLs, web pages and JSON write it, in Base64 (of HTTP's Basic, where the secret stands alone), and as UTF-8 reads what is
    Latin-1. `secret` is not empty."""
    import base64
    import html
    import json
    from urllib.parse import quote, quote_plus

    raw = secret.encode("utf-8", "replace")
    plain = base64.b64encode(raw).decode()
    mangled = secret.encode("latin-1", "replace").decode("utf-8", "replace")
    in_json = {json.dumps(secret, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False)}
    return {secret, quote(raw), quote(raw, safe=""), quote_plus(raw), html.escape(secret), *in_json, plain, plain.rstrip("="), mangled}
