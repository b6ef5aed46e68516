"""What only the machines themselves can tell: what listens, with which rights, and where state lives."""

from __future__ import annotations

import json
import re

import pytest

from tests.bed import host, plan


@pytest.mark.proves("R56", "B06")
@pytest.mark.parametrize("name", ["home", "attic"])
def test_nothing_listens_that_was_not_declared(name: str) -> None:
    its = plan()["hosts"][name]
    declared = {(opening["protocol"], opening["port"]) for opening in its["openings"]} | {
        ("tcp", entry["port"]) for stack in its["stacks"] for entry in stack["listen"]
    }
    rows = host(name).run("ss -Hlntu").stdout.splitlines()
    listening = {(row.split()[0], *row.split()[4].rsplit(":", 1)) for row in rows}
    outside = {(protocol, int(port)) for protocol, address, port in listening if not re.match(r"127\.|\[::1\]", address.strip())}
    assert outside <= declared


@pytest.mark.proves("R56")
def test_apps_are_published_on_loopback_or_for_their_proxy_alone() -> None:
    for name in ("home", "attic"):
        for stack in plan()["hosts"][name]["stacks"]:
            inspected = host(name).run(f"docker inspect {stack['name']}-{stack['app']}-1")
            bindings = [b["HostIp"] for ports in json.loads(inspected.stdout)[0]["HostConfig"]["PortBindings"].values() for b in ports]
            assert bindings == [entry["address"] for entry in stack["listen"]]
            assert bindings == ["127.0.0.1" if name == "home" else "192.168.77.11"]


def test_the_proxy_has_the_least_rights_that_it_needs() -> None:
    seen = host("home").run("systemd-analyze security --no-pager caddy.service").stdout
    assert float(re.findall(r"exposure level for caddy.service: ([0-9.]+)", seen)[0]) <= 2.0
    assert host("home").run("stat -c %U /proc/$(pidof caddy)").stdout.strip() == "caddy"


def test_the_proxy_is_controlled_through_a_socket_that_is_its_own() -> None:
    assert host("home").run("ss -Hlnt sport = :2019").stdout == ""
    assert host("home").run("test -S /run/caddy/admin.sock").rc == 0
    assert host("home").run("stat -c '%U %a' /run/caddy").stdout.strip() == "caddy 700"


@pytest.mark.proves("R41")
def test_the_acme_account_and_the_certificates_are_kept_where_a_reinstall_leaves_them() -> None:
    state = "/var/lib/caddy/.local/share/caddy"
    assert host("home").run(f"find {state}/acme -name '*.key' | head -1").stdout
    stored = host("home").run(f"ls {state}/certificates/*/").stdout.split()
    assert {certificate["name"] for certificate in plan()["certificates"]} <= set(stored)


@pytest.mark.proves("R52", "R22")
def test_a_boot_starts_from_the_release_that_was_proven() -> None:
    home = host("home")
    current = home.run("readlink -f /etc/exposure/caddy/current").stdout
    assert home.run("readlink -f /run/exposure-caddy").stdout == current
    home.run("ln -sfnT /nonexistent /run/exposure-caddy && systemctl restart caddy")
    assert home.run("readlink -f /run/exposure-caddy").stdout == current
    assert home.run("systemctl is-active caddy").stdout.strip() == "active"
