# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What passes between the engine, the providers and whoever asked: accounts, calls, outcomes, capabilities. Plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ..address.model import FAMILIES as FAMILIES
from ..address.model import IPV4 as IPV4
from ..address.model import IPV6 as IPV6

RECORD = {IPV4: "A", IPV6: "AAAA"}
CLEAR = ""
"""In place of an address: the record is to go."""


@dataclass(frozen=True)
class Account:
    """An account at a provider. `options` are the lines of its entry that may be seen, `secrets` those that may not; both by the names that the
    provider's `OPTIONS` give them. `name` tells the account from others of the same provider and shows in messages."""

    name: str
    provider: str
    options: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Call:
    """One request for names of one account. `values`: family -> address, or `CLEAR`. A family that is not in it is to stay as it is: the provider
    writes whatever word it needs for that. `prefix`: an IPv6 network in place of an address, where the provider changes the prefix alone."""

    hosts: tuple[str, ...]
    values: Mapping[str, str]
    prefix: str = ""


class Kind(StrEnum):
    """How a call ended for one name."""

    GOOD = "good"
    NOCHG = "nochg"
    AUTH = "auth"
    NOT_FOUND = "not_found"
    NOT_ALLOWED = "not_allowed"
    ABUSE = "abuse"
    BAD_AGENT = "bad_agent"
    RATE_LIMITED = "rate_limited"
    SERVER = "server"
    NETWORK = "network"
    UNKNOWN = "unknown"


DONE = frozenset({Kind.GOOD, Kind.NOCHG})
LATCHING = frozenset({Kind.AUTH, Kind.NOT_FOUND, Kind.NOT_ALLOWED, Kind.ABUSE, Kind.BAD_AGENT})
"""After these nothing is sent until the configuration changes or a person releases it."""


@dataclass(frozen=True)
class Outcome:
    """`said`: what the provider answered, in printable text of at most 200 characters without any secret. `echoed`: family -> address that the
    provider says it has set. `retry_after`: seconds that it asks to wait, None where it says nothing."""

    kind: Kind
    said: str = ""
    echoed: Mapping[str, str] = field(default_factory=dict)
    retry_after: float | None = None


class LeftOut(StrEnum):
    """What a provider does with a family that a call does not name and for which it has no word."""

    UNTOUCHED = "untouched"
    HAZARD = "hazard"
    """It is deleted or set to something else: both families go into each call."""

    UNKNOWN = "unknown"
    """Nobody says. The other family's address goes along where there is one; where there is none, the call goes without it."""


@dataclass(frozen=True)
class Capabilities:
    """What a provider can do. `together`: both families in one call (False: one call for each). `most_hosts`: names in one call. `clear`: families that can
    be removed; `clear_together`: only both at once. `interval`: seconds at least between two calls for one name, or for what `Provider.scope` names in its
    place; with `burst`, that many calls in as many intervals, however close together. `daily`: calls in 24 hours, 0 unlimited.
    `retry`: seconds after a server's trouble where the provider names a time. `keep_alive`: days after which a name that was not updated expires there, 0
    never. `prefix`: an IPv6 prefix alone can be set. `txt`: TXT records for ACME can be set. `proxied`: the DNS may show other addresses than were set, so
    only the API tells."""

    families: tuple[str, ...] = FAMILIES
    together: bool = True
    most_hosts: int = 1
    left_out: LeftOut = LeftOut.UNTOUCHED
    clear: tuple[str, ...] = ()
    clear_together: bool = False
    wildcard: bool = False
    prefix: bool = False
    txt: bool = False
    proxied: bool = False
    interval: float = 0
    burst: int = 1
    daily: int = 0
    retry: float = 0
    keep_alive: int = 0


@dataclass(frozen=True)
class Option:
    """A line of an account's entry in the inventory. `check`: one of word, text, host_name, web_address, path, integer, boolean, or the allowed values
    separated by | . The Plan checks it before anything is sent."""

    check: str = "text"
    required: bool = False
    secret: bool = False
    default: str = ""
