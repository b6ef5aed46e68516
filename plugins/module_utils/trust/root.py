# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The root that a client is to trust, with nothing but Python's own library."""

from __future__ import annotations

import hashlib
import re
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Run = Callable[[Sequence[str]], tuple[int, str]]
"""Runs a command and gives (exit code, output)."""

BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----\s.+?-----END CERTIFICATE-----", re.DOTALL)
PREFIX = "homeserver.exposure local CA"
"""What a nickname in a browser's database begins with. Everything of that name was put there by this project."""


class Refused(Exception):
    """Trust could not be changed. The message says where, why, and what to do."""


@dataclass(frozen=True)
class Root:
    """A root certificate, PEM."""

    pem: str

    @property
    def der(self) -> bytes:
        return ssl.PEM_cert_to_DER_cert(self.pem)

    @property
    def fingerprint(self) -> str:
        """SHA-256, in small hexadecimal digits."""
        return hashlib.sha256(self.der).hexdigest()

    @property
    def nickname(self) -> str:
        return f"{PREFIX} {self.fingerprint[:16]}"


def roots(text: str) -> list[Root]:
    """The certificates of a PEM text, in its order."""
    try:
        return [Root(ssl.DER_cert_to_PEM_cert(ssl.PEM_cert_to_DER_cert(block))) for block in BLOCK.findall(text)]
    except ValueError as error:
        raise Refused(f"The certificate of the local CA is not PEM ({error}).") from error
