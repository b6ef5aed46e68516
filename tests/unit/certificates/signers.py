"""Certificates and requests for tests, made with `cryptography`, and real commands that are run."""

from __future__ import annotations

import datetime
import ipaddress
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from plugins.module_utils.certificates.authority import Authority
from tests.tools import program

NOW = datetime.datetime.now(datetime.UTC)
YEAR = datetime.timedelta(days=365)


def run(command: Sequence[str]) -> tuple[int, str]:
    done = subprocess.run(list(command), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def authority(root: Path) -> Authority:
    return Authority(root, mkcert=program("mkcert", "/usr/bin/mkcert"))


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


class Signer:
    """An owner's CA, self-signed or with an issuer, that lies in `folder`."""

    def __init__(self, folder: Path, name: str, issuer: Signer | None = None, ca: bool = True, ended: bool = False, more: Sequence[Any] = ()) -> None:
        self.key = new_key()
        ends = NOW - datetime.timedelta(days=1) if ended else NOW + 5 * YEAR
        builder = (
            x509.CertificateBuilder()
            .subject_name(named(name))
            .issuer_name(issuer.certificate.subject if issuer else named(name))
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - YEAR)
            .not_valid_after(ends)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False)
        )
        for extension in more:
            builder = builder.add_extension(extension, critical=True)
        self.certificate = builder.sign(issuer.key if issuer else self.key, hashes.SHA256())
        self.pem = self.certificate.public_bytes(Encoding.PEM)
        self.path, self.key_path = folder / f"{name}.pem", folder / f"{name}.key"
        self.path.write_bytes(self.pem + (issuer.path.read_bytes() if issuer else b""))
        self.key_path.write_bytes(self.key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))


def alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def csr(
    hosts: Sequence[str],
    more: Sequence[tuple[Any, bool]] = (),
    names: Sequence[x509.GeneralName] = (),
    key: Any = None,
    subject: str = "",
    critical: bool = True,
) -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(named(subject) if subject else x509.Name([]))
    together = [*map(alternative, hosts), *names]
    if together:
        builder = builder.add_extension(x509.SubjectAlternativeName(together), critical)
    for extension, its in more:
        builder = builder.add_extension(extension, its)
    return builder.sign(key or new_key(), hashes.SHA256()).public_bytes(Encoding.PEM)


def request(name: str, hosts: Sequence[str], **given: Any) -> dict[str, Any]:
    return {"name": name, "hosts": list(hosts), "csr": csr(hosts, **given).decode()}


def verified(folder: Path, root: bytes, chain: bytes, host: str) -> str:
    """What OpenSSL says of a chain that a server of this name sends to a client that trusts `root` alone."""
    first, mark, rest = chain.partition(b"-----END CERTIFICATE-----\n")
    for name, content in (("root", root), ("leaf", first + mark), ("rest", rest or root)):
        (folder / f"{name}.verify").write_bytes(content)
    by = "-verify_ip" if isinstance(alternative(host), x509.IPAddress) else "-verify_hostname"
    trusted = ["-no-CApath", "-CAfile", str(folder / "root.verify"), "-untrusted", str(folder / "rest.verify")]
    return run(["openssl", "verify", *trusted, "-purpose", "sslserver", by, host, str(folder / "leaf.verify")])[1]
