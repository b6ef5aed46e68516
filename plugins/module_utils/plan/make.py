# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""All declarations in, one Plan out, or every mistake at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .adopted import add_adopted, look_into
from .app_refusals import check_apps
from .audit import add_declared, read_listening
from .catalogue import Catalogue
from .certificates import add_certificates
from .collection import House, Inventory, Route, join, read_house, take_off
from .contradictions import check_names, check_ports, check_sites, check_stacks
from .declaration import HOST
from .fixed import check_fixed
from .log_ins import add_log_ins
from .mistakes import InventoryRefused, Mistakes
from .model import Admission, HostPlan, Plan, Probe
from .networks import gateway, pair, seen_as
from .options import decided
from .proxies import add_proxies
from .reachability import add_reachability
from .rollout import add_left_out
from .stacks import Exposed, absent_stack, present_stack
from .told import add_told
from .watch import add_watches

__all__ = ["Inventory", "make"]


def make(inventory: Mapping[str, Inventory], catalogue: Mapping[str, object], remove: bool = False) -> Plan:
    """The Plan of a whole inventory. With `remove`, the Plan that takes everything off again and keeps what is not named in
    `exposure_purge`. Raises `InventoryRefused` with all mistakes."""
    mistakes = Mistakes()
    apps = Catalogue(catalogue, mistakes)
    for name in named_apps(inventory) & set(apps):
        apps[name]  # what is wrong with it is told before anything is made of it
    sound = not mistakes.found
    house = read_house(inventory, apps, mistakes)
    for name, host in house.hosts.items():
        host["listening"] = read_listening(host["listening"], name, mistakes)
    if not sound:  # without the catalogue, what is said of apps would be guessed
        raise InventoryRefused(mistakes)
    if remove:
        take_off(house)
    routes = join(house)
    plan = Plan({name: HostPlan() for name in house.hosts}, {}, [])
    check_names(routes, {name: house.addresses(name) for name in house.hosts}, mistakes)
    check_sites([route for route in routes if not route.theirs], mistakes)
    look_into(house, routes)
    served = [route for route in routes if not route.theirs]
    add_certificates(plan, house, served)
    add_proxies(plan, house, served)
    add_reachability(plan, house)
    add_stacks(plan, house, routes)
    add_adopted(plan, house, routes)
    add_places(plan, house)
    add_log_ins(plan, house, routes)
    add_told(plan, house, routes)
    check_apps(plan, house, routes)
    add_declared(plan, house)
    add_watches(plan, house)
    check_stacks(plan, mistakes)
    check_fixed(plan, apps, {name: host.found for name, host in inventory.items()}, mistakes)
    check_ports(plan, {name: host.found for name, host in inventory.items()}, mistakes)
    if mistakes.found:
        raise InventoryRefused(mistakes)
    add_probes(plan, house, routes)
    add_left_out(plan, house)
    return plan


def named_apps(inventory: Mapping[str, Inventory]) -> set[str]:
    """What sites and apps are called and call each other, in all of the inventory, right or wrong: among these are the catalogue's apps that it needs."""
    lists = [host.variables.get(f"exposure_{kind}") for host in inventory.values() for kind in ("sites", "apps")]
    entries = [entry for given in lists if isinstance(given, list) for entry in given if isinstance(entry, Mapping)]
    entries += [part for entry in entries if isinstance(entry.get("paths"), list) for part in entry["paths"] if isinstance(part, Mapping)]
    return {value for entry in entries for line in ("app", "name") if isinstance(value := entry.get(line), str)}


def add_stacks(plan: Plan, house: House, routes: list[Route]) -> None:
    """The compose project of each app, published for exactly its proxies."""
    for name, host in house.hosts.items():
        for app in host["apps"]:
            if app["compose"]:
                continue
            if app["state"] == "absent":
                plan.hosts[name].stacks.append(absent_stack(app, host))
                continue
            if app["app"] not in house.apps:
                continue
            own = [route for route in routes if route.host == name and route.app is app]
            named = [route for route in own if not route.part["app_port"]] or own  # a further port has names of its own
            exposed = Exposed(house.port(app), url=house.url(named[0].proxy, named[0].site["hosts"][0]) if named else "")
            exposed.hosts = list(dict.fromkeys(name for route in named for name in route.site["hosts"]))
            entry = house.apps[app["app"]]
            wanted = {route.part["app_port"] for route in own if route.part["app_port"]} | app["ports"].keys() & entry["ports"].keys()
            exposed.further = [(entry["ports"][one]["service"], entry["ports"][one]["port"], house.port(app, one)) for one in sorted(wanted)]
            local = [route for route in own if route.proxy == name]
            if local or not own:
                exposed.listen.append("127.0.0.1")
            stack = present_stack(app, entry, host, exposed, decided(app, entry, name, house.mistakes))
            if local:
                stack.peers.append(gateway(stack.network))
            for route in own:
                ends = pair(house.addresses(name), house.addresses(route.proxy))
                if route.proxy == name or not ends:
                    continue
                exposed.admit(*ends)
                peer = seen_as(ends[1], stack.network)
                stack.peers += [peer] if peer not in stack.peers else []
            exposed.publish(stack)
            stack.through = [page for route in own for page in pages(route, house)]
            plan.hosts[name].admissions += [
                Admission(address, port, sources)
                for address, sources in exposed.admitted.items()
                for port in (exposed.port, *(port for _, _, port in exposed.further))
            ]
            plan.hosts[name].stacks.append(stack)


