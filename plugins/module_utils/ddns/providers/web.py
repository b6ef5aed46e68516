# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the providers that are asked over HTTPS share: how a request is put together, what is refused before anything is sent, and that no secret
comes out in what is told."""

from __future__ import annotations

import base64
import dataclasses
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from typing import ClassVar
from urllib.parse import quote

from ..model import CLEAR, FAMILIES, RECORD, Account, Call, Kind, Outcome
from ..redact import redacted
from ..transport import Request, Response, Transport, Unreachable
from . import answers
from .port import Provider


class WebProvider(Provider):
    """A provider that a GET updates. A subclass says what the request is, and reads the answer where it is not one in the words of dyndns2."""

    WORDS: ClassVar[Mapping[str, Kind]] = answers.WORDS

    def __init__(self, account: Account, transport: Transport) -> None:
        super().__init__(account, transport)
        self.headers: set[str] = set()
        """What went into headers of authentication, so that no answer brings it back."""

    @abstractmethod
    def request(self, hosts: tuple[str, ...], call: Call) -> Request | Outcome:
        """The request for some names of a call, or why there is none."""

    def read(self, response: Response, hosts: tuple[str, ...], call: Call) -> list[Outcome]:
        return answers.read(response, len(hosts), call.values.values(), self.WORDS, self.CAPABILITIES.retry or None)

    def groups(self, call: Call) -> list[tuple[str, ...]]:
        """The names that go into one request."""
        most = max(self.CAPABILITIES.most_hosts, 1)
        return [call.hosts[start : start + most] for start in range(0, len(call.hosts), most)]

    def update(self, call: Call) -> list[Outcome]:
        found: dict[str, Outcome] = {}
        for hosts in self.groups(call):
            found.update(zip(hosts, self.answered(hosts, call), strict=True))
        return [self.shown(found[host]) for host in call.hosts]

    def answered(self, hosts: tuple[str, ...], call: Call) -> list[Outcome]:
        refused = self.refused(hosts, call)
        if refused:
            return [refused] * len(hosts)
        return self.exchanged(hosts, call)

    def exchanged(self, hosts: tuple[str, ...], call: Call) -> list[Outcome]:
        """Ask, and read what comes back."""
        asked = self.request(hosts, call)
        if isinstance(asked, Outcome):
            return [asked] * len(hosts)
        response = self.sent(asked)
        return [response] * len(hosts) if isinstance(response, Outcome) else self.read(response, hosts, call)

    def sent(self, request: Request) -> Response | Outcome:
        self.headers.add(request.headers.get("Authorization", "").partition(" ")[2])
        try:
            return self.transport.send(request)
        except Unreachable as error:
            return Outcome(Kind.NETWORK, str(error))

    def refused(self, hosts: tuple[str, ...], call: Call) -> Outcome | None:
        """What cannot be asked of this provider, so that nothing is sent."""
        can = self.CAPABILITIES
        for name, option in self.OPTIONS.items():
            if option.required and not self.option(name):
                return Outcome(Kind.AUTH, f"not sent: the account has no {name}")
            if not self.option(name).isprintable():
                return Outcome(Kind.AUTH, f"not sent: {name} holds a line break or another sign that cannot be sent")
        trouble = ""
        for family, value in call.values.items():
            if family not in can.families:
                trouble = f"{self.NAME} keeps no {RECORD[family]} records"
            elif value == CLEAR and family not in can.clear:
                trouble = f"{self.NAME} cannot remove an {RECORD[family]} record"
        if not can.wildcard and any(host.startswith("*.") for host in hosts):
            trouble = f"{self.NAME} takes no wildcard"
        elif call.prefix and not can.prefix:
            trouble = f"{self.NAME} cannot change a prefix alone"
        elif len(call.values) > 1 and not can.together:
            trouble = f"{self.NAME} takes one address in a call"
        elif can.clear_together and CLEAR in call.values.values() and [call.values.get(family) for family in can.families] != [CLEAR] * len(can.families):
            trouble = f"{self.NAME} removes both addresses of a name at once"
        return Outcome(Kind.NOT_ALLOWED, f"not sent: {trouble}") if trouble else None

    def option(self, name: str) -> str:
        """A line of the account's entry, secret or not, else its default."""
        return (self.account.secrets.get(name) or self.account.options.get(name) or self.OPTIONS[name].default).strip()

    def basic(self, username: str = "") -> dict[str, str]:
        """The header of HTTP's Basic authentication (RFC 7617, in UTF-8)."""
        pair = f"{username or self.option('username')}:{self.option('password')}"
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}

    def bearer(self, scheme: str = "Bearer") -> dict[str, str]:
        """The header that carries a token; http.client wants what goes into it as Latin-1."""
        return {"Authorization": f"{scheme} {self.option('token').encode().decode('latin-1')}"}

    def shown(self, outcome: Outcome) -> Outcome:
        return dataclasses.replace(outcome, said=self.redacted(outcome.said))

    def redacted(self, text: str) -> str:
        """Text of a stranger in at most 200 printable characters, without what this account keeps secret, however the stranger spells it."""
        secrets = [self.option(name) for name, option in self.OPTIONS.items() if option.secret]
        return redacted(text, [*secrets, *self.account.secrets.values(), *self.headers])


def query(pairs: Iterable[tuple[str, str]]) -> str:
    """The query of an URL. Commas, colons and the star stand as they are, as the providers' own examples have them."""
    return "&".join(f"{name}={quote(value, safe=',:*@/-')}" for name, value in pairs)


def listed(call: Call) -> str:
    """The addresses of a call as one list, IPv4 first."""
    return ",".join(call.values[family] for family in FAMILIES if call.values.get(family))
