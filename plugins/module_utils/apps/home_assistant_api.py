# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A Home Assistant whose files are out of reach (another machine, Home Assistant OS) is told of its proxy by its own API.

From 2026.8 on `http/config/configure` starts a trial of five minutes, with a restart, and `http/config/promote` ends it. Here the promotion goes
through the proxy: it can only arrive where Home Assistant trusts the proxy that visitors come by. Whatever ends before that is taken back, by us or,
after the five minutes, by Home Assistant (homeassistant/components/http/config.py and websocket_api.py, 2026.11.0; each frame was seen in a run).
"""

from __future__ import annotations

import ipaddress
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..acme.problem import printable
from .health import Clock

SINCE = "2026.8"
META = ("created_at", "error", "error_message")
"""Of a configuration that is shown, what is none of it and is refused when it comes back."""
STARTING, RESTARTING, THROUGH = 300.0, 180.0, 60.0
"""Seconds in which a start, a restart, and the way through the proxy must succeed."""
PAUSE = 2.0
GONE = (OSError, EOFError)
"""What a connection ends with while Home Assistant restarts."""


class Refused(Exception):
    """Home Assistant's own no to a command. `code` as in its API."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code


class NotLet(Exception):
    """The token was refused, or what answers is no Home Assistant: there is no use in trying again."""


class Channel(Protocol):
    """A WebSocket. `receive` raises OSError or EOFError where the connection ends, or nothing comes in time."""

    def send(self, text: str) -> None: ...
    def receive(self) -> str: ...
    def close(self) -> None: ...


class Talk:
    """An open connection to Home Assistant, logged in."""

    def __init__(self, channel: Channel, token: str) -> None:
        self.channel, self.number = channel, 0
        first = self.read()
        if first.get("type") != "auth_required":
            raise NotLet("what answers there does not speak as Home Assistant does")
        self.version = printable(str(first.get("ha_version", "")), 40)
        self.write({"type": "auth", "access_token": token})
        if self.read().get("type") != "auth_ok":
            raise NotLet("it refuses the token: make another one on your own page in Home Assistant, under Security, Long-lived access tokens")

    def write(self, message: Mapping[str, Any]) -> None:
        self.channel.send(json.dumps(message))

    def read(self) -> dict[str, Any]:
        try:
            message = json.loads(self.channel.receive())
        except ValueError:
            raise NotLet("what answers there does not speak as Home Assistant does") from None
        return message if isinstance(message, dict) else {}

    def ask(self, kind: str, **more: Any) -> Any:
        """The result of a command. Raises `Refused`."""
        self.number += 1
        self.write({"id": self.number, "type": kind, **more})
        for _ in range(100):  # what was said before is no answer
            answer = self.read()
            if answer.get("id") == self.number and answer.get("type") == "result":
                if answer.get("success"):
                    return answer.get("result")
                error = answer.get("error") or {}
                raise Refused(str(error.get("code", "")), printable(str(error.get("message", "")), 300))
        raise NotLet("it never answers a command")


@dataclass
class Ways:
    """How a Home Assistant is reached: `straight` to it, and `through` its proxy, as a visitor comes. Both open a WebSocket, or raise OSError, EOFError
    or NotLet. `sources`: the addresses from which the proxy comes to it."""

    straight: Callable[[], Channel]
    through: Callable[[], Channel]
    sources: Sequence[str]


@dataclass
class Outcome:
    """What was, or in check mode would be, done. `trouble`: why it is not as wanted, '' where it is; `notes`: what its owner should know."""

    changed: bool = False
    before: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    trouble: str = ""


def networks(entries: Sequence[str]) -> list[Any]:
    return [ipaddress.ip_network(entry, strict=False) for entry in entries]


def trusted(config: Mapping[str, Any]) -> list[str]:
    """The entries that are in force: a list may be there and not be used."""
    return list(config.get("trusted_proxies") or []) if config.get("use_x_forwarded_for") else []


def missing(config: Mapping[str, Any], sources: Sequence[str]) -> list[str]:
    """Of the addresses those that are not trusted yet."""
    known = networks(trusted(config))
    return [source for source in sources if not any(ipaddress.ip_address(source) in network for network in known)]


def wide(config: Mapping[str, Any]) -> list[str]:
    """Entries that trust more than one address."""
    return [str(network) for network in networks(trusted(config)) if network.num_addresses > 1]


def extended(config: Mapping[str, Any], sources: Sequence[str]) -> dict[str, Any]:
    """A configuration as it is sent back: all that it holds, and these addresses among its trusted proxies. `configure` replaces the whole of it."""
    kept = {line: value for line, value in config.items() if line not in META}
    return {**kept, "use_x_forwarded_for": True, "trusted_proxies": [*trusted(config), *missing(config, sources)]}


