# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What cannot all be true at once, although each line by itself is right."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .mistakes import Mistakes
from .model import HostPlan, Plan
from .networks import overlap, stack_network

if TYPE_CHECKING:
    from .collection import Route

THROUGH_GROUP = "the site in the host_vars of one host only (in group_vars, every host of the group declares it)"
INSIDE_TLS = (
    *("certificate", "paths", "redirect", "upstream_name", "upstream_ca", "maintenance"),
    *("hsts", "max_body", "read_timeout", "keep_streams", "buffering", "compress", "log_queries"),
)
"""Lines of a site that need a proxy which sees the requests themselves."""


def check_names(routes: Sequence[Route], addresses: Mapping[str, list[str]], mistakes: Mistakes) -> None:
    """Every public name has one owner, every site name is used once for each proxy, and no request is sent in a circle.

    addresses: those of each host on the home network.
    """
    owners: dict[str, Route] = {}
    sites: dict[tuple[str, str], Route] = {}
    through_group: set[tuple[str, str]] = set()
    for route in (route for route in routes if route.whole):
        name, where = route.site["name"], f"site {route.site['name']}"
        first = sites.setdefault((route.proxy, name), route)
        same_twice = first is not route and first.host != route.host and first.site["hosts"] == route.site["hosts"]
        if same_twice and (route.proxy, name) in through_group:
            continue  # of a whole group, the second host tells it for all
        if same_twice:
            through_group.add((route.proxy, name))
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
        for line in ("upstream", "http_upstream") if route.whole else ("upstream",):
            host, _, port = route.part[line].partition("://")[2].rpartition(":")
            if host in owners or (is_on(host, addresses[route.proxy]) and port in ("80", "443")):
                mistakes.add(
                    route.host,
                    f"site {route.site['name']}",
                    f"{route.place}{line}",
                    route.part[line],
                    "it leads back to the proxy itself",
                    "the address and port of the application, such as http://192.168.1.20:8080",
                )


def check_sites(routes: Sequence[Route], mistakes: Mistakes) -> None:
    """The lines of each site mean something together."""
    for route in routes:
        site, part, where = route.site, route.part, f"site {route.site['name']}"
        for line in ("upstream_name", "upstream_ca"):
            if part[line] and not part["upstream"].startswith("https://") and site["tls"] != "passthrough":
                cure = "upstream: https:// and the address, or the site without this line"
                mistakes.add(route.host, where, f"{route.place}{line}", part[line], "there is no https upstream that it could be about", cure)
        if not route.whole:
            same = [other for other in site["paths"] if other["path"].rstrip("/") == part["path"].rstrip("/")]
            if len(same) > 1 or (part["path"].rstrip("/") == "" and (site["app"] or site["upstream"])):
                mistakes.add(route.host, where, f"{route.place}path", part["path"], "the path stands there twice", "each path once; / is the site itself")
        elif site["tls"] == "passthrough":
            check_passthrough(route, mistakes)
        else:
            check_served(route, mistakes)


def check_served(route: Route, mistakes: Mistakes) -> None:
    """A site that the proxy serves itself."""
    site, where = route.site, f"site {route.site['name']}"
    for line in ("proxy_protocol", "http_upstream"):
        if site[line]:
            mistakes.add(route.host, where, line, site[line], "it is for a site whose TLS ends at its app", "tls: passthrough, or the site without this line")
    if site["tls"] == "local" and site["certificate"]:
        mistakes.add(route.host, where, "tls", "local", "the certificate that the site names has a kind of its own", "either tls or certificate")
    if site["redirect"]:
        for line in ("app", "upstream", "paths"):
            if site[line]:
                mistakes.add(route.host, where, "redirect", site["redirect"], f"all is sent elsewhere, and {line} never asked", f"either redirect or {line}")
        if site["redirect"].partition("://")[2] in site["hosts"]:
            mistakes.add(route.host, where, "redirect", site["redirect"], "it leads back to the site itself", "the address of another site")


def check_passthrough(route: Route, mistakes: Mistakes) -> None:
    """A site of which the proxy sees the name alone."""
    site, where = route.site, f"site {route.site['name']}"
    for line in INSIDE_TLS:
        if site[line]:
            problem = "with tls: passthrough the proxy does not see inside the connection"
            mistakes.add(route.host, where, line, site[line], problem, "the site without this line, or without tls: passthrough")
    if site["upstream"].endswith(":80"):
        problem = "port 80 is that of http, and this site is passed on as TLS"
        mistakes.add(route.host, where, "upstream", site["upstream"], problem, "https:// and the address, or the port on which TLS is spoken")
    if site["http_upstream"].startswith("https://"):
        problem = "it gets what comes over http, and is not spoken to over TLS"
        mistakes.add(route.host, where, "http_upstream", site["http_upstream"], problem, "http:// and the address")


def is_on(host: str, addresses: Sequence[str]) -> bool:
    """Whether the host of an upstream is a machine with these addresses, seen from itself."""
    return host.strip("[]") in addresses or is_loopback(host.strip("[]"))


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


def proxies_of(its: HostPlan, found: Mapping[str, Any]) -> set[str]:
    """The processes that may hold a port of the proxy: its engine, and those that an earlier run set up."""
    engine = {its.proxy.engine, *its.proxy.retired} if its.proxy else set()
    return engine | ({"nginx"} if found.get("sni_router_released") else set())


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
            ours = proxies_of(its, found[host]) if users.get(port) == "the proxy" else {"docker-proxy"}
            if port in users and process not in ours and (users[port] == "the proxy" or listener["address"] != "::1"):
                who = users[port] if users[port] == "the proxy" else f"its {users[port]}"
                cure = (
                    f"stop {process}, or move it to another port"
                    if users[port] == "the proxy"
                    else f"another port for the app, such as port: {free_port(port, users)}"
                )
                mistakes.add(
                    host, "" if users[port] == "the proxy" else users[port], "port", port, f"{process} listens on this port of {host}, and {who} needs it", cure
                )
