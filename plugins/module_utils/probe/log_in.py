# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One request to an app, from its own host: a log-in that it came with, or the page that tells whether it has an owner."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from . import wire

GRANTED, REFUSED, UNCLEAR, ELSEWHERE = "granted", "refused", "unclear", "elsewhere"
"""How a log-in ends. ELSEWHERE: nothing took it for one, as a path that does not exist or an app that is still starting."""


class NotReached(OSError):
    """Nothing was sent."""


@dataclass(frozen=True)
class Place:
    """Where an app is reached from its host. `host` is what it is called by, as by its visitors."""

    address: str
    port: int
    tls: bool = False
    host: str = ""
    timeout: float = 6.0

    @property
    def name(self) -> str:
        return self.host or (f"[{self.address}]" if ":" in self.address else self.address) + f":{self.port}"


@dataclass(frozen=True)
class Answer:
    """What an app says: `location` is the path that it sends to, `cookies` are the names of those it sets."""

    status: int
    location: str
    cookies: tuple[str, ...]
    body: str


def ask(place: Place, path: str, method: str = "GET", body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Answer:
    """One request over a connection of its own; a redirect is not followed. Raises NotReached before anything is sent, then OSError or
    http.client.HTTPException."""
    try:
        channel = wire.connect(place.address, place.port, place.timeout)
        if place.tls:  # nothing secret is sent, and the app may have a certificate of its own making
            channel = wire.secure(channel, urlsplit(f"//{place.name}").hostname, verify=False, http2=False)
    except OSError as error:
        raise NotReached(str(error)) from None
    connection = http.client.HTTPConnection(place.name, timeout=place.timeout)
    connection.sock = wire.Timed(channel, place.timeout)
    sent = {"Host": place.name, "User-Agent": wire.AGENT, "Accept": "application/json, */*", "Connection": "close", **(headers or {})}
    with contextlib.closing(channel):
        connection.request(method, path, body, sent)
        answer = connection.getresponse()
        text = answer.read(wire.BODY_READ).decode(errors="replace")
        return Answer(answer.status, target(path, answer.getheader("Location", "")), cookies(answer.headers.get_all("Set-Cookie") or []), text)


def target(path: str, location: str) -> str:
    """The path of a Location, '' where there is none. Whose host it names does not matter: nobody goes there."""
    try:
        return urlsplit(urljoin(path, location)).path if location else ""
    except ValueError:
        return ""


def cookies(given: list[str]) -> tuple[str, ...]:
    """The names of cookies that get a value (RFC 6265, section 4.1.1)."""
    pairs = [one.partition(";")[0].partition("=") for one in given]
    return tuple(name.strip() for name, _, value in pairs if value.strip(' "') not in ("", "deleted"))


def marked(answer: Answer, wanted: Mapping[str, Any]) -> bool:
    """Whether an answer has the text, the Location and the cookie that are asked for. Spaces do not count: JSON is written with and without them."""
    return (
        "".join(str(wanted.get("contains") or "").split()) in "".join(answer.body.split())
        and wanted.get("location") in (None, "", answer.location)
        and (not wanted.get("cookie") or wanted["cookie"] in answer.cookies)
    )


def attempt(place: Place, account: Mapping[str, Any]) -> tuple[str, str]:
    """One try of an account: how it ended, and what the app answered. Raises NotReached where nothing was sent."""
    try:
        answer = ask(place, str(account["path"]), *sent_by(account))
    except NotReached:
        raise
    except (OSError, http.client.HTTPException, ValueError) as error:
        return UNCLEAR, f"no answer that can be read ({str(error) or type(error).__name__})"
    return judged(answer, account), f"{answer.status}{f' to {answer.location}' if answer.location else ''}"


def sent_by(account: Mapping[str, Any]) -> tuple[str, bytes | None, dict[str, str]]:
    """Method, body and headers of a log-in: JSON, a form, or HTTP Basic (RFC 7617)."""
    if account.get("json") is not None:
        return "POST", json.dumps(account["json"]).encode(), {"Content-Type": "application/json"}
    if account.get("form") is not None:
        return "POST", urlencode(account["form"]).encode(), {"Content-Type": "application/x-www-form-urlencoded"}
    word = base64.b64encode(f"{account['user']}:{account['password']}".encode()).decode()
    return "GET", None, {"Authorization": f"Basic {word}"}


def judged(answer: Answer, account: Mapping[str, Any]) -> str:
    """A form often answers in one way to right and wrong, and only the text, the Location or the cookie tells them apart."""
    if answer.status in account["granted"]:
        return GRANTED if marked(answer, account) else REFUSED
    if answer.status in account["refused"]:
        return REFUSED
    return ELSEWHERE if answer.status in (404, 405) or answer.status >= 500 else UNCLEAR
