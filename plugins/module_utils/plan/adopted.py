# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An app of a compose file that a person has: found in it, reached as it is published, and told of its proxies. Its file is its owner's."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from .collection import House, Route
from .compose_project import LOOPBACK, Port, Project, image_tag
from .filling import OPEN, fill
from .mistakes import printable
from .model import AdoptedApp, Plan
from .networks import pair
from .own_proxy import Seen, findings, missing_files, seen_by

OF_THE_FILE = ("version", "image", "network", "environment", "options", "ports")
"""Lines of an entry that the compose file says instead."""
FOR_A_FILE = ("service", "data", "proxied_by", "publish")
OF_THE_PROXY = (
    *("tls", "certificate", "paths", "redirect", "hsts", "max_body", "read_timeout", "keep_streams", "buffering", "compress", "log_queries"),
    *("maintenance", "proxy", "proxy_protocol", "http_upstream"),
)
"""Lines of a site that a proxy of ours would carry out."""
LONGEST_NOTE = 900
TOLD = ("EXPOSURE_PROXIES", "EXPOSURE_PROXIES_SPACED", "EXPOSURE_URL", "EXPOSURE_HOST", "EXPOSURE_HOSTS")


def look_into(house: House, routes: list[Route]) -> None:
    """Find each adopted app in its compose file: `project` (None where nobody looked), `service`, `port` and `reached_at` are filled in, and what
    cannot be is reported."""
    for name, host in house.hosts.items():
        for app in host["apps"]:
            where = f"app {app['name']}"
            if not app["compose"]:
                for line in FOR_A_FILE:
                    if app[line]:
                        house.mistakes.add(
                            name, where, line, app[line], "it is about a compose file of your own", "compose: and the file, such as /srv/media/compose.yml"
                        )
                continue
            app["project"] = None
            if app["state"] == "absent" or app["app"] not in house.apps:
                continue
            check_lines(name, app, house)
            seen = house.inventory[name].found.get("adopted", {}).get(app["compose"])
            if seen is None:  # a host that this run does not look at
                continue
            if seen["problem"]:
                house.mistakes.add(name, where, "compose", app["compose"], seen["problem"], "the compose file or its folder, as it is on this host")
                continue
            take(name, app, Project(seen), house)
    for route in routes:
        if route.theirs and route.whole:
            check_site(route, house)


def check_lines(name: str, app: Mapping[str, Any], house: House) -> None:
    where = f"app {app['name']}"
    for line in OF_THE_FILE:
        if app[line]:
            house.mistakes.add(name, where, line, app[line], "the compose file is yours and says that itself", "the entry without this line")
    if app["name"] in house.hosts[name]["purge"]:
        house.mistakes.add(
            name, "", "exposure_purge", app["name"], "the app is one of your own compose file, and is never wiped from here", "the list without it"
        )


def check_site(route: Route, house: House) -> None:
    """A site that a proxy of a person's own serves: ours does nothing for it."""
    for line in OF_THE_PROXY:
        if route.site[line] and not (line == "tls" and route.site[line] == "acme"):
            problem = "a proxy of your own serves this site, and has to do that itself"
            house.mistakes.add(
                route.host, f"site {route.site['name']}", line, route.site[line], problem, "the site without this line, or the app without proxied_by"
            )


def take(name: str, app: dict[str, Any], project: Project, house: House) -> None:
    where, entry, mistakes = f"app {app['name']}", house.apps[app["app"]], house.mistakes
    service = app["service"] or project.service_of(app["app"], entry["image"])
    if service not in project.services:
        listed = " or ".join(sorted(project.services)) or "a service"
        problem = "the compose file has no such service" if service else f"which of the services is {entry['title']} is not clear"
        mistakes.add(name, where, "service", service or "(missing)", problem, f"service: {listed}")
        return
    proxy = app["proxied_by"]
    if proxy and (proxy not in project.services or proxy == service):
        listed = " or ".join(sorted(set(project.services) - {service}))
        mistakes.add(
            name, where, "proxied_by", proxy, "the compose file has no such other service", f"proxied_by: {listed}" if listed else "the entry without it"
        )
        return
    if proxy:
        for file, problem in missing_files(project, proxy):
            cure = f"the file, before it is started: sudo touch {file}, and its lines" + ("; rmdir the folder first" if "folder," in problem else "")
            mistakes.add(name, where, file, "(missing)", problem, cure)
    app |= {"project": project, "service": service}
    inner = entry["port"]
    if project.mode(service) == "host":
        app["port"] = app["port"] or inner
        if app["publish"]:
            problem = f"{service} has the host's network, and publishes nothing"
            mistakes.add(name, where, "publish", app["publish"], problem, "the entry without this line, and in the compose file a network of Docker's for it")
        return
    ports = [one for one in project.ports(service) if one.protocol == "tcp" and (one.published == app["port"] if app["port"] else one.target == inner)]
    if not ports and not (proxy and not app["port"]):
        free = app["port"] or inner
        target = f"port {app['port']}" if app["port"] else f"port {inner} inside"
        mistakes.add(name, where, "compose", app["compose"], f"{service} publishes no {target}", f'under {service}: ports: ["127.0.0.1:{free}:{inner}"]')
        return
    best = next((one for one in ports if one.wide or one.on_loopback), ports[0] if ports else None)
    app["published"] = ports
    app["port"] = best.published if best else inner
    alone = best is not None and not best.wide and best.address != "127.0.0.1" and not app["publish"]
    app["reached_at"] = "" if best is None or not alone else f"[{best.address}]" if ":" in best.address else best.address


