"""Ordering from a real authority: what it needs is looked at first, a failure says why and takes nothing with it, and the next run completes it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bed import Run, dns, host, inventory_with, playbook, reachable, serial, with_sites

AUTHORITY = "https://acme.isp.example:{}/dir"
PROXY = ("--tags", "proxy")


def order(tmp_path: Path, name: str, *options: str, acme: dict[str, Any] | None = None, **variables: Any) -> Run:
    """A run with one site more, under a name of the zone."""
    site = {"name": name.partition(".")[0], "hosts": [f"{name}.casa.example"], "app": "whoami"}

    def also(host_variables: dict[str, Any]) -> None:
        with_sites(site)(host_variables)
        host_variables.update({f"exposure_{key}": value for key, value in variables.items()})

    def asked(all_variables: dict[str, Any]) -> None:
        all_variables["exposure_acme"].update(acme or {})

    folder = tmp_path / f"{len(list(tmp_path.iterdir()))}"
    folder.mkdir()
    return playbook("site", *PROXY, *options, inventory=inventory_with(folder, home=also, all=asked))


@pytest.fixture(autouse=True)
def others_are_served_all_the_time() -> Iterator[None]:
    before = serial("home.casa.example")
    yield
    assert reachable("home.casa.example")
    assert serial("home.casa.example") == before


@pytest.mark.proves("B09", "R30")
def test_an_authority_that_does_not_answer_is_named_and_the_next_run_completes(tmp_path: Path) -> None:
    host("router").run("nft insert rule inet router forward tcp dport 14000 reject")
    name = f"down{secrets.token_hex(3)}.bench"
    run = order(tmp_path, name)
    host("router").run("nft delete rule inet router forward handle $(nft -a list chain inet router forward | sed -n 's/.*14000 reject.* # handle //p')")
    assert run.code != 0
    assert "does not answer" in run.output and "Nothing was ordered" in run.output
    seen = host("phone").run(f"openssl s_client -connect {name}.casa.example:443 -servername {name}.casa.example </dev/null 2>/dev/null").stdout
    assert "homeserver.exposure placeholder" in seen
    again = order(tmp_path, name)
    assert again.code == 0, again.output
    assert reachable(f"{name}.casa.example")


@pytest.mark.proves("B09")
@pytest.mark.parametrize(
    ("name", "records", "signs"),
    [
        ("wrong4.bench", ["update add wrong4.bench.casa.example 60 A 198.51.100.77"], ["198.51.100.77"]),
        (
            "wrong6.bench",
            ["update add wrong6.bench.casa.example 60 A 198.51.100.2", "update add wrong6.bench.casa.example 60 AAAA 2001:db8:1::77"],
            ["2001:db8:1::77", "IPv6"],
        ),
        (
            "denied.bench",
            [
                "update add denied.bench.casa.example 60 A 198.51.100.2",
                "update add denied.bench.casa.example 60 AAAA 2001:db8:77::10",
                'update add denied.bench.casa.example 60 CAA 0 issue "another.example"',
            ],
            ["CAA"],
        ),
        ("servfail.bench", ["update add servfail.bench.casa.example 60 NS ns.nowhere.casa.example"], ["servfail.bench.casa.example"]),
    ],
)
def test_what_the_authority_would_refuse_is_found_before_an_order_is_spent(name: str, records: list[str], signs: list[str], tmp_path: Path) -> None:
    dns(*records)
    known = {"addresses": ["198.51.100.2", "2001:db8:77::10"]}
    orders = host("isp").run("journalctl -u pebble -o cat | grep -c 'Added order'").stdout
    run = order(tmp_path, name, acme=known)
    dns(f"update delete {name}.casa.example")
    assert run.code != 0
    assert "No order was spent" in run.output, run.output
    for sign in signs:
        assert sign in run.output
    assert host("isp").run("journalctl -u pebble -o cat | grep -c 'Added order'").stdout == orders


@pytest.mark.proves("B09")
def test_an_order_that_the_authority_refuses_says_so_and_is_not_repeated_before_its_time(tmp_path: Path) -> None:
    first = order(tmp_path, "blocked.bench")
    second = order(tmp_path, "blocked.bench")
    third = order(tmp_path, "blocked.bench")
    assert first.code and second.code and third.code
    assert "refuses" in first.output or "policy" in first.output or "rejected" in first.output.lower()
    budget = json.loads(host("home").file("/var/lib/exposure/budget.json").content_string)
    assert "blocked.bench.casa.example" in json.dumps(budget)
    assert host("home").run("stat -c '%U %a' /var/lib/exposure/budget.json").stdout.strip() == "root 600"
    assert "waits" in third.output or "not before" in third.output or "again" in third.output
    log = host("isp").run("journalctl -u pebble -o cat | grep -c 'blocked.bench'").stdout
    assert order(tmp_path, "blocked.bench").code != 0
    assert host("isp").run("journalctl -u pebble -o cat | grep -c 'blocked.bench'").stdout == log


@pytest.mark.proves("B09")
def test_a_first_order_is_rehearsed_where_a_rehearsal_is_declared(tmp_path: Path) -> None:
    name = f"staged{secrets.token_hex(3)}.bench"
    run = order(tmp_path, name, acme={"rehearsal": AUTHORITY.format(14001)})
    assert run.code == 0, run.output
    assert name in host("isp").run(f"journalctl -u pebble-brief -o cat | grep -i {name} | head -3").stdout
    assert reachable(f"{name}.casa.example")


@pytest.mark.proves("R41")
def test_the_account_is_backed_up_and_a_certificate_that_was_damaged_is_put_right() -> None:
    home = host("home")
    kept = home.run("ls /var/lib/exposure/backup/").stdout
    assert "accounts" in kept
    assert home.run("stat -c '%U %a' /var/lib/exposure/backup").stdout.strip() == "root 700"
    before = serial("who.casa.example")
    home.run("truncate -s 100 /etc/exposure/certificates/who/fullchain.pem")
    run = playbook("site", *PROXY)
    assert run.code == 0, run.output
    assert serial("who.casa.example") == before
