# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Certificates and private keys in PEM: read, paired, and what they say. Works with `cryptography` 38 (Debian 12) and later."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from ..plan.mistakes import printable

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

PLACEHOLDER = "homeserver.exposure placeholder"
"""The organisation in the subject of a certificate that only lets a proxy start."""
LARGEST = 1 << 20
"""Bytes: no chain or key is larger, and what is was not meant."""
SHORT_LIVED = timedelta(days=10)

CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----\r?\n[A-Za-z0-9+/=\r\n]+?-----END CERTIFICATE-----")
KEY = re.compile(rb"-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----\r?\n.+?-----END \1-----", re.DOTALL)
UNREADABLE = (
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
"""What `cryptography`, in one release or another, raises for content that is no certificate or key, or none it knows."""


class Unusable(ValueError):
    """A certificate or key cannot be used: the message says which part, why, and what to do."""


class Encrypted(Unusable):
    """A private key needs a passphrase."""


@dataclass(frozen=True)
class Certificate:
    """What one certificate says. Names are DNS names (lower case) and IP addresses as text; times are aware, in UTC; serial and fingerprint (SHA-256)
    are hexadecimal."""

    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    serial: str
    subject: str
    issuer: str
    self_signed: bool
    placeholder: bool
    key_type: str
    fingerprint: str
    x509: x509.Certificate = field(repr=False, compare=False)

    @property
    def pem(self) -> bytes:
        return self.x509.public_bytes(Encoding.PEM)

    @property
    def summary(self) -> str:
        """One line for a diff or a report."""
        what = "placeholder" if self.placeholder else f"issued by {printable(self.issuer)}"
        return f"{', '.join(map(printable, self.names)) or 'no name'}; {what}; until {self.not_after:%Y-%m-%d %H:%M} UTC; SHA-256 {self.fingerprint[:16]}"


@dataclass(frozen=True)
class Pair:
    """A chain, the server's own certificate first, with the private key that belongs to it."""

    chain: tuple[Certificate, ...]
    key: bytes = field(repr=False)

    @property
    def leaf(self) -> Certificate:
        return self.chain[0]

    @cached_property
    def fullchain(self) -> bytes:
        return b"".join(certificate.pem for certificate in self.chain)

    @property
    def issuers(self) -> bytes:
        return b"".join(certificate.pem for certificate in self.chain[1:])


def read_chain(content: bytes) -> list[Certificate]:
    """The certificates of a PEM file, in its order. Text and keys between them are passed over. Raises Unusable."""
    if len(content) > LARGEST:
        raise Unusable(f"it is larger than {LARGEST >> 20} MiB, so it is no certificate chain: give the PEM file of the certificate")
    blocks = CERTIFICATE.findall(content)
    if not blocks:
        raise Unusable(f"no certificate is in it: {not_pem(content)}")
    if content.count(b"-----BEGIN CERTIFICATE-----") != len(blocks):
        raise Unusable("a certificate in it is cut off or damaged: copy the whole file again")
    try:
        return [facts(x509.load_pem_x509_certificate(block)) for block in blocks]
    except UNREADABLE as error:
        raise Unusable(f"a certificate in it is damaged ({printable(str(error))}): copy the file again from where it was issued") from error


def not_pem(content: bytes) -> str:
    """What to do with a file that is not the PEM that was expected."""
    if KEY.search(content):
        return "this is the private key; the file of the certificate (often fullchain.pem or .crt) belongs here"
    if content[:1] == b"\x30":
        return "it is in binary form (DER or PKCS#12); convert it to PEM with 'openssl x509' or 'openssl pkcs12 -nodes'"
    return "a PEM file is needed, with the line -----BEGIN CERTIFICATE-----"


def facts(parsed: x509.Certificate) -> Certificate:
    """Raises one of UNREADABLE for a certificate whose inside is malformed."""
    try:
        alternative = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = [name.lower() for name in alternative.get_values_for_type(x509.DNSName)]
        names += [str(address) for address in alternative.get_values_for_type(x509.IPAddress)]
    except x509.ExtensionNotFound:
        names = []
    organisations = parsed.subject.get_attributes_for_oid(x509.NameOID.ORGANIZATION_NAME)
    own = parsed.issuer == parsed.subject and signed_by(parsed, parsed)
    return Certificate(
        tuple(names),
        moment(parsed, "not_valid_before"),
        moment(parsed, "not_valid_after"),
        f"{parsed.serial_number:x}",
        parsed.subject.rfc4514_string(),
        parsed.issuer.rfc4514_string(),
        own,
        own and any(entry.value == PLACEHOLDER for entry in organisations),
        type_of(parsed.public_key()),
        parsed.fingerprint(SHA256()).hex(),
        parsed,
    )


def moment(parsed: x509.Certificate, which: str) -> datetime:
    """An end of the validity, aware: the attribute with `_utc` exists since `cryptography` 42."""
    aware: datetime | None = getattr(parsed, f"{which}_utc", None)
    return aware if aware is not None else getattr(parsed, which).replace(tzinfo=UTC)


def type_of(key: object) -> str:
    return "ecdsa" if isinstance(key, ec.EllipticCurvePublicKey) else "rsa" if isinstance(key, rsa.RSAPublicKey) else "other"


def signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the issuer's key made the signature. Where an algorithm cannot be checked here, the names decide."""
    if certificate.issuer != issuer.subject:
        return False
    try:
        key, signature, content, digest = issuer.public_key(), certificate.signature, certificate.tbs_certificate_bytes, certificate.signature_hash_algorithm
        if isinstance(key, rsa.RSAPublicKey) and digest and certificate.signature_algorithm_oid != x509.SignatureAlgorithmOID.RSASSA_PSS:
            key.verify(signature, content, padding.PKCS1v15(), digest)
        elif isinstance(key, ec.EllipticCurvePublicKey) and digest:
            key.verify(signature, content, ec.ECDSA(digest))
        elif isinstance(key, (ed25519.Ed25519PublicKey, ed448.Ed448PublicKey)):
            key.verify(signature, content)
    except InvalidSignature:
        return False
    except UnsupportedAlgorithm:
        pass
    return True


def key_block(content: bytes) -> bytes:
    """The PEM of the one private key in a file, without what stands around it. Raises Unusable."""
    if len(content) > LARGEST:
        raise Unusable(f"it is larger than {LARGEST >> 20} MiB, so it is no private key: give the PEM file of the key")
    blocks = [match[0] for match in KEY.finditer(content)]
    if len(blocks) > 1:
        raise Unusable("more than one private key is in it: keep the one that belongs to the certificate")
    if not blocks:
        cut = b"PRIVATE KEY-----" in content
        raise Unusable(
            "the private key in it is cut off: copy the whole file again"
            if cut
            else "no private key is in it: a PEM file is needed, with a line such as -----BEGIN PRIVATE KEY-----"
        )
    return blocks[0] + b"\n"


def read_key(content: bytes) -> PrivateKeyTypes:
    """The private key of a PEM file. Raises Unusable, and Encrypted where it needs a passphrase."""
    block = key_block(content)
    if b"ENCRYPTED" in block.partition(b"\n\n")[0]:
        raise Encrypted(
            "it needs a passphrase, which nobody can type when the server starts: write it without one, with 'openssl pkey -in old.key -out new.key'"
        )
    try:
        return load_pem_private_key(block, password=None)
    except UNREADABLE as error:
        # The reason that the library gives is left out: it may quote the key.
        raise Unusable("the private key in it is damaged, or of a kind that is not known here: copy the file again from where it was made") from error


def key_matches(certificate: Certificate, key: PrivateKeyTypes) -> bool:
    def bare(public: object) -> bytes:
        found: bytes = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined]
        return found

    try:
        return bare(certificate.x509.public_key()) == bare(key.public_key())
    except (*UNREADABLE, AttributeError):
        return False


