# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The declarations of all hosts, read and joined: every site with its proxy and its app, whichever host it was declared on."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .declaration import APP, read_host
from .mistakes import Mistakes
from .published import read_published


@dataclass(frozen=True)
class Inventory:
    """One host as the inventory and a look at it tell.

    `variables`: its `exposure_*` variables. `groups`: the groups it is in. `found`: what the module `host_info` saw (`release`, `caddy`,
    `addresses`, `listening`), what is likely still so of what an earlier run saw, or nothing where the host was never asked. `out`: why it is not in this
    run (rollout.py), '' where it is. `reached_at`: where Ansible reaches it.
    """

    variables: Mapping[str, object]
    groups: tuple[str, ...] = ()
    found: Mapping[str, Any] = field(default_factory=dict)
    out: str = ""
    reached_at: str = ""


@dataclass
class Route:
    """Where requests of a site go: a site, or a `part` of it (an entry of its `paths`), joined with the host it was declared on, the host of
    its proxy, and its app there. `entry` is what the catalogue says of what it shows, which may run elsewhere: then there is no `app`."""

    site: dict[str, Any]
    host: str
    proxy: str
    app: dict[str, Any] | None
    part: dict[str, Any]
    entry: Mapping[str, Any] | None = None
    theirs: bool = False
    """Whether a proxy of a person's own serves the site, and none of ours."""

    @property
    def own_entry(self) -> Mapping[str, Any] | None:
        """What the catalogue says of the app's own port: a further one is another matter."""
        return None if self.part["app_port"] else self.entry

    @property
    def whole(self) -> bool:
        """Whether it is the site itself. Each site has one such route, the first."""
        return self.part is self.site

    @property
    def place(self) -> str:
        """What comes before a field of the part in a message."""
        return "" if self.whole else f"paths[{self.part['number']}]."


@dataclass
class House:
    """What was declared and found, on all hosts. `hosts`: declarations as `read_host` gives them; `apps`: the catalogue."""

    inventory: Mapping[str, Inventory]
    hosts: dict[str, dict[str, Any]]
    apps: Mapping[str, Any]
    proxies: list[str]
    mistakes: Mistakes

    def addresses(self, name: str) -> list[str]:
        """A host's addresses on the home network: as declared, else as found on its default interface."""
        return list(self.hosts[name]["address"] or self.inventory[name].found.get("addresses", []))

    def port(self, app: Mapping[str, Any], name: str = "") -> int:
        """The port on which an app is published; with `name`, that of one of its further ports."""
        entry = self.apps[app["app"]]
        if name:
            return int(app["ports"].get(name) or entry["ports"][name]["publish"] or entry["ports"][name]["port"])
        return int(app["port"] or entry["publish"] or entry["port"])

    def url(self, proxy: str, name: str) -> str:
        """The address of a site for a person, with the port by which the proxy is reached where that is not the one of https."""
        port = self.hosts[proxy]["ports"]["https"]
        return f"https://{name}" + (f":{port}" if port != 443 else "")


def read_house(inventory: Mapping[str, Inventory], apps: Mapping[str, Any], mistakes: Mistakes) -> House:
    """All hosts' declarations, each checked by itself."""
    hosts = {name: read_host(host.variables, name, mistakes) for name, host in inventory.items()}
    for name, host in hosts.items():
        read_published(host, name, mistakes)
    return House(inventory, hosts, apps, proxies_of(inventory, hosts), mistakes)


def take_off(house: House) -> None:
    """No site any more, and every app absent."""
    for host in house.hosts.values():
        named = {app["name"]: app for app in host["apps"]}
        for part in [part for site in host["sites"] for part in (site, *site["paths"])]:
            if part["app"] and part["app"] not in named:
                named[part["app"]] = implied_app(part["app"])
        host["sites"], host["app_tokens"] = [], {}
        host["apps"] = [{**app, "state": "absent"} for app in named.values()]


def implied_app(name: str) -> dict[str, Any]:
    """The app that a site names without an entry in `exposure_apps`."""
    left_out = {line: copy.deepcopy(field.default) for line, field in APP.items()}
    return {**left_out, "name": name}


def proxies_of(inventory: Mapping[str, Inventory], hosts: Mapping[str, dict[str, Any]]) -> list[str]:
    """The hosts that carry a proxy: the group `proxy`, or without such a group the only host that declares something."""
    grouped = [name for name, host in inventory.items() if "proxy" in host.groups]
    declaring = [name for name, host in hosts.items() if (host["sites"] or host["apps"]) and not all_have_own_proxy(host)]
    return grouped or (declaring if len(declaring) == 1 else [])


def has_own_proxy(site: Mapping[str, Any], host: Mapping[str, Any]) -> bool:
    """Whether the app of a site stands behind a proxy of a person's own (`proxied_by`)."""
    return any(app["name"] == site["app"] and app["proxied_by"] and app["state"] == "present" for app in host["apps"])


def all_have_own_proxy(host: Mapping[str, Any]) -> bool:
    return bool(host["sites"]) and all(has_own_proxy(site, host) for site in host["sites"])


