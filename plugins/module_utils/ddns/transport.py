# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""HTTP as the providers see it, so that a test can play the other side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


class Unreachable(Exception):
    """No answer came: the name did not resolve, the connection was refused or broke, its certificate is wrong, or time ran out. Its text is for a person
    and holds no URL."""


@dataclass(frozen=True)
class Request:
    """`url` may hold a secret where a provider leaves no other way: it is never shown."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class Response:
    """`headers` have names in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text, whatever bytes it has."""
        return self.body.decode("utf-8", "replace")


class Transport(Protocol):
    def send(self, request: Request) -> Response:
        """One request. Raises `Unreachable`."""
