"""Renewal for real: certificates that live three minutes, renewed by the timer's own service while clients keep requesting."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.bed import ROOT, eventually, host, inventory_with, playbook, serial

PROXY = ("--tags", "proxy")
DIRECTORY = "https://acme.isp.example:14001/dir"
NAME = "who.casa.example"
LIFE = 180
"""Seconds that a certificate of this authority lives; it is due when half of them are over."""

CHAINED = {"name": "who", "hosts": ["who.casa.example", "extra.casa.example"], "after": ["touch", "/srv/registry/told"]}
COPIES = [
    {"path": "/srv/registry/chained.pem", "content": "fullchain", "owner": "daemon", "group": "daemon", "mode": "0644"},
    {"path": "/srv/registry/domain.key", "content": "privkey", "owner": "daemon", "group": "daemon", "mode": "0600"},
    {"path": "/srv/registry/dhparam.pem", "content": "dhparam", "mode": "0644"},
]


@pytest.fixture(scope="module")
def brief(tmp_path_factory: pytest.TempPathFactory) -> Iterator[float]:
    """The house with certificates that end soon; the time at which they were ordered. Afterwards it has its usual ones again."""

    def asked(variables: dict[str, Any]) -> None:
        variables["exposure_acme"]["directory"] = DIRECTORY

    def copied(variables: dict[str, Any]) -> None:
        variables["exposure_certificates"] = [{**CHAINED, "copies": COPIES}]
        next(site for site in variables["exposure_sites"] if site["name"] == "who")["certificate"] = "who"

    host("home").run("mkdir -p /srv/registry && rm -f /srv/registry/*")
    run = playbook("site", *PROXY, inventory=inventory_with(tmp_path_factory.mktemp("brief"), all=asked, home=copied))
    assert run.code == 0, run.output
    root = host("isp").run("curl -fsk https://127.0.0.1:15001/roots/0").stdout
    subprocess.run(["docker", "exec", "-i", "phone", "sh", "-c", "cat > /root/brief.pem"], input=root, text=True, check=True)
    yield time.monotonic()
    back = playbook("site")
    assert back.code == 0, back.output


def renew() -> int:
    return int(host("home").run("systemctl start exposure-certificates.service").rc)


@pytest.mark.proves("B02")
def test_what_is_not_due_is_left_alone(brief: float) -> None:
    before = serial(NAME)
    assert renew() == 0
    assert serial(NAME) == before


@pytest.mark.proves("R38")
def test_copies_are_where_a_service_expects_them_with_its_own_rights(brief: float) -> None:
    home = host("home")
    assert home.run("stat -c '%n %U %G %a' /srv/registry/*.pem /srv/registry/*.key").stdout.split("\n")[:-1] == [
        "/srv/registry/chained.pem daemon daemon 644",
        "/srv/registry/dhparam.pem root root 644",
        "/srv/registry/domain.key daemon daemon 600",
    ]
    assert home.run("openssl x509 -noout -serial -in /srv/registry/chained.pem").stdout == serial(NAME)
    assert home.run("openssl dhparam -check -noout -in /srv/registry/dhparam.pem").rc == 0
    assert home.file("/srv/registry/told").exists


@pytest.mark.proves("R39", "B02", "R38")
def test_a_renewal_by_the_timer_s_service_shows_a_new_certificate_and_loses_no_request(brief: float) -> None:
    time.sleep(max(0.0, brief + LIFE * 0.55 - time.monotonic()))
    home = host("home")
    before, master = serial(NAME), home.run("cat /run/nginx.pid").stdout
    home.run("rm -f /srv/registry/told")
    command = ["docker", "exec", "-i", "phone", "python3", "-", NAME, "8", "4", "25", "/root/brief.pem"]
    clients = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert clients.stdin and clients.stdout
    clients.stdin.write((ROOT / "benchmarks/clients.py").read_text())
    clients.stdin.close()
    assert clients.stdout.readline().strip() == "started"
    assert renew() == 0, home.run("journalctl -u exposure-certificates -o cat -n 20 --no-pager").stdout
    seen = json.loads(clients.stdout.read())
    clients.wait(60)
    assert serial(NAME) != before
    assert home.run("openssl x509 -noout -serial -in /srv/registry/chained.pem").stdout == serial(NAME)
    assert home.file("/srv/registry/told").exists
    assert home.run("cat /run/nginx.pid").stdout == master, "nothing is stopped"
    assert seen["requests"] > 300
    assert seen["lost"] == 0, seen
    assert seen["websockets_open"] == seen["websockets"] == 4


def left() -> float:
    """The share of its life that the served certificate has left, by openssl."""
    shown = f"openssl s_client -connect 127.0.0.1:443 -servername {NAME} </dev/null 2>/dev/null | openssl x509 -noout -dates -dateopt iso_8601"
    begins, ends = (datetime.fromisoformat(line.partition("=")[2].strip()) for line in host("home").run(shown).stdout.splitlines())
    return (ends - datetime.now(UTC)) / (ends - begins)


def watched(about: str) -> dict[str, str]:
    """What the watch has to tell of something: finding and severity."""
    seen = json.loads(host("home").run("exposure watch --check --json").stdout)
    return {one["id"]: one["severity"] for one in seen["findings"] if about in str(one["about"])}


EDGES = {"": (0.31, 1.0), "warning": (1 / 6, 0.31), "error": (0.0, 1 / 6)}
"""What is told of a certificate while this share of its life is left, with the settings that are right for 90 days too."""


@pytest.mark.proves("B09", "R39", "R40", "B02")
def test_a_renewal_that_fails_is_noted_and_watched_keeps_what_serves_and_is_forgotten_when_it_succeeds(brief: float) -> None:
    home = host("home")
    before = serial(NAME)
    host("router").run("nft insert rule inet router forward tcp dport 14001 reject")
    try:
        assert eventually(lambda: left() < 0.49, LIFE, 1), "it is never due"
        told = [(left(), watched(NAME).get("lifetime_fraction_low", ""))]
        assert renew() != 0
        assert eventually(lambda: home.file("/var/lib/exposure/failures/exposure-certificates.service.json").exists, 10)
        noted = json.loads(home.file("/var/lib/exposure/failures/exposure-certificates.service.json").content_string)
        assert noted["unit"] == "exposure-certificates.service" and "reach" in noted["said"]
        assert serial(NAME) == before
        assert "unit_failed" in watched("exposure-certificates.service")
        while (share := left()) > 0.05:
            told.append((share, watched(NAME).get("lifetime_fraction_low", "")))
            time.sleep(5)
        assert {severity for _, severity in told} == set(EDGES)
        assert [one for one in told if not EDGES[one[1]][0] - 0.05 <= one[0] <= EDGES[one[1]][1] + 0.05] == []
    finally:
        host("router").run("nft delete rule inet router forward handle $(nft -a list chain inet router forward | sed -n 's/.*14001 reject.* # handle //p')")
    assert eventually(lambda: renew() == 0, 30, 2), home.run("journalctl -u exposure-certificates -o cat -n 20 --no-pager").stdout
    assert serial(NAME) != before
    assert not home.file("/var/lib/exposure/failures/exposure-certificates.service.json").exists
