"""Inventories for tests: the catalogue as shipped, hosts as a look at them tells, and strategies that mix right values with hostile ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import yaml
from hypothesis import strategies as st

from plugins.action.release import STYLE
from plugins.filter.away import FilterModule as away_filters
from plugins.filter.caddyfile import FilterModule as caddyfile_filters
from plugins.filter.nginx import FilterModule as nginx_filters
from plugins.filter.nginx import is_name
from plugins.module_utils.plan.make import Inventory, make
from plugins.module_utils.plan.mistakes import InventoryRefused, Mistake
from plugins.module_utils.plan.model import Answer, Location, Passthrough, Plan, Proxy, ProxySite

ROOT = Path(__file__).resolve().parents[3]
ROLES = ROOT / "roles"
CADDY_2_6 = {"release": "bookworm", "caddy": "2.6.2-5"}


@cache
def catalogue() -> Mapping[str, Any]:
    """The catalogue as it is shipped."""
    return {path.stem: yaml.safe_load(path.read_text()) for path in sorted((ROLES / "apps" / "catalogue").glob("*.yml"))}


def host(*, groups: tuple[str, ...] = (), found: Mapping[str, Any] | None = None, **variables: object) -> Inventory:
    """A host with `exposure_*` variables, written here without the prefix."""
    return Inventory({f"exposure_{name}": value for name, value in variables.items()}, groups, found or {})


def plan(apps: Mapping[str, Any] | None = None, remove: bool = False, **hosts: Inventory) -> Plan:
    return make(hosts, catalogue() if apps is None else apps, remove)


def mistakes(apps: Mapping[str, Any] | None = None, **hosts: Inventory) -> list[Mistake]:
    """The mistakes of an inventory that is refused; fails where it is not."""
    try:
        plan(apps, **hosts)
    except InventoryRefused as refused:
        return list(refused.mistakes)
    raise AssertionError("the inventory was not refused")


def places(apps: Mapping[str, Any] | None = None, **hosts: Inventory) -> set[tuple[str, str, str]]:
    """(host, site or app, field) of every mistake of an inventory that is refused."""
    return {(mistake.host, mistake.site, mistake.field) for mistake in mistakes(apps, **hosts)}


@cache
def template(role: str, name: str) -> jinja2.Template:
    """A template of a role, read as the action `release` has Ansible read it."""
    environment = jinja2.Environment(**STYLE, undefined=jinja2.StrictUndefined)
    for filters in (away_filters, caddyfile_filters, nginx_filters):
        environment.filters |= {f"homeserver.exposure.{key}": value for key, value in filters().filters().items()}
    return environment.from_string((ROLES / role / "templates" / name).read_text())


def defaults(role: str) -> dict[str, Any]:
    """The options of a role as they are where nobody sets them."""
    found = yaml.safe_load((ROLES / role / "defaults" / "main.yml").read_text())
    assert isinstance(found, dict)
    return found


def caddyfile(sites: list[dict[str, Any]], acme: Mapping[str, Any], version: list[int] | None = None, **more: object) -> str:
    """The Caddyfile that the role writes for these sites. `more`: options of the role without its name."""
    given = {"sites": sites, "acme": acme, "version": version or [2, 6], **more}
    return template("caddy", "Caddyfile.j2").render(defaults("caddy") | {f"caddy_{name}": value for name, value in given.items()})


def proxy_of(made: Plan, name: str = "home") -> Proxy:
    """The proxy of one host of a Plan."""
    proxy = made.hosts[name].proxy
    assert proxy is not None
    return proxy


def rendered(made: Plan, name: str, version: list[int] | None = None) -> str:
    """The Caddyfile of one host of a Plan."""
    proxy = proxy_of(made, name)
    passed = [asdict(site) for site in proxy.passthrough]
    return caddyfile(
        [asdict(site) for site in proxy.sites],
        proxy.acme,
        version or proxy.version,
        passthrough=passed,
        splitter=proxy.splitter,
        http3=proxy.http3,
        authority_page=proxy.authority_page,
        https_port=proxy.https_port,
    )


ADDRESSES = ["", "[::]:"]
INSIDE = {"next": "unix:/run/nginx/sockets/https.sock", "sockets": "/run/nginx/sockets"}
"""As roles/nginx/vars hands the splitter on."""


def nginx_files(proxy: Mapping[str, Any], addresses: list[str] = ADDRESSES, resolvers: list[str] | None = None, **more: str) -> dict[str, str]:
    """The tree that the role writes for a proxy. `more`: options of the role without its name."""
    known: dict[str, Any] = {"addresses": addresses, "resolvers": ["192.168.1.1", "[fd00::1]"] if resolvers is None else resolvers}
    given = {
        **known,
        "post_quantum": proxy["version"] >= [1, 26],
        **{name: proxy[name] for name in ("sites", "passthrough", "splitter", "http3", "version", "authority_page")},
        "https_port": proxy.get("https_port", 443),
        "ports": sorted({443, proxy.get("https_port", 443)}),
        **more,
    }
    variables = defaults("nginx") | {f"nginx_{name}": value for name, value in given.items()}
    files = {name: template("nginx", f"{name}.j2").render(variables) for name in ("http.conf", "tls.conf", "proxy.conf", "check.sh")}
    if proxy["splitter"]:
        router = {**known, **INSIDE, "layout": proxy["splitter"], "passthrough": proxy["passthrough"], "ports": given["ports"]}
        files["stream.conf"] = template("sni_router", "stream.conf.j2").render({f"sni_router_{name}": value for name, value in router.items()})
    return files


def benign_host(start: str, name: str) -> str:
    """A harmless name that is as long where the length means something."""
    return f"{start}.example.org" if len(name) <= 46 else f"{start}.{'long' * 12}.example.org"


def benign_location(location: Location, number: int) -> dict[str, Any]:
    """A harmless location of the same shape."""
    return {
        **asdict(location),
        "path": "/" if location.path == "/" else f"/path{number}",
        "strip": f"/path{number}" if location.strip else "",
        "upstream": "name.lan:80" if is_name(location.upstream) else "192.0.2.1:8080",
        "upstream_name": "name.lan" if location.upstream_name else "",
        "upstream_ca": {"": "", "any": "any"}.get(location.upstream_ca, "/etc/ca.pem"),
    }


def benign_answer(answer: Answer, number: int) -> dict[str, Any]:
    """A harmless answer of the same shape."""
    given = {"location": "/there" if answer.location else "", "body": '{"a":1}' if answer.body else ""}
    return {**asdict(answer), "path": f"/answer{number}", **given, "headers": {f"X-Header-{n}": "plain" for n, _ in enumerate(answer.headers)}}


def benign(site: ProxySite, number: int) -> dict[str, Any]:
    """A harmless site of the same shape: as many names and locations, the same lines present."""
    return {
        "name": f"site{number}",
        "hosts": [benign_host(f"n{n}.site{number}", name) for n, name in enumerate(site.hosts)],
        "locations": [benign_location(location, n) for n, location in enumerate(site.locations)],
        "answers": [benign_answer(answer, n) for n, answer in enumerate(site.answers)],
        "maintenance": site.maintenance,
        "certificate": f"stored{number}" if site.certificate else "",
        "redirect": "https://elsewhere.example.org" if site.redirect else "",
        **{key: getattr(site, key) for key in ("buffering", "compress", "log_queries")},
        **{key: 1 if getattr(site, key) else 0 for key in ("hsts", "max_body", "read_timeout", "keep_streams")},
    }


def benign_passthrough(site: Passthrough, number: int) -> dict[str, Any]:
    """A harmless site of the same shape, whose TLS is passed through."""
    return {
        **asdict(site),
        "name": f"passed{number}",
        "hosts": [benign_host(f"n{n}.passed{number}", name) for n, name in enumerate(site.hosts)],
        "upstream": "name.lan:443" if is_name(site.upstream) else "192.0.2.1:8443",
        "http_upstream": "192.0.2.1:80" if site.http_upstream else "",
        "http_paths": ["/" if path == "/" else f"/path{n}/" for n, path in enumerate(site.http_paths)],
    }


HOSTILE = st.sampled_from(
    [
        "a\nb",
        "a.example.org {\n\trespond hi\n}\n",
        "x } y {",
        '"',
        "`",
        "a\0b",
        "\x1b[2J",
        "{env.HOME}",
        "{$HOME}",
        "{$X:y}",
        "{{ 7 * 7 }}",
        "{% include '/etc/passwd' %}",
        "# c",
        "\\\n",
        "import /etc/passwd",
        "fe80::1%\n}",
        "<<EOF",
        "",
        " ",
        "\u2028",
        "a.example.org, :80",
        "http://a.example.org",
        "*.example.org",
        ":443",
        "(snippet)",
        "@matcher",
    ]
)
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | HOSTILE,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=6,
)


def often(good: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Mostly a right value, at times a hostile one, a right one with hostile letters, or junk."""
    spoiled = st.builds(lambda value, tail: f"{value}{tail}", good, HOSTILE)
    return st.integers(0, 40).flatmap(lambda lot: {1: spoiled, 2: HOSTILE, 3: JUNK}.get(lot, good))


