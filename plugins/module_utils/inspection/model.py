# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is inspected, what is expected of it, and what was seen. Plain data."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ..certificates.pem import canonical, is_address
from ..plan.mistakes import Refused
from ..plan.values import a_labels

SYSTEM = "system"
CERTIFI = "certifi"

STARTTLS_PORTS = {"smtp": 25, "imap": 143, "pop3": 110, "ldap": 389, "ftp": 21, "postgres": 5432, "mysql": 3306, "xmpp": 5222}
"""Who speaks in clear before TLS, and on which port where none is given."""
HTTPS_PORT = 443
FAMILIES = ("any", "ipv4", "ipv6", "all")
NAME = re.compile(r"[a-z0-9._-]+")
ADDRESS = re.compile(r"[0-9a-f.:]+(?:%[A-Za-z0-9._-]+)?")
CHECKS = ("no_sni", "old_tls")
QUESTIONS = ("ari", "caa", "crl")
SEVERITIES = ("error", "warning", "note")
UNREACHABLE = (
    *("dns", "refused", "timeout", "no_route", "reset", "tls_alert", "plain_http_on_tls_port", "starttls_not_offered"),
    *("too_large", "not_tls", "no_certificate", "deadline"),
)
"""Ways in which nothing is seen."""
FINDING_KINDS = (*UNREACHABLE, "reload_needed", "wrong_path", "warning", "critical")


@dataclass(frozen=True)
class Expected:
    """`names` that must be covered; `issuer`: words of the authority's name; `files`: PEM files one of which must be what is served; `key`: the private
    key of a file; `trust`: stores (system, certifi, or a PEM file); `earlier`: certificates that were served before."""

    names: tuple[str, ...] = ()
    issuer: str = ""
    files: tuple[str, ...] = ()
    key: str = ""
    trust: tuple[str, ...] = (SYSTEM,)
    earlier: tuple[str, ...] = ()


@dataclass(frozen=True)
class Endpoint:
    """`connect_to` is a name or address in place of the host's; `sni` is '' where no name is to be asked for; `proxy_protocol` is 0, 1 or 2."""

    label: str
    host: str
    port: int = HTTPS_PORT
    connect_to: str = ""
    sni: str = ""
    starttls: str = ""
    proxy_protocol: int = 0
    family: str = "any"
    expected: Expected = Expected()


@dataclass(frozen=True)
class File:
    path: str
    expected: Expected = Expected()

    @property
    def label(self) -> str:
        return self.path


@dataclass(frozen=True)
class Trouble:
    """Why nothing was seen: `kind` is for programs."""

    kind: str
    text: str


@dataclass(frozen=True)
class Verdict:
    """What a store says of a chain. `ok` is None where it could not be asked, because the endpoint did not answer again where `lost`. `code` and `text` are
    OpenSSL's; `path` leads from the leaf to the root (DER)."""

    store: str
    ok: bool | None
    code: int = 0
    text: str = ""
    path: tuple[bytes, ...] = field(default=(), repr=False)
    lost: bool = False


@dataclass(frozen=True)
class Seen:
    """What one address showed. `chain`: as sent, DER. `without_name`: the leaf that is shown to who asks for no name, b'' where that is refused or was not
    tried. `old`: an old version that was agreed to, 'none', 'not_testable_here', or '' where it was not tried."""

    address: str = ""
    trouble: Trouble | None = None
    chain: tuple[bytes, ...] = field(default=(), repr=False)
    version: str = ""
    cipher: str = ""
    verdicts: tuple[Verdict, ...] = ()
    without_name: bytes = field(default=b"", repr=False)
    old: str = ""


@dataclass(frozen=True)
class Limits:
    """When the rest of a life is too short: as a share of it, and where given in days too."""

    warn: float = 1 / 3
    critical: float = 1 / 6
    warn_days: float = 0
    critical_days: float = 0


