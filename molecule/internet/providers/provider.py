"""A provider: whose names it answers under, what of a call may be noted, and what goes wrong with it when a test says so."""

from __future__ import annotations

import base64
import binascii
import threading
import time
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any, ClassVar

from .web import Answer, Gone, Request
from .world import Journal, Records


@dataclass
class Trouble:
    """`down`: connections end without an answer. `slow`: seconds before each. `answers`: what is said instead, one call each; `always`: from then on.
    `late`: seconds between the answer and the record in DNS."""

    down: bool = False
    slow: float = 0
    late: float = 0
    answers: list[dict[str, Any]] = field(default_factory=list)
    always: dict[str, Any] | None = None

    def said(self) -> Answer | None:
        """What is answered in place of the provider, if anything."""
        time.sleep(self.slow)
        if self.down:
            raise Gone
        words = self.answers.pop(0) if self.answers else self.always
        return Answer(**words) if words else None


class Provider:
    """One simulator. A subclass answers; what every one shares is here."""

    NAME: ClassVar[str]
    HOSTS: ClassVar[tuple[str, ...]]
    SHOWN: ClassVar[frozenset[str]] = frozenset(
        {"hostname", "myip", "myipv4", "myipv6", "ip", "ipv6", "domains", "verbose", "clear", "offline", "alias", "wildcard"}
    )
    """Parameters whose values may be noted. All others may be secrets."""

    def __init__(self, records: Records, journal: Journal, account: dict[str, Any]) -> None:
        self.records, self.journal, self.account = records, journal, account
        self.lock = threading.RLock()
        self.reset()

    def reset(self) -> None:
        """As on the first day: no trouble, no counts, nobody blocked."""
        self.trouble = Trouble()
        self.blocked: set[str] = set()
        self.in_vain: dict[str, int] = {}

    def answer(self, request: Request) -> Answer:
        raise NotImplementedError

    def path_shown(self, path: str) -> str:
        return path

    def serve(self, request: Request) -> Answer:
        """A call from beginning to end: trouble first, then the rules; always noted, also when no answer goes out."""
        line = {
            "provider": self.NAME, "host": request.host, "peer": request.peer, "method": request.method, "path": self.path_shown(request.path),
            "params": {name: value if name.partition(":")[0] in self.SHOWN else "***" for name, value in request.query.items()}, "agent": request.agent,
        }  # fmt: skip
        try:
            said = self.trouble.said()
        except Gone:
            self.journal.note(**line, status=0, body="", instead=True)
            raise
        with self.lock:
            answer = said or self.answer(request)
        self.journal.note(**line, status=answer.status, body=answer.body[:200], instead=said is not None)
        return answer

    def publish(self, *changes: tuple[str, str, int, list[str]]) -> None:
        """Write records, at once or as late as a test wants it."""
        if self.trouble.late:
            threading.Timer(self.trouble.late, self.records.write, changes).start()
        else:
            self.records.write(*changes)


def basic(request: Request) -> tuple[str, str] | None:
    """User and password of HTTP Basic authentication, None where there is none or it is malformed."""
    scheme, _, rest = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(rest, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (user, password) if colon else None


def version(text: str) -> int:
    """4 or 6, 0 where it is no address."""
    try:
        return ip_address(text).version
    except ValueError:
        return 0
