# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether an authority revoked a certificate, by its list (RFC 5280, 5). OCSP is asked no more: the authorities end it."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

from cryptography import x509

from ..acme.problem import printable
from ..certificates.pem import UNREADABLE
from .download import Failed, Page
from .findings import Finding, finding
from .read import Cert

MOST = 32 << 20
"""Bytes of a list that are read."""

Get = Callable[[str], Page]


class Lists:
    """Each list is fetched once in a call. `get` raises Failed."""

    def __init__(self, get: Get) -> None:
        self.get = get
        self.known: dict[str, x509.CertificateRevocationList | Failed] = {}
        self.locks: dict[str, threading.Lock] = {}
        self.lock = threading.Lock()

    def at(self, url: str) -> x509.CertificateRevocationList:
        """Raises Failed."""
        with self.lock:
            own = self.locks.setdefault(url, threading.Lock())
        with own:
            if url not in self.known:
                try:
                    self.known[url] = read(self.get(url))
                except Failed as reason:
                    self.known[url] = reason
            found = self.known[url]
        if isinstance(found, Failed):
            raise found
        return found


def read(page: Page) -> x509.CertificateRevocationList:
    """Raises Failed."""
    if page.status != 200:
        raise Failed(f"the server answers {page.status}")
    load = x509.load_pem_x509_crl if page.body.startswith(b"-----BEGIN") else x509.load_der_x509_crl
    try:
        return load(page.body)
    except UNREADABLE as error:
        raise Failed(f"what it gives is no list of revoked certificates ({printable(str(error))})") from None


def judge(cert: Cert, issuers: Sequence[Cert], lists: Lists, now: datetime, where: str) -> Iterator[Finding]:
    """`issuers` are certificates of which one may be the authority's."""
    for url in [address for address in cert.crls if address.startswith(("http://", "https://"))][:4]:
        shown = printable(url, 200)
        try:
            found = lists.at(url)
            if not any(signed(found, issuer) for issuer in issuers):
                raise Failed("the list is not signed by the authority of the certificate")
            entry = found.get_revoked_certificate_by_serial_number(int(cert.serial, 16))
            end = moment(found, "next_update")
        except (Failed, *UNREADABLE) as reason:
            advice = "Nothing, where this host may not reach the web over http; else try again later."
            what = f"{where}: the authority's list of revoked certificates was not had."
            yield finding("crl_unreachable", what, advice, [f"{shown}: {reason}."])
            continue
        if entry is not None:
            since = moment(entry, "revocation_date")
            what = f"{where}: the certificate was revoked{f' at {since:%Y-%m-%d %H:%M} UTC' if since else ''}."
            advice = "Order a new one with a new key at once, and find out who asked for the revocation."
            yield finding("revoked", what, advice, [f"{shown} lists serial number {cert.serial}{why(entry)}.", f"It is {cert.summary}."])
            return
        if end and now > end:
            what = f"{where}: the authority's list of revoked certificates is old."
            yield finding(
                "crl_stale",
                what,
                "Wait: the authority has to publish a new one. One of your own has to be made anew.",
                [f"{shown} was good until {end:%Y-%m-%d %H:%M} UTC."],
            )


def signed(found: x509.CertificateRevocationList, issuer: Cert) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return found.issuer == issuer.x509.subject and found.is_signature_valid(issuer.x509.public_key())  # type: ignore[arg-type]
    except UNREADABLE:
        return False


def moment(what: object, name: str) -> datetime | None:
    """A time, aware: the attribute with `_utc` exists since `cryptography` 42."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        aware: datetime | None = getattr(what, f"{name}_utc", None)
        if aware is not None:
            return aware
        naive: datetime | None = getattr(what, name, None)
    return naive.replace(tzinfo=UTC) if naive else None


def why(entry: x509.RevokedCertificate) -> str:
    try:
        return f" ({entry.extensions.get_extension_for_class(x509.CRLReason).value.reason.value})"
    except (x509.ExtensionNotFound, *UNREADABLE):
        return ""
