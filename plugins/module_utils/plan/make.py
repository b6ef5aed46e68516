# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""All declarations in, one Plan out, or every mistake at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from . import engines
from .catalogue import read_catalogue
from .contradictions import check_names, check_ports, check_stacks
from .declaration import read_host
from .mistakes import InventoryRefused, Mistakes
from .model import Admission, HostPlan, Opening, Plan, Probe, Proxy, ProxySite
from .networks import gateway, pair, seen_as
from .stacks import Exposed, absent_stack, present_stack

STREAMS_KEPT = 300
"""Seconds for which WebSockets stay open over a reload where the proxy can do that."""


@dataclass(frozen=True)
class Inventory:
    """One host as the inventory and a look at it tell.

    `variables`: its `exposure_*` variables. `groups`: the groups it is in. `found`: what `exposure_host_info` saw (`release`, `caddy`,
    `addresses`, `listening`), or nothing where the host was not asked.
    """

    variables: Mapping[str, object]
    groups: tuple[str, ...] = ()
    found: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Route:
    """A site joined with the host it was declared on, the host of its proxy, and its app there."""

    site: dict[str, Any]
    host: str
    proxy: str
    app: dict[str, Any] | None


def make(inventory: Mapping[str, Inventory], catalogue: Mapping[str, object], remove: bool = False) -> Plan:
    """The Plan of a whole inventory. With `remove`, the Plan that takes everything off again and keeps what is not named in
    `exposure_purge`. Raises `InventoryRefused` with all mistakes."""
    mistakes = Mistakes()
    apps = read_catalogue(catalogue, mistakes)
    sound = not mistakes.found
    hosts = {name: read_host(host.variables, name, mistakes) for name, host in inventory.items()}
    if not sound:  # without the catalogue, what is said of apps would be guessed
        raise InventoryRefused(mistakes)
    proxies = proxies_of(inventory, hosts)
    if remove:
        take_off(hosts)
    routes = join(hosts, proxies, apps, mistakes)
    plan = Plan({name: HostPlan() for name in hosts}, {}, [], [])
    check_names(routes, {name: lan_addresses(name, hosts, inventory) for name in hosts}, mistakes)
    add_proxies(plan, hosts, inventory, proxies, routes, apps, mistakes)
    add_stacks(plan, hosts, inventory, routes, apps, mistakes)
    check_stacks(plan, mistakes)
    check_ports(plan, {name: host.found for name, host in inventory.items()}, mistakes)
    if mistakes.found:
        raise InventoryRefused(mistakes)
    add_probes(plan, routes, apps)
    return plan


def take_off(hosts: dict[str, dict[str, Any]]) -> None:
    for host in hosts.values():
        named = {app["name"]: app for app in host["apps"]}
        for site in host["sites"]:
            if site["app"] and site["app"] not in named:
                named[site["app"]] = implied_app(site["app"])
        host["sites"] = []
        host["apps"] = [{**app, "state": "absent"} for app in named.values()]


def implied_app(name: str) -> dict[str, Any]:
    """The app that a site names without an entry in `exposure_apps`."""
    return {"name": name, "app": "", "version": "", "image": "", "port": 0, "network": "", "environment": {}, "state": "present"}


def proxies_of(inventory: Mapping[str, Inventory], hosts: Mapping[str, dict[str, Any]]) -> list[str]:
    """The hosts that carry a proxy: the group `proxy`, or without such a group the only host that declares something."""
    grouped = [name for name, host in inventory.items() if "proxy" in host.groups]
    declaring = [name for name, host in hosts.items() if host["sites"] or host["apps"]]
    return grouped or (declaring if len(declaring) == 1 else [])


def join(hosts: dict[str, dict[str, Any]], proxies: list[str], apps: Mapping[str, Any], mistakes: Mistakes) -> list[Route]:
    """Every site with its proxy and its app. What a site leaves out is filled in here."""
    routes = []
    for name, host in hosts.items():
        entries = apps_by_name(name, host, mistakes)
        for site in host["sites"]:
            where = f"site {site['name']}"
            proxy = "" if mistakes.about(name, where, "proxy") else choose_proxy(site, name, proxies, mistakes)
            app = app_of(site, name, entries, mistakes)
            if not site["hosts"] and not mistakes.about(name, where, "hosts") and not default_hosts(site, host):
                mistakes.add(name, where, "hosts", "(missing)", "the site has no name, and none can be made of exposure_domain", "hosts: [home.example.org]")
            if proxy and site["hosts"]:
                routes.append(Route(site, name, proxy, app if app and app["app"] in apps else None))
        host["apps"] = list(entries.values())
        for app in host["apps"]:
            app["app"] = app["app"] or app["name"]
            if app["app"] not in apps and app["state"] != "absent" and not mistakes.about(name, f"app {app['name']}", "app"):
                mistakes.add(
                    name,
                    f"app {app['name']}",
                    "app",
                    app["app"],
                    "the catalogue has no such app",
                    "one of " + ", ".join(sorted(apps)) + ", or an upstream of your own",
                )
    return routes


