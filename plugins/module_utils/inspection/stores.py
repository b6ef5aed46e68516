# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Stores of roots: as OpenSSL's context for a handshake, and as certificates for what is only on disk."""

from __future__ import annotations

import ssl
import threading
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ..acme.problem import printable
from ..certificates.judge import TRUST
from ..certificates.pem import CERTIFICATE, LARGEST
from .model import CERTIFI, SYSTEM, Verdict
from .read import Cert, from_pem, issued_by

NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME (https://docs.openssl.org/3.0/man3/X509_VERIFY_PARAM_set_flags/): dates are judged apart, for a time that can be given."""
K = TypeVar("K")

LONGEST_PATH = 10
BASIC_CONSTRAINTS = "2.5.29.19"
ADDED = Path("/usr/local/share/ca-certificates")
"""Where Debian keeps the roots that somebody added to the system's store."""

SELF_SIGNED, SELF_SIGNED_IN_CHAIN, NO_ISSUER = 18, 19, 20
"""OpenSSL's numbers (https://docs.openssl.org/3.0/man1/openssl-verification-options/)."""
TEXTS = {
    SELF_SIGNED: "self-signed certificate",
    SELF_SIGNED_IN_CHAIN: "self-signed certificate in certificate chain",
    NO_ISSUER: "unable to get local issuer certificate",
}


class Unreadable(Exception):
    """A store cannot be read: the text says why."""


def path_of(store: str) -> Path:
    """Its PEM file. Raises Unreadable."""
    if store == CERTIFI:
        try:
            import certifi
        except ImportError:
            raise Unreadable("the Python package certifi is not installed here") from None
        return Path(certifi.where())
    if store == SYSTEM:
        return TRUST if TRUST.exists() else Path(ssl.get_default_verify_paths().cafile or TRUST)
    return Path(store)


@dataclass(frozen=True)
class Roots:
    """The certificates of a store by their subject, as DER."""

    by_subject: dict[bytes, list[Cert]]
    fingerprints: frozenset[str]

    def issuer_of(self, cert: Cert) -> Cert | None:
        return next((root for root in self.by_subject.get(cert.issuer_der, ()) if may_issue(root) and issued_by(cert, root)), None)


class Stores:
    """Each store is read once in a call. Fit for many threads."""

    def __init__(self) -> None:
        self.contexts: dict[tuple[str, bool], ssl.SSLContext | Unreadable] = {}
        self.collections: dict[str, Roots | Unreadable] = {}
        self.lock = threading.Lock()

    def context(self, store: str, with_time: bool = False) -> ssl.SSLContext:
        """A client that judges by a store alone. Raises Unreadable."""
        with self.lock:
            if (store, with_time) not in self.contexts:
                self.contexts[store, with_time] = kept(lambda: new_context(store, with_time))
            return given(self.contexts[store, with_time])

    def roots(self, store: str) -> Roots:
        """Raises Unreadable."""
        with self.lock:
            if store not in self.collections:
                self.collections[store] = kept(lambda: collection(content(path_of(store))))
            return given(self.collections[store])

    def added(self) -> frozenset[str]:
        """Fingerprints of the roots that somebody added to this host's store."""
        with self.lock:
            if "" not in self.collections:
                texts = []
                for path in sorted(ADDED.rglob("*.crt")) if ADDED.is_dir() else []:
                    try:
                        texts.append(content(path))
                    except Unreadable:
                        continue
                self.collections[""] = collection(b"\n".join(texts))
            return given(self.collections[""]).fingerprints

    def judge(self, store: str, chain: Sequence[Cert]) -> Verdict:
        """What a store says of certificates that no server shows, by names and signatures alone."""
        try:
            roots = self.roots(store)
        except Unreadable as reason:
            return Verdict(store, None, text=str(reason))
        path = climb(chain)
        for place, cert in enumerate(path):
            if cert.fingerprint in roots.fingerprints:
                return Verdict(store, True, path=tuple(one.der for one in path[: place + 1]))
            if root := roots.issuer_of(cert):
                return Verdict(store, True, path=(*(one.der for one in path[: place + 1]), root.der))
        code = NO_ISSUER if not path[-1].self_signed else SELF_SIGNED if len(path) == 1 else SELF_SIGNED_IN_CHAIN
        return Verdict(store, False, code, TEXTS[code])


def kept(make: Callable[[], K]) -> K | Unreadable:
    try:
        return make()
    except Unreadable as reason:
        return reason


def given(found: K | Unreadable) -> K:
    if isinstance(found, Unreadable):
        raise found
    return found


def content(path: Path) -> bytes:
    """Raises Unreadable."""
    try:
        with path.open("rb") as file:
            text = file.read(8 * LARGEST)
    except OSError as error:
        raise Unreadable(f"{path} cannot be read ({error.strerror})") from None
    if not CERTIFICATE.search(text):
        raise Unreadable(f"{path} holds no certificate in PEM form")
    return text


def new_context(store: str, with_time: bool) -> ssl.SSLContext:
    """The strict profile (Python 3.13) and partial chains are off, so that Debian 12 and 13 judge alike, and as browsers do."""
    text = content(path_of(store)) if store != SYSTEM else b""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    try:
        if store == SYSTEM:
            context.load_default_certs()
            if TRUST.exists():
                context.load_verify_locations(TRUST)  # a Python with an OpenSSL of its own looks elsewhere
        else:
            context.load_verify_locations(cadata=b"\n".join(CERTIFICATE.findall(text)).decode("ascii"))
        off = int(ssl.VERIFY_X509_STRICT) | int(ssl.VERIFY_X509_PARTIAL_CHAIN)
        flags = int(context.verify_flags) & ~off
        context.verify_flags = ssl.VerifyFlags(flags if with_time else flags | NO_CHECK_TIME)
        context.set_ciphers("ALL:@SECLEVEL=0")  # weak keys have findings of their own
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.TLSv1
    except (ssl.SSLError, OSError, ValueError) as error:
        raise Unreadable(f"{path_of(store)} cannot be loaded ({printable(str(error))})") from None
    return context


def collection(text: bytes) -> Roots:
    """Certificates that cannot be read are passed over: some old roots are odd."""
    by_subject: dict[bytes, list[Cert]] = {}
    fingerprints = set()
    for cert in from_pem(text):
        by_subject.setdefault(cert.subject_der, []).append(cert)
        fingerprints.add(cert.fingerprint)
    return Roots(by_subject, frozenset(fingerprints))


def may_issue(cert: Cert) -> bool:
    """Roots of version 1 say nothing about it."""
    return cert.ca or BASIC_CONSTRAINTS not in cert.extensions


def climb(chain: Sequence[Cert]) -> list[Cert]:
    """From the first certificate over those that signed it, as far as the others lead, in whatever order they are."""
    path, left = [chain[0]], list(chain[1:])
    while len(path) < LONGEST_PATH and not path[-1].self_signed:
        following = next((cert for cert in left if cert not in path and may_issue(cert) and issued_by(path[-1], cert)), None)
        if following is None:
            break
        path.append(following)
    return path