@dataclass(frozen=True)
class Settings:
    """`timeout` seconds for one connection, `deadline` seconds for everything. `ask`: what others are asked (ari, caa, crl). `directory`: of the ACME
    authority, where the issuer does not tell it. `roots`: PEM file that is trusted for that authority's web server too. `challenge` and `account` for CAA."""

    now: datetime
    timeout: float = 5.0
    deadline: float = 60.0
    checks: tuple[str, ...] = CHECKS
    ask: tuple[str, ...] = ()
    limits: Limits = Limits()
    directory: str = ""
    roots: str = ""
    challenge: str = ""
    account: str = ""
    cache: str = ""


def name_of(given: str) -> str:
    """A name in its ASCII form, or an address in its canonical one. Raises ValueError."""
    plain = canonical(given.strip())
    if is_address(plain):
        if not ADDRESS.fullmatch(plain):
            raise ValueError(f"{given!r} is no address")
        return plain
    if not plain.isascii():
        try:
            plain = a_labels(plain)
        except Refused as reason:
            raise ValueError(f"{given}: {reason.problem}; write {reason.write}") from None
    if not NAME.fullmatch(plain) or len(plain) > 253 or any(not 0 < len(label) < 64 for label in plain.split(".")):
        raise ValueError(f"{given!r} is no name and no address")
    return plain


def place_of(given: str, port: int) -> tuple[str, int]:
    """Host and port of `host`, `host:port`, `[address]:port` or an address. Raises ValueError."""
    text = given.strip()
    if text.startswith("["):
        host, closed, after = text[1:].partition("]")
        number = after.removeprefix(":")
        if not closed or (after and not after.startswith(":")) or not is_address(host):
            raise ValueError(f"{given!r} is no endpoint: write [2001:db8::1]:443")
    elif text.count(":") == 1:
        host, _, number = text.partition(":")
    else:
        host, number = text, ""
    if number and not (number.isascii() and number.isdigit() and 0 < int(number[:6]) < 65536):
        raise ValueError(f"{given!r} is no endpoint: its port has to be a number from 1 to 65535")
    return name_of(host), int(number) if number else port


def expected_of(given: Mapping[str, Any], default: Sequence[str], trust: Sequence[str]) -> Expected:
    names = given.get("names")
    return Expected(
        tuple(f"*.{name_of(name[2:])}" if name.startswith("*.") else name_of(name) for name in (default if names is None else names)),
        str(given.get("issuer") or ""),
        tuple(given.get("file") or ()),
        str(given.get("key") or ""),
        tuple(given.get("trust") or trust or (SYSTEM,)),
        tuple(given.get("earlier") or ()),
    )


def endpoint_of(given: Mapping[str, Any], trust: Sequence[str] = (SYSTEM,)) -> Endpoint:
    """An endpoint as module certificate_info takes it. Raises ValueError, which says what is wrong with it."""
    label = str(given["endpoint"])
    starttls = str(given.get("starttls") or "")
    host, port = place_of(label, STARTTLS_PORTS.get(starttls, HTTPS_PORT))
    said = given.get("sni")
    sni = ("" if is_address(host) else host) if said is None else name_of(said) if said else ""
    return Endpoint(
        label,
        host,
        port,
        name_of(given["connect_to"]) if given.get("connect_to") else "",
        "" if is_address(sni) else sni,
        starttls,
        int(given.get("proxy_protocol") or 0),
        str(given.get("family") or "any"),
        expected_of(given, [sni or host], trust),
    )


def file_of(given: Mapping[str, Any], trust: Sequence[str] = (SYSTEM,)) -> File:
    return File(str(given["path"]), expected_of(given, [], trust))


def moment_of(given: str) -> datetime:
    """A time in ISO 8601; without a zone it is UTC. Raises ValueError."""
    try:
        found = datetime.fromisoformat(given.strip().replace("Z", "+00:00"))
    except ValueError:
        raise ValueError(f"now = {given!r} is no time: write it as 2026-11-21T12:00:00Z") from None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def known(fail_on: Iterable[str], identifiers: Iterable[str]) -> None:
    """Raises ValueError for what can never be found."""
    wrong = sorted(set(fail_on) - {*identifiers, *SEVERITIES, *FINDING_KINDS})
    if wrong:
        raise ValueError(f"fail_on has {', '.join(wrong)}, which is no severity ({', '.join(SEVERITIES)}), finding or kind: see docs/inspection.md")