Maybe = Callable[[st.SearchStrategy[Any]], st.SearchStrategy[Any]]


def chance(good: bool) -> Maybe:
    return (lambda strategy: strategy) if good else often


LABELS = st.from_regex(r"[a-z]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True) | st.sampled_from(["bücher", "例え", "xn--bcher-kva", "WWW", "straße"])
HOST_NAMES = st.builds(
    lambda labels, top: ".".join([*labels, top]),
    st.lists(LABELS, min_size=1, max_size=3),
    st.sampled_from(["example.org", "example.org.", "lan.example", "家.example"]),
)
IPV4 = st.builds("192.168.{}.{}".format, st.integers(0, 255), st.integers(1, 254))
IPV6 = st.builds("fd00:{:x}::{:x}".format, st.integers(0, 65535), st.integers(1, 65535))
PORTS = st.integers(1, 65535)
UPSTREAMS = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "http://", "https://"]),
    IPV4 | st.builds("[{}]".format, IPV6) | st.sampled_from(["nas.lan", "nas", "localhost"]),
    st.just("") | st.builds(":{}".format, PORTS),
)
SIZES = st.sampled_from(["0", "1", "500M", "10G", "1GiB", "999999T", "99999G"]) | st.integers(0, 1 << 60)
DURATIONS = st.sampled_from(["0", "30s", "10m", "1h", "365d", "36500d"]) | st.integers(0, 36500 * 86400)
APPS = st.sampled_from(["whoami", "home_assistant"])
SLUGS = st.from_regex(r"[a-z][a-z0-9_-]{0,6}", fullmatch=True)


