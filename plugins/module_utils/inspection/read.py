# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""All that an inspection needs to know of a certificate, piece by piece: a part that cannot be read keeps no other from being read.

Works with `cryptography` 38 (Debian 12) and later.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import AuthorityInformationAccessOID

from ..acme.problem import printable
from ..certificates.pem import CERTIFICATE, UNREADABLE, moment, signed_by, type_of

T = TypeVar("T")

PUBLIC_POLICY = "2.23.140.1.2."
"""Every certificate of a public authority has one of these (CA/Browser Forum Baseline Requirements, 7.1.6.1), those of test environments too."""
STEP = "1.3.6.1.4.1.37476.9000.64.1"
"""The extension in which step-ca tells who was allowed to order (https://smallstep.com/docs/step-ca/)."""
NEVER = datetime(1, 1, 1, tzinfo=UTC)
WORDS = (x509.NameOID.ORGANIZATION_NAME, x509.NameOID.ORGANIZATIONAL_UNIT_NAME, x509.NameOID.COMMON_NAME)
MANY = 2048
UNREADABLE_SUBJECT = "(unreadable)"


class Broken(ValueError):
    """What was given is no certificate at all."""


@dataclass(frozen=True)
class Cert:
    """Names in lower case, times aware, serial and fingerprints (SHA-256) in hexadecimal; `key_id` is that of the public key. Words are organisations, units
    and common names. Texts of the certificate may hold anything: they are not fit to be shown before they went through `printable`."""

    der: bytes = field(repr=False)
    x509: x509.Certificate = field(repr=False, compare=False)
    fingerprint: str
    names: tuple[str, ...] = ()
    not_before: datetime = NEVER
    not_after: datetime = NEVER
    serial: str = ""
    subject: str = UNREADABLE_SUBJECT
    issuer: str = UNREADABLE_SUBJECT
    subject_der: bytes = field(default=b"", repr=False)
    issuer_der: bytes = field(default=b"", repr=False)
    common_names: tuple[str, ...] = ()
    subject_words: tuple[str, ...] = ()
    issuer_words: tuple[str, ...] = ()
    self_signed: bool = False
    ca: bool = False
    key_type: str = "other"
    key_bits: int = 0
    key_id: str = ""
    digest: str = ""
    policies: tuple[str, ...] = ()
    extensions: frozenset[str] = frozenset()
    ca_issuers: tuple[str, ...] = ()
    ocsp: tuple[str, ...] = ()
    crls: tuple[str, ...] = ()
    must_staple: bool = False
    authority_key: bytes = field(default=b"", repr=False)
    unreadable: tuple[str, ...] = ()

    @property
    def life(self) -> timedelta:
        return self.not_after - self.not_before

    @property
    def public(self) -> bool:
        return any(policy.startswith(PUBLIC_POLICY) for policy in self.policies)

    @property
    def words(self) -> tuple[str, ...]:
        return self.subject_words + self.issuer_words

    @property
    def who(self) -> str:
        """Who issued it, in a word or two, fit to be shown."""
        return printable(next(iter(self.issuer_words), "") or self.issuer)

    @property
    def summary(self) -> str:
        """One line for a person."""
        names = ", ".join(printable(name) for name in self.names[:3]) + (f" and {len(self.names) - 3} more" if len(self.names) > 3 else "")
        valid = f"{self.not_before:%Y-%m-%d} to {self.not_after:%Y-%m-%d %H:%M} UTC"
        return f"{names or printable(self.subject)}, by {self.who}, {valid}, SHA-256 {self.fingerprint[:16]}"


