"""Certificates of any kind and damage, real ones, and what an inspection says of them."""

from __future__ import annotations

import ipaddress
import ssl
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from plugins.module_utils.inspection.findings import Finding
from plugins.module_utils.inspection.inspector import Inspection
from plugins.module_utils.inspection.model import Settings, endpoint_of, file_of

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
HOST = "home.example.org"
PUBLIC = "2.23.140.1.2.1"
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@cache
def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@dataclass(frozen=True)
class Made:
    certificate: x509.Certificate
    key: Key

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def named(organisation: str = "", common: str = "") -> x509.Name:
    entries = [(NameOID.ORGANIZATION_NAME, organisation), (NameOID.COMMON_NAME, common)]
    return x509.Name([x509.NameAttribute(kind, value) for kind, value in entries if value])


def general(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def make(
    hosts: Sequence[str] = (HOST,),
    by: Made | None = None,
    *,
    name: x509.Name | None = None,
    key: Key | None = None,
    start: datetime = NOW - 10 * DAY,
    life: timedelta = 90 * DAY,
    ca: bool = False,
    digest: hashes.HashAlgorithm | None = None,
    public: bool | None = None,
    aia: str = "",
    ocsp: str = "",
    crl: str = "",
    staple: bool = False,
    serial: int = 0,
    extra: Sequence[x509.ExtensionType] = (),
) -> Made:
    key = key or new_key()
    subject = name if name is not None else named(common=hosts[0] if hosts else "")
    builder = x509.CertificateBuilder(
        by.certificate.subject if by else subject, subject, key.public_key(), serial or x509.random_serial_number(), start, start + life
    )
    extensions: list[x509.ExtensionType] = [x509.BasicConstraints(ca, None)]
    signer = by.key if by else key
    extensions += [x509.SubjectKeyIdentifier.from_public_key(key.public_key()), x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())]
    extensions += [x509.SubjectAlternativeName([general(host) for host in hosts])] if hosts else []
    extensions += (
        [x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier(PUBLIC), None)])]
        if (by is not None and not ca if public is None else public)
        else []
    )
    places = [(AuthorityInformationAccessOID.CA_ISSUERS, aia), (AuthorityInformationAccessOID.OCSP, ocsp)]
    access = [x509.AccessDescription(method, x509.UniformResourceIdentifier(url)) for method, url in places if url]
    extensions += [x509.AuthorityInformationAccess(access)] if access else []
    extensions += [x509.CRLDistributionPoints([x509.DistributionPoint([x509.UniformResourceIdentifier(crl)], None, None, None)])] if crl else []
    extensions += [x509.TLSFeature([x509.TLSFeatureType.status_request])] if staple else []
    for extension in (*extensions, *extra):
        builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
    return Made(builder.sign(signer, digest or hashes.SHA256()), key)


def authority(organisation: str, common: str, by: Made | None = None, **about: Any) -> Made:
    return make((), by, name=named(organisation, common), ca=True, **{"start": NOW - 3000 * DAY, "life": 6000 * DAY, **about})


ROOT = authority("Example Trust", "Example Root")
MIDDLE = authority("Example Trust", "Example Intermediate", ROOT)
STRANGER = authority("Stranger", "Strange Root")
LE_ROOT = authority("Internet Security Research Group", "ISRG Root X9")
LE = authority("Let's Encrypt", "E99", LE_ROOT)


def server_context(folder: Path, chain: Sequence[Made], key: Key | None = None, **about: Any) -> ssl.SSLContext:
    """A server's side of TLS that sends these to everybody, whatever they are."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    path = Path(tempfile.mkdtemp(dir=folder)) / "chain.pem"
    path.write_bytes(b"".join(one.pem for one in chain) + chain[0].key_pem)
    context.load_cert_chain(path)
    for option, value in about.items():
        setattr(context, option, value)
    return context


def settings(**about: Any) -> Settings:
    return Settings(**{"now": NOW, "timeout": 2.0, "deadline": 10.0, "checks": (), **about})


def stored(folder: Path, *chain: Made, roots: Sequence[Made] = (ROOT,), about: dict[str, Any] | None = None, **given: Any) -> list[Finding]:
    """What is found in a file with these certificates."""
    path = Path(tempfile.mkdtemp(dir=folder)) / "fullchain.pem"
    path.write_bytes(b"".join(one.pem for one in chain))
    file = file_of({"path": str(path), "names": [HOST], "trust": [trust(folder, *roots)], **given})
    (result,) = Inspection(settings(**(about or {}))).run([], [file])
    return list(result.findings)


def trust(folder: Path, *roots: Made) -> str:
    path = Path(tempfile.mkdtemp(dir=folder)) / "roots.pem"
    path.write_bytes(b"".join(root.pem for root in roots))
    return str(path)


def served(port: int, roots: str, about: dict[str, Any] | None = None, **given: Any) -> list[Finding]:
    """What is found at a port of this machine."""
    endpoint = endpoint_of({"endpoint": f"{HOST}:{port}", "connect_to": "127.0.0.1", "trust": [roots], **given})
    (result,) = Inspection(settings(**(about or {}))).run([endpoint])
    return list(result.findings)


def ids(findings: Sequence[Finding]) -> list[str]:
    return [one.id for one in findings]


def with_sha1(made: Made, by: Made) -> Made:
    """The same, signed with SHA-1, which the library no longer makes: the name of the algorithm is written over, and openssl signs."""
    modern, ancient = bytes.fromhex("2a864886f70d01010b"), bytes.fromhex("2a864886f70d010105")
    content = made.certificate.tbs_certificate_bytes.replace(modern, ancient)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "key.pem"
        path.write_bytes(by.key_pem)
        signature = subprocess.run(["openssl", "dgst", "-sha1", "-sign", path], input=content, capture_output=True, check=True).stdout
    algorithm = b"\x30\x0d\x06\x09" + ancient + b"\x05\x00"
    body = content + algorithm + b"\x03" + length(len(signature) + 1) + b"\0" + signature
    return Made(x509.load_der_x509_certificate(b"\x30" + length(len(body)) + body), made.key)


def length(number: int) -> bytes:
    """As DER writes it."""
    return bytes([number]) if number < 128 else bytes([0x82]) + number.to_bytes(2, "big")