def add_adopted(plan: Plan, house: House, routes: list[Route]) -> None:
    """What each adopted app is told, and what its owner must know."""
    for name, host in house.hosts.items():
        for app in host["apps"]:
            if app["compose"] and app.get("project"):
                own = [route for route in routes if route.host == name and route.app is app]
                plan.hosts[name].adopted.append(adopted(name, app, own, house))
        for stack in plan.hosts[name].stacks:
            for entry in stack.listen:
                for app in host["apps"]:
                    if app["compose"] and app["port"] == entry["port"]:
                        problem = f"your app {app['name']} uses this port of {name} already"
                        house.mistakes.add(name, f"app {stack.name}", "port", entry["port"], problem, "port: and another one")
    for route in routes:
        if route.theirs and route.whole:
            plan.names.update(dict.fromkeys(route.site["hosts"], route.host))


def adopted(name: str, app: dict[str, Any], own: list[Route], house: House) -> AdoptedApp:
    project, service, entry = app["project"], app["service"], house.apps[app["app"]]
    container = project.container(service)
    image = container["image"] if container else project.services[service]["image"]
    made = AdoptedApp(app["name"], app["app"], "present", False, project.look["directory"], image_tag(image))
    made.project, made.service, made.files = project.look["project"], service, list(project.look["files"])
    made.folder, made.engine = project.look["directory"], list(project.look["compose"])
    for seen, line in peers(name, app, own, house):
        if seen.problem:
            house.mistakes.add(name, f"app {app['name']}", line, app[line], seen.problem, seen.write)
        made.peers += [peer for peer in seen.peers if peer not in made.peers]
        made.notes += seen.notes
    if app["proxied_by"]:
        made.notes += findings(project, app["proxied_by"])
    listen(made, app, own, name, house)
    url = house.url(own[0].proxy, own[0].site["hosts"][0]) if own else ""
    hosts = list(dict.fromkeys(one for route in own for one in route.site["hosts"]))
    made.env = {
        "EXPOSURE_URL": url,
        "EXPOSURE_HOST": hosts[0] if hosts else "",
        "EXPOSURE_HOSTS": " ".join(hosts),
        "EXPOSURE_TIMEZONE": house.hosts[name]["timezone"],
        "EXPOSURE_PROXIES": ",".join(made.peers),
        "EXPOSURE_PROXIES_SPACED": " ".join(made.peers),
    }
    tell(made, app, entry, name, house)
    if app["port"] and (app.get("published") or project.mode(service) == "host"):
        made.health = {key: entry["health"][key] for key in ("path", "status", "contains", "wait")}
        made.health["url"] = f"http://{app.get('reached_at') or '127.0.0.1'}:{app['port']}{made.health['path']}"
    made.notes = [printable(note, LONGEST_NOTE) for note in made.notes]
    return made


def peers(name: str, app: Mapping[str, Any], own: list[Route], house: House) -> Iterator[tuple[Seen, str]]:
    """With which addresses the app sees each of its proxies, and the line of the entry that it hangs on."""
    project, service = app["project"], app["service"]
    if app["proxied_by"]:
        yield seen_by(project, service, app["proxied_by"], app["port"]), "proxied_by"
    for route in own:
        if route.theirs:
            continue
        if route.proxy == name:
            yield beside(project, service, app), "compose"
            continue
        ends = pair(house.addresses(name), house.addresses(route.proxy))
        if not ends:
            continue  # reported where the proxy is told where the app is
        published: list[Port] = app.get("published", [])
        if published and not any(one.address in ("0.0.0.0", "") or one.address == ends[0] or (one.address == "::" and ":" in ends[0]) for one in published):
            bracketed = f"[{ends[0]}]" if ":" in ends[0] else ends[0]
            problem = f"{route.proxy} must reach it at {ends[0]}, and it is published on {published[0].address} alone"
            yield Seen(problem=problem, write=f'under {service}: ports: ["{bracketed}:{published[0].published}:{published[0].target}"]'), "compose"
        elif ":" in ends[1] and project.mode(service) != "host":
            yield beside(project, service, {"reached_at": ""}), "compose"
        else:
            yield Seen([ends[1]]), "compose"


def beside(project: Project, service: str, app: Mapping[str, Any]) -> Seen:
    """A proxy on the app's own host."""
    mode = project.mode(service)
    if mode == "host":
        return Seen(list(LOOPBACK))
    if mode:
        return Seen(problem=f"{service} has network_mode: {mode}, so nobody knows whom it sees", write="a network of Docker's for it, or network_mode: host")
    reached = str(app.get("reached_at", "")).strip("[]")
    if reached and reached != "::1":
        return Seen([reached])
    network = project.way_out(service)
    if network and network.gateway:
        return Seen([network.gateway])
    return Seen(problem="it does not run, and which address Docker gives its network is not known", write=f"start it once: {project.started_by(service)}")


