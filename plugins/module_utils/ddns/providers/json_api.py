# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the providers with a JSON API have in common: a record is looked up, and written only where it says something else. So an unchanged address
costs no write, what the owner set at a record (TTL, proxied, comment) stays, and nothing has to be guessed from an answer's wording."""

from __future__ import annotations

import email.utils
import ipaddress
import json
import time
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ...acme.problem import printable
from ..model import CLEAR, RECORD, Call, Kind, Outcome
from ..transport import Request, Unreachable
from .port import Provider
from .zone import relative

LONGEST = 200
"""Characters of a message at most."""

STATUS = {401: Kind.AUTH, 403: Kind.NOT_ALLOWED, 404: Kind.NOT_FOUND, 408: Kind.SERVER, 429: Kind.RATE_LIMITED}

ENDS = frozenset({Kind.AUTH, Kind.RATE_LIMITED, Kind.SERVER, Kind.NETWORK})
"""What holds for the whole account: the other names of a call are not even tried."""


class Failed(Exception):
    """A call that did not end well, with what is told of it."""

    def __init__(self, kind: Kind, said: str, retry_after: float | None = None) -> None:
        super().__init__(said)
        self.outcome = Outcome(kind, said, {}, retry_after)


@dataclass(frozen=True)
class Answer:
    """`data` is what the body's JSON says, None where it has none."""

    status: int
    data: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def at(self, *path: str | int) -> Any:
        """A value inside, None where there is no such thing: the other side's word is not taken for its own schema."""
        place = self.data
        for step in path:
            if isinstance(step, int):
                place = place[step] if isinstance(place, list) and -len(place) <= step < len(place) else None
            else:
                place = place.get(step) if isinstance(place, dict) else None
        return place

    def text(self, *path: str | int) -> str:
        """The same as text, '' where there is none."""
        found = self.at(*path)
        return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""

    def rows(self, *path: str | int) -> list[dict[str, Any]]:
        """A list of objects inside; what else is in that list is left out."""
        found = self.at(*path)
        return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []


@dataclass(frozen=True)
class Settled:
    """How a record is now: whether it had to be changed, and what the provider says it holds ('' where it does not say)."""

    changed: bool
    echoed: str = ""


