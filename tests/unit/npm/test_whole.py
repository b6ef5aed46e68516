"""The whole of a data folder: all of it is carried over or told, and what comes out is an inventory that the Plan takes."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plugins.module_utils.npm.settle import declared
from plugins.module_utils.npm.write import host_file, report
from plugins.module_utils.plan.make import Inventory, make
from tests.unit.npm.moving import FOLDER, left, move, written
from tests.unit.npm.nginx_proxy_manager import Manager


@pytest.fixture
def manager(tmp_path: Path) -> Manager:
    return Manager(tmp_path)


@pytest.mark.proves("B14")
def test_what_has_no_place_here_is_listed_with_what_to_do(manager: Manager) -> None:
    manager.add("dead_host", advanced_config="return 410;")
    manager.add("stream", udp_forwarding=1, certificate_id=3, enabled=0)
    manager.add("access_list")
    manager.add("access_list_client", directive="deny", address="all")
    manager.add("setting", value="redirect", meta={"redirect": "https://me:hunter2@example.org/"})
    manager.add("setting", id="oidc-config", value="hunter2")
    manager.add("user")
    moved = move(manager)
    assert {one.where for one in moved.left} == {
        *("404 host 1", "stream 1", "access list 1", "setting default-site", "setting oidc-config", "port 81"),
    }
    assert "a name that is not declared gets no certificate and no answer" in left(moved, "404 host 1")[0].do
    assert left(moved, "404 host 1")[1].lines == ["return 410;"]
    (stream,) = left(moved, "stream 1")
    assert stream.what == "TCP and UDP 2222 to 192.168.1.20:22" and "NPM ended TLS for it. It is switched off" in stream.why
    assert "send TCP and UDP 2222 to 192.168.1.20:22" in stream.do
    assert "No host uses it" in left(moved, "access list 1")[0].why and left(moved, "access list 1")[0].lines == ["deny all"]
    assert "https://(hidden)@example.org/" in left(moved, "setting default-site")[0].why
    assert "its 1 account " in left(moved, "port 81")[0].why
    told = host_file(moved, "server", "/x") + report(moved, [], [], "/y", "server")
    assert all(one.what in told.replace("\n#     ", " ") for one in moved.left)
    assert "hunter2" not in told


def test_switches_without_a_counterpart_are_told_once_with_the_sites_that_had_them(manager: Manager) -> None:
    one = manager.add("certificate", domain_names=["a.example.org"])
    switches = {"caching_enabled": 1, "block_exploits": 1, "trust_forwarded_proto": 1}
    manager.add("proxy_host", domain_names=["a.example.org"], certificate_id=one, ssl_forced=1, hsts_enabled=1, hsts_subdomains=1, **switches)
    manager.add("proxy_host", domain_names=["b.example.org"], certificate_id=one, forward_scheme="https", **switches)
    manager.add("proxy_host", domain_names=["c.lan"])
    told = [one.what for one in move(manager).left if one.kind == "differs"]
    assert told == [
        "certificates of Let's Encrypt",
        "Cache Assets: a, b",
        "Block Common Exploits: a, b",
        "Trust Forwarded Proto Headers: a, b",
        "http alone: c",
        "Force SSL is off: b",
        "HSTS: a",
        "names of the home: c",
        "https upstreams: b",
        "the panel of NPM",
    ]


def test_an_empty_npm_is_an_empty_inventory(manager: Manager) -> None:
    moved = move(manager)
    assert written(moved) == {"exposure_sites": []}


def test_what_the_plan_says_of_a_certificate_closes_it_and_its_sites_get_their_own(manager: Manager) -> None:
    manager.add("proxy_host", certificate_id=manager.of_ones_own())
    moved = move(manager)
    moved.certificates[0].lines["chain"] = "a path with spaces"
    from plugins.module_utils.npm.settle import settle

    settle(moved, "server", FOLDER, {})
    assert "not a plain absolute path" in moved.certificates[0].closed[0]
    assert moved.declaration()["exposure_sites"] == [{"name": "home", "hosts": ["home.example.org"], "upstream": "http://192.168.1.20:8123"}]


def test_what_the_plan_says_of_the_host_is_told(manager: Manager) -> None:
    manager.add("proxy_host")
    moved = move(manager)
    moved.variables["exposure_certbot_source"] = "nowhere"
    from plugins.module_utils.npm.settle import settle

    settle(moved, "server", FOLDER, {})
    assert moved.left[-1].what == "a mistake in exposure_certbot_source"


def test_ports_that_npm_has_still_are_no_mistake(manager: Manager) -> None:
    manager.add("proxy_host")
    assert not move(manager, listening=[{"port": 443, "process": "docker-proxy", "address": "0.0.0.0"}]).sites[0].closed


words = st.one_of(
    st.sampled_from(
        ["", "home.example.org", "nas.lan", "*.example.org", "jellyfin", "192.168.1.20", "127.0.0.1", "http", "https", "/", "/x/", "{{ x }}", "a\nb: c"]
    ),
    st.text(max_size=12),
)
numbers = st.one_of(st.sampled_from([0, 1, 2, 80, 81, 443, 8080, -1, 1 << 62]), words, st.binary(max_size=3), st.floats(allow_nan=False))
parts = st.fixed_dictionaries(
    {}, optional={name: st.one_of(words, numbers.filter(lambda one: not isinstance(one, bytes))) for name in ("path", "forward_host")}
)
places = st.fixed_dictionaries(
    {"forward_scheme": words, "forward_port": st.sampled_from([1, 80, 0, "8080", None])},
    optional={"path": words, "forward_host": words, "forward_path": words, "advanced_config": words},
)
hosts = st.fixed_dictionaries(
    {"domain_names": st.one_of(st.lists(words, max_size=3), words)},
    optional={
        **dict.fromkeys(("forward_scheme", "forward_host", "advanced_config"), words),
        **dict.fromkeys(("forward_port", "enabled", "ssl_forced", "hsts_enabled", "certificate_id"), numbers),
        "locations": st.one_of(st.lists(st.one_of(places, parts, words), max_size=3), words),
    },
)


@pytest.mark.proves("B14")
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=60)
@given(st.lists(hosts, max_size=4), st.lists(hosts, max_size=2), st.lists(st.tuples(st.lists(words, max_size=3), words, words), max_size=2))
def test_whatever_is_in_the_database_the_inventory_is_one_that_the_plan_takes(proxied: list[Any], protected: list[Any], certificates: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        manager = Manager(Path(folder))
        for names, provider, credentials in certificates:
            manager.by_dns(names, provider, credentials)
        for columns in proxied:
            manager.add("proxy_host", **known(columns))
        for columns in protected:
            manager.add("proxy_host", **known({**columns, "access_list_id": 7}))
        moved = move(manager)
        manager.database.close()
    content = written(moved)
    assert content["exposure_sites"] == moved.declaration()["exposure_sites"]
    make({"server": Inventory(declared(moved, "server", FOLDER), ("proxy",))}, {})
    live = [entry.where for entry in moved.sites if not entry.closed]
    assert not [where for where in live if int(where.removeprefix("proxy host ")) > len(proxied)], "nothing that was protected is open"
    told = {one.where for one in moved.left} | set(live)
    assert {f"proxy host {number + 1}" for number in range(len(proxied) + len(protected))} <= told, "nothing is dropped without a word"


def known(columns: dict[str, Any]) -> dict[str, Any]:
    """Columns as SQLite can hold them: whole numbers of 64 bits, no half letters."""
    return {name: value.encode("utf-8", "replace").decode() if isinstance(value, str) else value for name, value in columns.items()}