PATHS = st.from_regex(r"(/[a-z0-9._~-]{1,6}){1,3}/?", fullmatch=True).filter(lambda path: not re.search(r"/\.{1,2}(/|\Z)", path))
FILES = st.sampled_from(["/etc/ssl/home-ca.pem", "/etc/ssl/certs/", "/srv/x+y/ca.crt"])
CERTIFICATES: list[dict[str, Any]] = [
    {"name": "own", "kind": "files", "chain": "/home/me/own.pem", "key": "/home/me/own.key"},
    {"name": "inside", "kind": "files", "hosts": ["*.example.org", "*.lan.example"], "chain": "/home/me/chain.pem", "key": "/home/me/key.pem"},
]
"""What sites may name as their certificate."""


def targets(maybe: Maybe) -> st.SearchStrategy[dict[str, Any]]:
    """Where the requests of a site or of one of its paths go."""
    trust = {"upstream_ca": maybe(FILES | st.just("any")), "upstream_name": maybe(HOST_NAMES.filter(str.isascii) | IPV4)}
    secure = st.fixed_dictionaries({"upstream": maybe(UPSTREAMS.filter(lambda one: one.startswith("https://")))}, optional=trust)
    return st.fixed_dictionaries({"app": maybe(APPS)}) | st.fixed_dictionaries({"upstream": maybe(UPSTREAMS)}) | secure


def paths(maybe: Maybe) -> st.SearchStrategy[list[dict[str, Any]]]:
    part = st.builds(
        lambda rest, target: {**rest, **target},
        st.fixed_dictionaries({"path": maybe(PATHS)}, optional={"strip": maybe(st.booleans())}),
        targets(maybe),
    )
    return st.lists(part, min_size=1, max_size=3, unique_by=lambda one: str(one["path"]).rstrip("/"))


REDIRECTS = st.builds("https://{}{}".format, LABELS.filter(str.isascii), st.sampled_from([".elsewhere.example", ":8443"]))


