# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What one host sees of the home's network: its addresses, the names, who answers where. Nothing is judged here; plain data comes out."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields
from typing import Any

from ..address.model import Found, Settings
from ..probe import wire
from . import ports
from .ports import Door

SERVER = "server"
INSIDE = "inside"
OUTSIDE = "outside"

Detect = Callable[[], Mapping[str, Found]]
"""The home's public addresses, as address.detect finds them."""

Names = Callable[[Iterable[str]], Mapping[str, Any]]
"""What the DNS says of names, as `names.look` tells it."""


@dataclass(frozen=True)
class Task:
    """What to look at. `place`: server (it carries the proxy), inside (another machine of the home) or outside. `doors` are tried besides those that a
    server finds by itself. The ports are those of the public address; `listens_https` and `listens_http` those of the server behind it. A port that is 0
    is not looked at. `timeout` in seconds, for one connection."""

    place: str
    names: tuple[str, ...] = ()
    doors: tuple[Door, ...] = ()
    https_port: int = 443
    http_port: int = 80
    listens_https: int = 443
    listens_http: int = 80
    timeout: float = 5.0


def observe(task: Task, detect: Detect, names: Names | None) -> dict[str, Any]:
    """One host's look, as JSON. `names` is None where this host has no dnspython: then its resolver alone is asked, by the system."""
    if task.place != SERVER:
        return {"place": task.place, "names": simply(task.names), "tried": ports.knock_all(task.doors, task.timeout)}
    with ThreadPoolExecutor(max_workers=3) as pool:
        addresses = pool.submit(detect)
        told = pool.submit(names or simply, task.names)
        here = pool.submit(ports.shown_locally, task.names, task.listens_https, task.listens_http, task.timeout)
        found, said = addresses.result(), told.result()
        seen = {
            "place": SERVER,
            "ports": {ports.HTTPS: task.https_port, ports.HTTP: task.http_port},
            "found": {family: plain(one) for family, one in found.items()},
            "names": dict(said),
            "here": here.result(),
        }
    public = [one.address for one in found.values() if one.address]
    own = ports.of_names(task.names, public, task.https_port, task.http_port)
    return {**seen, "tried": ports.knock_all([*own, *task.doors], task.timeout)}


def settings_of(declared: Mapping[str, Any]) -> Settings:
    """Settings for the search of addresses from their plain form. Raises ValueError for a line that is not known."""
    known = {one.name for one in fields(Settings)}
    unknown = sorted(set(declared) - known)
    if unknown:
        raise ValueError(f"{', '.join(unknown)} is not known; known are {', '.join(sorted(known))}")
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in declared.items()}
    return Settings(**values)


def plain(found: Found) -> dict[str, Any]:
    return {**asdict(found), "verdict": str(found.verdict), "sightings": [{**asdict(one), "kind": str(one.kind)} for one in found.sightings]}


def simply(names: Iterable[str]) -> dict[str, Any]:
    """What the programs of this machine are told of names: DNS, and the hosts file too."""
    wanted = list(dict.fromkeys(names))
    with ThreadPoolExecutor(max_workers=ports.AT_ONCE) as pool:
        return dict(zip(wanted, pool.map(simply_one, wanted), strict=True))


def simply_one(name: str) -> dict[str, Any]:
    try:
        found = wire.addresses(name)
    except (OSError, UnicodeError) as error:
        return {"resolved": {"A": [], "AAAA": [], "trouble": str(error)}}
    return {"resolved": {"A": [one for one in found if ":" not in one], "AAAA": [one for one in found if ":" in one], "trouble": ""}}


def read_all(doors: Iterable[Mapping[str, Any]]) -> list[Door]:
    return [ports.read(door) for door in doors if not ipaddress.ip_address(door["address"]).is_loopback]


def doors(looks: Iterable[Mapping[str, Any]], place: str = OUTSIDE) -> list[dict[str, Any]]:
    """What the other hosts are to try, after the servers have looked: both ports of every address that a name has in the DNS or the home has itself, and
    at home those of the server there."""
    wanted: dict[Door, None] = {}
    for look in looks:
        public = [one["address"] for one in look.get("found", {}).values() if one.get("address")]
        for name, said in look.get("names", {}).items():
            told = [told["addresses"] for told in said.get("servers", {}).values()] or [said.get("resolved", {})]
            known = [address for one in told for kind in ("A", "AAAA") for address in one.get(kind, [])]
            wanted |= dict.fromkeys(ports.of_names([name], dict.fromkeys([*public, *known]), look["ports"][ports.HTTPS], look["ports"][ports.HTTP]))
        if place == INSIDE:
            wanted |= dict.fromkeys(read_all(look.get("here", ())))
    return [asdict(door) for door in wanted]
