# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a provider is to the engine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from ..model import Account, Call, Capabilities, Option, Outcome
from ..transport import Transport


class Provider(ABC):
    """One account at one provider. A subclass states its protocol's source in the docstring of its file."""

    NAME: ClassVar[str]
    CAPABILITIES: ClassVar[Capabilities]
    OPTIONS: ClassVar[Mapping[str, Option]]

    def __init__(self, account: Account, transport: Transport) -> None:
        self.account, self.transport = account, transport

    @abstractmethod
    def update(self, call: Call) -> list[Outcome]:
        """Carry out a call: an outcome for each of its hosts, in their order. A failure of the network is an outcome, not an exception."""

    def scope(self, host: str) -> str:
        """By what the provider counts calls for a name: the name, its domain, or the account."""
        return host

    def current(self, host: str, family: str) -> str | None:
        """The address that the provider's API has for a name, `CLEAR` for none, None where there is no such question. Raises `Unreachable`."""
        return None

    def write_text(self, name: str, value: str) -> Outcome:
        """Set a TXT record, or remove it with an empty value."""
        raise NotImplementedError
