"""The other side of a provider's API, played from a script: what has to be asked next, and what comes back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from plugins.module_utils.ddns.model import Account
from plugins.module_utils.ddns.providers.port import Provider
from plugins.module_utils.ddns.transport import Request, Response, Unreachable

SECRET = "tok+en/with=signs-0123456789"


@dataclass(frozen=True)
class Turn:
    """A request (method and what follows the API's base, with its body's JSON) and its answer: JSON, bytes, or a trouble of the network."""

    asked: str
    answer: object = field(default_factory=dict)
    status: int = 200
    sent: object = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Script:
    """A `Transport` that plays turns in their order, and knows which requests write."""

    def __init__(self, base: str, turns: Sequence[Turn]) -> None:
        self.base, self.turns, self.requests = base, list(turns), list[Request]()

    def send(self, request: Request) -> Response:
        self.requests.append(request)
        assert self.turns, f"nothing more was expected, but {request.method} {request.url} was asked"
        turn = self.turns.pop(0)
        assert f"{request.method} {request.url.removeprefix(self.base)}" == turn.asked
        assert (json.loads(request.body) if request.body else None) == turn.sent
        if isinstance(turn.answer, Unreachable):
            raise turn.answer
        body = turn.answer if isinstance(turn.answer, bytes) else json.dumps(turn.answer).encode()
        return Response(turn.status, turn.headers, body)

    def over(self) -> bool:
        return not self.turns


def play(kind: type[Provider], options: Mapping[str, str], *turns: Turn, secrets: Mapping[str, str] | None = None) -> tuple[Any, Script]:
    """A provider at a script."""
    script = Script(kind.BASE, turns)  # type: ignore[attr-defined]
    account = Account("home", kind.NAME, dict(options), secrets or {"token": SECRET})
    return kind(account, script), script