def pages(route: Route, house: House) -> list[dict[str, Any]]:
    """What an app's proxy serves of it, as the app's host sees it: the page that the proof asks for, under each name."""
    site, own = route.site, route.own_entry
    ends = ("", "127.0.0.1") if route.proxy == route.host else pair(house.addresses(route.host), house.addresses(route.proxy))
    if not route.whole or own is None or ends is None or site["maintenance"] or site["tls"] == "passthrough" or route.theirs:
        return []
    proof = site["probe"] or {"contains": "", **own["health"]}
    address = f"[{ends[1]}]" if ":" in ends[1] else ends[1]
    asked = {"url": f"https://{address}{proof['path']}", "status": proof["status"], "contains": proof["contains"]}
    return [{"host": name, **asked} for name in site["hosts"]]


def add_places(plan: Plan, house: House) -> None:
    """Where each host keeps the files of the product that is about apps, where its owner wants them elsewhere than below /etc."""
    for name, host in house.hosts.items():
        if host["directory"] != HOST["directory"].default:
            folders = {"stacks": "stacks", "secrets": "secrets", "records": "apps", "backups": "backups"}
            plan.hosts[name].places = {kind: f"{host['directory']}/{folder}" for kind, folder in folders.items()}


def add_probes(plan: Plan, house: House, routes: list[Route]) -> None:
    """What a client must see of each name."""
    nothing: Mapping[str, Any] = {"health": {"path": "/", "status": [], "contains": ""}, "websocket": None, "echo": None, "ports": {}}
    for route in routes:
        if not route.whole:
            continue
        site = route.site
        entry = route.entry or nothing
        own_port = entry["ports"].get(site["app_port"]) if site["app_port"] else None
        proof = site["probe"] or {"contains": "", **(own_port or entry["health"])}
        websocket = {line: entry["websocket"][line] for line in ("path", "expects")} if probed(entry["websocket"]) and not own_port else None
        closed = sorted({house.port(other.app, other.part["app_port"]) for other in routes if other.site is site and other.app})
        for name in site["hosts"]:
            made = Probe(site["name"], name, route.proxy, proof["path"], proof["status"], proof["contains"], websocket, closed)
            made.passthrough = site["tls"] == "passthrough"
            made.https_port, made.http_port = (house.hosts[route.proxy]["ports"][scheme] for scheme in ("https", "http"))
            if route.theirs and not any(entry["port"] == 80 for app in plan.hosts[route.host].adopted for entry in app.listen):
                made.http_port = 0
            made.echo, made.declared_on = entry["echo"], route.host
            stacks = [*plan.hosts[route.host].stacks, *plan.hosts[route.host].adopted]
            made.peers = [peer for stack in stacks if route.app and stack.name == route.app["name"] for peer in stack.peers]
            add_what_is_served(made, plan.hosts[route.proxy])
            plan.probes.append(made)


def probed(websocket: Mapping[str, Any] | None) -> bool:
    """Whether anybody may open an app's WebSocket, without having logged in."""
    return bool(websocket) and not (websocket or {})["log_in"]


def add_what_is_served(probe: Probe, its: HostPlan) -> None:
    """What the proxy of a site was told."""
    if its.proxy is None:
        return
    probe.engine, probe.http3 = its.proxy.engine, its.proxy.http3 and not probe.passthrough
    for site in its.proxy.sites:
        if site.name == probe.site:
            probe.certificate, probe.hsts, probe.max_body, probe.maintenance = site.certificate, site.hsts, site.max_body, site.maintenance
    stored = [one for one in its.certificates if probe.certificate and one.name == probe.certificate]
    probe.local = any(one.kind == "local" for one in stored)
    probe.wildcard = probe.engine == "caddy" and any(name.startswith("*.") for one in stored for name in one.hosts)
