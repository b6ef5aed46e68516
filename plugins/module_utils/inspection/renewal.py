# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""When a certificate is to be renewed: by its own life, and by what its authority says (ARI, RFC 9773)."""

from __future__ import annotations

import base64
import contextlib
import email.utils
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ..acme.problem import printable
from ..host import memory
from . import identity
from .download import Failed, Page
from .findings import ERROR, Finding, finding
from .model import Limits
from .read import NEVER, Cert

DIRECTORIES = {
    "let's encrypt": "https://acme-v02.api.letsencrypt.org/directory",
    "google trust services": "https://dv.acme-v02.api.pki.goog/directory",
}
STAGING = "https://acme-staging-v02.api.letsencrypt.org/directory"
"""Authorities that say when they want renewals, by the organisation of their certificates."""

SHORTEST, LONGEST, USUAL = timedelta(minutes=1), timedelta(days=1), timedelta(hours=6)
"""How long an answer is kept: RFC 9773, 4.3.1 and 4.3.2 call for such limits, and for six hours after no answer."""
MOST_KEPT = 4096

Get = Callable[[str], Page]


@dataclass(frozen=True)
class Window:
    """When the authority wants a renewal. `first` is the end of the first window that was heard of."""

    start: datetime
    end: datetime
    explanation: str = ""
    first: datetime | None = None


def left(cert: Cert, now: datetime) -> float:
    """The share of its life that is left, 0 to 1."""
    life = cert.life.total_seconds()
    return max(0.0, min(1.0, (cert.not_after - now).total_seconds() / life)) if life > 0 else 0.0


def judge(cert: Cert, now: datetime, limits: Limits, window: Window | None, where: str) -> Iterator[Finding]:
    """Whether it is valid now, and late against its own life or the authority's wish."""
    issued = f"It is {cert.summary}."
    if NEVER in (cert.not_before, cert.not_after):
        return  # its dates cannot be read, which is told elsewhere
    if now > cert.not_after:
        what = f"{where}: the certificate expired {ago(now - cert.not_after)} ago, at {cert.not_after:%Y-%m-%d %H:%M} UTC."
        yield finding("expired", what, "Renew it now, and look into the log of the renewal for why nobody did.", [issued])
        return
    if now < cert.not_before:
        ahead = cert.not_before - now
        hint = "Such a short time is often a clock that is slow: compare it (timedatectl)." if ahead < timedelta(days=1) else "Wait, or renew it now."
        what = f"{where}: the certificate is valid in {ago(ahead)} only, from {cert.not_before:%Y-%m-%d %H:%M} UTC on."
        yield finding("not_yet_valid", what, hint, [issued, f"It was judged for {now:%Y-%m-%d %H:%M} UTC."])
        return
    share, days = left(cert, now), (cert.not_after - now) / timedelta(days=1)
    critical = share < limits.critical or days < limits.critical_days
    if critical or share < limits.warn or days < limits.warn_days:
        what = f"{where}: {ago(cert.not_after - now)} of a life of {ago(cert.life)} are left ({share:.0%})."
        advice = "Renew it, and see why the timer did not (systemctl status exposure-certificates.timer; certbot renew --dry-run)."
        seen = [issued, f"Profile {identity.profile(cert)}: a warning below {limits.warn:.0%}, critical below {limits.critical:.0%}."]
        yield finding("lifetime_fraction_low", what, advice, seen, severity=ERROR if critical else "", kind="critical" if critical else "warning")
    if window:
        yield from by_window(cert, now, window, where)
    elif cert.public and share < 1 / 3:
        what = f"{where}: two thirds of the certificate's life are over, and it was not renewed."
        yield finding("renewal_overdue", what, "See whether the renewal's timer runs, and what its last run said.", [issued])


def by_window(cert: Cert, now: datetime, window: Window, where: str) -> Iterator[Finding]:
    span = f"{window.start:%Y-%m-%d %H:%M} to {window.end:%Y-%m-%d %H:%M} UTC"
    seen = [f"The authority suggests {span}.", *([f"It explains this at {window.explanation}"] if window.explanation else [])]
    regular = cert.not_before + cert.life / 3
    if (window.first and window.end < window.first - timedelta(days=1)) or window.start < regular:
        what = f"{where}: the authority wants the certificate renewed earlier than usual."
        seen = [*seen, *([f"Before, it suggested to renew until {window.first:%Y-%m-%d %H:%M} UTC."] if window.first else [])]
        yield finding("ari_window_moved_earlier", what, "Renew it now (certbot renew --force-renewal), before it is revoked.", seen)
    if now > window.end:
        what = f"{where}: the time in which the authority wanted the certificate renewed is over."
        yield finding("renewal_overdue", what, "See whether the renewal's timer runs, and what its last run said.", seen)


def ago(span: timedelta) -> str:
    """A time in one unit."""
    hours = span.total_seconds() / 3600
    if hours >= 72:
        return f"{hours / 24:.0f} days"
    return f"{hours:.0f} hours" if hours >= 2 else f"{span.total_seconds() / 60:.0f} minutes"


def identifier(cert: Cert) -> str:
    """A certificate's name in ARI (RFC 9773, 4.1): key identifier of the authority and serial number. '' where it has none."""
    number = int(cert.serial or "0", 16)
    if not cert.authority_key or number <= 0:
        return ""
    serial = number.to_bytes(number.bit_length() // 8 + 1, "big")
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (cert.authority_key, serial))