class Teller:
    """One Home Assistant that is to trust its proxy."""

    def __init__(self, ways: Ways, token: str, check: bool = False, clock: Clock = time) -> None:
        self.ways, self.token, self.check, self.clock = ways, token, check, clock
        self.outcome = Outcome()

    def settle(self) -> Outcome:
        """Bring it to trust its proxy. What went wrong is in the outcome; nothing is raised for it."""
        try:
            self.tell()
        except NotLet as error:
            self.outcome.trouble = f"{error}."
        except Refused as error:
            self.outcome.trouble = f"it refuses: {error}."
        except GONE as error:
            self.outcome.trouble = f"it does not answer: {printable(str(error), 200)}."
        return self.outcome

    def tell(self) -> None:
        talk = Talk(self.ways.straight(), self.token)
        try:
            said = talk.ask("http/config")
        except Refused as error:
            if error.code == "unknown_command":
                raise NotLet(f"{talk.version} has no way to be told, {SINCE} and later have. Write into its configuration.yaml: {self.block()}") from None
            if error.code == "unauthorized":
                raise NotLet("its token is not an administrator's") from None
            raise
        finally:
            talk.channel.close()
        stable, pending = said.get("stable") or {}, said.get("pending") or {}
        trial = said.get("active_config_type") == "pending"
        self.outcome.before = trusted(stable)
        self.outcome.after = self.outcome.before
        if not missing(stable, self.ways.sources):
            self.note_wide(stable)
            return
        wanted = extended(stable, self.ways.sources)
        self.note_wide(wanted)
        if self.check:
            self.outcome.changed, self.outcome.after = True, wanted["trusted_proxies"]
            return
        if not trial or missing(pending, self.ways.sources):  # else a trial of an earlier run goes on, and is confirmed now
            self.start_trial(wanted)
        try:
            self.promote()
        except (Refused, *GONE, NotLet) as error:
            self.outcome.trouble = f"told to trust {', '.join(self.ways.sources)}, it is not reached through the proxy: {error}. {self.take_back()}"
            return
        self.outcome.changed, self.outcome.after = True, wanted["trusted_proxies"]

    def note_wide(self, config: Mapping[str, Any]) -> None:
        self.outcome.notes += [
            f"It trusts {network} whole: whoever is in there can claim to be anybody. Take it out under Settings, System, Network." for network in wide(config)
        ]

    def block(self) -> str:
        return json.dumps({"http": {"use_x_forwarded_for": True, "trusted_proxies": list(self.ways.sources)}})

    def start_trial(self, wanted: Mapping[str, Any]) -> None:
        """Have it try a configuration, and wait until it does. Raises NotLet where it does not."""
        self.patiently(STARTING, lambda talk: talk.ask("http/config/configure", config=wanted), ("not_running",))
        try:
            self.patiently(RESTARTING, tried)
        except (*GONE, Refused) as error:
            back = self.take_back()
            raise NotLet(
                f"it does not restart with its new settings ({printable(str(error), 200)}). Is its configuration.yaml valid, "
                f"and does its container start again by itself? {back}"
            ) from None

    def promote(self) -> None:
        self.patiently(THROUGH, lambda talk: talk.ask("http/config/promote"), (), self.ways.through)

    def take_back(self) -> str:
        """End a trial. Where that cannot be said to it, its own five minutes do."""
        try:
            self.patiently(THROUGH, lambda talk: talk.ask("http/config/configure", config=None), ("not_running",))
        except (Refused, NotLet, *GONE):
            return "After five minutes it goes back to its old settings by itself."
        return "Its old settings are in force again."

    def patiently(self, seconds: float, act: Callable[[Talk], Any], later: Sequence[str] = (), way: Callable[[], Channel] | None = None) -> Any:
        """Do something over a connection of its own until it succeeds. Tried again: a connection that does not come about or ends, and refusals with a code
        of `later`. Raises what the last try ended with."""
        until = self.clock.monotonic() + seconds
        while True:
            try:
                talk = Talk((way or self.ways.straight)(), self.token)
                try:
                    return act(talk)
                finally:
                    talk.channel.close()
            except Refused as error:
                if error.code not in later or self.clock.monotonic() >= until:
                    raise
            except GONE:
                if self.clock.monotonic() >= until:
                    raise
            self.clock.sleep(PAUSE)


def tried(talk: Talk) -> None:
    """Whether the new settings are in force. Raises OSError where they are not yet: it restarts."""
    said = talk.ask("http/config")
    if said.get("active_config_type") != "pending":
        raise OSError("its old settings are still in force")
