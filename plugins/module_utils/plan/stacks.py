# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A declared app and its catalogue entry, made into a compose project."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from .filling import fill
from .model import Stack
from .networks import stack_network

HARDENED = {"restart": "unless-stopped", "security_opt": ["no-new-privileges:true"]}


@dataclass
class Exposed:
    """How an app is reached: its published port on which addresses, who may reach each, and its public URL.

    `further`: (service, port inside, port on the host) of what else is reached by a proxy.
    """

    port: int
    url: str
    hosts: list[str] = field(default_factory=list)
    further: list[tuple[str, int, int]] = field(default_factory=list)
    listen: list[str] = field(default_factory=list)
    admitted: dict[str, list[str]] = field(default_factory=dict)

    def admit(self, address: str, source: str) -> None:
        """Publish on a LAN address for one source more."""
        if address not in self.listen:
            self.listen.append(address)
        sources = self.admitted.setdefault(address, [])
        if source not in sources:
            sources.append(source)

    def publish(self, stack: Stack) -> None:
        """Write the addresses into the stack, and the addresses of its proxies into what the app is told.

        An app that no proxy can reach yet is published on loopback.
        """
        self.listen = self.listen or ["127.0.0.1"]
        inner = stack.compose["services"][stack.app].pop("x-port")
        for service, within, port in [(stack.app, inner, self.port), *self.further]:
            stack.listen += [{"address": address, "port": port} for address in self.listen]
            ports = stack.compose["services"][service].setdefault("ports", [])
            ports += [f"{f'[{a}]' if ':' in a else a}:{port}:{within}" for a in self.listen]
        stack.health["url"] = f"http://{f'[{self.listen[0]}]' if ':' in self.listen[0] else self.listen[0]}:{self.port}{stack.health['path']}"
        if stack.trust is not None:
            stack.trust["trusted_proxies"] = list(stack.peers)
        stack.env |= {"EXPOSURE_PROXIES": ",".join(stack.peers), "EXPOSURE_PROXIES_SPACED": " ".join(stack.peers)}
        stack.settings = fill(stack.settings, stack.env)
        stack.commands = fill(stack.commands, stack.env)


def absent_stack(app: Mapping[str, Any], host: Mapping[str, Any]) -> Stack:
    return Stack(app["name"], app["app"] or app["name"], "absent", app["name"] in host["purge"], f"{host['app_directory']}/{app['name']}")


def present_stack(app: Mapping[str, Any], entry: Mapping[str, Any], host: Mapping[str, Any], exposed: Exposed, options: Mapping[str, str]) -> Stack:
    """The compose project of an app, before its addresses are known (`Exposed.publish` adds them). `options` as `decided` gives them."""
    directory = f"{host['app_directory']}/{app['name']}"
    version = app["version"] or entry["version"]
    network = app["network"] or stack_network(host["app_networks"], app["name"])
    stack = Stack(app["name"], app["app"], "present", False, directory, version, network=network, secrets=list(entry["secrets"]))
    main = {"image": f"{app['image'] or entry['image']}:{version}", **HARDENED, **copy.deepcopy(entry["service"]), "x-port": entry["port"]}
    services = {app["app"]: main, **{name: {**HARDENED, **copy.deepcopy(service)} for name, service in entry["services"].items()}}
    for name in (app["app"], *entry["environment_for"]):
        given = {key: value.replace("$", "$$") for key, value in app["environment"].items()}
        services[name]["environment"] = {**services[name].get("environment", {}), **given}
    # A bridge of a fixed name and network: the gateway, which is the proxy's address for the app, is known before it exists.
    stack.compose = {
        "name": app["name"],
        "services": services,
        "networks": {"default": {"driver": "bridge", "ipam": {"config": [{"subnet": network}]}}},
    }
    stack.env = {
        **options,
        "EXPOSURE_DATA": directory,
        "EXPOSURE_URL": exposed.url,
        "EXPOSURE_AUTHORITY": exposed.url.partition("://")[2],
        "EXPOSURE_PORT": str(urlsplit(exposed.url).port or 443) if exposed.url else "",
        "EXPOSURE_HOST": exposed.hosts[0] if exposed.hosts else "",
        "EXPOSURE_HOSTS": " ".join(exposed.hosts),
        "EXPOSURE_TIMEZONE": host["timezone"],
    }
    its_own = {"EXPOSURE_IMAGE": main["image"], "EXPOSURE_VERSION": version}
    for service in services.values():  # an image has its name here already: what pulls and compares it asks no Compose
        service["image"] = fill(service["image"], its_own)
    if entry["configs"]:
        stack.compose["configs"] = copy.deepcopy(entry["configs"])
    stack.settings = [{**row, "file": f"{directory}/{row['file']}"} for row in entry["settings"]]
    stack.commands = copy.deepcopy(entry["commands"])
    stack.fixed = {name: stack.env[name] for name in entry["fixed"] if name in stack.env}
    stack.confirmed = app["name"] in host["confirm"]
    own = {key: value for key, value in app["backup"].items() if key == "make"}
    left_out = list(dict.fromkeys(entry["backup"]["leave_out"] + app["backup"].get("leave_out", [])))
    stack.backup = {"make": True, **copy.deepcopy(entry["backup"]), **own, "leave_out": left_out}
    stack.folders = [{"path": f"{directory}/{name}", **rights} for name, rights in entry["folders"].items()]
    stack.health = {key: entry["health"][key] for key in ("path", "status", "contains", "wait")}
    if entry["health"]["here"]:  # the page is the app's own only under its public name
        stack.health |= {"status": entry["health"]["here"], "contains": ""}
    if entry["trust"]:
        stack.trust = {
            "name": app["name"],
            "writer": entry["trust"]["writer"],
            "directory": f"{directory}/{entry['trust']['folder']}",
            "version": version,
            "external_url": exposed.url,
        }
    return stack
