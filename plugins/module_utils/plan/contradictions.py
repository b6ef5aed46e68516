# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What cannot all be true at once, although each line by itself is right."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .mistakes import Mistakes
from .model import Plan
from .networks import overlap, stack_network

if TYPE_CHECKING:
    from .collection import Route

THROUGH_GROUP = "the site in the host_vars of one host only (in group_vars, every host of the group declares it)"
OUR_PROCESSES = {80: {"caddy"}, 443: {"caddy"}}


def check_names(routes: Sequence[Route], addresses: Mapping[str, list[str]], mistakes: Mistakes) -> None:
    """Every public name has one owner, every site name is used once for each proxy, and no request is sent in a circle.

    addresses: those of each host on the home network.
    """
    owners: dict[str, Route] = {}
    sites: dict[tuple[str, str], Route] = {}
    for route in routes:
        name, where = route.site["name"], f"site {route.site['name']}"
        first = sites.setdefault((route.proxy, name), route)
        same_twice = first is not route and first.host != route.host and first.site["hosts"] == route.site["hosts"]
        if first is not route:
            mistakes.add(
                route.host,
                where,
                "name",
                name,
                f"{first.host} declares a site of this name too",
                THROUGH_GROUP if same_twice else "a name of its own for each site",
            )
        if same_twice:
            continue
        for host_name in route.site["hosts"]:
            owner = owners.setdefault(host_name, route)
            if owner is not route:
                mistakes.add(
                    route.host,
                    where,
                    "hosts",
                    host_name,
                    f"the name belongs to site {owner.site['name']} of {owner.host} already",
                    THROUGH_GROUP if owner.site["name"] == name and owner.host != route.host else "each name in one site only",
                )
            elif route.site["hosts"].count(host_name) > 1:
                mistakes.add(route.host, where, "hosts", host_name, "the name stands there twice", "each name once")
    for route in routes:
        host, _, port = route.site["upstream"].partition("://")[2].rpartition(":")
        itself = host.strip("[]") in addresses[route.proxy] or is_loopback(host.strip("[]"))
        if host in owners or (itself and port in ("80", "443")):
            mistakes.add(
                route.host,
                f"site {route.site['name']}",
                "upstream",
                route.site["upstream"],
                "it leads back to the proxy itself",
                "the address and port of the application, such as http://192.168.1.20:8080",
            )


def is_loopback(host: str) -> bool:
    try:
        return bool(ipaddress.ip_address(host).is_loopback)
    except ValueError:
        return host == "localhost"


def check_stacks(plan: Plan, mistakes: Mistakes) -> None:
    """No two stacks of a host share a network."""
    for host, its in plan.hosts.items():
        for number, stack in enumerate(its.stacks):
            for other in its.stacks[:number]:
                if stack.network and other.network and overlap(stack.network, other.network):
                    free = stack_network("172.31.0.0/16", stack.name)
                    mistakes.add(host, f"app {stack.name}", "network", stack.network, f"app {other.name} uses this network", f"network: {free}")


def free_port(port: int, users: Mapping[int, str]) -> int:
    """The next port that no stack of the host uses, for a suggestion."""
    later, earlier = range(port + 1, 65536), range(8000, port)
    return next(number for ports in (later, earlier) for number in ports if number not in users)


def check_ports(plan: Plan, found: Mapping[str, Mapping[str, Any]], mistakes: Mistakes) -> None:
    """No two users of one port on a host, and nothing else that listens there already."""
    for host, its in plan.hosts.items():
        users: dict[int, str] = {opening.port: "the proxy" for opening in its.openings}
        for stack in its.stacks:
            for port in {entry["port"] for entry in stack.listen}:
                if port in users:
                    mistakes.add(
                        host,
                        f"app {stack.name}",
                        "port",
                        port,
                        f"{users[port]} uses this port of {host} already",
                        f"port: {free_port(port, users)}",
                    )
                users.setdefault(port, f"app {stack.name}")
        for listener in found[host].get("listening", []):
            port, process = listener["port"], listener["process"]
            if port in users and process not in OUR_PROCESSES.get(port, {"docker-proxy"}) and (users[port] == "the proxy" or listener["address"] != "::1"):
                who = users[port] if users[port] == "the proxy" else f"its {users[port]}"
                cure = (
                    f"stop {process}, or move it to another port"
                    if users[port] == "the proxy"
                    else f"another port for the app, such as port: {free_port(port, users)}"
                )
                mistakes.add(
                    host, "" if users[port] == "the proxy" else users[port], "port", port, f"{process} listens on this port of {host}, and {who} needs it", cure
                )