def app_of(site: dict[str, Any], host: str, entries: dict[str, dict[str, Any]], mistakes: Mistakes) -> dict[str, Any] | None:
    """The app that a site names, entered where it stands in no list; None for a site with an upstream, or with a mistake here."""
    where = f"site {site['name']}"
    if mistakes.about(host, where, "app", "upstream"):
        return None
    if bool(site["app"]) == bool(site["upstream"]):
        cure = "app: home_assistant or upstream: http://192.168.1.20:8080"
        mistakes.add(host, where, "app", site["app"] or "(missing)", "a site needs an app or an upstream, and not both", cure)
        return None
    if not site["app"]:
        return None
    app = entries.setdefault(site["app"], implied_app(site["app"]))
    app["app"] = app["app"] or app["name"]
    if app["state"] == "absent":
        cure = "the site without this app, or the app with state: present"
        mistakes.add(host, where, "app", site["app"], "the app is declared state: absent", cure)
        return None
    return app


def apps_by_name(name: str, host: Mapping[str, Any], mistakes: Mistakes) -> dict[str, dict[str, Any]]:
    """The entries of `exposure_apps` of one host, each name once."""
    entries: dict[str, dict[str, Any]] = {}
    for app in host["apps"]:
        if entries.setdefault(app["name"], app) is not app:
            cure = f"one entry, or a name of its own for the second: {{name: second, app: {app['app'] or app['name']}}}"
            mistakes.add(name, f"app {app['name']}", "name", app["name"], "the app is declared twice on this host", cure)
    return entries


def default_hosts(site: dict[str, Any], host: dict[str, Any]) -> bool:
    """Give a site without names the name `<site>.<exposure_domain>`, where that is a host name."""
    if host["domain"] and "_" not in site["name"] and not site["name"].endswith("-"):
        site["hosts"] = [f"{site['name']}.{host['domain']}"]
    return bool(site["hosts"])


def choose_proxy(site: dict[str, Any], host: str, proxies: list[str], mistakes: Mistakes) -> str:
    """The proxy that a site names, else the one on its own host, else the only one; '' and a mistake where there is none."""
    if site["proxy"]:
        if site["proxy"] in proxies:
            return str(site["proxy"])
        mistakes.add(
            host,
            f"site {site['name']}",
            "proxy",
            site["proxy"],
            "it is not a host of the group proxy",
            " or ".join(proxies) or "a host, and put that host into the group proxy",
        )
        return ""
    if host in proxies:
        return host
    if len(proxies) == 1:
        return proxies[0]
    problem = "there are several proxies to choose from" if proxies else "no host carries a proxy"
    mistakes.add(
        host,
        f"site {site['name']}",
        "proxy",
        "(missing)",
        problem,
        "proxy: " + " or ".join(proxies) if proxies else "a group proxy with one host in the inventory",
    )
    return ""


def lan_addresses(name: str, hosts: Mapping[str, Any], inventory: Mapping[str, Inventory]) -> list[str]:
    """A host's addresses on the home network: as declared, else as found on its default interface."""
    return list(hosts[name]["address"] or inventory[name].found.get("addresses", []))


def add_proxies(
    plan: Plan,
    hosts: Mapping[str, Any],
    inventory: Mapping[str, Inventory],
    proxies: list[str],
    routes: list[Route],
    apps: Mapping[str, Any],
    mistakes: Mistakes,
) -> None:
    """The proxy of each host that carries one, or that an earlier run gave one: what is declared no more is served no more."""
    released = [name for name, host in inventory.items() if host.found.get("caddy_released")]
    for name in sorted({*proxies, *released}):
        host, found = hosts[name], inventory[name].found
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
        wished = [engines.KEEP_STREAMS] if any(r.app and apps[r.app["app"]]["websocket"] for r in own) else []
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
        sites = [proxy_site(route, hosts, inventory, apps, version, mistakes) for route in sorted(own, key=lambda r: str(r.site["name"]))]
        plan.hosts[name].proxy = Proxy("caddy", source, list(version), sites, dict(host["acme"]))
        plan.hosts[name].openings = [Opening(80, "tcp"), Opening(443, "tcp"), Opening(443, "udp")]
        plan.names.update({host_name: name for site in sites for host_name in site.hosts})
        plan.certificates += [{"name": site.hosts[0], "hosts": site.hosts, "kind": site.issuer, "proxy": name} for site in sites]


