# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""All declarations in, one Plan out, or every mistake at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import engines
from .catalogue import read_catalogue
from .collection import House, Inventory, Route, join, read_house, take_off
from .contradictions import check_names, check_ports, check_stacks
from .mistakes import InventoryRefused, Mistakes
from .model import Admission, HostPlan, Opening, Plan, Probe, Proxy, ProxySite
from .networks import gateway, pair, seen_as
from .stacks import Exposed, absent_stack, present_stack

__all__ = ["Inventory", "make"]

STREAMS_KEPT = 300
"""Seconds for which WebSockets stay open over a reload where the proxy can do that."""


def make(inventory: Mapping[str, Inventory], catalogue: Mapping[str, object], remove: bool = False) -> Plan:
    """The Plan of a whole inventory. With `remove`, the Plan that takes everything off again and keeps what is not named in
    `exposure_purge`. Raises `InventoryRefused` with all mistakes."""
    mistakes = Mistakes()
    apps = read_catalogue(catalogue, mistakes)
    sound = not mistakes.found
    house = read_house(inventory, apps, mistakes)
    if not sound:  # without the catalogue, what is said of apps would be guessed
        raise InventoryRefused(mistakes)
    if remove:
        take_off(house)
    routes = join(house)
    plan = Plan({name: HostPlan() for name in house.hosts}, {}, [], [])
    check_names(routes, {name: house.addresses(name) for name in house.hosts}, mistakes)
    add_proxies(plan, house, routes)
    add_stacks(plan, house, routes)
    check_stacks(plan, mistakes)
    check_ports(plan, {name: host.found for name, host in inventory.items()}, mistakes)
    if mistakes.found:
        raise InventoryRefused(mistakes)
    add_probes(plan, house, routes)
    return plan


def add_proxies(plan: Plan, house: House, routes: list[Route]) -> None:
    """The proxy of each host that carries one, or that an earlier run gave one: what is declared no more is served no more."""
    mistakes = house.mistakes
    released = [name for name, host in house.inventory.items() if host.found.get("caddy_released")]
    for name in sorted({*house.proxies, *released}):
        host, found = house.hosts[name], house.inventory[name].found
        release = found.get("release") or engines.NEWEST_TESTED
        if release not in engines.PACKAGED:
            mistakes.add(name, "", "(Debian release)", release, "this release is not supported for a proxy", "a host with Debian 12 (bookworm) or 13 (trixie)")
            continue
        if found.get("caddyfile_edited") and not found.get("caddy_released"):
            mistakes.add(
                name,
                "",
                "/etc/caddy/Caddyfile",
                "(a configuration of your own)",
                "Caddy already serves it, and would not any more",
                "its sites into exposure_sites; then move the file to /etc/caddy/Caddyfile.before",
            )
        own = [route for route in routes if route.proxy == name]
        asked = [(engines.KEEP_STREAMS, f"site {r.site['name']}", "keep_streams", r.site["keep_streams"], r.host) for r in own if r.site["keep_streams"]]
        if host["acme"]["profile"]:
            asked.append((engines.ACME_PROFILE, "", "exposure_acme.profile", host["acme"]["profile"], name))
        wished = [engines.KEEP_STREAMS] if any(r.app and house.apps[r.app["app"]]["websocket"] for r in own) else []
        source, version = engines.choose(
            release, str(found.get("caddy", "")), max([feature.since for feature, *_ in asked] + [w.since for w in wished], default=(2, 6))
        )
        for feature, site, place, value, asker in asked:
            if feature.since > version:
                needed, had = (".".join(map(str, v)) for v in (feature.since, version))
                mistakes.add(
                    asker,
                    site,
                    place,
                    value,
                    f"to {feature.what}, Caddy {needed} is needed; {name} ({release}) has {had}",
                    "the site without this line, or a proxy on Debian 13 (trixie)",
                )
        sites = [proxy_site(route, house, version) for route in sorted(own, key=lambda r: str(r.site["name"]))]
        plan.hosts[name].proxy = Proxy("caddy", source, list(version), sites, dict(host["acme"]))
        plan.hosts[name].openings = [Opening(80, "tcp"), Opening(443, "tcp"), Opening(443, "udp")]
        plan.names.update({host_name: name for site in sites for host_name in site.hosts})
        plan.certificates += [{"name": site.hosts[0], "hosts": site.hosts, "kind": site.issuer, "proxy": name} for site in sites]


def proxy_site(route: Route, house: House, version: tuple[int, int]) -> ProxySite:
    site = route.site
    if route.app:
        entry = house.apps[route.app["app"]]
        upstream, tls, preset = app_endpoint(route, house), False, entry["proxy"]
    else:
        scheme, _, upstream = site["upstream"].partition("://")
        tls, preset = scheme == "https", {}

    def setting(key: str, default: int) -> int:
        return int(next((value for value in (site[key], preset.get(key)) if value is not None), default))

    keep = setting("keep_streams", STREAMS_KEPT) if version >= engines.KEEP_STREAMS.since else 0
    return ProxySite(site["name"], site["hosts"], upstream, tls, site["tls"], site["hsts"], setting("max_body", 0), setting("read_timeout", 0), keep)


def app_endpoint(route: Route, house: House) -> str:
    """`address:port` at which a site's proxy reaches its app."""
    assert route.app is not None
    port = house.port(route.app)
    if route.host == route.proxy:
        return f"127.0.0.1:{port}"
    found = pair(house.addresses(route.host), house.addresses(route.proxy))
    if not found:
        lacking = next((name for name in (route.host, route.proxy) if not house.addresses(name)), route.host)
        house.mistakes.add(
            lacking,
            f"site {route.site['name']}",
            "exposure_address",
            "(missing)",
            f"{route.proxy} must reach {route.host}, and no address of one family is known for both",
            "exposure_address: 192.168.1.20 (the host's address on the home network)",
        )
        return f"127.0.0.1:{port}"
    return f"[{found[0]}]:{port}" if ":" in found[0] else f"{found[0]}:{port}"


def add_stacks(plan: Plan, house: House, routes: list[Route]) -> None:
    """The compose project of each app, published for exactly its proxies."""
    for name, host in house.hosts.items():
        for app in host["apps"]:
            if app["state"] == "absent":
                plan.hosts[name].stacks.append(absent_stack(app, host))
                continue
            if app["app"] not in house.apps:
                continue
            own = [route for route in routes if route.host == name and route.app is app]
            exposed = Exposed(house.port(app), url=f"https://{own[0].site['hosts'][0]}" if own else "")
            local = [route for route in own if route.proxy == name]
            if local or not own:
                exposed.listen.append("127.0.0.1")
            stack = present_stack(app, house.apps[app["app"]], host, exposed)
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
            plan.hosts[name].admissions += [Admission(address, exposed.port, sources) for address, sources in exposed.admitted.items()]
            plan.hosts[name].stacks.append(stack)


def add_probes(plan: Plan, house: House, routes: list[Route]) -> None:
    """What a client must see of each name."""
    for route in routes:
        entry: Mapping[str, Any] = house.apps[route.app["app"]] if route.app else {"health": {"path": "/", "status": [], "contains": ""}, "websocket": None}
        proof = route.site["probe"] or entry["health"]
        closed = [house.port(route.app)] if route.app else []
        for host_name in route.site["hosts"]:
            plan.probes.append(Probe(route.site["name"], host_name, route.proxy, proof["path"], proof["status"], proof["contains"], entry["websocket"], closed))
