# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Certificates and keys in PEM: read, compared, and judged before they are served. Uses the library cryptography, 38 or newer."""

from __future__ import annotations

import ipaddress
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.x509.oid import ExtensionOID, NameOID

PLACEHOLDER = "homeserver.exposure placeholder"
"""The organisation in the subject of a certificate that only lets a proxy start."""

SYSTEM_TRUST = Path("/etc/ssl/certs/ca-certificates.crt")
LARGEST = 1 << 20
"""Bytes of a PEM file that are read. A long chain has some ten thousand."""

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey
MARK = b"-----BEGIN CERTIFICATE-----"


@dataclass(frozen=True)
class Certificate:
    """What is asked of one certificate. `names`: DNS names and IP addresses as text; times are aware, in UTC; `serial` in hexadecimal."""

    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    serial: str
    subject: str
    issuer: str
    fingerprint: str
    placeholder: bool
    raw: x509.Certificate

    @property
    def self_signed(self) -> bool:
        return self.raw.subject == self.raw.issuer


@dataclass(frozen=True)
class Problem:
    """Why a certificate cannot be served, and what to do."""

    what: str
    cure: str

    def __str__(self) -> str:
        return f"{self.what}: {self.cure}"


def read_chain(content: bytes) -> list[Certificate]:
    """All certificates of a PEM text, in its order. Raises ValueError where there is none, or one cannot be read."""
    if len(content) > LARGEST:
        raise ValueError("it is larger than any chain of certificates")
    parts = content.split(MARK)[1:]
    if not parts:
        raise ValueError("there is no certificate in it")
    return [described(x509.load_pem_x509_certificate(MARK + part)) for part in parts]


def described(raw: x509.Certificate) -> Certificate:
    organisation = raw.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return Certificate(
        names_of(raw),
        in_utc(raw, "not_valid_before"),
        in_utc(raw, "not_valid_after"),
        f"{raw.serial_number:x}",
        plain(raw.subject.rfc4514_string()),
        plain(raw.issuer.rfc4514_string()),
        raw.fingerprint(hashes.SHA256()).hex(),
        bool(organisation) and organisation[0].value == PLACEHOLDER,
        raw,
    )


def in_utc(raw: x509.Certificate, which: str) -> datetime:
    """A time of a certificate. cryptography 42 has aware ones (`..._utc`), older versions only those without a zone, which are in UTC too."""
    aware = getattr(raw, f"{which}_utc", None)
    found: datetime = aware if aware is not None else getattr(raw, which).replace(tzinfo=UTC)
    return found


