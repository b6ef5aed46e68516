# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The proxy of each host: its engine and version, its virtual hosts, and what it passes through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from . import engines
from .answers import answers, base, passed_on
from .certificates import acme_settings, stored_name
from .collection import House, Route
from .contradictions import is_on
from .engines import TITLES, Feature, Version
from .model import Location, Opening, Passthrough, Plan, Proxy, ProxySite
from .networks import pair
from .rollout import check_address

STREAMS_KEPT = 300
"""Seconds for which WebSockets stay open over a reload where the proxy can do that."""


@dataclass(frozen=True)
class Wish:
    """A feature that a line of the inventory asks for, and where it stands."""

    feature: Feature
    host: str
    site: str
    field: str
    value: object
    instead: str = "the site without this line, or a proxy on Debian 13 (trixie)"


def add_proxies(plan: Plan, house: House, routes: list[Route]) -> None:
    """The proxy of each host that carries one, or that an earlier run gave one: what is declared no more is served no more."""
    released = [name for name, host in house.inventory.items() if earlier(host.found)]
    for name in sorted({*house.proxies, *released}):
        found = house.inventory[name].found
        release = found.get("release") or engines.NEWEST_TESTED
        if release not in engines.RELEASES:
            cure = "a host with Debian 12 (bookworm) or 13 (trixie)"
            house.mistakes.add(name, "", "(Debian release)", release, "this release is not supported for a proxy", cure)
            continue
        check_own_configuration(name, house)
        add_proxy(plan, house, name, release, routes)


def earlier(found: Any) -> list[str]:
    """The engines that an earlier run set up on a host."""
    return [engine for engine in TITLES if found.get(f"{engine}_released")]


def check_own_configuration(name: str, house: House) -> None:
    """What a person's own configuration of the engine would collide with."""
    found, engine = house.inventory[name].found, house.hosts[name]["proxy"]
    if engine == "caddy" and found.get("caddyfile_edited") and not found.get("caddy_released"):
        problem = "Caddy already serves it, and would not any more"
        cure = "its sites into exposure_sites; then move the file to /etc/caddy/Caddyfile.before"
        house.mistakes.add(name, "", "/etc/caddy/Caddyfile", "(a configuration of your own)", problem, cure)
    if engine == "caddy" and found.get("nginx_released") and found.get("nginx_own_sites"):
        problem = "nginx serves sites of your own there too, and they would be gone with it"
        house.mistakes.add(name, "", "exposure_proxy", "caddy", problem, "what is in /etc/nginx/sites-enabled as exposure_sites, then their files moved away")
    if engine == "nginx":
        for path in found.get("nginx_defaults", []):
            problem = "it is the default server of port 80 or 443, and would answer for names that nobody declared"
            house.mistakes.add(name, "", path, "default_server", problem, "its listen lines without default_server")


def add_proxy(plan: Plan, house: House, name: str, release: str, routes: list[Route]) -> None:
    host, found = house.hosts[name], house.inventory[name].found
    own = [route for route in routes if route.proxy == name]
    engine = host["proxy"]
    split = any(route.site["tls"] == "passthrough" for route in own)
    wishes = [wish for wish in wishes_of(house, name, own) if wish.feature.engine == engine]
    liked = [engines.KEEP_STREAMS.since] if engine == "caddy" and any(r.entry and r.entry["websocket"] for r in own) else []
    wanted = max([wish.feature.since for wish in wishes] + liked, default=engines.OLDEST[engine])
    source, version = engines.choose(engine, release, str(found.get(engine, "")), wanted)
    for wish in wishes:
        if wish.feature.since > version:
            needed, had = (".".join(map(str, v)) for v in (wish.feature.since, version))
            problem = f"to {wish.feature.what}, {TITLES[engine]} {needed} is needed; {name} ({release}) has {had}"
            house.mistakes.add(wish.host, wish.site, wish.field, wish.value, problem, wish.instead)
    whole = sorted((route for route in own if route.whole), key=lambda route: str(route.site["name"]))
    sites = [proxy_site(route, routes, house, engine, version) for route in whole if route.site["tls"] != "passthrough"]
    passed = [passthrough(route, house) for route in whole if route.site["tls"] == "passthrough"]
    inside = engine == "nginx" and version >= engines.PASS.since
    splitter = ("pass" if inside else "proxy_protocol") if split else ""
    http3 = host["http3"] if host["http3"] is not None else engine == "caddy"
    acme = acme_settings(host["acme"])
    retired = [other for other in earlier(found) if other != engine]
    if found.get("sni_router_released") and not (split and engine == "caddy"):
        retired.append("sni_router")
    page = authority_page(plan, house, name)
    for route in whole:
        if page in route.site["hosts"]:
            problem = f"the name belongs to site {route.site['name']} of {route.host} already"
            house.mistakes.add(name, "", "exposure_local_ca.page", page, problem, f"a name of its own, such as ca.{page.partition('.')[2]}")
    check_outside_ports(name, house)
    https, http = host["ports"]["https"], host["ports"]["http"]
    http3 = http3 and not split
    plan.hosts[name].proxy = Proxy(engine, source, list(version), sites, acme, http3, passed, splitter, retired, page, https, http)
    secure = sorted({443, https})
    plan.hosts[name].openings = [Opening(port, "tcp") for port in (80, *secure)] + [Opening(port, "udp") for port in secure if http3]
    plan.names.update({host_name: name for route in whole for host_name in route.site["hosts"]})


