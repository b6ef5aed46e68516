# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Certificates and keys in files, read once, with what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..acme.problem import printable
from ..certificates.pem import CERTIFICATE, LARGEST, Encrypted, Unusable, not_pem, read_key
from .findings import Finding, finding
from .read import Cert, from_pem, key_id


@dataclass(frozen=True)
class Content:
    """The certificates of a file in its order, or why there are none. `damaged`: how many blocks could not be read."""

    certs: tuple[Cert, ...] = ()
    trouble: str = ""
    damaged: int = 0


def bytes_of(path: str) -> bytes:
    """Raises OSError, and Unusable for what is far too large."""
    with Path(path).open("rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise Unusable(f"it is larger than {LARGEST >> 20} MiB, so it is no certificate or key")
    return content


def text_of(content: bytes) -> Content:
    """The certificates of a PEM text."""
    certs = tuple(from_pem(content))
    blocks = max(len(CERTIFICATE.findall(content)), content.count(b"-----BEGIN CERTIFICATE-----"))
    if not certs:
        return Content(trouble="the certificate in it is damaged" if blocks else f"no certificate is in it: {not_pem(content)}", damaged=blocks)
    return Content(certs, damaged=blocks - len(certs))


def content(path: str) -> Content:
    try:
        return text_of(bytes_of(path))
    except OSError as error:
        return Content(trouble=f"it cannot be read ({error.strerror or type(error).__name__})")
    except Unusable as reason:
        return Content(trouble=str(reason))


def judge(path: str, found: Content) -> Iterator[Finding]:
    if found.trouble:
        yield finding(
            "file_unreadable", f"{path}: {found.trouble}.", "Correct the path, copy the file anew, or let this be run by a user who may read it.", about=[path]
        )
    elif found.damaged:
        what = f"{path}: {found.damaged} of its certificates cannot be read."
        yield finding("certificate_unreadable", what, "Copy the whole file again from where it was issued.", about=[path])


def judge_key(path: str, leaf: Cert, where: str) -> Iterator[Finding]:
    """Whether a private key belongs to a certificate. Nothing of the key is ever told."""
    try:
        key = read_key(bytes_of(path))
    except OSError as error:
        yield finding("file_unreadable", f"{path}: it cannot be read ({error.strerror}).", "Keys are for root alone: run this as root (become).", about=[path])
        return
    except (Encrypted, Unusable) as reason:
        yield finding("file_unreadable", f"{path}: {printable(str(reason), 300)}.", "Give the private key of this certificate as PEM.", about=[path])
        return
    public = key_id(key.public_key()) if leaf.key_id else ""
    if public != leaf.key_id:
        what = f"{where}: the private key in {path} does not belong to the certificate."
        yield finding(
            "key_does_not_match_certificate",
            what,
            "Put the key back with which it was requested, or have a new certificate issued.",
            [f"It is {leaf.summary}."],
            [path],
        )
