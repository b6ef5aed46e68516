# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keys, requests for certificates, and placeholders, made on this host."""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from .pem import PLACEHOLDER, Pair, Unusable, facts, is_address, read_key

TEN_YEARS = timedelta(days=3652)
LONGEST_COMMON_NAME = 64


def new_key(key_type: str) -> bytes:
    """A private key as PEM (PKCS#8): ECDSA P-256, or RSA with 2048 bits."""
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048) if key_type == "rsa" else ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def signing_key(pem: bytes) -> ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey:
    """A key of the kinds that are made here. Raises Unusable for another."""
    key = read_key(pem)
    if isinstance(key, (ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey)):
        return key
    raise Unusable("the private key is of a kind that is not made here: remove it, and a new one is made")


def alternative_names(hosts: Sequence[str]) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host)) if is_address(host) else x509.DNSName(host) for host in hosts])


def request(hosts: Sequence[str], key_pem: bytes) -> str:
    """A certificate signing request (PKCS#10) with the hosts as subjectAltName, which is critical where the subject is empty (RFC 5280 4.2.1.6)."""
    named = [host for host in hosts if len(host) <= LONGEST_COMMON_NAME][:1]
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host) for host in named])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject).add_extension(alternative_names(hosts), critical=not named)
    return builder.sign(signing_key(key_pem), SHA256()).public_bytes(Encoding.PEM).decode()


def placeholder(hosts: Sequence[str], now: datetime) -> Pair:
    """A certificate that nobody trusts, so that a proxy can start before a real one is there."""
    pem = new_key("ecdsa")
    key = signing_key(pem)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, PLACEHOLDER)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(secrets.randbits(120) + 1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + TEN_YEARS)
        .add_extension(alternative_names(hosts), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    )
    return Pair((facts(builder.sign(key, SHA256())),), pem)


def kind(key_pem: bytes) -> str:
    """Of a key that is made here: ecdsa or rsa. Raises Unusable."""
    return "rsa" if isinstance(signing_key(key_pem), rsa.RSAPrivateKey) else "ecdsa"