def authority_page(plan: Plan, house: House, name: str) -> str:
    """The name under which a proxy offers the root of the local authority: the authority is to be on the proxy's own host."""
    page = str(house.hosts[name]["local_ca"]["page"])
    if page and plan.authority != name:
        problem = "the page is served where the local authority is" if plan.authority else "no site has tls: local, so there is no authority"
        cure = f"the line on {plan.authority}" if plan.authority else "the host without this line"
        house.mistakes.add(name, "", "exposure_local_ca.page", page, problem, cure)
    return page


def wishes_of(house: House, name: str, own: list[Route]) -> list[Wish]:
    """Everything that is asked of the proxy of a host and that not every version can do."""
    host = house.hosts[name]
    wishes = []
    for route in own:
        where = f"site {route.site['name']}"
        if route.whole and route.site["keep_streams"]:
            wishes.append(Wish(engines.KEEP_STREAMS, route.host, where, "keep_streams", route.site["keep_streams"]))
        if route.whole and route.site["tls"] == "passthrough":
            cure = f"exposure_proxy: nginx on {name}, or a proxy on Debian 13 (trixie)"
            wishes.append(Wish(engines.BEHIND_SPLITTER, route.host, where, "tls", "passthrough", cure))
    if host["acme"]["profile"]:
        wishes.append(Wish(engines.CADDY_PROFILE, name, "", "exposure_acme.profile", host["acme"]["profile"]))
    if host["http3"]:
        wishes.append(Wish(engines.HTTP3, name, "", "exposure_http3", True, "the host without this line, or a proxy on Debian 13 (trixie)"))
    return wishes


def proxy_site(route: Route, routes: list[Route], house: House, engine: str, version: Version) -> ProxySite:
    site = route.site
    own = [one for one in routes if one.site is site]
    preset = route.entry["proxy"] if route.entry else {}

    def setting(key: str, default: int) -> int:
        return int(next((value for value in (site[key], preset.get(key)) if value is not None), default))

    return ProxySite(
        site["name"],
        site["hosts"],
        locations([one for one in own if one.app or one.part["upstream"]], house),
        stored_name(site, house.hosts[route.proxy]),
        redirect(site["redirect"], [one for one in routes if one.proxy == route.proxy], house),
        site["hsts"],
        setting("max_body", 0),
        setting("read_timeout", 0),
        setting("keep_streams", STREAMS_KEPT) if engine == "caddy" and version >= engines.KEEP_STREAMS.since else 0,
        bool(setting("buffering", 1)),
        bool(setting("compress", 1)),
        bool(setting("log_queries", 0)),
        answers(own, routes, house),
        site["maintenance"],
    )


def redirect(target: str, own: list[Route], house: House) -> str:
    """Where a site sends its requests; to another site of the same proxy by the port at which that is reached."""
    host = target.removeprefix("https://")
    return house.url(own[0].proxy, host) if any(host in route.site["hosts"] for route in own) else target


def check_outside_ports(name: str, house: House) -> None:
    """The ports outside are two different ones, and the one of https is not that of http on the host."""
    ports = house.hosts[name]["ports"]
    if ports["https"] in (80, ports["http"]):
        problem = "http comes in there"
        house.mistakes.add(name, "", "exposure_ports.https", ports["https"], problem, "443, or another port that nothing uses, such as 8443")


def locations(routes: list[Route], house: House) -> list[Location]:
    """Where the requests of a site go, the longest path first. A path that a person declared is what they say, whatever an app would have passed on."""
    found: dict[str, Location] = {}
    for route in routes:
        preset = route.own_entry["proxy"] if route.own_entry else {}
        for path in passed_on(route, preset):
            if path not in found or path == base(route):
                found[path] = location(route, path, house)
    return sorted(found.values(), key=lambda one: (-len(one.path), one.path))


def location(route: Route, path: str, house: House) -> Location:
    part = route.part
    strip = base(route) if part.get("strip") else ""
    if route.app:
        return Location(path, strip, app_endpoint(route, house))
    scheme, _, upstream = part["upstream"].partition("://")
    secure = scheme == "https"
    name = (part["upstream_name"] or upstream.rpartition(":")[0].strip("[]")) if secure else ""
    return Location(path, strip, upstream, secure, name, part["upstream_ca"] if secure else "")


def passthrough(route: Route, house: House) -> Passthrough:
    site = route.site
    only = route.own_entry["proxy"]["only"] if route.own_entry else []
    if only:
        problem = f"nothing but {', '.join(only)} of this app is to be reached, and with passthrough the proxy sees no paths"
        house.mistakes.add(route.host, f"site {site['name']}", "tls", "passthrough", problem, "tls: acme or local")
    upstream = app_endpoint(route, house) if route.app else site["upstream"].partition("://")[2]
    beside = is_on(upstream.rpartition(":")[0], house.addresses(route.proxy))  # port 80 is the proxy's there
    http = site["http_upstream"].partition("://")[2] or ("" if route.app or beside else f"{upstream.rpartition(':')[0]}:80")
    return Passthrough(site["name"], site["hosts"], upstream, site["proxy_protocol"], http, list(dict.fromkeys(site["http_paths"])))


def app_endpoint(route: Route, house: House) -> str:
    """`address:port` at which a site's proxy reaches its app."""
    assert route.app is not None
    port = house.port(route.app, route.part["app_port"])
    if route.host == route.proxy:
        return f"{route.app.get('reached_at') or '127.0.0.1'}:{port}"
    found = pair(house.addresses(route.host), house.addresses(route.proxy))
    if not found:
        check_address(route, house)
        return f"127.0.0.1:{port}"
    return f"[{found[0]}]:{port}" if ":" in found[0] else f"{found[0]}:{port}"
