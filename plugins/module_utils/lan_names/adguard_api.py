# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""AdGuard Home over its HTTP API, for one in a container or on another machine (openapi.yaml of the project: /control/rewrite/*)."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..acme.problem import printable
from .adguard_home import Pair, note_file, noted_in, pairs_of
from .records import Record, Refused
from .settle import Outcome, put

TIMEOUT = 10.0
WHY = {401: "user or password is wrong", 403: "user or password is wrong", 429: "it was asked with a wrong password too often, and wants to rest"}
NOTES = Path("/var/lib/exposure/lan_names")


def pages(url: str) -> str:
    """The start of its pages, as it may be shown: without a password in it."""
    try:
        parts = urlsplit(url)
        fits = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and not (parts.query or parts.fragment)
    except ValueError:
        fits = False
    if not fits or "@" in url or not url.isascii() or not url.isprintable() or " " in url:
        raise Refused("The url of AdGuard Home is not the address of its pages. Write one such as http://192.168.1.5:3000, with user and password beside it.")
    return url.rstrip("/")


class Plain(urllib.request.HTTPRedirectHandler):
    """No redirect is followed: the password goes to the server that was named, and to no other."""

    def redirect_request(self, *_: Any) -> None:
        return None


class Api:
    """One server. `url` is the start of its pages, such as http://192.168.1.5:3000; the password shows nowhere."""

    def __init__(self, url: str, username: str, password: str) -> None:
        self.url = pages(url)
        self.credentials = base64.b64encode(f"{username}:{password}".encode()).decode()
        self.opener = urllib.request.build_opener(Plain, urllib.request.HTTPSHandler(context=ssl.create_default_context()), urllib.request.ProxyHandler({}))

    def call(self, path: str, body: dict[str, str] | None = None) -> bytes:
        headers = {"Authorization": f"Basic {self.credentials}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/control/rewrite/{path}", data, headers)
        try:
            with self.opener.open(request, timeout=TIMEOUT) as answer:
                return bytes(answer.read(1 << 22))
        except urllib.error.HTTPError as error:
            why = WHY.get(error.code) or printable(str(error.reason))
            raise Refused(f"AdGuard Home at {self.url} answers {error.code}: {why}.") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Refused(f"AdGuard Home at {self.url} cannot be asked: {printable(str(error), 200)}.") from None

    @property
    def note(self) -> Path:
        return NOTES / f"adguard_home-{hashlib.sha256(self.url.encode()).hexdigest()[:12]}.json"

    def rewrites(self) -> list[Pair]:
        try:
            return [(str(entry["domain"]), str(entry["answer"])) for entry in json.loads(self.call("list"))]
        except (ValueError, TypeError, KeyError):
            raise Refused(f"What answers at {self.url} is no AdGuard Home. Give the address of its pages.") from None

    def change(self, verb: str, pair: Pair) -> None:
        self.call(verb, {"domain": pair[0], "answer": pair[1]})


def settle_over_api(api: Api, note: Path, wanted: Sequence[Record], check: bool) -> Outcome:
    """The rewrites as wished; what a person made stays. `note` is the file in which we note what is ours: first, so that a run that is cut
    short forgets nothing. Where a call fails, what this run did is undone."""
    pairs, noted, held = pairs_of(wanted), noted_in(note), api.rewrites()
    added = [pair for pair in pairs if pair not in held]
    gone = [pair for pair in held if pair in noted and pair not in pairs]
    ours = [pair for pair in pairs if pair in added or pair in noted]
    outcome = Outcome()
    if not added and not gone:
        return outcome
    outcome.changed = [api.url]
    after = [pair for pair in held if pair not in gone] + added
    shown = ["".join(f"{domain} -> {answer}\n" for domain, answer in side) for side in (held, after)]
    outcome.diff = [{"before_header": f"{api.url} rewrites", "after_header": f"{api.url} rewrites", "before": shown[0], "after": shown[1]}]
    if check:
        return outcome
    put(note_file(note, sorted({*noted, *ours})))
    done: list[tuple[str, Pair]] = []
    try:
        for verb, several in (("add", added), ("delete", gone)):
            for pair in several:
                api.change(verb, pair)
                done.append(("delete" if verb == "add" else "add", pair))
        if sorted(api.rewrites()) != sorted(after):
            raise Refused(f"AdGuard Home at {api.url} took the changes, and lists other rewrites than those.")
    except Refused as refused:
        try:
            for verb, pair in reversed(done):
                api.change(verb, pair)
        except Refused:
            raise Refused(f"{refused} What was changed before that could not be undone; run again when it answers.") from refused
        put(note_file(note, noted))
        raise
    put(note_file(note, ours))
    return outcome