def pair(chain: bytes, key: bytes) -> Pair:
    """A chain with its key, in the order given. Raises Unusable."""
    certificates = read_chain(chain)
    if not key_matches(certificates[0], read_key(key)):
        raise Unusable("the private key does not belong to the certificate")
    return Pair(tuple(certificates), key_block(key))


def covers(names: Iterable[str], wanted: Iterable[str]) -> bool:
    return not uncovered(names, wanted)


def uncovered(names: Iterable[str], wanted: Iterable[str]) -> list[str]:
    """The wanted names that none of a certificate's names stands for (RFC 6125: a wildcard is one whole label; an address must be equal)."""
    has = {canonical(name) for name in names}
    missing = []
    for name in wanted:
        plain = canonical(name)
        wildcard = set() if is_address(plain) else {f"*.{plain.partition('.')[2]}"}
        if not has & ({plain} | wildcard):
            missing.append(name)
    return missing


def canonical(name: str) -> str:
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return name.lower().removesuffix(".")


def is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def due(certificate: Certificate, now: datetime) -> bool:
    """Whether it is time to renew: less than a third of its own lifetime is left, or less than half where it lives for less than ten days."""
    life = certificate.not_after - certificate.not_before
    return certificate.not_after - now < life / (2 if life < SHORT_LIVED else 3)


def names_text(names: Sequence[str]) -> str:
    return ", ".join(map(printable, names)) or "none"
