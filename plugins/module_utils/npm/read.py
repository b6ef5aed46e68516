# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is in a data folder of Nginx Proxy Manager: the rows of its database that are not deleted, and the files that say more.

Tables and columns: NginxProxyManager/nginx-proxy-manager, backend/migrations/*.js, from 20180618015850_initial to 20260131163528_trust_forwarded_proto.
An older database lacks the later columns; what they would say is their default there. Passwords of users and access lists are never read.
"""

from __future__ import annotations

import json
import os
import sqlite3
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .database import Unreadable, open_database, read_bytes

MOST_ROWS = 5000
MOST_JSON = 1024**2
CUSTOM = (
    *("root_top", "root", "events", "http_top", "http", "stream"),
    *("server_proxy", "server_redirect", "server_dead", "server_stream", "server_stream_tcp", "server_stream_udp"),
)
"""Files of `nginx/custom` that NPM includes (docs/src/advanced-config/index.md there)."""

RENAMED = {"forward_host": "forward_ip", "forwarding_host": "forward_ip", "satisfy_any": "satify_any"}
"""Columns and their names before 20181019052346_forward_host, 20210423103500_stream_domain and 20200410143840_access_list_client_fix."""

COLUMNS = {
    "access_list_auth": ("access_list_id",),
    "user": ("id", "email", "is_deleted", "is_disabled"),
}
"""Columns that are read where not all are: the others hold passwords, or nothing of use."""


@dataclass
class Credentials:
    """The lines of a DNS plugin's credentials, kept out of every message and `repr`. '' for none."""

    text: str = field(default="", repr=False)


@dataclass
class Found:
    """A data folder. Rows are as in the database, with their JSON read. `clients` and `users` count those of each access
    list by its id. `credentials` are by the id of the certificate. `custom`: the not empty files of `nginx/custom`, name -> text. `files`: the ids of
    certificates of the owner's own that have both their files."""

    folder: str
    proxy_hosts: list[dict[str, Any]] = field(default_factory=list)
    redirections: list[dict[str, Any]] = field(default_factory=list)
    dead_hosts: list[dict[str, Any]] = field(default_factory=list)
    streams: list[dict[str, Any]] = field(default_factory=list)
    certificates: dict[int, dict[str, Any]] = field(default_factory=dict)
    access_lists: dict[int, dict[str, Any]] = field(default_factory=dict)
    clients: dict[int, list[str]] = field(default_factory=dict)
    users: dict[int, int] = field(default_factory=dict)
    settings: list[dict[str, Any]] = field(default_factory=list)
    accounts: dict[int, str] = field(default_factory=dict)
    credentials: dict[int, Credentials] = field(default_factory=dict)
    custom: dict[str, str] = field(default_factory=dict)
    files: list[int] = field(default_factory=list)


def number(value: object, default: int = 0) -> int:
    """A whole number of a column, where a yes or no is 1 or 0 too."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return int(value) if isinstance(value, bool) else default
    try:
        found = int(value)
    except (ValueError, OverflowError):
        return default
    return found if abs(found) < 1 << 53 else default


def text(value: object) -> str:
    """A text of a column; what is no text is none."""
    return value if isinstance(value, str) else str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def flag(row: Mapping[str, Any], column: str, default: bool = False) -> bool:
    return bool(number(row.get(column), int(default)))


UNREADABLE = "(unreadable)"
"""In place of what a column should hold and does not, so that it is not taken for nothing."""


def read_json(value: object) -> Any:
    """A column that holds JSON; None where it is empty, UNREADABLE where it is not JSON."""
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > MOST_JSON:
        return UNREADABLE
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return UNREADABLE


def lines_of(value: object) -> str:
    """Lines of nginx in a column; what is no text is one line that nothing can be made of, so that it is not taken for nothing."""
    return value if isinstance(value, str) else "" if value is None else "(unreadable"


def look(folder: Path, letsencrypt: Path) -> Found:
    """Everything of a data folder. Raises Unreadable."""
    path = folder / "database.sqlite"
    if not folder.is_dir():
        raise Unreadable(f"{folder} is not a folder. Give the one that is mounted as /data into the container of Nginx Proxy Manager.")
    if not os.path.lexists(path):
        cure = "Give the folder that is mounted as /data into its container. Where NPM keeps its data in MariaDB, MySQL or PostgreSQL, it cannot be read."
        raise Unreadable(f"{folder} holds no database.sqlite. {cure}")
    database = open_database(path)
    try:
        found = tables(database, folder)
    except (sqlite3.Error, RecursionError) as error:
        raise Unreadable(f"{path} cannot be read to its end ({error}). Take a copy from your backup, and give the folder of that.") from error
    finally:
        database.close()
    for one, row in found.certificates.items():
        meta = row["meta"]
        told = text(meta.pop("dns_provider_credentials", ""))
        kept = letsencrypt / "credentials" / f"credentials-{one}"
        found.credentials[one] = Credentials(told or (small(kept) or "" if meta.get("dns_challenge") else ""))
        pair = custom_files(folder, one)
        if text(row.get("provider")) == "other" and all(small(part) for part in pair):
            found.files.append(one)
    for name in CUSTOM:
        content = small(folder / "nginx" / "custom" / f"{name}.conf")
        if content is None or content.strip():
            found.custom[name] = content if content is not None else "include a-file-that-cannot-be-read;"
    return found


def custom_files(folder: Path, certificate: int) -> tuple[Path, Path]:
    """Chain and key of a certificate of the owner's own (backend/internal/certificate.js, writeCustomCert)."""
    return folder / "custom_ssl" / f"npm-{certificate}" / "fullchain.pem", folder / "custom_ssl" / f"npm-{certificate}" / "privkey.pem"


def small(path: Path) -> str | None:
    """A small text file, '' where there is none, None where it cannot be read as one."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return None
        return read_bytes(path, 1024**2).decode()
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except (OSError, ValueError, Unreadable):
        return None


def tables(database: sqlite3.Connection, folder: Path) -> Found:
    """The rows of every table that there is. Raises Unreadable, sqlite3.Error."""
    names = {row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")}
    if not {"proxy_host", "certificate"} <= names:
        raise Unreadable(f"{folder / 'database.sqlite'} is a database, but not one of Nginx Proxy Manager: it has no table of proxy hosts.")
    every = {name: rows(database, name) if name in names else [] for name in TABLES}
    found = Found(str(folder), every["proxy_host"], every["redirection_host"], every["dead_host"], every["stream"])
    found.certificates = {number(row["id"]): {**row, "meta": kept_meta(row.get("meta"))} for row in every["certificate"]}
    found.access_lists = {number(row["id"]): row for row in every["access_list"]}
    for row in every["access_list_client"]:
        found.clients.setdefault(number(row.get("access_list_id")), []).append(f"{text(row.get('directive'))} {text(row.get('address'))}")
    for row in every["access_list_auth"]:
        one = number(row.get("access_list_id"))
        found.users[one] = found.users.get(one, 0) + 1
    found.settings = every["setting"]
    found.accounts = {number(row["id"]): text(row.get("email")) for row in every["user"] if not flag(row, "is_disabled")}
    return found


def kept_meta(meta: object) -> dict[str, Any]:
    """Of what NPM notes of a certificate, what is used here: it notes private keys too (certificate.js, upload)."""
    names = ("dns_challenge", "dns_provider", "dns_provider_credentials", "propagation_seconds", "key_type", "letsencrypt_email")
    return {name: meta[name] for name in names if name in meta} if isinstance(meta, dict) else {"unreadable": True}


TABLES = (
    *("proxy_host", "redirection_host", "dead_host", "stream", "certificate"),
    *("access_list", "access_list_auth", "access_list_client", "setting", "user"),
)
JSON = ("domain_names", "locations", "meta")


def rows(database: sqlite3.Connection, table: str) -> list[dict[str, Any]]:
    """The rows of a table that are not deleted, in the order of their ids, with the names of their newest columns."""
    there = [row[1] for row in database.execute(f"PRAGMA table_info('{table}')")]
    wanted = [name for name in there if name in COLUMNS.get(table, there)]
    if not wanted:
        return []
    columns = ", ".join('"' + name.replace('"', '""') + '"' for name in wanted)
    given = database.execute(f'SELECT {columns} FROM "{table}" LIMIT {MOST_ROWS + 1}').fetchall()
    if len(given) > MOST_ROWS:
        raise Unreadable(f"The table {table} has more than {MOST_ROWS} rows, which is no home's Nginx Proxy Manager.")
    found = []
    for each in given:
        row = dict(zip(wanted, each, strict=True))
        for name, before in RENAMED.items():
            if name not in row and before in row:
                row[name] = row[before]
        row.update({name: read_json(row[name]) for name in JSON if name in row})
        if not flag(row, "is_deleted"):
            found.append({"id": 0, **row} if table != "access_list_auth" else row)
    return sorted(found, key=lambda row: number(row.get("id")))
