# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an app cannot be given: what its catalogue entry refuses, and what holds for every app."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from .collection import House, Route
from .model import Plan
from .values import Network

TOLD_BY_THE_PLAN = "${EXPOSURE_PROXIES"


@dataclass(frozen=True)
class Line:
    """A line of the inventory with what it says: `host`, `entry` and `name` are its place in a message."""

    host: str
    entry: str
    name: str
    value: Any


def check_apps(plan: Plan, house: House, routes: Sequence[Route]) -> None:
    """Every app that is deployed, and every site that shows one which runs elsewhere."""
    for name, host in house.hosts.items():
        for app in host["apps"]:
            if app["state"] == "absent" or app["app"] not in house.apps:
                continue
            entry, own = house.apps[app["app"]], [route for route in routes if route.host == name and route.app is app]
            check_told(name, app, entry, house)
            peers = [peer for stack in plan.hosts[name].stacks if stack.name == app["name"] for peer in stack.peers]
            for row in entry["refuse"]:
                refuse(row, [*lines_of_app(row["line"], name, app), *lines_of_sites(row["line"], own, house)], peers, house)
    for route in routes:
        if route.app is None and route.entry is not None:
            for row in route.entry["refuse"]:
                refuse(row, lines_of_sites(row["line"], [route], house), [], house)


def check_told(host: str, app: Mapping[str, Any], entry: Mapping[str, Any], house: House) -> None:
    """Whom an app trusts is what the Plan knows: exactly its proxies."""
    for name, value in app["environment"].items():
        if TOLD_BY_THE_PLAN in str(entry["service"].get("environment", {}).get(name, "")):
            problem = "it is filled with exactly the addresses of the proxies of the app; with any other, clients could say that they are somebody else"
            house.mistakes.add(host, f"app {app['name']}", f"environment.{name}", value, problem, "the app without this line")


def lines_of_app(line: str, host: str, app: Mapping[str, Any]) -> Iterator[Line]:
    """That line of an entry of `exposure_apps`, where it stands there."""
    part, _, key = line.partition(".")
    value = app[part].get(key) if key and part in ("environment", "options") else app.get(part) if not key else None
    if value:
        yield Line(host, f"app {app['name']}", line, value)


def lines_of_sites(line: str, routes: Sequence[Route], house: House) -> Iterator[Line]:
    """That line of each site that shows the app, and of the host of its proxy."""
    part, _, key = line.partition(".")
    for route in (route for route in routes if route.whole):
        if part == "site":
            value = route.site[key] if key != "proxy" else route.proxy if route.proxy != route.host else ""
            yield Line(route.host, f"site {route.site['name']}", key, value)
        elif part == "ports":
            yield Line(route.proxy, "", f"exposure_ports.{key}", house.hosts[route.proxy]["ports"][key])


def refuse(row: Mapping[str, Any], lines: Iterator[Line] | Sequence[Line], peers: Sequence[str], house: House) -> None:
    for line in lines:
        if refused(row, line.value, peers):
            house.mistakes.add(line.host, line.entry, line.name, line.value, row["why"], row["write"])


def refused(row: Mapping[str, Any], value: Any, peers: Sequence[str]) -> bool:
    """Whether a value is one that the row is about. `peers`: the addresses that the app sees its proxies come from."""
    if row["most"]:
        return len(value) > int(row["most"])
    if row["admits_proxy"]:
        return any(ipaddress.ip_address(peer) in network for network in networks(str(value)) for peer in peers)
    for one in value if isinstance(value, list) else [value]:
        if not fnmatchcase(str(one), row["unlike"]) if row["unlike"] else fnmatchcase(str(one), row["like"]):
            return True
    return False


def networks(value: str) -> Iterator[Network]:
    """The networks of a list with commas, in any of the ways apps take: 10.0.0.0/8, 10.0.0.0/255.0.0.0, 10.1.2.3."""
    for one in value.split(","):
        try:
            yield ipaddress.ip_network(one.strip(), strict=False)
        except ValueError:
            continue
