# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An authority's certificate and key as files: read, judged, and brought into the form that mkcert reads."""

from __future__ import annotations

import datetime
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat, load_pem_private_key

from .signing_request import MALFORMED, Refused

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes  # not in the release of Debian 12

BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True)
class Chain:
    """The certificate that signs, and its issuers up to the root that clients trust (which is the first one too, as a rule)."""

    certificates: tuple[x509.Certificate, ...]

    @property
    def signer(self) -> x509.Certificate:
        return self.certificates[0]

    @property
    def root(self) -> x509.Certificate:
        return self.certificates[-1]

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the root, in small hexadecimal digits."""
        return hashlib.sha256(self.root.public_bytes(Encoding.DER)).hexdigest()

    @property
    def ends(self) -> datetime.datetime:
        """When the first of them ends."""
        return min(ends(certificate) for certificate in self.certificates)

    def pem(self) -> bytes:
        return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in self.certificates)

    def issuers(self) -> bytes:
        """What a server sends after its own certificate: all but the root."""
        return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in self.certificates[:-1])

    def described(self) -> str:
        return f"{self.root.subject.rfc4514_string()}, until {self.ends:%Y-%m-%d}, SHA-256 {self.fingerprint}"


def ends(certificate: x509.Certificate) -> datetime.datetime:
    """notAfter. Before release 42, which Debian 12 has not, `cryptography` gives it without a time zone."""
    aware = getattr(certificate, "not_valid_after_utc", None)
    return aware if isinstance(aware, datetime.datetime) else certificate.not_valid_after.replace(tzinfo=datetime.UTC)


def read_chain(path: Path) -> Chain:
    """The certificates of a PEM file: the one that signs first, each followed by its issuer, a root last."""
    try:
        blocks = BLOCK.findall(path.read_bytes())
        chain = tuple(x509.load_pem_x509_certificate(block) for block in blocks)
    except OSError as error:
        raise Refused(f"{path} cannot be read on this host ({error.strerror}). Put the certificate of the local CA there.") from error
    except MALFORMED as error:
        raise Refused(f"{path} holds a certificate that cannot be read ({error}).") from error
    if not chain:
        raise Refused(f"{path} holds no certificate in PEM form (-----BEGIN CERTIFICATE-----). Convert it: openssl x509 -inform der -in FILE -out {path}")
    for certificate, issuer in zip(chain, (*chain[1:], chain[-1]), strict=True):
        if certificate.issuer != issuer.subject:
            shown = certificate.subject.rfc4514_string()
            raise Refused(
                f"{path}: the issuer of {shown} does not follow it. Put the certificate that signs first, then its issuers, the root that clients trust last."
            )
    return Chain(chain)


def check_chain(chain: Chain, path: Path, now: datetime.datetime) -> None:
    """Refuses what is not an authority, or is one no longer."""
    for certificate in chain.certificates:
        shown = certificate.subject.rfc4514_string()
        try:
            extensions = {extension.oid: extension.value for extension in certificate.extensions}
        except MALFORMED as error:
            raise Refused(f"{path}: {shown} has an extension that cannot be read ({error}).") from error
        constraints, usage = extensions.get(x509.BasicConstraints.oid), extensions.get(x509.KeyUsage.oid)
        if not (isinstance(constraints, x509.BasicConstraints) and constraints.ca) or (isinstance(usage, x509.KeyUsage) and not usage.key_cert_sign):
            raise Refused(f"{path}: {shown} is not the certificate of a CA (it may not sign others). Give the CA's own certificate and key, not a server's.")
        if ends(certificate) <= now:
            raise Refused(f"{path}: {shown} has ended on {ends(certificate):%Y-%m-%d}. Give a CA that is still valid.")


def read_key(path: Path) -> PrivateKeyTypes:
    """A private key in any unencrypted PEM form."""
    try:
        return load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise Refused(f"{path} cannot be read on this host ({error.strerror}). Put the key of the local CA there.") from error
    except TypeError:
        raise Refused(f"{path} is encrypted with a password. Decrypt it on this host: (umask 077; openssl pkey -in {path} -out {path}.plain)") from None
    except MALFORMED:
        raise Refused(f"{path} holds no private key in PEM form. Give the CA's key, which begins with -----BEGIN and says PRIVATE KEY.") from None


def check_pair(chain: Chain, key: PrivateKeyTypes, certificate_path: Path, key_path: Path) -> None:
    def public(one: x509.Certificate | PrivateKeyTypes) -> bytes:
        return one.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    if public(key) != public(chain.signer):
        raise Refused(f"The key {key_path} is not that of the certificate {certificate_path}: they do not match. Give the two files that belong together.")


def key_pem(key: PrivateKeyTypes) -> bytes:
    """PKCS #8, the only form that mkcert reads."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
