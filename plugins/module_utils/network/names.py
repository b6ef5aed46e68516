# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the DNS says of public names: at the name servers of their zones, and by this machine's resolver. Needs dnspython 2.3 or later.

The name servers are asked directly, since a resolver may still hold what was true an hour ago.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype

from ..acme import caa, lookup
from .challenge import CHALLENGES

KINDS = ("A", "AAAA")
MOST_ALIASES = 4

BETWEEN = "answered by somebody in between"
"""A reply without the mark of a zone's own server (AA, RFC 1035, section 4.1.1): a router or provider answers in its place."""


@dataclass(frozen=True)
class Told:
    """What one server says of one name: kind -> addresses, how long they may be kept (seconds), and the name that an alias leads to. `trouble` is '' where
    it answered."""

    addresses: Mapping[str, list[str]] = field(default_factory=dict)
    ttl: int = 0
    alias: str = ""
    trouble: str = ""


@dataclass(frozen=True)
class Zone:
    """A zone, the addresses of its name servers that answer for it, and those that do not with what they do instead. `trouble`: why there is none."""

    name: str = ""
    servers: tuple[str, ...] = ()
    silent: Mapping[str, str] = field(default_factory=dict)
    trouble: str = ""


def look(names: Iterable[str], asked: lookup.Lookup, identities: tuple[str, ...] = (), account: str = "") -> dict[str, Any]:
    """name -> what the DNS says of it, as JSON. `identities` are the names of the CA in CAA records; without them CAA is left out."""
    wanted = list(dict.fromkeys(name.rstrip(".").lower() for name in names))
    with ThreadPoolExecutor(max_workers=lookup.AT_ONCE) as pool:
        zones = dict(zip(wanted, pool.map(lambda name: zone_of(name, asked), wanted), strict=True))
        seen = dict(zip(wanted, pool.map(lambda name: look_at(name, zones[name], asked), wanted), strict=True))
        beside = siblings(wanted, zones, asked)
        forbidden = pool.map(lambda name: of_caa(name, asked, identities, account), wanted)
        for name, found in zip(wanted, forbidden, strict=True):
            seen[name] |= {"caa": found, "sibling": beside.get(name.partition(".")[2], {})}
    return seen


def zone_of(name: str, asked: lookup.Lookup) -> Zone:
    """The zone that holds a name, with its servers."""
    found = asked.zone_of(name)
    if isinstance(found, lookup.Answer):
        return Zone(trouble=found.state)
    answers = asked.authoritative(found)
    silent = {address: state for address, state in answers.items() if state != lookup.FOUND}
    return Zone(found, tuple(address for address in answers if address not in silent), silent)


def look_at(name: str, zone: Zone, asked: lookup.Lookup) -> dict[str, Any]:
    """One name at all servers of its zone, an alias followed into the zone that it leads to, and by the resolver."""
    said = {server: ask(server, name, asked) for server in zone.servers}
    alias, end = "", zone
    for _ in range(MOST_ALIASES):
        onwards = next((told.alias for told in said.values() if told.alias and not any(told.addresses.values())), "")
        if not onwards:
            break
        alias, end = onwards, zone_of(onwards, asked)
        said = {server: ask(server, onwards, asked) for server in end.servers}
    return {
        "zone": end.name,
        "alias": alias,
        "trouble": end.trouble,
        "silent": dict(end.silent),
        "servers": {server: asdict(told) for server, told in said.items()},
        "resolved": resolved(name, asked),
    }


def resolved(name: str, asked: lookup.Lookup) -> dict[str, Any]:
    """What this machine's own resolver says, as its programs are told."""
    answers = asked.side_by_side((name, kind) for kind in KINDS)
    failed = [answer.state for answer in answers.values() if answer.state not in (lookup.FOUND, lookup.NOTHING, lookup.NO_NAME)]
    return {**{kind: sorted(answers[name, kind].texts) for kind in KINDS}, "trouble": failed[0] if failed else ""}


def siblings(names: list[str], zones: Mapping[str, Zone], asked: lookup.Lookup) -> dict[str, dict[str, list[str]]]:
    """Parent -> addresses of a name below it that nobody made, so that only a wildcard answers for it. Only within a zone, and only for parents of names."""
    parents = {name.partition(".")[2]: zones[name] for name in names if name != zones[name].name and zones[name].servers}
    with ThreadPoolExecutor(max_workers=lookup.AT_ONCE) as pool:
        said = pool.map(lambda pair: ask(pair[1].servers[0], f"{secrets.token_hex(6)}.{pair[0]}", asked), parents.items())
        return {parent: dict(told.addresses) for parent, told in zip(parents, said, strict=True)}


def of_caa(name: str, asked: lookup.Lookup, identities: tuple[str, ...], account: str) -> dict[str, list[dict[str, str]]]:
    """Challenge -> what speaks against a certificate proven by it."""
    if not identities:
        return {}
    keep: dict[tuple[str, str], lookup.Answer] = {}

    def once(place: str, kind: str) -> lookup.Answer:
        if (place, kind) not in keep:
            keep[place, kind] = asked.ask(place, kind)
        return keep[place, kind]

    return {challenge: [vars(problem) for problem in caa.check(name, caa.Asker(identities, challenge, account), once)] for challenge in CHALLENGES}


def ask(server: str, name: str, asked: lookup.Lookup) -> Told:
    """Both kinds of address of a name at one server."""
    told = [ask_kind(server, name, kind, asked) for kind in KINDS]
    trouble = next((one.trouble for one in told if one.trouble), "")
    if trouble:
        return Told(trouble=trouble)
    return replace(told[0], addresses={**told[0].addresses, **told[1].addresses}, ttl=max(one.ttl for one in told), alias=told[0].alias or told[1].alias)


def ask_kind(server: str, name: str, kind: str, asked: lookup.Lookup) -> Told:
    """One question to one server; aliases are followed as far as its own answer goes."""
    wanted = dns.name.from_text(name)
    question = dns.message.make_query(wanted, kind)
    question.flags &= ~dns.flags.RD
    try:
        reply, _ = dns.query.udp_with_fallback(question, server, timeout=asked.timeout / 2, port=asked.port)
    except (dns.exception.Timeout, OSError):
        return Told(trouble=lookup.TIMEOUT)
    except dns.exception.DNSException as error:
        return Told(trouble=str(error) or lookup.BROKEN)
    if reply.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return Told(trouble=dns.rcode.to_text(reply.rcode()))
    if not reply.flags & dns.flags.AA:
        return Told(trouble=BETWEEN)
    place = wanted
    lifetimes: list[int] = []
    for _ in range(2 * MOST_ALIASES):
        sets = {entry.rdtype: entry for entry in reply.answer if entry.name == place}
        found = sets.get(dns.rdatatype.from_text(kind))
        alias = sets.get(dns.rdatatype.CNAME)
        if found:
            return Told({kind: sorted(record.to_text() for record in found)}, min([found.ttl, *lifetimes]))
        if not alias:
            break
        lifetimes.append(alias.ttl)
        place = alias[0].target
    return Told({kind: []}, alias="" if place == wanted else place.to_text(omit_final_dot=True).lower())
