# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What passes through to people is freed of secrets here, whoever wrote it."""

from __future__ import annotations

from collections.abc import Iterable

STARS = "***"


def redacted(text: str, secrets: Iterable[str], longest: int = 200) -> str:
    """A stranger's text, fit to be shown: no control characters, at most `longest` characters, and every secret replaced, also in the spellings in
    which it goes into a URL or a header."""
    from ..acme.problem import printable

    for form in sorted({form for secret in secrets if secret for form in spellings(secret)}, key=len, reverse=True):
        text = text.replace(form, STARS)
    return printable(text, longest)


def spellings(secret: str) -> set[str]:
    """A secret as it is, as a URL writes it, as JSON writes it, and in Base64 (of HTTP's Basic, where the secret stands alone)."""
    import base64
    import json
    from urllib.parse import quote, quote_plus

    raw = secret.encode("utf-8", "replace")
    plain = base64.b64encode(raw).decode()
    return {secret, quote(raw), quote(raw, safe=""), quote_plus(raw), json.dumps(secret)[1:-1], plain, plain.rstrip("=")}
