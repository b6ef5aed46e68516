# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The local certificate authority of a home: one folder on one host (mkcert's CAROOT), made once, signing what is declared."""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .authority_files import BLOCK, Chain, check_chain, check_pair, key_pem, read_chain, read_key
from .signing_request import MALFORMED, Refused, alternative_names, check

__all__ = ["ROOT", "Authority", "Refused"]

Run = Callable[[Sequence[str]], tuple[int, str]]
"""Runs a command and gives (exit code, output)."""

ROOT = Path("/etc/exposure/local_ca")
CERTIFICATE, KEY, REPLACED, STAGING = "rootCA.pem", "rootCA-key.pem", "replaced", ".new-"


@dataclass(frozen=True)
class Authority:
    """The authority in folder `root`. `mkcert` and `openssl` are the programs it uses."""

    root: Path = ROOT
    mkcert: str = "mkcert"
    openssl: str = "openssl"

    @property
    def exists(self) -> bool:
        return (self.root / CERTIFICATE).exists()

    @property
    def chain(self) -> Chain:
        if not self.exists:
            raise Refused(f"There is no local CA in {self.root} on this host. Run the role local_ca here first.")
        return read_chain(self.root / CERTIFICATE)

    @property
    def certificate(self) -> bytes:
        """The root that clients are to trust, PEM."""
        return self.chain.root.public_bytes(Encoding.PEM)

    def make(self, run: Run, replace: bool = False, check: bool = False) -> bool:
        """A new authority where there is none, and, with `replace`, where it has ended. Returns whether one was (or would be) made."""
        if self.exists:
            try:
                check_chain(self.chain, self.root / CERTIFICATE, now())
                return False
            except Refused as refusal:
                if not replace:
                    raise Refused(f"{refusal} To make a new one, which every client has to trust anew, set local_ca_replace: true.") from refusal
        if check:
            return True
        with self.changing() as staging:
            command = ["env", f"CAROOT={staging}", f"HOME={staging}", "TRUST_STORES=none", self.mkcert, "-install"]
            code, output = run(command)
            if code or not ((staging / CERTIFICATE).exists() and (staging / KEY).exists()):
                raise Refused(f"mkcert could not make the local CA (exit code {code}): {output.strip()[-600:]}")
            self.put(staging)
        return True

    def adopt(self, certificate: Path, key: Path, replace: bool = False, check: bool = False) -> bool:
        """Take over an owner's CA from two PEM files of this host. Returns whether that changes (or would change) anything.

        They are copied once: afterwards the owner may take them off the host.
        """
        if self.exists and self.matches() and not key.exists() and (not certificate.exists() or read_chain(certificate).root == self.chain.root):
            check_chain(self.chain, self.root / CERTIFICATE, now())
            return False
        chain, private = read_chain(certificate), read_key(key)
        check_chain(chain, certificate, now())
        check_pair(chain, private, certificate, key)
        if self.exists:
            mine = self.chain
            if mine.pem() == chain.pem() and self.matches():
                return False
            if mine.root != chain.root and not replace:
                raise Refused(
                    f"{self.root} holds another local CA already ({mine.described()}), and {certificate} is {chain.described()}. "
                    "Every certificate and every client would have to change. If that is what you want, set local_ca_replace: true; the old one is kept aside."
                )
        if not check:
            with self.changing() as staging:
                write(staging / KEY, key_pem(private), 0o400)
                write(staging / CERTIFICATE, chain.pem(), 0o644)
                self.put(staging)
        return True

    def sign(self, requests: Sequence[Mapping[str, Any]], run: Run, check_only: bool = False) -> dict[str, bytes]:
        """The chain, PEM, of each request {name, hosts, csr}: the certificate, then its issuers but for the root.

        All requests are looked at before the first is signed. A certificate lasts 825 days, which is mkcert's choice.
        """
        chain = self.chain
        check_chain(chain, self.root / CERTIFICATE, now())
        check_pair(chain, read_key(self.root / KEY), self.root / CERTIFICATE, self.root / KEY)
        wrong, asked = [], {}
        for request in requests:
            name = str(request["name"])
            try:
                if name in asked:
                    raise Refused(f"Certificate {name} is asked for twice. Give each a name of its own.")
                asked[name] = check(name, request["hosts"], encoded(request["csr"]))
            except Refused as refusal:
                wrong.append(str(refusal))
        if wrong:
            raise Refused("\n".join([*wrong, "Nothing was signed."]))
        if check_only:
            return {}
        with tempfile.TemporaryDirectory(prefix="exposure-sign-") as folder:
            (Path(folder) / "root.pem").write_bytes(self.certificate)
            (Path(folder) / "issuers.pem").write_bytes(chain.pem())
            return {name: self.issue(name, request, Path(folder), run) + chain.issuers() for name, request in asked.items()}

    def issue(self, name: str, request: x509.CertificateSigningRequest, folder: Path, run: Run) -> bytes:
        """One certificate, signed by mkcert and then seen with OpenSSL to lead to the root: an owner's CA may be limited to some names."""
        (folder / "request.pem").write_bytes(request.public_bytes(Encoding.PEM))
        made = folder / "certificate.pem"
        made.unlink(missing_ok=True)
        environment = ["env", f"CAROOT={self.root}", f"HOME={folder}", "TRUST_STORES=none"]
        code, output = run([*environment, self.mkcert, "-cert-file", str(made), "-csr", str(folder / "request.pem")])
        blocks = BLOCK.findall(made.read_bytes()) if made.exists() else []
        if code or len(blocks) != 1:
            raise Refused(f"Certificate {name}: mkcert did not sign it (exit code {code}): {output.strip()[-600:]}")
        try:
            certificate = x509.load_pem_x509_certificate(blocks[0])
            extensions = {extension.oid: extension.value for extension in certificate.extensions}
        except MALFORMED as error:
            raise Refused(f"Certificate {name}: what mkcert made cannot be read ({error}).") from error
        public = [one.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) for one in (certificate, request)]
        names = alternative_names(name, extensions.get(x509.SubjectAlternativeName.oid))
        if public[0] != public[1] or names != alternative_names(name, request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value):
            raise Refused(f"Certificate {name}: what mkcert made is not what was asked for. Nothing of it was used.")
        made.write_bytes(certificate.public_bytes(Encoding.PEM))
        trusted = ["-no-CApath", "-CAfile", str(folder / "root.pem"), "-untrusted", str(folder / "issuers.pem")]
        code, output = run([self.openssl, "verify", *trusted, "-purpose", "sslserver", str(made)])
        if code:
            why = output.strip().replace(str(made), name)[-600:]
            raise Refused(f"Certificate {name}: clients would not accept it from this CA, which may be limited to other names: {why}")
        return made.read_bytes()

    def matches(self) -> bool:
        """Whether certificate and key belong together: a run that was interrupted may have left one of two."""
        try:
            check_pair(self.chain, read_key(self.root / KEY), self.root / CERTIFICATE, self.root / KEY)
        except Refused:
            return False
        return True

    def put(self, staging: Path) -> None:
        """Put a staged certificate and key in place, after what was there is kept aside with the day of that."""
        if self.exists or (self.root / KEY).exists():
            self.keep_aside()
        (staging / KEY).chmod(0o400)
        (staging / CERTIFICATE).chmod(0o644)
        for name in (KEY, CERTIFICATE):
            sync(staging / name)
        (staging / KEY).replace(self.root / KEY)
        (staging / CERTIFICATE).replace(self.root / CERTIFICATE)
        sync(self.root)

    def keep_aside(self) -> None:
        try:
            digits = self.chain.fingerprint[:16]
        except Refused:
            digits = "unreadable"
        aside = self.root / REPLACED
        if digits != "unreadable" and list(aside.glob(f"*-{digits}")):
            return
        target = aside / f"{now():%Y%m%dT%H%M%SZ}-{digits}"
        target.mkdir(parents=True, mode=0o700)
        aside.chmod(0o700)
        for name, mode in ((KEY, 0o400), (CERTIFICATE, 0o644)):
            if (self.root / name).exists():
                write(target / name, (self.root / name).read_bytes(), mode)

    def purge(self) -> None:
        """The authority goes, with those kept aside. A folder that holds anything else is not touched."""
        strange = sorted(e.name for e in self.root.iterdir() if e.name not in (CERTIFICATE, KEY, REPLACED) and not e.name.startswith(STAGING))
        if strange:
            raise Refused(f"{self.root} is not removed: it holds {', '.join(strange[:5])}, which is not the local CA's. Look at it, and remove it yourself.")
        shutil.rmtree(self.root)

    @contextlib.contextmanager
    def changing(self) -> Iterator[Path]:
        """A private folder beside the authority, on the same disk, while no other run changes it."""
        for folder in (self.root.parent, self.root):
            if not folder.exists():
                folder.mkdir(parents=True)
                folder.chmod(0o755)
        descriptor = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            for left in self.root.glob(f"{STAGING}*"):
                shutil.rmtree(left)
            with tempfile.TemporaryDirectory(prefix=STAGING, dir=self.root) as staging:
                yield Path(staging)
        finally:
            os.close(descriptor)


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def encoded(pem: str | bytes) -> bytes:
    return pem.encode() if isinstance(pem, str) else pem


def write(path: Path, content: bytes, mode: int) -> None:
    """A new file that nobody else can read before it has its mode."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(content)
    path.chmod(mode)


def sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
