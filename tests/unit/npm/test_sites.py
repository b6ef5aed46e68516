"""Proxy hosts and redirections as sites, and what stands in the way of one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.npm.moving import left, move, only, site
from tests.unit.npm.nginx_proxy_manager import Manager


@pytest.fixture
def manager(tmp_path: Path) -> Manager:
    return Manager(tmp_path)


@pytest.mark.proves("B14")
def test_a_proxy_host_is_a_site(manager: Manager) -> None:
    assert site(manager, allow_websocket_upgrade=1).lines == {"name": "home", "hosts": ["home.example.org"], "upstream": "http://192.168.1.20:8123"}


def test_a_host_of_the_first_release_is_a_site(tmp_path: Path) -> None:
    manager = Manager(tmp_path, old=True)
    assert site(manager, forward_ip="192.168.1.20").lines["upstream"] == "http://192.168.1.20:8123"


def test_an_https_upstream_is_checked_as_little_as_it_was(manager: Manager) -> None:
    lines = site(manager, forward_scheme="https", forward_host="fd00::20", forward_port=5001).lines
    assert (lines["upstream"], lines["upstream_ca"]) == ("https://[fd00::20]:5001", "any")


@pytest.mark.parametrize(
    ("switches", "hsts"),
    [
        ({"ssl_forced": 1, "hsts_enabled": 1}, "730d"),
        ({"hsts_enabled": 1}, None),
        ({"ssl_forced": 1}, None),
        ({"ssl_forced": 1, "hsts_enabled": 1, "certificate_id": 0}, None),
    ],
)
def test_hsts_is_said_where_npm_said_it(switches: dict[str, int], hsts: str | None, manager: Manager) -> None:
    one = manager.add("certificate", domain_names=["home.example.org"])
    assert site(manager, **{"certificate_id": one, **switches}).lines.get("hsts") == hsts


def test_sites_are_called_after_their_first_name_each_in_its_own_way(manager: Manager) -> None:
    for name in ("cloud.a.org", "cloud.b.org", "cloud.b.org.uk", "www.b.org", "1.example.org", "npm-1.example.org", "x" * 63 + ".example.org"):
        manager.add("proxy_host", domain_names=[name])
    assert [entry.name for entry in move(manager).sites] == [
        *("cloud", "cloud-b", "cloud-b-org-uk", "www-b", "site-5", "npm-1-example", "x" * 36),
    ]


def test_international_names_are_carried_over(manager: Manager) -> None:
    assert site(manager, domain_names=["bücher.example.org"]).lines["hosts"] == ["xn--bcher-kva.example.org"]


@pytest.mark.parametrize(
    "name", ["*.example.org", "~^(?<sub>.+)\\.example\\.org$", "home", "a b.example.org", 5, None, ["x"], "{{ x }}.example.org", "192.168.1.1"]
)
def test_a_name_that_no_site_can_have_is_listed(name: object, manager: Manager) -> None:
    manager.add("proxy_host", domain_names=[name, "home.example.org"])
    moved = move(manager)
    assert only(moved).lines["hosts"] == ["home.example.org"] and not only(moved).closed
    assert "cannot be served here" in left(moved, "proxy host 1")[0].why


@pytest.mark.parametrize("names", [[], ["*.example.org"], "home.example.org", {"a": 1}, 5, None, "[", [[]]])
def test_a_host_without_a_name_that_can_be_served_is_listed(names: object, manager: Manager) -> None:
    manager.add("proxy_host", domain_names="null" if names is None else names)
    moved = move(manager)
    assert not moved.sites and any(one.what == "proxy host 1" for one in moved.left)


def test_names_of_the_home_get_the_authority_of_the_home(manager: Manager) -> None:
    assert site(manager, domain_names=["printer.lan", "printer.home.arpa"]).lines["tls"] == "local"
    manager.add("proxy_host", domain_names=["nas.local", "nas.example.org"])
    moved = move(manager)
    assert moved.sites[1].lines["hosts"] == ["nas.example.org"] and "tls" not in moved.sites[1].lines
    assert left(moved, "proxy host 2")[0].what == "name nas.local"


# What must not become open


@pytest.mark.proves("B14")
def test_what_was_protected_by_an_access_list_is_a_comment_and_said_loudly(manager: Manager) -> None:
    manager.add("access_list")
    manager.add("access_list_auth")
    manager.add("access_list_client")
    manager.add("proxy_host", access_list_id=1)
    moved = move(manager)
    (reason,) = only(moved).closed
    assert "It was protected by access list family (a log-in (1 user) and addresses: allow 192.168.1.0/24), and would not be" in reason
    assert moved.declaration()["exposure_sites"] == []
    assert "hunter2" not in str(moved) and "anna" not in str(moved)


@pytest.mark.parametrize("given", [7, -1, "x", 1.5])
def test_an_access_list_that_nobody_knows_protects_too(given: object, manager: Manager) -> None:
    assert site(manager, access_list_id=given).closed


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"enabled": 0}, "switched off"),
        ({"meta": {"nginx_online": False, "nginx_err": "host not\nfound"}}, "NPM could not serve it: host not found"),
        ({"advanced_config": "auth_request /authelia;"}, "may protect it"),
        ({"advanced_config": b"\xff"}, "may protect it"),
        ({"locations": "["}, "cannot be read"),
        ({"locations": {"path": "/"}}, "cannot be read"),
        ({"locations": [5]}, "cannot be read"),
        ({"forward_host": "jellyfin"}, "name of a container"),
        ({"forward_host": "127.0.0.1"}, "NPM's own container"),
        ({"forward_host": "localhost"}, "NPM's own container"),
        ({"forward_host": "::1"}, "NPM's own container"),
        ({"forward_host": "host.docker.internal"}, "is the server itself"),
        ({"forward_port": 81}, "Nginx Proxy Manager's own panel"),
        ({"forward_host": "nginx-proxy-manager", "forward_port": 81}, "Nginx Proxy Manager's own panel"),
        ({"forward_host": "0.0.0.0"}, "cannot be an upstream"),
        ({"forward_host": "a/b"}, "cannot be an upstream"),
        ({"forward_host": "me:hunter2@nas.lan"}, "cannot be an upstream"),
        ({"forward_host": "x;\n}"}, "cannot be an upstream"),
        ({"forward_host": 5}, "cannot be an upstream"),
        ({"forward_scheme": "grpc"}, "cannot be an upstream"),
        ({"forward_scheme": "https", "forward_port": 80}, "cannot be an upstream"),
        ({"forward_port": 0}, "cannot be an upstream"),
        ({"forward_port": "x"}, "cannot be an upstream"),
        ({"forward_port": 1 << 40}, "cannot be an upstream"),
        ({"forward_host": "home.example.org"}, "leads back to the proxy itself"),
    ],
)
def test_a_host_that_is_not_as_it_was_is_a_comment_with_the_reason(columns: dict[str, Any], reason: str, manager: Manager) -> None:
    manager.add("proxy_host", **columns)
    moved = move(manager)
    closed = " ".join(only(moved).closed)
    assert reason in closed and "hunter2" not in str(moved)
    assert any(one.kind == "closed" for one in left(moved, "proxy host 1"))


def test_with_the_network_of_the_server_loopback_was_the_server(manager: Manager) -> None:
    manager.add("proxy_host", forward_host="127.0.0.1")
    manager.add("proxy_host", domain_names=["npm.example.org"], forward_host="127.0.0.1", forward_port=81)
    manager.add("proxy_host", domain_names=["loop.example.org"], forward_host="localhost", forward_port=443, forward_scheme="https")
    moved = move(manager, host_network=True)
    assert [bool(entry.closed) for entry in moved.sites] == [False, True, True]
    assert moved.sites[0].lines["upstream"] == "http://127.0.0.1:8123"


def test_the_server_s_own_address_on_a_port_of_the_proxy_is_a_circle(manager: Manager) -> None:
    manager.add("proxy_host", forward_host="192.168.1.10", forward_port=443, forward_scheme="https")
    assert only(move(manager, addresses=["192.168.1.10"])).closed
    assert not only(move(manager, addresses=["192.168.1.11"])).closed


def test_an_address_of_a_container_is_carried_over_with_a_word(manager: Manager) -> None:
    manager.add("proxy_host", forward_host="172.18.0.5")
    moved = move(manager)
    assert not only(moved).closed
    assert "address of a container" in left(moved, "proxy host 1")[0].why


def test_of_two_hosts_with_one_name_the_second_is_a_comment(manager: Manager) -> None:
    manager.add("proxy_host")
    manager.add("proxy_host")
    first, second = move(manager).sites
    assert not first.closed and "belongs to site home" in second.closed[0]


@pytest.mark.parametrize("name", ["server_proxy", "http", "http_top"])
def test_lines_for_all_hosts_that_may_protect_close_all_of_them(name: str, manager: Manager) -> None:
    manager.custom(name, "allow 192.168.1.0/24;\ndeny all;")
    manager.add("proxy_host")
    manager.add("redirection_host")
    moved = move(manager)
    assert [bool(entry.closed) for entry in moved.sites] == [True, name != "server_proxy"]
    (told,) = left(moved, f"nginx/custom/{name}.conf")
    assert told.kind == "closed" and told.lines == ["allow 192.168.1.0/24;", "deny all;"]


def test_lines_for_all_hosts_that_protect_nobody_are_listed(manager: Manager) -> None:
    manager.custom("server_proxy", "client_max_body_size 0;\nadd_header X-Robots-Tag none;")
    manager.custom("stream", "server { listen 22; proxy_pass 192.168.1.2:22; }")
    manager.add("proxy_host")
    moved = move(manager)
    assert not only(moved).closed
    assert left(moved, "nginx/custom/server_proxy.conf")[0].lines == ["add_header X-Robots-Tag none;", "max_body: 0"]
    assert left(moved, "nginx/custom/stream.conf")[0].kind == "lost"


def test_advanced_lines_become_lines_of_the_site_and_the_rest_is_listed_word_for_word(manager: Manager) -> None:
    manager.add("proxy_host", advanced_config="client_max_body_size 10g;\nproxy_read_timeout 600s;\nadd_header X-A b;\nproxy_request_buffering off;")
    moved = move(manager)
    assert {"max_body": "10Gi", "read_timeout": "600s", "buffering": False}.items() <= only(moved).lines.items() and not only(moved).closed
    assert left(moved, "proxy host 1")[0].lines == ["add_header X-A b;"]


# Locations


def place(**lines: Any) -> dict[str, Any]:
    return {"path": "/office/", "forward_scheme": "http", "forward_host": "192.168.1.21", "forward_port": 9980, "advanced_config": "", **lines}


@pytest.mark.parametrize(
    ("lines", "part"),
    [
        ({}, {"path": "/office/", "upstream": "http://192.168.1.21:9980"}),
        ({"path": "/office"}, {"path": "/office", "upstream": "http://192.168.1.21:9980"}),
        ({"forward_path": "/office/"}, {"path": "/office/", "upstream": "http://192.168.1.21:9980"}),
        ({"forward_path": "/"}, {"path": "/office/", "upstream": "http://192.168.1.21:9980", "strip": True}),
        ({"path": "/office", "forward_path": "/"}, {"path": "/office", "upstream": "http://192.168.1.21:9980", "strip": True}),
        ({"forward_host": "192.168.1.21/"}, {"path": "/office/", "upstream": "http://192.168.1.21:9980", "strip": True}),
        ({"forward_scheme": "https"}, {"path": "/office/", "upstream": "https://192.168.1.21:9980", "upstream_ca": "any"}),
    ],
)
def test_a_location_is_a_path(lines: dict[str, Any], part: dict[str, Any], manager: Manager) -> None:
    entry = site(manager, locations=[place(**lines)])
    assert entry.lines["paths"] == [part] and not entry.closed


@pytest.mark.parametrize(
    "lines",
    [
        *({"path": "~ ^/x"}, {"path": "= /x"}, {"path": "^~ /x"}, {"path": "/a/../b"}, {"path": "/a b"}, {"path": "x"}, {"path": None}, {"path": ["/x"]}),
        *({"forward_path": "/other"}, {"forward_path": ["/"]}, {"forward_host": "192.168.1.21/other/"}, {"forward_host": "office"}, {"forward_host": None}),
        *({"advanced_config": "deny all;"}, {"advanced_config": ["deny all;"]}, {"advanced_config": 5}, {"forward_port": 81}, {"forward_port": None}),
    ],
)
def test_a_location_that_cannot_be_said_closes_the_site_so_that_nothing_behind_it_opens(lines: dict[str, Any], manager: Manager) -> None:
    assert site(manager, locations=[place(), place(**{"path": "/second", **lines})]).closed


def test_a_location_for_everything_is_the_site_itself(manager: Manager) -> None:
    entry = site(manager, forward_host="jellyfin", forward_scheme="https", locations=[place(path="/")])
    assert entry.lines == {"name": "home", "hosts": ["home.example.org"], "upstream": "http://192.168.1.21:9980"} and not entry.closed


def test_two_locations_of_one_path_are_told(manager: Manager) -> None:
    assert "stands there twice" in site(manager, locations=[place(), place(path="/office")]).closed[0]


def test_lines_of_a_location_that_protect_nobody_are_listed(manager: Manager) -> None:
    manager.add("proxy_host", locations=[place(advanced_config="client_max_body_size 1g; add_header X-A b;")])
    moved = move(manager)
    assert not only(moved).closed
    assert left(moved, "proxy host 1")[0].lines == ["add_header X-A b;", "max_body: 1Gi"]


# Redirections


@pytest.mark.parametrize(
    ("columns", "to"),
    [
        ({}, "https://home.example.org"),
        ({"forward_scheme": "$scheme"}, "https://home.example.org"),
        ({"forward_scheme": "https"}, "https://home.example.org"),
        ({"forward_scheme": "http"}, "http://home.example.org"),
        ({"forward_domain_name": "home.example.org:8443"}, "https://home.example.org:8443"),
    ],
)
def test_a_redirection_is_a_redirect(columns: dict[str, Any], to: str, manager: Manager) -> None:
    manager.add("redirection_host", **columns)
    entry = only(move(manager))
    assert entry.lines == {"name": "www-example", "hosts": ["www.example.org"], "redirect": to} and not entry.closed


@pytest.mark.parametrize("to", ["home.example.org/path", "me@home.example.org", "www.example.org", "a b", "", "$host", 5])
def test_a_redirection_that_a_redirect_cannot_be_is_a_comment(to: object, manager: Manager) -> None:
    manager.add("redirection_host", forward_domain_name=to)
    assert only(move(manager)).closed


def test_another_code_and_a_path_left_out_are_told(manager: Manager) -> None:
    manager.add("redirection_host", forward_http_code=302, preserve_path=0)
    manager.add("redirection_host", domain_names=["a.example.org"], forward_http_code=308, preserve_path=1)
    moved = move(manager)
    assert "it answered 302, and answers 308 here; it left the path out" in left(moved, "redirection host 1")[0].why
    assert not left(moved, "redirection host 2")