class JsonApi(Provider):
    """A provider whose records are read and written one by one. A subclass says where (`BASE`), who asks (`credentials`) and how (`records`, `settle`)."""

    TITLE: ClassVar[str]
    BASE: ClassVar[str]

    @abstractmethod
    def credentials(self) -> dict[str, str]:
        """Header lines that prove who asks."""

    @abstractmethod
    def contents(self, host: str, record: str) -> list[str]:
        """What the records of a name and type say. Raises `Failed`, `Unreachable`."""

    @abstractmethod
    def settle(self, host: str, record: str, value: str) -> Settled:
        """Make a name have this one record of a type, or none with `CLEAR`. Raises `Failed`, `Unreachable`."""

    @abstractmethod
    def refusal(self, answer: Answer) -> tuple[Kind | None, str]:
        """What kind of refusal an answer is (None: what its HTTP status says) and what it says."""

    def update(self, call: Call) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for host in call.hosts:
            over = next((outcome for outcome in outcomes if outcome.kind in ENDS), None)
            outcomes.append(over or self._update(host, call.values))
        return outcomes

    def _update(self, host: str, values: Mapping[str, str]) -> Outcome:
        echoed, changed = {}, False
        try:
            for family, value in values.items():
                settled = self.settle(host, RECORD[family], value)
                changed = changed or settled.changed
                if settled.echoed and not same(settled.echoed, value):
                    raise Failed(Kind.UNKNOWN, f"{self.TITLE} has set {self.shown(settled.echoed, 60)} for {host} instead of {value}.")
                if settled.echoed:
                    echoed[family] = value
        except Failed as failed:
            return failed.outcome
        except Unreachable as trouble:
            return Outcome(Kind.NETWORK, self.shown(f"{self.TITLE}: {trouble}"))
        return Outcome(Kind.GOOD if changed else Kind.NOCHG, "", echoed)

    def current(self, host: str, family: str) -> str | None:
        """Several addresses come with commas between them: that is none of those that may be wished for, and so leads to a call that leaves one."""
        try:
            found = self.contents(host, RECORD[family])
        except Failed as failed:
            raise Unreachable(failed.outcome.said) from None
        return ",".join(sorted(map(plain, found))) if found else CLEAR

    def ask(self, method: str, path: str, body: object = None) -> Answer:
        """One request. An answer that is no JSON is not the API's word, whatever its status: nothing permanent is concluded from it."""
        headers = {"Accept": "application/json", **self.credentials()}
        if body is not None:
            headers["Content-Type"] = "application/json"
        response = self.transport.send(Request(method, self.BASE + path, headers, b"" if body is None else json.dumps(body).encode()))
        good = 200 <= response.status < 300
        if good and not response.body.strip():
            return Answer(response.status, None, response.headers)
        try:
            data = json.loads(response.body.decode("utf-8"))
        except (ValueError, RecursionError):
            kind = Kind.SERVER if response.status >= 500 else Kind.RATE_LIMITED if response.status == 429 else Kind.UNKNOWN
            said = f"{self.TITLE} answered with something that is not JSON (HTTP {response.status}): {response.text[: LONGEST * 2]}"
            raise Failed(kind, self.shown(said), retry_after(response.headers)) from None
        return Answer(response.status, data, response.headers)

    def accepted(self, answer: Answer) -> Answer:
        """The answer, where it is a good one; else raises `Failed`."""
        kind, said = self.refusal(answer)
        if 200 <= answer.status < 300 and kind is None:
            return answer
        kind = kind or STATUS.get(answer.status) or (Kind.SERVER if answer.status >= 500 else Kind.UNKNOWN)
        raise Failed(kind, self.shown(f"{self.TITLE}: {said or 'no reason given'} (HTTP {answer.status})"), self.pause(answer, kind))

    def listed(self, answer: Answer, *path: str | int) -> list[Any]:
        """The list in a good answer. One without it is not what was asked for, and nothing is written on its account."""
        found = self.accepted(answer).at(*path)
        if not isinstance(found, list):
            raise Failed(Kind.UNKNOWN, f"{self.TITLE} gave an answer without a list of records (HTTP {answer.status}).")
        return found

    def objects(self, answer: Answer, *path: str | int) -> list[dict[str, Any]]:
        """The objects of that list."""
        return [row for row in self.listed(answer, *path) if isinstance(row, dict)]

    def pause(self, answer: Answer, kind: Kind) -> float | None:
        """Seconds that a refusal asks to wait."""
        return retry_after(answer.headers)

    def option(self, name: str) -> str:
        """A line of the account's entry, or what is taken where it has none."""
        return self.account.options.get(name) or self.OPTIONS[name].default

    def inside(self, host: str) -> str:
        """A name before its zone, for an account that names the zone."""
        zone = self.option("zone")
        part = relative(host, zone)
        if part is None:
            raise Failed(Kind.NOT_FOUND, f"{host} is not in the zone {zone}: correct zone or hosts of the DDNS account {self.account.name}.")
        return part

    def shown(self, text: str, longest: int = LONGEST) -> str:
        """A stranger's words without this account's secrets, fit to be shown."""
        for secret in sorted(self.account.secrets.values(), key=len, reverse=True):
            text = text.replace(secret, "***") if secret else text
        return printable(text, longest)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that an answer asks to wait: RFC 9110, 10.2.3, a number or a date. None where it says nothing that can be read."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit() and len(value) < 9:
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


def plain(value: str) -> str:
    """An address as Python spells it; anything else as it is."""
    try:
        return str(ipaddress.ip_address(value.strip()))
    except ValueError:
        return value.strip()


def same(one: str, other: str) -> bool:
    return plain(one) == plain(other)