def proxy_site(
    route: Route, hosts: Mapping[str, Any], inventory: Mapping[str, Inventory], apps: Mapping[str, Any], version: tuple[int, int], mistakes: Mistakes
) -> ProxySite:
    site = route.site
    if route.app:
        entry = apps[route.app["app"]]
        upstream, tls, preset = app_endpoint(route, hosts, inventory, apps, mistakes), False, entry["proxy"]
    else:
        scheme, _, upstream = site["upstream"].partition("://")
        tls, preset = scheme == "https", {}

    def setting(key: str, default: int) -> int:
        return int(next((value for value in (site[key], preset.get(key)) if value is not None), default))

    keep = setting("keep_streams", STREAMS_KEPT) if version >= engines.KEEP_STREAMS.since else 0
    return ProxySite(site["name"], site["hosts"], upstream, tls, site["tls"], site["hsts"], setting("max_body", 0), setting("read_timeout", 0), keep)


def published_port(app: Mapping[str, Any], apps: Mapping[str, Any]) -> int:
    return int(app["port"] or apps[app["app"]]["port"])


def app_endpoint(route: Route, hosts: Mapping[str, Any], inventory: Mapping[str, Inventory], apps: Mapping[str, Any], mistakes: Mistakes) -> str:
    """`address:port` at which a site's proxy reaches its app."""
    assert route.app is not None
    port = published_port(route.app, apps)
    if route.host == route.proxy:
        return f"127.0.0.1:{port}"
    found = pair(lan_addresses(route.host, hosts, inventory), lan_addresses(route.proxy, hosts, inventory))
    if not found:
        lacking = next((name for name in (route.host, route.proxy) if not lan_addresses(name, hosts, inventory)), route.host)
        mistakes.add(
            lacking,
            f"site {route.site['name']}",
            "exposure_address",
            "(missing)",
            f"{route.proxy} must reach {route.host}, and no address of one family is known for both",
            "exposure_address: 192.168.1.20 (the host's address on the home network)",
        )
        return f"127.0.0.1:{port}"
    return f"[{found[0]}]:{port}" if ":" in found[0] else f"{found[0]}:{port}"


def add_stacks(
    plan: Plan, hosts: Mapping[str, Any], inventory: Mapping[str, Inventory], routes: list[Route], apps: Mapping[str, Any], mistakes: Mistakes
) -> None:
    for name, host in hosts.items():
        for app in host["apps"]:
            if app["state"] == "absent":
                plan.hosts[name].stacks.append(absent_stack(app, host))
                continue
            if app["app"] not in apps:
                continue
            own = [route for route in routes if route.host == name and route.app is app]
            exposed = Exposed(published_port(app, apps), url=f"https://{own[0].site['hosts'][0]}" if own else "")
            local = [route for route in own if route.proxy == name]
            if local or not own:
                exposed.listen.append("127.0.0.1")
            stack = present_stack(app, apps[app["app"]], host, exposed)
            if local:
                stack.peers.append(gateway(stack.network))
            for route in own:
                ends = pair(lan_addresses(name, hosts, inventory), lan_addresses(route.proxy, hosts, inventory))
                if route.proxy == name or not ends:
                    continue
                exposed.admit(*ends)
                peer = seen_as(ends[1], stack.network)
                stack.peers += [peer] if peer not in stack.peers else []
            exposed.publish(stack)
            plan.hosts[name].admissions += [Admission(address, exposed.port, sources) for address, sources in exposed.admitted.items()]
            plan.hosts[name].stacks.append(stack)


def add_probes(plan: Plan, routes: list[Route], apps: Mapping[str, Any]) -> None:
    for route in routes:
        entry: Mapping[str, Any] = apps[route.app["app"]] if route.app else {"health": {"path": "/", "status": [], "contains": ""}, "websocket": None}
        proof = route.site["probe"] or entry["health"]
        closed = [published_port(route.app, apps)] if route.app else []
        for host_name in route.site["hosts"]:
            plan.probes.append(Probe(route.site["name"], host_name, route.proxy, proof["path"], proof["status"], proof["contains"], entry["websocket"], closed))
