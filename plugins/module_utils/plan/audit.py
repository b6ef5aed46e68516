# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is to listen on each host: the other side of the audit (plugins/module_utils/audit)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from . import values
from .collection import House
from .declaration import Field, Place, read
from .mistakes import Mistakes, Refused
from .model import Declared, HostPlan, Plan, Proxy

CADDY_BEHIND_SPLITTER = 44344
"""As `caddy_inner_port` has it where nobody sets it (roles/caddy/defaults)."""

DNS_AT_HOME = "names at home"
ANNOUNCEMENTS = 5350
"""Where the watch of the address hears a router tell of a new one (command/address_watch.py)."""


def holder(value: object) -> str:
    """The name of a process, unit or container: one word, as ps, systemctl and docker ps show them."""
    shown = values.text(value)
    if not shown or len(shown) > 100 or not shown.isprintable() or " " in shown:
        raise Refused("it is not the name of a process or container", "the name that the report shows, such as sshd")
    return shown


LISTENING = {
    "port": Field(values.port, required=True),
    "protocol": Field(values.one_of("tcp", "udp"), "tcp"),
    "address": Field(values.address, ""),
    "process": Field(holder, ""),
}
"""A port that the owner opened on purpose, past what the Plan does: nothing is said of it."""


def read_listening(given: object, host: str, mistakes: Mistakes) -> list[dict[str, Any]]:
    """The entries of `exposure_listening`."""
    if not isinstance(given, list):
        mistakes.add(host, "", "exposure_listening", given, "it is not a list", "exposure_listening: and entries that begin with - port:")
        return []
    entries = [read(LISTENING, entry, Place(host, f"listening number {number}"), mistakes) for number, entry in enumerate(given, 1)]
    return [entry for entry in entries if entry["port"] is not None]


def add_declared(plan: Plan, house: House) -> None:
    """What each host is to listen for, after its proxy and stacks are known."""
    for name, its in plan.hosts.items():
        its.declared = [*of_proxy(its), *of_stacks(its), *of_adopted(its)]
        its.allowed = [Declared(**entry, what="exposure_listening") for entry in house.hosts[name]["listening"]]
        if "lan_dns" in house.inventory[name].groups:
            its.allowed += [Declared(53, protocol, what=DNS_AT_HOME) for protocol in ("tcp", "udp")]
        if "ddns" in its.used:
            its.allowed.append(Declared(ANNOUNCEMENTS, "udp", what="the watch of the address", process="exposure-address-watch"))


def of_proxy(its: HostPlan) -> Iterator[Declared]:
    proxy = its.proxy
    if proxy is None:
        return
    for opening in its.openings:
        yield Declared(opening.port, opening.protocol, what="the proxy", process=front(proxy, opening.port))
    if proxy.splitter and proxy.engine == "caddy":
        yield Declared(CADDY_BEHIND_SPLITTER, "tcp", "127.0.0.1", "the proxy behind the splitter", proxy.engine)


def front(proxy: Proxy, port: int) -> str:
    """The process that holds a port of the proxy: the splitter is nginx, whatever stands behind it."""
    return "nginx" if proxy.splitter and port != 80 else proxy.engine


def of_stacks(its: HostPlan) -> Iterator[Declared]:
    sources = {(admission.address, admission.port): admission.sources for admission in its.admissions}
    for stack in its.stacks:
        for entry in stack.listen:
            address, port = entry["address"], entry["port"]
            yield Declared(port, "tcp", address, f"app {stack.name}", sources=list(sources.get((address, port), [])))


def of_adopted(its: HostPlan) -> Iterator[Declared]:
    """An app of a person's own is wanted on loopback: what it listens on beyond that is told, with the line that closes it."""
    for app in its.adopted:
        for entry in app.listen:
            yield Declared(entry["port"], entry.get("protocol", "tcp"), entry["address"], entry.get("what", f"your app {app.name}"))