def served_sites(maybe: Maybe) -> st.SearchStrategy[dict[str, Any]]:
    """What a site says whose TLS ends at its proxy."""
    target = (
        targets(maybe)
        | st.builds(lambda target, parts: {**target, "paths": parts}, targets(maybe), maybe(paths(maybe)))
        | st.fixed_dictionaries({"paths": maybe(paths(maybe))})
        | st.fixed_dictionaries({"redirect": maybe(REDIRECTS)})
    )
    trust = st.fixed_dictionaries({"tls": maybe(st.sampled_from(["acme", "local"]))}) | st.fixed_dictionaries({"certificate": maybe(st.just("own"))})
    limits = st.fixed_dictionaries(
        {},
        optional={
            "hsts": maybe(DURATIONS),
            "max_body": maybe(SIZES),
            "read_timeout": maybe(DURATIONS),
            "keep_streams": maybe(DURATIONS),
            "buffering": maybe(st.booleans()),
            "compress": maybe(st.booleans()),
            "log_queries": maybe(st.booleans()),
            "maintenance": maybe(st.integers(0, 5).map(lambda lot: not lot)),
        },
    )
    return st.builds(lambda *parts: {name: value for part in parts for name, value in part.items()}, target, trust, limits)


def passed_sites(maybe: Maybe) -> st.SearchStrategy[dict[str, Any]]:
    """What a site says whose TLS ends at its app."""
    return st.fixed_dictionaries(
        {"tls": st.just("passthrough"), "upstream": maybe(UPSTREAMS.filter(lambda one: one.startswith("https://")))},
        optional={
            "proxy_protocol": maybe(st.booleans()),
            "http_upstream": maybe(UPSTREAMS.filter(lambda one: not one.startswith("https://"))),
            "http_paths": maybe(st.lists(PATHS | st.just("/"), min_size=1, max_size=2, unique=True)),
        },
    )


def sites(good: bool) -> st.SearchStrategy[dict[str, Any]]:
    """Sites; with `good` nearly every one can be taken, without it hostile values are among them."""
    maybe = chance(good)
    names = st.fixed_dictionaries({"name": maybe(SLUGS), "hosts": maybe(st.lists(maybe(HOST_NAMES), min_size=1, max_size=3, unique_by=str))})
    rest = st.integers(0, 5).flatmap(lambda lot: served_sites(maybe) if lot else passed_sites(maybe))
    return st.builds(lambda one, other: {**one, **other}, names, rest)


def acmes(good: bool) -> st.SearchStrategy[dict[str, Any]]:
    maybe = chance(good)
    return st.fixed_dictionaries(
        {},
        optional={
            "email": maybe(st.builds("{}@{}".format, SLUGS, HOST_NAMES.filter(str.isascii))),
            "directory": maybe(
                st.sampled_from(["https://ca.lan:14000/dir", "https://[fd00::1]/acme", "https://acme-staging-v02.api.letsencrypt.org/directory"])
            ),
            "staging": maybe(st.booleans()),
            "ca_root": maybe(st.sampled_from(["/etc/ssl/ca.pem", "/etc/ssl/"])),
            "challenges": maybe(st.sampled_from([["http-01"], ["tls-alpn-01"], "http-01", ["tls-alpn-01", "http-01"]])),
            "dns": maybe(st.sampled_from(["rfc2136", "duckdns"])),
            "key_type": maybe(st.sampled_from(["ecdsa", "rsa"])),
            "profile": maybe(st.sampled_from(["shortlived", "tlsserver"])),
        },
    )


def inventories(good: bool, found: Mapping[str, Any], engine: str = "caddy") -> st.SearchStrategy[Inventory]:
    """One host that carries the proxy. A profile of ACME is left to those who can ask for it."""

    def page(declared: list[dict[str, Any]]) -> dict[str, Any]:
        return {"local_ca": {"page": "ca.page.example"}} if any(site.get("tls") == "local" for site in declared) else {}

    lines: dict[str, Any] = {"certificates": CERTIFICATES, **({"proxy": engine, "certbot_source": "pypi"} if engine == "nginx" else {})}
    return st.builds(
        lambda declared, acme, http3: host(sites=declared, acme=acme, found=found, **lines, **page(declared), **http3),
        st.lists(sites(good), min_size=1, max_size=4, unique_by=lambda site: str(site.get("name"))),
        acmes(good),
        st.sampled_from([{}, {"http3": True}, {"http3": False}]) if engine == "nginx" else st.just({}),
    )