@lru_cache(MANY)
def read(der: bytes) -> Cert:
    """Raises Broken."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd serial numbers, which have no bearing here
        try:
            parsed = x509.load_der_x509_certificate(der)
            fingerprint = parsed.fingerprint(SHA256()).hex()
        except UNREADABLE as error:
            raise Broken(printable(str(error)) or type(error).__name__) from None
        return of(parsed, der, fingerprint)


def from_pem(text: bytes) -> list[Cert]:
    """Those certificates of a text that can be read."""
    found = []
    for block in CERTIFICATE.findall(text):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found.append(read(x509.load_pem_x509_certificate(block).public_bytes(Encoding.DER)))
            except (*UNREADABLE, Broken):
                continue
    return found


def of(parsed: x509.Certificate, der: bytes, fingerprint: str) -> Cert:
    trouble: list[str] = []

    def part(name: str, get: Callable[[], T], default: T) -> T:
        try:
            return get()
        except UNREADABLE as error:
            trouble.append(f"{name} ({printable(str(error)) or type(error).__name__})")
            return default

    subject = part("subject", lambda: parsed.subject, x509.Name([]))
    issuer = part("issuer", lambda: parsed.issuer, x509.Name([]))
    has: dict[str, Any] = part("extensions", lambda: {entry.oid.dotted_string: entry.value for entry in parsed.extensions}, {})

    def extension(kind: type[Any]) -> Any:
        return has.get(kind.oid.dotted_string)

    def names() -> tuple[str, ...]:
        alternative = extension(x509.SubjectAlternativeName)
        if alternative is None:
            return ()
        return (
            *(name.lower() for name in alternative.get_values_for_type(x509.DNSName)),
            *(str(address) for address in alternative.get_values_for_type(x509.IPAddress)),
        )

    def access(method: x509.ObjectIdentifier) -> tuple[str, ...]:
        return tuple(
            entry.access_location.value
            for entry in extension(x509.AuthorityInformationAccess) or ()
            if entry.access_method == method and isinstance(entry.access_location, x509.UniformResourceIdentifier)
        )

    def points() -> tuple[str, ...]:
        every = [name for point in extension(x509.CRLDistributionPoints) or () for name in point.full_name or ()]
        return tuple(name.value for name in every if isinstance(name, x509.UniformResourceIdentifier))

    key = part("public key", parsed.public_key, None)
    constraints = extension(x509.BasicConstraints)
    own = "subject" not in "".join(trouble) and subject == issuer
    return Cert(
        der,
        parsed,
        fingerprint,
        part("names", names, ()),
        part("validity", lambda: moment(parsed, "not_valid_before"), NEVER),
        part("validity", lambda: moment(parsed, "not_valid_after"), NEVER),
        part("serial number", lambda: f"{parsed.serial_number:x}", ""),
        part("subject", subject.rfc4514_string, UNREADABLE_SUBJECT) if subject else "" if not trouble else UNREADABLE_SUBJECT,
        part("issuer", issuer.rfc4514_string, UNREADABLE_SUBJECT),
        part("subject", subject.public_bytes, b""),
        part("issuer", issuer.public_bytes, b""),
        words(subject, x509.NameOID.COMMON_NAME),
        words(subject, *WORDS),
        words(issuer, *WORDS),
        own and part("signature", lambda: signed_by(parsed, parsed), False),
        bool(constraints and constraints.ca),
        "dsa" if isinstance(key, dsa.DSAPublicKey) else type_of(key),
        key.key_size if isinstance(key, (rsa.RSAPublicKey, ec.EllipticCurvePublicKey, dsa.DSAPublicKey)) else 0,
        part("public key", lambda: key_id(key), ""),
        part("signature", lambda: parsed.signature_hash_algorithm.name if parsed.signature_hash_algorithm else "", ""),
        part("policies", lambda: tuple(policy.policy_identifier.dotted_string for policy in extension(x509.CertificatePolicies) or ()), ()),
        frozenset(has),
        part("access", lambda: access(AuthorityInformationAccessOID.CA_ISSUERS), ()),
        part("access", lambda: access(AuthorityInformationAccessOID.OCSP), ()),
        part("CRL address", points, ()),
        x509.TLSFeatureType.status_request in (extension(x509.TLSFeature) or ()),
        getattr(extension(x509.AuthorityKeyIdentifier), "key_identifier", None) or b"",
        tuple(dict.fromkeys(trouble)),
    )


def words(name: x509.Name, *kinds: x509.ObjectIdentifier) -> tuple[str, ...]:
    return tuple(str(entry.value) for kind in kinds for entry in name.get_attributes_for_oid(kind))


def key_id(key: Any) -> str:
    if key is None:
        return ""
    digest = x509.SubjectKeyIdentifier.from_public_key(key).digest
    return digest.hex() if digest else key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo).hex()


@lru_cache(MANY)
def issued_by(certificate: Cert, issuer: Cert) -> bool:
    """Whether the issuer's key signed it."""
    if not certificate.issuer_der or certificate.issuer_der != issuer.subject_der:
        return False
    try:
        return signed_by(certificate.x509, issuer.x509)
    except UNREADABLE:
        return False
