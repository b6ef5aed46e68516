"""A CA for tests: a root, an intermediate, and certificates of any life, names and damage."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


def new_key(kind: str = "ecdsa") -> Key:
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ed25519.Ed25519PrivateKey.generate() if kind == "ed25519" else ec.generate_private_key(ec.SECP256R1())


def key_pem(key: Key, passphrase: bytes = b"", form: PrivateFormat = PrivateFormat.PKCS8) -> bytes:
    return key.private_bytes(Encoding.PEM, form, BestAvailableEncryption(passphrase) if passphrase else NoEncryption())


@dataclass(frozen=True)
class Issued:
    certificate: x509.Certificate
    key: Key

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return key_pem(self.key)


def named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


def issue(
    hosts: Sequence[str] = ("home.example.org",),
    by: Issued | None = None,
    *,
    name: str = "",
    key: Key | None = None,
    start: datetime = NOW - timedelta(days=10),
    life: timedelta = timedelta(days=90),
) -> Issued:
    """A certificate by a CA, or self-signed."""
    key = key or new_key()
    subject = named(name or (hosts[0] if hosts else "nobody"))
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + life)
    )
    if not hosts:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    else:
        builder = builder.add_extension(x509.SubjectAlternativeName([general(host) for host in hosts]), critical=False)
    signer = by.key if by else key
    return Issued(builder.sign(signer, None if isinstance(signer, ed25519.Ed25519PrivateKey) else SHA256()), key)


def general(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


YEARS = timedelta(days=3650)
ROOT = issue((), name="Test Root", start=NOW - YEARS, life=2 * YEARS)
INTERMEDIATE = issue((), ROOT, name="Test Intermediate", start=NOW - YEARS, life=2 * YEARS)
STRANGER = issue((), name="Stranger", start=NOW - YEARS, life=2 * YEARS)


def chain(leaf: Issued) -> bytes:
    """A leaf of the intermediate as an ACME CA hands it out."""
    return leaf.pem + INTERMEDIATE.pem


def served(hosts: Sequence[str] = ("home.example.org",), **about: object) -> tuple[bytes, bytes]:
    """A fresh chain and its key."""
    leaf = issue(hosts, INTERMEDIATE, **about)  # type: ignore[arg-type]
    return chain(leaf), leaf.key_pem
