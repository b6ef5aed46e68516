# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A store is filled before a proxy reads it: certificates of one's own, those to be signed by the local authority, and placeholders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from .adopt import CADDY, fit, from_caddy
from .deploy import LINEAGES, take_lineage
from .pem import covers, due, judge, key_matches, read_chain, read_key
from .store import Store, private_pem

PENDING = Path("/var/lib/exposure/pending")
"""Keys whose certificates the local authority has still to sign."""


class Refused(Exception):
    """Certificates that cannot be served; the message has all reasons of all of them."""


@dataclass
class Filled:
    """`changed`: names that are new in the store; `placeholders`: those of them that are still to come; `requests`: what is to be signed."""

    changed: list[str] = field(default_factory=list)
    placeholders: list[str] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Filling:
    """One filling of a store. With `dry` nothing is written, and what would be is told."""

    store: Store
    now: datetime
    dry: bool = False
    pending: Path = PENDING
    lineages: Path = LINEAGES
    caddy: Path = CADDY

    def fill(self, certificates: Sequence[Mapping[str, Any]], files: Mapping[str, Mapping[str, str]], issued: Mapping[str, str]) -> Filled:
        """All of them. Raises Refused before anything is written."""
        self.refuse(certificates, files)
        done = Filled()
        for certificate in certificates:
            name = certificate["name"]
            if certificate["kind"] == "files":
                if name in files:
                    self.install(done, name, files[name]["chain"].encode(), files[name]["key"].encode())
            elif certificate["kind"] == "local":
                self.local(done, certificate, issued.get(name))
            else:
                self.acme(done, certificate)
        return done

    def refuse(self, certificates: Sequence[Mapping[str, Any]], files: Mapping[str, Mapping[str, str]]) -> None:
        wrong = []
        for certificate in certificates:
            if certificate["kind"] == "files" and (given := files.get(certificate["name"])):
                problems = judge(given["chain"].encode(), given["key"].encode(), certificate["hosts"], self.now)
                wrong += [f"certificate {certificate['name']}: {problem}" for problem in problems]
        if wrong:
            raise Refused("\n".join(wrong))

    def install(self, done: Filled, name: str, chain: bytes, key: bytes) -> None:
        now = self.store.current(name)
        if (now is None or now.chain != chain or now.key != key) and (self.dry or self.store.install(name, chain, key)):
            done.changed.append(name)

    def acme(self, done: Filled, certificate: Mapping[str, Any]) -> None:
        """What is sound stays; else certbot's, else Caddy's, else a placeholder."""
        name, hosts = certificate["name"], certificate["hosts"]
        now = self.store.current(name)
        if now and not now.leaf.placeholder:
            return
        if not self.dry and take_lineage(self.store, name, self.lineages):
            done.changed.append(name)
            return
        if adopted := from_caddy(hosts, self.now, self.caddy):
            self.install(done, name, adopted.chain, adopted.key)
            return
        done.placeholders.append(name)
        if now is None:
            done.changed.append(name)
            if not self.dry:
                self.store.placeholder(name, hosts)

    def local(self, done: Filled, certificate: Mapping[str, Any], issued: str | None) -> None:
        """One of the local authority: installed where it was just signed, asked for where it is missing, late, or for other names."""
        name, hosts = certificate["name"], list(certificate["hosts"])
        place = self.pending / f"{name}.key"
        if issued is not None:
            chain, key = issued.encode(), place.read_bytes()
            if not key_matches(read_chain(chain)[0], read_key(key)):
                raise Refused(f"certificate {name}: what the local authority signed does not belong to the key that is here. Run again.")
            self.install(done, name, chain, key)
            place.unlink()
            return
        now = self.store.current(name)
        if now and not now.leaf.placeholder and fit(now, hosts, self.now) and not now.leaf.self_signed and len(now.leaf.names) == len(hosts):
            return
        if now is None and not self.dry:
            self.store.placeholder(name, [host for host in hosts if not host[0].isdigit() and ":" not in host])
        done.requests.append({"name": name, "hosts": hosts, "csr": "" if self.dry else self.request(place, hosts)})

    def request(self, place: Path, hosts: Sequence[str]) -> str:
        """A signing request for a new key, which stays here."""
        key = ec.generate_private_key(ec.SECP256R1())
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        place.touch(mode=0o600)
        place.write_bytes(private_pem(key))
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0][:64])])
        names = x509.SubjectAlternativeName([general_name(host) for host in hosts])
        request = x509.CertificateSigningRequestBuilder().subject_name(subject).add_extension(names, critical=False).sign(key, hashes.SHA256())
        return request.public_bytes(serialization.Encoding.PEM).decode()


def general_name(host: str) -> x509.GeneralName:
    import ipaddress

    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


__all__ = ["Filled", "Filling", "Refused", "covers", "due"]
