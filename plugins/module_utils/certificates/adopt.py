# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Certificates that Caddy keeps, taken over into the store, and certificates of the store handed to Caddy.

The layout of Caddy's storage is that of CertMagic: `StorageKeys` in its storage.go, `issuerKey` in its acmeissuer.go.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

from . import disk
from .pem import Pair, Unusable, covers, due, is_address, pair
from .store import Store

CADDY = Path("/var/lib/caddy/.local/share/caddy")
NOT_WORD = re.compile(r"[^\w@.-]", re.ASCII)
REPLACED = {" ": "_", "+": "_plus_", "*": "wildcard_", ":": "-", "..": ""}
REPLACING = re.compile("|".join(re.escape(key) for key in REPLACED))
FOREIGN = re.compile("local|.*staging.*")
"""Folders of Caddy's own CA, and of test CAs: what they issued is trusted by nobody."""


def safe(text: str) -> str:
    """A name as one part of a path in the storage."""
    return NOT_WORD.sub("", REPLACING.sub(lambda found: REPLACED[found[0]], text.lower().strip()))


def issuer_folder(directory_url: str) -> str:
    """The folder of what an ACME CA issued: host, port and path of its directory."""
    parts = urlsplit(directory_url)
    path = re.sub(r"[/\\]", "-", unquote(parts.path)).strip("-")
    host = parts.netloc.rpartition("@")[2]
    return safe(f"{host}-{path}" if path else host)


def from_caddy(hosts: Sequence[str], now: datetime, caddy: Path = CADDY, directory_url: str = "") -> Pair | None:
    """A certificate in Caddy's storage that is for all hosts and not due. Without a directory, any real CA's counts; the one that lasts longest is taken.

    The storage is the user caddy's, so no link in it is followed: it could lead to a key that only root may read.
    """
    issuers = [issuer_folder(directory_url)] if directory_url else issuers_of(caddy)
    domains = dict.fromkeys(name for host in hosts for name in (host, *([] if is_address(host) else [f"*.{host.partition('.')[2]}"])))
    fitting = []
    for issuer in issuers:
        for domain in domains:
            found = stored(caddy, issuer, domain)
            if found and covers(found.leaf.names, hosts) and found.leaf.not_before <= now and not due(found.leaf, now):
                fitting.append(found)
    return max(fitting, key=lambda found: found.leaf.not_after, default=None)


def issuers_of(caddy: Path) -> list[str]:
    try:
        with disk.folder(caddy / "certificates") as folder, os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if not FOREIGN.fullmatch(entry.name))
    except (OSError, Unusable):
        return []


def stored(caddy: Path, issuer: str, domain: str) -> Pair | None:
    """What Caddy holds for a domain, if it is whole."""
    name = safe(domain)
    folder = caddy / "certificates" / issuer / name
    with contextlib.suppress(OSError, Unusable), disk.folder(folder) as parent:
        chain, key = (disk.look(parent, f"{name}.{kind}", folder / f"{name}.{kind}") for kind in ("crt", "key"))
        if chain and key:
            return pair(chain.content, key.content)
    return None


def to_caddy(store: Store, names: Sequence[str], directory_url: str, now: datetime, caddy: Path = CADDY, user: str = "caddy", check: bool = False) -> list[str]:
    """Hand certificates of the store that are valid and not due to Caddy, for each host name where its own is missing, damaged or due.

    Returns the host names; with `check` nothing is written. Caddy reads them when it starts, or when the name is new to its configuration.
    """
    handed = []
    for name in names:
        found = store.look(name).real
        if not found or found.leaf.self_signed or due(found.leaf, now) or found.leaf.not_before > now:
            continue
        for host in found.leaf.names:
            own = stored(caddy, issuer_folder(directory_url), host)
            if own and not due(own.leaf, now) and covers(own.leaf.names, [host]):
                continue
            if not check:
                give(found, host, directory_url, caddy, user)
            handed.append(host)
    return handed


def give(found: Pair, host: str, directory_url: str, caddy: Path, user: str) -> None:
    try:
        account = pwd.getpwnam(user)
    except KeyError:
        raise Unusable(f"There is no user {user} on this host, so Caddy cannot be given a certificate. Install Caddy first.") from None
    rights = disk.Rights(account.pw_uid, account.pw_gid, 0o600)
    domain = safe(host)
    place = caddy / "certificates" / issuer_folder(directory_url) / domain
    about = {"sans": [host], "issuer_data": {"url": "", "ca": directory_url}}
    try:
        with disk.folder(place, make=disk.Rights(account.pw_uid, account.pw_gid, 0o700)) as folder:
            disk.tidy(folder)
            # Without its .json Caddy takes the certificate for missing, and never meets half of an old and half of a new one.
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{domain}.json", dir_fd=folder)
            disk.write(folder, f"{domain}.key", found.key, rights)
            disk.write(folder, f"{domain}.crt", found.fullchain, rights)
            disk.write(folder, f"{domain}.json", json.dumps(about, indent="\t").encode(), rights)
    except OSError as error:
        raise Unusable(f"The certificate for {host} could not be put into Caddy's storage {place}: {error}. Caddy will get one of its own.") from error
