# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where a host of NPM leads, and whether that leads to the same app from a proxy that runs on the server itself, and not in NPM's container."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from ..plan import values
from ..plan.mistakes import Refused
from .left import shown
from .read import number, text

ADMIN = 81
"""The port of NPM's own panel (docker/rootfs/etc/nginx/conf.d/production.conf.template)."""

BRIDGES = ipaddress.ip_network("172.16.0.0/12")
"""Docker takes the networks of its containers from here first."""


@dataclass(frozen=True)
class Target:
    """`upstream` as a site takes it, '' where it cannot be said. `why` and `do`: why the site cannot count as it stands. `hint`: what differs."""

    upstream: str
    why: str = ""
    do: str = ""
    hint: str = ""


def target(scheme: object, host: object, port: object, host_network: bool) -> Target:
    """A `forward_scheme`, `forward_host` and `forward_port`. `host_network`: NPM's container has the network of the server."""
    name, number_ = text(host).strip().strip("[]").lower(), number(port)
    told = shown(f"{text(scheme)}://{name}:{number_}", 100)
    try:
        upstream = values.upstream(f"{text(scheme)}://{f'[{name}]' if ':' in name else name}:{number_}")
    except Refused as refused:
        return Target("", f"It leads to {told}, and that cannot be an upstream here: {refused.problem}.", f"Write upstream: as in {refused.write}.")
    if number_ == ADMIN:
        return Target(
            "",
            f"It leads to {told}, the port of Nginx Proxy Manager's own panel.",
            "Do not put that on the internet. If another program has this port there, write the site yourself.",
        )
    loopback = f"http://127.0.0.1:{number_}" if scheme == "http" else f"https://127.0.0.1:{number_}"
    if is_loopback(name):
        if host_network:
            return Target(upstream)
        why = f"It leads to {told}, which was NPM's own container, and is the server here."
        return Target(upstream, why, "If NPM ran with network_mode: host, it was the server: import with -e import_npm_host_network=true.")
    if name in ("host.docker.internal", "gateway.docker.internal", "host.containers.internal"):
        why = f"{name} is the server itself, by a name that is known inside containers alone."
        return Target(loopback, why, "The upstream is written as 127.0.0.1: see that the app listens there, and take the # away.")
    if "." not in name and ":" not in name:
        why = f"It leads to {told}. {name} is the name of a container, which is known inside NPM's Docker network alone."
        cure = (
            f'Publish the port in its compose file (ports: ["127.0.0.1:{number_}:{number_}"]), and take the # away. Another machine of that name: its address.'
        )
        return Target(loopback, why, cure)
    if in_bridges(name):
        return Target(upstream, hint=f"{told} looks like the address of a container, which changes. Publish its port on 127.0.0.1, and write that.")
    return Target(upstream)


def is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def in_bridges(name: str) -> bool:
    try:
        found = ipaddress.ip_address(name)
    except ValueError:
        return False
    return found.version == 4 and found in BRIDGES and int(found) & 0xFFFF != 1
