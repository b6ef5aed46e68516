"""Whatever is declared, the Caddyfile says what the Plan says and nothing else, and Caddy takes it."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings

from plugins.filter.caddyfile import caddy_token
from plugins.module_utils.plan.make import Inventory, make
from plugins.module_utils.plan.mistakes import InventoryRefused
from plugins.module_utils.plan.model import Plan
from tests.tools import program

from .declarations import CADDY_2_6, benign, benign_passthrough, caddyfile, catalogue, host, inventories, plan, proxy_of, rendered

CADDY_2_11 = {"release": "trixie", "caddy": "2.11.2"}


def made(inventory: Inventory) -> Plan | None:
    try:
        return make({"home": inventory}, catalogue())
    except InventoryRefused:
        return None


def shape(line: str) -> tuple[int, str]:
    """How many words a line has, and which letters of it mean something to Caddy."""
    return len(line.split()), re.sub(r"[A-Za-z0-9._~/=&?%+,@:\[\]\s-]", "", line.partition("#")[0] if line.lstrip().startswith("#") else line)


def hold_the_shape(it: Plan) -> None:
    proxy = proxy_of(it)
    plain = {**proxy.acme, **{key: "https://a" if key == "directory" else "plain" for key in ("email", "directory", "ca_root", "profile") if proxy.acme[key]}}
    passed = [benign_passthrough(site, number) for number, site in enumerate(proxy.passthrough)]
    sites = [benign(site, number) for number, site in enumerate(proxy.sites)]
    wanted = caddyfile(sites, plain, proxy.version, passthrough=passed, splitter=proxy.splitter, http3=proxy.http3, authority_page=proxy.authority_page)
    text = rendered(it, "home")
    assert [shape(line) for line in text.split("\n")] == [shape(line) for line in wanted.split("\n")]
    assert text.splitlines() == text.split("\n")[:-1], "no letter but the line feed ends a line"


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(inventories(False, CADDY_2_11))
def test_no_declared_value_adds_a_line_a_word_a_brace_or_a_quote_to_the_caddyfile(inventory: Inventory) -> None:
    it = made(inventory)
    if it is not None:
        hold_the_shape(it)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(inventories(True, CADDY_2_11))
def test_right_declarations_of_every_kind_keep_the_shape_of_the_caddyfile(inventory: Inventory) -> None:
    it = made(inventory)
    assume(it is not None)
    assert it is not None
    hold_the_shape(it)


def adapted(text: str, folder: Path) -> dict[str, Any]:
    """What the real Caddy makes of a Caddyfile."""
    path = folder / "Caddyfile"
    path.write_text(text)
    done = subprocess.run(
        [program("caddy", "/usr/bin/caddy"), "adapt", "--adapter", "caddyfile", "--config", str(path)],
        capture_output=True,
        text=True,
        env={"HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "XDG_DATA_HOME": str(folder)},
        check=False,
    )
    assert done.returncode == 0, f"{done.stderr}\n{text}"
    config = json.loads(done.stdout)
    assert isinstance(config, dict)
    return config


def found(node: Any, key: str) -> list[Any]:
    """Every value of a key, at any depth."""
    if isinstance(node, dict):
        return [value for name, value in node.items() if name == key] + [deep for value in node.values() for deep in found(value, key)]
    return [deep for value in node for deep in found(value, key)] if isinstance(node, list) else []


@dataclass(frozen=True)
class Sent:
    """Where a site sends the requests below a path (without its last slash), and how."""

    path: str
    upstream: str
    tls: bool
    name: str
    stripped: str


def sent(node: Any, path: str = "", stripped: str = "") -> list[Sent]:
    """Every reverse_proxy below a route, with the path that leads to it."""
    if isinstance(node, list):
        return [one for entry in node for one in sent(entry, path, stripped)]
    if not isinstance(node, dict):
        return []
    if node.get("handler") == "reverse_proxy":
        (upstream,), transport = node["upstreams"], node.get("transport", {})
        return [Sent(path, upstream["dial"], "tls" in transport, transport.get("tls", {}).get("server_name", ""), stripped)]
    for match in node.get("match", []):
        if "path" in match:
            assert match["path"][1:] == [f"{match['path'][0]}/*"]
            path = match["path"][0]
    always = [handler for route in node.get("routes", []) if not route.get("match") for handler in route.get("handle", [])]
    prefix = next((handler["strip_path_prefix"] for handler in always if "strip_path_prefix" in handler), stripped)
    return [one for key, value in node.items() if key != "match" for one in sent(value, path, prefix)]


def served(config: dict[str, Any]) -> dict[frozenset[str], tuple[str, frozenset[Sent]]]:
    """The names of each route on the https port, with where it redirects and where it sends requests."""
    https = next(server for server in config["apps"]["http"]["servers"].values() if not server["listen"][0].endswith(":80"))
    sites = {}
    for route in https["routes"]:
        hosts = [name for match in route.get("match", []) for name in match.get("host", [])]
        if hosts:
            (redirect,) = [values[0] for values in found(route, "Location")] or [""]
            sites[frozenset(hosts)] = (redirect.removesuffix("{http.request.uri}"), frozenset(sent(route)))
    return sites


def planned(it: Plan) -> dict[frozenset[str], tuple[str, frozenset[Sent]]]:
    return {
        frozenset(site.hosts): (
            site.redirect,
            frozenset(Sent(one.path.rstrip("/"), one.upstream, one.upstream_tls, one.upstream_name, one.strip) for one in site.locations),
        )
        if not site.maintenance
        else ("", frozenset())
        for site in proxy_of(it).sites
    }


@pytest.mark.proves("R13")
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(inventories(True, CADDY_2_6))
def test_caddy_takes_every_accepted_declaration_and_serves_exactly_its_names_from_its_upstreams(tmp_path: Path, inventory: Inventory) -> None:
    it = made(inventory)
    assume(it is not None)
    assert it is not None
    config = adapted(rendered(it, "home"), tmp_path)
    assert served(config) == planned(it)
    issued = {name for policy in config["apps"].get("tls", {}).get("automation", {}).get("policies", []) for name in policy.get("subjects", [])}
    assert issued <= set(it.names)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(inventories(False, CADDY_2_6))
def test_what_is_left_of_hostile_declarations_is_served_as_planned(tmp_path: Path, inventory: Inventory) -> None:
    it = made(inventory)
    if it is not None:
        assert served(adapted(rendered(it, "home"), tmp_path)) == planned(it)


def one(**site: Any) -> Plan:
    return plan(home=host(sites=[{"name": "nas", "hosts": ["nas.example.org"], "upstream": "http://192.168.1.20:8080", **site}], found=CADDY_2_6))


def test_caddy_is_told_the_limits_of_a_site_in_its_own_units(tmp_path: Path) -> None:
    config = adapted(rendered(one(max_body="10G", read_timeout="1h", hsts="365d"), "home"), tmp_path)
    assert found(config, "max_size") == [10_000_000_000]
    assert found(config, "read_timeout") == [3600 * 10**9]
    assert ["max-age=31536000"] in found(config, "Strict-Transport-Security")


def test_a_site_without_limits_has_none(tmp_path: Path) -> None:
    config = adapted(rendered(one(), "home"), tmp_path)
    assert not found(config, "max_size") and not found(config, "read_timeout") and not found(config, "Strict-Transport-Security")


@pytest.mark.parametrize(("challenges", "off"), [(["http-01"], ["tls-alpn"]), (["tls-alpn-01"], ["http"]), (["http-01", "tls-alpn-01"], [])])
def test_challenges_that_are_not_wished_are_off(tmp_path: Path, challenges: list[str], off: list[str]) -> None:
    it = plan(home=host(sites=[{"name": "nas", "hosts": ["nas.example.org"], "upstream": "nas:80"}], acme={"challenges": challenges}, found=CADDY_2_6))
    config = adapted(rendered(it, "home"), tmp_path)
    said = {name: settings for challenge in found(config, "challenges") for name, settings in challenge.items()}
    assert said == {name: {"disabled": True} for name in off}


def test_an_https_upstream_is_spoken_to_over_tls(tmp_path: Path) -> None:
    config = adapted(rendered(one(upstream="https://nas.lan:5001"), "home"), tmp_path)
    assert served(config) == {frozenset({"nas.example.org"}): ("", frozenset({Sent("", "nas.lan:5001", True, "nas.lan", "")}))}


@pytest.mark.parametrize("key", ["name", "hosts", "upstream"])
@pytest.mark.parametrize("value", ["a\nb", "a b", "{env.HOME}", "{$HOME}", 'a"b', "a`b", "a}b", ""])
def test_the_role_by_itself_refuses_a_site_that_would_break_out_of_its_place(key: str, value: str) -> None:
    site = benign(proxy_of(one()).sites[0], 0)
    if key == "upstream":
        site["locations"][0]["upstream"] = value
    else:
        site[key] = [value] if key == "hosts" else value
    with pytest.raises(ValueError):
        caddyfile([site], {})


@pytest.mark.parametrize("key", ["email", "directory", "ca_root", "profile"])
def test_the_role_by_itself_refuses_acme_settings_that_would_break_out_of_their_place(key: str) -> None:
    with pytest.raises(ValueError):
        caddyfile([benign(proxy_of(one()).sites[0], 0)], {key: "a\nb"})


@pytest.mark.parametrize("key", ["hsts", "max_body", "read_timeout", "keep_streams"])
def test_the_role_by_itself_writes_numbers_only_where_numbers_belong(key: str) -> None:
    text = caddyfile([{**benign(proxy_of(one()).sites[0], 0), key: "1\n}\nrespond hi"}], {})
    assert "respond hi" not in text


@pytest.mark.parametrize("value", ["home.example.org", "[fd00::1]:80", "https://ca.lan/dir?x=%20", "me+you@example.org", 5])
def test_a_token_is_written_as_it_is(value: object) -> None:
    assert caddy_token(value) == str(value)