def join(house: House) -> list[Route]:
    """Every site with its proxy and its app. What a site leaves out is filled in here."""
    mistakes, apps = house.mistakes, house.apps
    routes = []
    for name, host in house.hosts.items():
        entries = apps_by_name(name, host, mistakes)
        declared = {app for app, entry in entries.items() if entry["state"] != "absent"}
        for site in host["sites"]:
            where = f"site {site['name']}"
            theirs = has_own_proxy(site, host)
            proxy = name if theirs else "" if mistakes.about(name, where, "proxy") else choose_proxy(site, name, house.proxies, mistakes)
            if not site["hosts"] and not mistakes.about(name, where, "hosts") and not default_hosts(site, host):
                mistakes.add(name, where, "hosts", "(missing)", "the site has no name, and none can be made of exposure_domain", "hosts: [home.example.org]")
            for part in (site, *site["paths"]):
                route = Route(site, name, proxy, None, part, theirs=theirs)
                route.entry = elsewhere(route, entries, declared, apps)
                app = None if route.entry else app_of(route, entries, mistakes)
                route.app = app if app and app["app"] in apps else None
                route.entry = apps[route.app["app"]] if route.app else route.entry
                check_app_port(route, apps, mistakes)
                if route.whole:
                    take_preset(site, route.entry["proxy"] if route.entry else {}, route.app is None)
                if proxy and site["hosts"]:
                    routes.append(route)
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
        host["apps"] = [app for app in host["apps"] if has_image(name, app, apps, mistakes)]
    return routes


def elsewhere(route: Route, entries: Mapping[str, Any], declared: set[str], apps: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What the catalogue says of an app that a site names together with an upstream: one that runs there, and is not deployed here."""
    name = route.part["app"]
    if not route.whole or not name or not route.part["upstream"] or name in declared:
        return None
    found: Mapping[str, Any] | None = apps.get((entries[name]["app"] or name) if name in entries else name)
    return found


def has_image(host: str, app: Mapping[str, Any], apps: Mapping[str, Any], mistakes: Mistakes) -> bool:
    """Whether an app can be deployed: the catalogue has its image, or the person says their own. False, and a mistake, where there is none."""
    entry, where = apps.get(app["app"]), f"app {app['name']}"
    if entry is None or app["state"] == "absent" or entry["image"]:
        return True
    if not entry["port"]:
        cure = f"a site with app: {app['app']} and upstream: https://192.168.1.20, its address"
        mistakes.add(host, where, "app", app["app"], f"{entry['title']} is an appliance of its own: it is shown, and not deployed", cure)
        return False
    for line in ("image", "version"):
        if not app[line] and not mistakes.about(host, where, line):
            mistakes.add(host, where, line, "(missing)", f"{entry['title']} has no image for everybody: it is one of your own", f"{line}: that of your image")
    return bool(app["image"] and app["version"])


def check_app_port(route: Route, apps: Mapping[str, Any], mistakes: Mistakes) -> None:
    """A further port that a site or a part of it names is one that the catalogue gives its app."""
    name, known = route.part["app_port"], apps[route.app["app"]]["ports"] if route.app else {}
    if name and name not in known:
        problem = "the app has no such port" if route.app else "there is no app that it could be about"
        mistakes.add(
            route.host, f"site {route.site['name']}", f"{route.place}app_port", name, problem, " or ".join(sorted(known)) or "the site without this line"
        )
        route.part["app_port"] = ""


NEEDS = ("max_body", "read_timeout", "keep_streams", "buffering", "compress", "log_queries")


def take_preset(site: dict[str, Any], preset: Mapping[str, Any], alone: bool = False) -> None:
    """What the catalogue says of an app where its site says nothing: where its TLS ends, what comes over http to it, and where the app is not on a host
    of the inventory (`alone`), what it needs of its proxy."""
    site["tls"] = site["tls"] or ("" if site["certificate"] else preset.get("tls", "")) or "acme"
    site["http_paths"] = site["http_paths"] or preset.get("http_paths") or ["/.well-known/acme-challenge/", "/.freepbx-known/"]
    for line in NEEDS if alone and site["tls"] != "passthrough" else ():
        site[line] = preset.get(line) if site[line] is None else site[line]


def app_of(route: Route, entries: dict[str, dict[str, Any]], mistakes: Mistakes) -> dict[str, Any] | None:
    """The app that a site or a part of it names, entered where it stands in no list; None for one with an upstream, or with a mistake here."""
    part, host, where = route.part, route.host, f"site {route.site['name']}"
    line = f"{route.place}app"
    if mistakes.about(host, where, line, f"{route.place}upstream"):
        return None
    elsewhere = route.whole and (bool(part["redirect"] or part["paths"]) or mistakes.about(host, where, "redirect", "paths"))
    if bool(part["app"]) == bool(part["upstream"]) and not (elsewhere and not part["app"]):
        cure = "app: home_assistant or upstream: http://192.168.1.20:8080"
        mistakes.add(host, where, line, part["app"] or "(missing)", "a site needs an app or an upstream, and not both", cure)
        return None
    if not part["app"]:
        return None
    app = entries.setdefault(part["app"], implied_app(part["app"]))
    app["app"] = app["app"] or app["name"]
    if app["state"] == "absent":
        cure = "the site without this app, or the app with state: present"
        mistakes.add(host, where, line, part["app"], "the app is declared state: absent", cure)
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
