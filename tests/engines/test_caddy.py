"""What only a machine with Caddy can tell: its rights, its socket, and where its state lives."""

from __future__ import annotations

import re

import pytest

from tests.bed import host, plan


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
    assert {site["hosts"][0] for site in plan()["hosts"]["home"]["proxy"]["sites"]} <= set(stored)


@pytest.mark.proves("R52", "R22")
def test_a_boot_starts_from_the_release_that_was_proven() -> None:
    home = host("home")
    current = home.run("readlink -f /etc/exposure/caddy/current").stdout
    assert home.run("readlink -f /run/exposure-caddy").stdout == current
    home.run("ln -sfnT /nonexistent /run/exposure-caddy && systemctl restart caddy")
    assert home.run("readlink -f /run/exposure-caddy").stdout == current
    assert home.run("systemctl is-active caddy").stdout.strip() == "active"