def plain(text: str) -> str:
    """A text of a certificate for a terminal: whoever made it chose its letters."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:300]


def names_of(raw: x509.Certificate) -> tuple[str, ...]:
    try:
        extension = raw.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME).value
    except (x509.ExtensionNotFound, ValueError):
        return ()
    assert isinstance(extension, x509.SubjectAlternativeName)
    dns = [plain(name.lower()) for name in extension.get_values_for_type(x509.DNSName)]
    return (*dns, *(str(address) for address in extension.get_values_for_type(x509.IPAddress)))


def read_key(content: bytes) -> PrivateKey:
    """A private key in PEM. Raises ValueError where it is none, or is locked with a passphrase."""
    if len(content) > LARGEST:
        raise ValueError("it is larger than any key")
    try:
        key = serialization.load_pem_private_key(content, password=None)
    except TypeError:
        raise ValueError("it is locked with a passphrase") from None
    except UnsupportedAlgorithm as error:
        raise ValueError(f"its kind is not known here ({error})") from None
    if not isinstance(key, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey, ed25519.Ed25519PrivateKey, ed448.Ed448PrivateKey)):
        raise ValueError("it is not a kind of key that a server certificate has")
    return key


def public_bytes(key: object) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined, no-any-return]


def key_matches(certificate: Certificate, key: PrivateKey) -> bool:
    return public_bytes(certificate.raw.public_key()) == public_bytes(key.public_key())


def covers(names: Sequence[str], wanted: str) -> bool:
    """Whether a certificate with these names is for one: a wildcard stands for one label (RFC 6125, 6.4.3), an address for itself."""
    try:
        return str(ipaddress.ip_address(wanted)) in names
    except ValueError:
        wanted = wanted.lower()
        return wanted in names or (not wanted.startswith("*.") and f"*.{wanted.partition('.')[2]}" in names)


def due(certificate: Certificate, now: datetime) -> bool:
    """Whether it is time to renew: a third of its own life is left, or half where the whole is below ten days, as certbot has it since 4.0."""
    life = certificate.not_after - certificate.not_before
    return certificate.not_after - now < life / (2 if life < timedelta(days=10) else 3)


def signed_by(certificate: Certificate, issuer: Certificate) -> bool:
    """Whether a certificate carries the signature of another."""
    if certificate.raw.issuer != issuer.raw.subject:
        return False
    key, raw = issuer.raw.public_key(), certificate.raw
    algorithm = raw.signature_hash_algorithm
    try:
        if isinstance(key, rsa.RSAPublicKey) and algorithm is not None:
            key.verify(raw.signature, raw.tbs_certificate_bytes, padding.PKCS1v15(), algorithm)
        elif isinstance(key, ec.EllipticCurvePublicKey) and algorithm is not None:
            key.verify(raw.signature, raw.tbs_certificate_bytes, ec.ECDSA(algorithm))
        elif isinstance(key, (ed25519.Ed25519PublicKey, ed448.Ed448PublicKey)):
            key.verify(raw.signature, raw.tbs_certificate_bytes)
        else:
            return False
    except InvalidSignature:
        return False
    return True


def judge(chain: bytes, key: bytes, wanted: Sequence[str], now: datetime, trust: Path = SYSTEM_TRUST) -> list[Problem]:
    """Why a certificate of one's own cannot be served; nothing where it can. `wanted` are the names that sites have."""
    problems = []
    try:
        certificates = read_chain(chain)
    except ValueError as error:
        return [
            Problem(f"the chain is no certificate in PEM ({plain(str(error))})", "give the file that begins with BEGIN CERTIFICATE, your certificate first")
        ]
    leaf = certificates[0]
    try:
        if not key_matches(leaf, read_key(key)):
            wrong = next((n for n, other in enumerate(certificates) if n and key_matches(other, read_key(key))), 0)
            cure = "put your own certificate first in the chain, its issuer after it" if wrong else "give the key with which this certificate was requested"
            problems.append(Problem("the key does not belong to the first certificate of the chain", cure))
    except ValueError as error:
        cure = "take the passphrase off with 'openssl pkey'" if "passphrase" in str(error) else "give the private key in PEM"
        problems.append(Problem(f"the key cannot be used ({plain(str(error))})", cure))
    for one, following in itertools.pairwise(certificates):
        if not signed_by(one, following):
            cure = "put the certificates in order: yours, then the one that signed it, and so on"
            problems.append(Problem(f"in the chain, {one.subject} is not signed by {following.subject} that follows it", cure))
    if len(certificates) == 1 and not leaf.self_signed and not issued_by_root(leaf, trust):
        problems.append(
            Problem(f"the chain is not complete: {leaf.issuer} is missing", "append the certificate of the issuer, which your authority offers beside yours")
        )
    if leaf.not_before > now:
        problems.append(Problem(f"it is not valid before {leaf.not_before:%Y-%m-%d %H:%M} UTC", "wait, or set this machine's clock right"))
    if leaf.not_after <= now:
        problems.append(Problem(f"it ended on {leaf.not_after:%Y-%m-%d}", "have it renewed by its authority"))
    if missing := [name for name in wanted if not covers(leaf.names, name)]:
        has = ", ".join(leaf.names[:5]) or "no name at all"
        problems.append(Problem(f"it is for {has}, and not for {', '.join(missing)}", "have one made for these names, or take them out of the site"))
    return problems


def issued_by_root(leaf: Certificate, trust: Path) -> bool:
    """Whether an authority that this machine trusts signed a certificate itself."""
    try:
        content = trust.read_bytes()
    except OSError:
        return False
    for part in content.split(MARK)[1:]:
        try:
            root = x509.load_pem_x509_certificate(MARK + part)
            if root.subject == leaf.raw.issuer and signed_by(leaf, described(root)):
                return True
        except ValueError:
            continue
    return False
