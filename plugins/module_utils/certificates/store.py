# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The certificate store of a host: one directory for each certificate, whoever it came from, swapped as a whole.

`NAME` is a link to `.versions/NAME-...`, which holds fullchain.pem, chain.pem and privkey.pem and is never edited. So a key and its
certificate always belong together, also after a power loss between the two.
"""

from __future__ import annotations

import grp
import os
import secrets
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ..release.disk import link, sync
from .pem import LARGEST, MARK, PLACEHOLDER, Certificate, key_matches, read_chain, read_key

ROOT = Path("/etc/exposure/certificates")
GROUP = "exposure-certificates"
KEPT = 2
"""Versions kept besides the current one."""

PARTS = ("fullchain.pem", "chain.pem", "privkey.pem")
TEN_YEARS = timedelta(days=3650)

Run = Callable[[Sequence[str]], tuple[int, str]]


@dataclass(frozen=True)
class Stored:
    """A sound entry of the store: its parts in PEM, and its leaf."""

    name: str
    chain: bytes
    key: bytes
    leaf: Certificate


def read_small(path: Path) -> bytes:
    """A file of the store or of a lineage. Raises ValueError where it is larger than any of these."""
    with path.open("rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise ValueError(f"{path} is larger than any certificate")
    return content


def read_pair(chain: Path, key: Path, name: str) -> Stored | None:
    """A certificate with its key; None where a file is missing or damaged, or the two do not belong together."""
    try:
        content, secret = read_small(chain), read_small(key)
        leaf = read_chain(content)[0]
        return Stored(name, content, secret, leaf) if key_matches(leaf, read_key(secret)) else None
    except (OSError, ValueError):
        return None


class Store:
    """The store below `root`. `run` runs a command, to make the group whose members may read keys."""

    def __init__(self, run: Run, root: Path = ROOT, step: Callable[[str], None] = lambda name: None) -> None:
        self.run = run
        self.root = root
        self.step = step

    def current(self, name: str) -> Stored | None:
        """What serves under a name now; None where nothing does, or it is damaged."""
        folder = self.root / name
        found = read_pair(folder / "fullchain.pem", folder / "privkey.pem", name)
        return found if found and (folder / "chain.pem").exists() else None

    def install(self, name: str, chain: bytes, key: bytes) -> bool:
        """Make a certificate the current one. Returns whether that changed anything."""
        now = self.current(name)
        if now and now.chain == chain and now.key == key:
            return False
        versions = self.root / ".versions"
        versions.mkdir(mode=0o755, parents=True, exist_ok=True)
        staged = versions / f".staging-{name}-{secrets.token_hex(4)}"
        self.step("stage")
        staged.mkdir(mode=0o755)
        try:
            issuers = b"".join(MARK + part for part in chain.split(MARK)[2:])
            for part, content, mode in zip(PARTS, (chain, issuers, key), (0o644, 0o644, 0o640), strict=True):
                self.write(staged / part, content, mode)
                self.step(f"write {part}")
            sync(staged)
            final = versions / f"{name}-{time.strftime('%Y%m%dT%H%M%S')}-{secrets.token_hex(3)}"
            staged.rename(final)
            sync(versions)
            self.step("link")
            place = self.root / name
            if place.exists() and not place.is_symlink():  # somebody's directory: it is kept aside, not lost
                place.rename(versions / f"{name}-00000000T000000-{secrets.token_hex(3)}")
            link(place, final)
        finally:
            shutil.rmtree(staged, ignore_errors=True)
        self.step("prune")
        self.prune(name)
        return True

    def write(self, path: Path, content: bytes, mode: int) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        if mode == 0o640:
            os.chown(path, -1, self.group())
        path.chmod(mode)

    def group(self) -> int:
        """The number of the group that may read keys; it is made where it is missing."""
        try:
            return grp.getgrnam(GROUP).gr_gid
        except KeyError:
            self.run(["groupadd", "--system", GROUP])
        try:
            return grp.getgrnam(GROUP).gr_gid
        except KeyError:
            return 0

    def prune(self, name: str) -> None:
        """Old versions go, and what a killed run left."""
        versions = self.root / ".versions"
        serving = (self.root / name).resolve()
        for left in versions.glob(f".staging-{name}-*"):
            shutil.rmtree(left, ignore_errors=True)
        mine = [path for path in versions.iterdir() if path.name.rsplit("-", 2)[0] == name and path.resolve() != serving]
        for old in sorted(mine, key=lambda path: path.name)[:-KEPT]:
            shutil.rmtree(old, ignore_errors=True)

    def placeholder(self, name: str, hosts: Sequence[str]) -> None:
        """A certificate that nobody trusts, so that a proxy can start before the real one is there."""
        key = ec.generate_private_key(ec.SECP256R1())
        own = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, PLACEHOLDER), x509.NameAttribute(NameOID.COMMON_NAME, name)])
        began = datetime.now(UTC) - timedelta(hours=1)
        dns = [x509.DNSName(host) for host in hosts]
        builder = x509.CertificateBuilder().subject_name(own).issuer_name(own).public_key(key.public_key()).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(began).not_valid_after(began + TEN_YEARS).add_extension(x509.SubjectAlternativeName(dns), critical=False)
        certificate = builder.sign(key, hashes.SHA256())
        self.install(name, certificate.public_bytes(serialization.Encoding.PEM), private_pem(key))

    def remove(self, name: str) -> bool:
        """Take a certificate out, with its older versions."""
        place = self.root / name
        if not place.is_symlink():
            return False
        place.unlink()
        for path in (self.root / ".versions").iterdir():
            if path.name.rsplit("-", 2)[0] == name:
                shutil.rmtree(path)
        return True


def private_pem(key: Any) -> bytes:
    content: bytes = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return content


def parts_of(stored: Stored) -> Mapping[str, bytes]:
    """What a copy may hold, by what it is called in a declaration."""
    pieces = [MARK + part for part in stored.chain.split(MARK)[1:]]
    return {"fullchain": stored.chain, "cert": pieces[0], "chain": b"".join(pieces[1:]), "privkey": stored.key}