def directory_of(cert: Cert, given: str = "") -> str:
    """The ACME directory of its authority; where that is not known, the one that was given."""
    if cert.self_signed:
        return ""
    if identity.staging([cert]):
        return STAGING
    return next((url for name, url in DIRECTORIES.items() for word in cert.issuer_words if name in word.lower()), given)


class Ari:
    """Asks authorities for windows. Answers are kept in a file, where one is given, for as long as the authority says (Retry-After)."""

    def __init__(self, get: Get, now: datetime, keep: Path | None = None, write: bool = True) -> None:
        self.get, self.now, self.keep, self.write = get, now, keep, write
        self.known: dict[str, dict[str, Any]] = self.remembered()
        self.bases: dict[str, str | Failed] = {}
        self.lock = threading.Lock()

    def remembered(self) -> dict[str, dict[str, Any]]:
        if self.keep is None:
            return {}
        try:
            found = json.loads(self.keep.read_text())
        except (OSError, ValueError):
            return {}
        return {key: entry for key, entry in found.items() if isinstance(entry, dict)} if isinstance(found, dict) else {}

    def window(self, cert: Cert, directory: str = "") -> Window | None:
        """None where nobody says. Raises Failed where the authority should have said and did not."""
        name, directory = identifier(cert), directory_of(cert, directory)
        if not name or not directory or self.now > cert.not_after:
            return None
        entry = self.known.get(name, {})
        if self.now.timestamp() < number_in(entry, "until"):
            if entry.get("trouble") and not number_in(entry, "end"):
                raise Failed(printable(str(entry["trouble"])))
            return kept_window(entry)
        try:
            page = self.get(f"{self.base(directory)}/{name}")
            window = read_window(page)
        except Failed as reason:
            self.known[name] = {**entry, "until": (self.now + USUAL).timestamp(), "trouble": str(reason)}
            if number_in(entry, "end"):
                return kept_window(entry)  # what it said before holds until it says otherwise
            raise
        first = number_in(entry, "first") or window.end.timestamp()
        until = self.now + retry_after(page.headers, self.now)
        self.known[name] = {
            "start": window.start.timestamp(),
            "end": window.end.timestamp(),
            "explanation": window.explanation,
            "first": first,
            "until": until.timestamp(),
            "not_after": cert.not_after.timestamp(),
        }
        return kept_window(self.known[name])

    def base(self, directory: str) -> str:
        """Where a directory says that windows are; it is asked once. Raises Failed."""
        with self.lock:
            if directory not in self.bases:
                try:
                    self.bases[directory] = read_base(self.get(directory))
                except Failed as reason:
                    self.bases[directory] = reason
            found = self.bases[directory]
        if isinstance(found, Failed):
            raise found
        return found

    def save(self) -> None:
        """What is over is forgotten. A file that cannot be written costs a question more, nothing else."""
        if self.keep is None or not self.write or not self.known:
            return
        alive = {key: entry for key, entry in self.known.items() if number_in(entry, "not_after") > self.now.timestamp() or "not_after" not in entry}
        with contextlib.suppress(OSError):
            memory.write(self.keep, json.dumps(dict(list(alive.items())[-MOST_KEPT:])))


def number_in(entry: Mapping[str, Any], key: str) -> float:
    value = entry.get(key)
    return float(value) if isinstance(value, (int, float)) and 0 <= value < 1e11 else 0.0


def kept_window(entry: Mapping[str, Any]) -> Window | None:
    start, end, first = (number_in(entry, key) for key in ("start", "end", "first"))
    if not end:
        return None
    moments = [datetime.fromtimestamp(value, UTC) for value in (start, end, first or end)]
    return Window(moments[0], moments[1], printable(str(entry.get("explanation", "")), 200), moments[2])


def read_base(page: Page) -> str:
    """RFC 9773, 4.1. Raises Failed."""
    try:
        base = json.loads(page.body)["renewalInfo"]
    except (ValueError, LookupError, TypeError, RecursionError):
        base = ""
    if page.status != 200 or not isinstance(base, str) or not base.startswith("https://"):
        raise Failed("the authority's directory names no renewalInfo")
    return base.rstrip("/")


def read_window(page: Page) -> Window:
    """RFC 9773, 4.2. Raises Failed."""
    if page.status != 200:
        raise Failed(f"the authority answers {page.status}")
    try:
        found = json.loads(page.body)
        start, end = (moment(found["suggestedWindow"][key]) for key in ("start", "end"))
        explanation = found.get("explanationURL", "")
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError):
        raise Failed("the authority's answer is not that of RFC 9773") from None
    if end <= start:
        raise Failed("the authority's window ends before it begins")
    return Window(start, end, printable(str(explanation), 200) if explanation else "")


def moment(text: str) -> datetime:
    """RFC 3339, with any fraction of a second. Raises ValueError."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d)(?:\.\d+)?([Zz]|[+-]\d\d:\d\d)", text)
    if not found:
        raise ValueError(text)
    return datetime.fromisoformat(found[1].upper() + found[2].upper().replace("Z", "+00:00")).astimezone(UTC)


def retry_after(headers: Mapping[str, str], now: datetime) -> timedelta:
    """Seconds or a date (RFC 9110, 10.2.3), within bounds."""
    said = headers.get("retry-after", "").strip()
    if said.isascii() and said.isdigit():
        asked = timedelta(seconds=min(int(said[:9]), 10**8))
    else:
        try:
            asked = email.utils.parsedate_to_datetime(said).astimezone(UTC) - now
        except (ValueError, TypeError, OverflowError, IndexError):
            asked = USUAL
    return max(SHORTEST, min(asked, LONGEST))
