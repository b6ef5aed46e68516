# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A compose project of a person's own as a look found it (host/compose_files.py): who is reached where, and with which address whom.

All was observed with Docker 26.1: a port that is published on every address or on loopback is passed on by the userland proxy where the
connection comes from the host or from a container, so the app sees the gateway of the network by which it goes out. One that is published on an
address of the host alone is reached there from the host with that very address. A container that connects to its host
(`host.docker.internal:host-gateway`) leaves by its default route, with its own address there; an app in the host's network sees that.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

HOST = "host.docker.internal"
LOOPBACK = ["127.0.0.1", "::1"]
EVERY = ("0.0.0.0", "::", "")


def plain(name: str) -> str:
    """A name without what people write in different ways: home_assistant, home-assistant, homeassistant."""
    return name.lower().replace("_", "").replace("-", "").replace(".", "")


def image_name(image: str) -> str:
    """`home-assistant` of ghcr.io/home-assistant/home-assistant:2026.11.0."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[0]


def image_tag(image: str) -> str:
    return image.partition("@")[0].rpartition("/")[2].partition(":")[2]


@dataclass(frozen=True)
class Port:
    """A published port: `published` on `address` of the host leads to `target` inside."""

    address: str
    published: int
    target: int
    protocol: str

    @property
    def wide(self) -> bool:
        return self.address in EVERY

    @property
    def on_loopback(self) -> bool:
        return not self.wide and ipaddress.ip_address(self.address).is_loopback


@dataclass(frozen=True)
class Network:
    """A network of the project: its key in the file, its name in the engine, and its IPv4 `gateway`, '' where that is not known yet."""

    key: str
    name: str
    gateway: str


@dataclass(frozen=True)
class Project:
    """What the look found of one file, without a problem."""

    look: Mapping[str, Any]

    @property
    def services(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.look["services"]
        return found

    def service_of(self, app: str, image: str) -> str:
        """The service that is an app of the catalogue, by its name, its image, or because there is no other; '' where that is not clear."""
        named = [name for name in self.services if plain(name) == plain(app)]
        imaged = [name for name, its in self.services.items() if image and plain(image_name(its["image"])) == plain(image_name(image))]
        return next((found[0] for found in (named, imaged, list(self.services)) if len(found) == 1), "")

    def container(self, service: str) -> Mapping[str, Any] | None:
        """The container of a service, one that runs before one that does not."""
        own = [one for one in self.look["containers"] if one["service"] == service]
        return next((one for one in own if one["state"] == "running"), own[0] if own else None)

    def runs(self, service: str) -> bool:
        container = self.container(service)
        return container is not None and container["state"] == "running"

    def holder(self, service: str) -> str:
        """The service whose network this one uses (`network_mode: service:vpn`)."""
        mode = self.services[service]["network_mode"]
        other = mode.partition(":")[2] if mode.startswith("service:") else ""
        return other if other in self.services and other != service else service

    def mode(self, service: str) -> str:
        """`host`, `none`, `container:...`, or '' for networks of Docker."""
        mode = str(self.services[self.holder(service)]["network_mode"])
        return "" if mode in ("bridge", "default") else mode

    def ports(self, service: str) -> list[Port]:
        """What is published: of the container that runs, else as the file says."""
        holder = self.holder(service)
        rows = self.container(holder)["ports"] if self.runs(holder) else self.services[holder]["ports"]  # type: ignore[index]
        return [Port(row["address"], row["published"], row["target"], row["protocol"]) for row in rows if row["published"]]

    def networks(self, service: str) -> list[Network]:
        holder = self.holder(service)
        if self.services[holder]["network_mode"] == "bridge":
            its = self.container(holder)
            return [Network("bridge", "bridge", its["networks"].get("bridge", {}).get("gateway", "") if its else "")]
        return [self.network(key) for key in self.services[holder]["networks"]]

    def network(self, key: str) -> Network:
        its = self.look["networks"].get(key, {"name": key, "subnets": [], "gateways": []})
        gateways = [one for one in its["gateways"] if ":" not in one]
        subnets = [one for one in its["subnets"] if ":" not in one]
        # Docker takes the first address of a network whose gateway nobody names.
        first = str(next(iter(ipaddress.ip_network(subnets[0], strict=False).hosts()))) if subnets else ""
        return Network(key, its["name"], gateways[0] if gateways else first)

    def way_out(self, service: str) -> Network | None:
        """The network that a service goes out by and published ports come in by. Of several, while it does not run, it is the first by name, as Docker
        sorts them where nobody gives a priority; None where that is not clear."""
        networks, holder = self.networks(service), self.holder(service)
        if len(networks) == 1:
            return networks[0]
        if self.runs(holder):
            its = self.container(holder)
            return next((one for one in networks if its and one.name == its["way_out"]), None)
        open_ones = [one for one in networks if not self.look["networks"].get(one.key, {}).get("internal")]
        return min(open_ones, key=lambda one: one.name, default=None) if not self.services[holder].get("ordered") else None

    def addresses(self, service: str, network: Network) -> list[str]:
        """A service's addresses in a network, IPv4 first: as it runs, else as the file fixes it."""
        holder = self.holder(service)
        its = self.container(holder)
        row = its["networks"].get(network.name, {}) if its and self.runs(holder) else {}
        fixed = self.fixed(service, network)
        return [one for one in (row.get("address", ""), row.get("address6", "")) if one] or ([fixed] if fixed else [])

    def fixed(self, service: str, network: Network) -> str:
        """The address that the file gives a service in a network, '' where Docker chooses."""
        return str(self.services[self.holder(service)]["networks"].get(network.key, ""))

    def shared(self, one: str, other: str) -> list[Network]:
        keys = {network.key for network in self.networks(other)}
        return [network for network in self.networks(one) if network.key in keys]

    def mount(self, service: str, inside: str) -> Mapping[str, Any] | None:
        """What is mounted at a path inside, or above it."""
        fits = [
            one for one in self.services[service]["mounts"] if one["source"] and (inside == one["target"] or inside.startswith(one["target"].rstrip("/") + "/"))
        ]
        return max(fits, key=lambda one: len(one["target"]), default=None)

    def started_by(self, service: str = "") -> str:
        """The command that starts it, for a person."""
        words = [*self.look["compose"], *(word for path in self.look["files"] for word in ("-f", path)), "up", "-d", *([service] if service else [])]
        return " ".join(words)
