"""The other side of a conversation: it says what a test has written down, and remembers what it was asked."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from plugins.module_utils.ddns.model import Account, Call
from plugins.module_utils.ddns.providers.port import Provider
from plugins.module_utils.ddns.providers.registry import provider
from plugins.module_utils.ddns.transport import Request, Response, Unreachable

V4, V6 = "198.51.100.7", "2001:db8:7::7"
BOTH = {"ipv4": V4, "ipv6": V6}


def said(body: str | bytes, status: int = 200, **headers: str) -> Response:
    """An answer; headers as words with _ for -."""
    raw = body if isinstance(body, bytes) else body.encode()
    return Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, raw)


@dataclass
class Dialogue:
    """A transport that plays a script. One line more than the script has is a failure of the test."""

    script: list[Response | Unreachable]
    asked: list[Request] = field(default_factory=list)

    def send(self, request: Request) -> Response:
        self.asked.append(request)
        assert len(self.asked) <= len(self.script), f"a request that nobody expected: {request.url}"
        line = self.script[len(self.asked) - 1]
        if isinstance(line, Unreachable):
            raise line
        return line

    @property
    def pairs(self) -> dict[str, str]:
        """The query of the last request."""
        return dict(parse_qsl(urlsplit(self.asked[-1].url).query, keep_blank_values=True, strict_parsing=True))

    @property
    def place(self) -> str:
        """Where the last request went, without its query."""
        return self.asked[-1].url.partition("?")[0]

    @property
    def login(self) -> str:
        """User name and password of the last request."""
        scheme, _, pair = self.asked[-1].headers["Authorization"].partition(" ")
        assert scheme == "Basic"
        return base64.b64decode(pair).decode()


SECRET = 't0ken/with+all&sorts=of?Ünsäfe "things\\'
ENTRIES: Mapping[str, Mapping[str, str]] = {
    "desec": {"token": SECRET},
    "duckdns": {"token": SECRET},
    "dyndns2": {"username": "ada", "password": SECRET},
    "dynu": {"username": "ada", "password": SECRET},
    "dynv6": {"token": SECRET},
    "freedns": {"token": SECRET},
    "he": {"password": SECRET},
    "inwx": {"username": "ada", "password": SECRET},
    "ipv64": {"token": SECRET},
    "namecheap": {"zone": "casa.example", "password": SECRET},
    "noip": {"username": "ada@casa.example", "password": SECRET},
    "ovh": {"username": "casa.example-home", "password": SECRET},
    "strato": {"username": "casa.example", "password": SECRET},
}
HOSTS = {"duckdns": "casa.duckdns.org"}


def host_at(name: str) -> str:
    return HOSTS.get(name, "home.casa.example")


def at(name: str, *script: Response | Unreachable, **entry: str) -> tuple[Provider, Dialogue]:
    """A provider with an account, and the other side. `entry`: lines of the account, over those that it has here."""
    made, lines = provider(name), {**ENTRIES[name], **entry}
    options = {key: value for key, value in lines.items() if not made.OPTIONS[key].secret}
    secrets = {key: value for key, value in lines.items() if made.OPTIONS[key].secret}
    dialogue = Dialogue(list(script))
    return made(Account("mine", name, options, secrets), dialogue), dialogue


def one(name: str) -> Call:
    """A call that every provider of this name can do: one name, one address."""
    return Call((host_at(name),), {"ipv4": V4})
