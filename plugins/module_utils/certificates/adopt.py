# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Certificates that Caddy and the store have for each other, so that a change of the engine orders nothing that is at hand.

Caddy's folder is that of CertMagic: certificates/AUTHORITY/NAME/NAME.crt, .key and .json, where AUTHORITY is the host and path of the ACME
directory's URL (github.com/caddyserver/certmagic, storage.go: StorageKeys; acmeissuer.go: issuerKey).
"""

from __future__ import annotations

import json
import os
import pwd
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from .pem import covers, due
from .store import Store, Stored, read_pair

CADDY = Path("/var/lib/caddy/.local/share/caddy/certificates")


def safe(text: str) -> str:
    """A part of a key as CertMagic writes it."""
    for old, new in ((" ", "_"), ("+", "_plus_"), ("*", "wildcard_"), (":", "-"), ("..", "")):
        text = text.lower().replace(old, new)
    return re.sub(r"[^\w@.-]", "", text)


def authority_folder(directory: str) -> str:
    parts = urlsplit(directory)
    return safe(parts.netloc + parts.path.replace("/", "-"))


def fit(found: Stored | None, hosts: Sequence[str], now: datetime) -> bool:
    """Whether a certificate can serve these names for a good while."""
    return bool(found and not found.leaf.placeholder and all(covers(found.leaf.names, host) for host in hosts) and not due(found.leaf, now))


def from_caddy(hosts: Sequence[str], now: datetime, root: Path = CADDY) -> Stored | None:
    """A certificate of Caddy's that is for all of these names and not yet to be renewed; the one that lasts longest."""
    found = [read_pair(folder / f"{folder.name}.crt", folder / f"{folder.name}.key", folder.name) for folder in root.glob(f"*/{safe(hosts[0])}")]
    fitting = [one for one in found if one and fit(one, hosts, now)]
    return max(fitting, key=lambda one: one.leaf.not_after, default=None)


def to_caddy(store: Store, name: str, hosts: Sequence[str], directory: str, now: datetime, root: Path = CADDY) -> list[str]:
    """Give Caddy what the store has for each of these names, where Caddy has nothing that fits. Returns the names that it got."""
    stored = store.current(name)
    given = []
    for host in hosts:
        folder = root / authority_folder(directory) / safe(host)
        if not stored or not fit(stored, [host], now) or fit(read_pair(folder / f"{safe(host)}.crt", folder / f"{safe(host)}.key", host), [host], now):
            continue
        owner = pwd.getpwnam("caddy")
        make_folder(folder, root, owner.pw_uid, owner.pw_gid)
        about = {"sans": list(stored.leaf.names), "issuer_data": {"url": "", "ca": directory}}
        for suffix, content in (("crt", stored.chain), ("key", stored.key), ("json", json.dumps(about, indent=1).encode())):
            path = folder / f"{safe(host)}.{suffix}"
            temporary = folder / f".{path.name}.new"
            temporary.write_bytes(content)
            temporary.chmod(0o600)
            os.chown(temporary, owner.pw_uid, owner.pw_gid)
            temporary.replace(path)
        given.append(host)
    return given


def make_folder(folder: Path, root: Path, uid: int, gid: int) -> None:
    """A folder in Caddy's storage, with those above it that are missing, for Caddy alone."""
    for one in (*reversed(root.parents[:4]), root, folder.parent, folder):
        if not one.exists():
            one.mkdir(mode=0o700)
            os.chown(one, uid, gid)