def listen(made: AdoptedApp, app: Mapping[str, Any], own: list[Route], name: str, house: House) -> None:
    """Where it listens, as the audit shall want it: on loopback. What goes beyond that is its owner's, and told."""
    project, service = app["project"], app["service"]
    published: list[Port] = app.get("published", [])
    if published or project.mode(service) == "host":
        made.listen.append({"address": "127.0.0.1", "port": app["port"]})
    if app["proxied_by"]:
        for one in project.ports(app["proxied_by"]):
            if one.published in (80, 443):
                made.listen.append({"address": "", "port": one.published, "protocol": one.protocol, "what": f"your proxy {app['proxied_by']}"})
    beyond = [one for one in published if not one.on_loopback]
    targets = sorted({one.target for one in beyond})
    by_host = bool(app["proxied_by"]) and not project.shared(service, app["proxied_by"])
    if app["publish"] and (by_host or any(route.proxy != name for route in own)):
        problem = "its proxy reaches it at a port of the host, which would be closed to it"
        house.mistakes.add(name, f"app {app['name']}", "publish", app["publish"], problem, "the entry without this line")
    elif app["publish"]:
        made.publish = targets
    elif beyond and not by_host:
        lines = ", ".join(dict.fromkeys(f'"127.0.0.1:{one.published}:{one.target}"' for one in beyond))
        made.notes.append(
            f"Everybody at home reaches {service} past its proxy, at port {beyond[0].published}. In {made.files[0]}, under {service}, write "
            f"ports: [{lines}] in place of that port, or publish: loopback in the entry, which does it for you."
        )


def tell(made: AdoptedApp, app: Mapping[str, Any], entry: Mapping[str, Any], name: str, house: House) -> None:
    """The trust and settings of the catalogue, in the folders that the person has."""
    if entry["trust"]:
        folder, _ = where_is(entry["trust"]["folder"], made, app, entry, name, house)
        made.trust = {
            "name": made.name,
            "writer": entry["trust"]["writer"],
            "directory": folder,
            "version": made.version,
            "external_url": made.env["EXPOSURE_URL"],
            "trusted_proxies": list(made.peers),
        }
    for row in fill(entry["settings"], made.env):
        if OPEN.search(json.dumps(row)):
            made.notes.append(f"{row['file']} is left as it is: what belongs there is asked where the app is one of ours alone.")
        elif made.peers:
            file, below = where_is(row["file"], made, app, entry, name, house)
            made.settings.append({**row, "inside": row["file"], "file": file, "below": below, "missing": "wait"})
    made.commands = [{**row, "service": made.service} for row in fill(entry["commands"], made.env) if row["service"] == app["app"] and made.peers]
    said = app["project"].services[made.service]["told"]
    wanted = {key: str(fill(value, made.env)) for key, value in entry["service"].get("environment", {}).items() if set(OPEN.findall(str(value))) & set(TOLD)}
    lacking = {key: value for key, value in wanted.items() if value and not OPEN.search(value) and said.get(key) != value}
    if lacking and made.peers:
        lines = ", ".join(f'{key}: "{value}"' for key, value in lacking.items())
        made.notes.append(
            f"{made.service} is told by its environment, which is in your file: under environment: in {made.files[0]} write {lines}; then "
            f"{app['project'].started_by(made.service)}"
        )


def where_is(inside: str, made: AdoptedApp, app: Mapping[str, Any], entry: Mapping[str, Any], name: str, house: House) -> tuple[str, str]:
    """A folder or file below the app's data in the catalogue, on the host, and the folder there that is mounted: as `data` says, else where the person's
    file mounts what the catalogue mounts there."""
    for prefix in sorted(app["data"], key=len, reverse=True):
        if inside == prefix or inside.startswith(f"{prefix}/"):
            return str(app["data"][prefix]) + inside.removeprefix(prefix), str(app["data"][prefix])
    for volume in entry["service"].get("volumes", []):
        long = volume if isinstance(volume, dict) else {}
        source, target = (str(long.get(line, "")) for line in ("source", "target")) if long else str(volume).split(":")[:2] if ":" in str(volume) else ("", "")
        top = source.removeprefix("${EXPOSURE_DATA}/")
        if source != top and (inside == top or inside.startswith(f"{top}/")):
            path = target + inside.removeprefix(top)
            mount = app["project"].mount(made.service, path)
            if mount:
                return str(mount["source"]) + path.removeprefix(mount["target"].rstrip("/")), str(mount["source"])
    top = inside.partition("/")[0]
    problem = f"where {made.service} has its folder {top} on this host is not known, as the compose file mounts it elsewhere"
    house.mistakes.add(name, f"app {app['name']}", "data", top, problem, f"data: {{{top}: /where/it/is}}")
    return inside, inside
