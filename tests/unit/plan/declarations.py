"""Inventories for tests: the catalogue as shipped, hosts as a look at them tells, and strategies that mix right values with hostile ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import yaml
from hypothesis import strategies as st

from plugins.filter.caddyfile import caddy_token
from plugins.module_utils.plan.make import Inventory, make
from plugins.module_utils.plan.mistakes import InventoryRefused, Mistake
from plugins.module_utils.plan.model import Plan, ProxySite

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
def template() -> jinja2.Template:
    """The Caddyfile's template, read as Ansible reads it."""
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=False, keep_trailing_newline=True, undefined=jinja2.StrictUndefined)
    environment.filters["homeserver.exposure.caddy_token"] = caddy_token
    return environment.from_string((ROLES / "caddy" / "templates" / "Caddyfile.j2").read_text())


def caddyfile(sites: list[dict[str, Any]], acme: Mapping[str, Any], version: list[int] | None = None) -> str:
    """The Caddyfile that the role writes for these sites."""
    return template().render(caddy_sites=sites, caddy_acme=acme, caddy_version=version or [2, 6])


def rendered(made: Plan, name: str, version: list[int] | None = None) -> str:
    """The Caddyfile of one host of a Plan."""
    proxy = made.hosts[name].proxy
    assert proxy is not None
    return caddyfile([asdict(site) for site in proxy.sites], proxy.acme, version or proxy.version)


def benign(site: ProxySite, number: int) -> dict[str, Any]:
    """A harmless site of the same shape: as many names, the same lines present."""
    return {
        "name": f"site{number}",
        "hosts": [f"n{n}.site{number}.example.org" for n, _ in enumerate(site.hosts)],
        "upstream": "192.0.2.1:8080",
        "upstream_tls": site.upstream_tls,
        "issuer": site.issuer,
        **{key: 1 if getattr(site, key) else 0 for key in ("hsts", "max_body", "read_timeout", "keep_streams")},
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


def sites(good: bool) -> st.SearchStrategy[dict[str, Any]]:
    """Sites; with `good` nearly every one can be taken, without it hostile values are among them."""
    maybe = (lambda strategy: strategy) if good else often
    target = st.fixed_dictionaries({"app": maybe(APPS)}) | st.fixed_dictionaries({"upstream": maybe(UPSTREAMS)})
    rest = st.fixed_dictionaries(
        {"name": maybe(SLUGS), "hosts": maybe(st.lists(maybe(HOST_NAMES), min_size=1, max_size=3, unique_by=str))},
        optional={
            "tls": maybe(st.sampled_from(["acme", "internal"])),
            "hsts": maybe(DURATIONS),
            "max_body": maybe(SIZES),
            "read_timeout": maybe(DURATIONS),
            "keep_streams": maybe(DURATIONS),
        },
    )
    return st.builds(lambda one, other: {**one, **other}, rest, target)


def acmes(good: bool) -> st.SearchStrategy[dict[str, Any]]:
    maybe = (lambda strategy: strategy) if good else often
    return st.fixed_dictionaries(
        {},
        optional={
            "email": maybe(st.builds("{}@{}".format, SLUGS, HOST_NAMES.filter(str.isascii))),
            "directory": maybe(
                st.sampled_from(["https://ca.lan:14000/dir", "https://[fd00::1]/acme", "https://acme-staging-v02.api.letsencrypt.org/directory"])
            ),
            "ca_root": maybe(st.sampled_from(["/etc/ssl/ca.pem", "/etc/ssl/"])),
            "challenges": maybe(st.sampled_from([["http-01"], ["tls-alpn-01"], "http-01", ["tls-alpn-01", "http-01"]])),
            "profile": maybe(st.sampled_from(["shortlived", "tlsserver"])),
        },
    )


def inventories(good: bool, found: Mapping[str, Any]) -> st.SearchStrategy[Inventory]:
    """One host that carries the proxy."""
    return st.builds(
        lambda declared, acme: host(sites=declared, acme=acme, found=found),
        st.lists(sites(good), min_size=1, max_size=4, unique_by=lambda site: str(site.get("name"))),
        acmes(good),
    )
