"""What a site can ask of its proxy, the same on both engines: paths, redirects, re-encryption, limits, headers; and one that is broken breaks no other."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.bed import curl, host, inventory_with, playbook, reachable, whoami, with_sites
from tests.unit.certificates.authority import ROOT, served

BACK = "192.168.77.20:9443"
SITES: list[dict[str, Any]] = [
    {
        "name": "paths",
        "hosts": ["paths.bench.casa.example"],
        "app": "whoami",
        "hsts": "1d",
        "max_body": "1M",
        "paths": [
            {"path": "/ha", "app": "home_assistant", "strip": True},
            {"path": "/nas/deep", "upstream": "http://192.168.77.11:8080"},
            {"path": "/gone", "upstream": "http://nosuch.casa.example:8080"},
        ],
    },
    {"name": "moved", "hosts": ["moved.bench.casa.example"], "redirect": "https://who.casa.example"},
    {"name": "sealed", "hosts": ["sealed.bench.casa.example"], "upstream": f"https://{BACK}", "upstream_name": "back.lan", "upstream_ca": "/etc/ssl/back.pem"},
    {"name": "other", "hosts": ["other.bench.casa.example"], "upstream": f"https://{BACK}", "upstream_name": "wrong.lan", "upstream_ca": "/etc/ssl/back.pem"},
    {"name": "stream", "hosts": ["stream.bench.casa.example"], "app": "whoami", "buffering": False},
]


@pytest.fixture(scope="module", params=["nginx", "caddy"])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    chain, key = served(["back.lan"], start=datetime.now(UTC) - timedelta(hours=1), life=timedelta(days=90))
    for name, path, content in (("laptop", "/root/back.key", key), ("laptop", "/root/back.pem", chain), ("home", "/etc/ssl/back.pem", ROOT.pem)):
        subprocess.run(["docker", "exec", "-i", name, "sh", "-c", f"cat > {path}; chmod 644 {path}"], input=content, check=True)
    server = "openssl s_server -accept 9443 -key /root/back.key -cert /root/back.pem -cert_chain /root/back.pem -www"
    host("laptop").run(f"systemctl stop back; systemd-run -q --unit=back --collect {server}")

    def chosen(variables: dict[str, Any]) -> None:
        with_sites(*SITES)(variables)
        variables.update(exposure_proxy=request.param, exposure_http3=None)

    run = playbook("site", "--tags", "apps,proxy", inventory=inventory_with(tmp_path_factory.mktemp(request.param), home=chosen))
    assert run.code == 0, run.output
    yield request.param
    host("laptop").run("systemctl stop back")


@pytest.mark.proves("R18", "B10")
def test_paths_of_one_name_go_to_different_apps(engine: str) -> None:
    assert "Home Assistant" in curl("phone", "https://paths.bench.casa.example/ha/manifest.json").stdout
    assert curl("phone", "https://paths.bench.casa.example/haha", "-o", "/dev/null", "-w", "%{http_code}").stdout == "200"
    deep = curl("phone", "https://paths.bench.casa.example/nas/deep/er?x=1").stdout
    assert "GET /nas/deep/er?x=1" in deep
    assert whoami("phone", "paths.bench.casa.example")["headers"]["X-Forwarded-Host"] == ["paths.bench.casa.example"]


def test_an_upstream_whose_name_is_gone_takes_neither_the_proxy_nor_another_site_with_it(engine: str) -> None:
    assert curl("phone", "https://paths.bench.casa.example/gone/x", "-o", "/dev/null", "-w", "%{http_code}").stdout == "503"
    unit = "nginx" if engine == "nginx" else "caddy"
    assert host("home").run(f"systemctl restart {unit}").rc == 0
    assert reachable("who.casa.example")


def test_a_site_can_be_sent_to_another_with_its_path(engine: str) -> None:
    sent = curl("phone", "https://moved.bench.casa.example/a/b?c=d", "-o", "/dev/null", "-w", "%{http_code} %{redirect_url}").stdout
    assert sent == "308 https://who.casa.example/a/b?c=d"


@pytest.mark.proves("R29")
def test_an_https_upstream_is_asked_for_the_name_that_is_declared_and_trusted_by_the_chosen_authority_alone(engine: str) -> None:
    assert curl("phone", "https://sealed.bench.casa.example/", "-o", "/dev/null", "-w", "%{http_code}").stdout == "200"
    assert curl("phone", "https://other.bench.casa.example/", "-o", "/dev/null", "-w", "%{http_code}").stdout == "503"


@pytest.mark.proves("R19")
def test_a_body_beyond_its_limit_is_refused_and_one_without_a_limit_is_passed_on_and_kept_nowhere(engine: str) -> None:
    phone, home = host("phone"), host("home")
    phone.run("head -c 300M /dev/zero > /root/body")
    answer = phone.run("curl -sS -T /root/body -o /dev/null -w '%{http_code}' --max-time 30 https://paths.bench.casa.example/up")
    assert answer.stdout.endswith("413") or answer.rc in (55, 92), answer.stdout
    written = "awk '{sum += $10} END {print sum}' /sys/block/*/stat"
    home.run("sync")
    before = home.run("du -sk /var/lib/nginx /tmp 2>/dev/null | awk '{s += $1} END {print s}'").stdout
    big = phone.run("curl -sS -T /root/body -o /dev/null -w '%{http_code}' --max-time 60 https://stream.bench.casa.example/up")
    assert big.stdout == "200", (big.stderr, written)
    assert int(home.run("du -sk /var/lib/nginx /tmp 2>/dev/null | awk '{s += $1} END {print s}'").stdout) - int(before) < 1024
    phone.run("rm /root/body")


@pytest.mark.proves("R20")
def test_security_headers_are_there_once_and_hsts_where_it_was_asked_for(engine: str) -> None:
    def headers(name: str) -> list[str]:
        return sorted(line.split(":")[0].lower() for line in curl("phone", f"https://{name}/", "-o", "/dev/null", "-D", "-").stdout.splitlines() if ":" in line)

    plain, strict = headers("who.casa.example"), headers("paths.bench.casa.example")
    assert plain.count("x-content-type-options") == plain.count("referrer-policy") == 1
    assert "strict-transport-security" not in plain and strict.count("strict-transport-security") == 1
    own = headers("home.casa.example")
    assert own.count("x-content-type-options") == 1, "Home Assistant sends it itself"
    assert json.loads(curl("phone", "https://who.casa.example/api", "--compressed").stdout)


@pytest.mark.proves("R57")
def test_the_house_is_as_it_was(engine: str) -> None:
    if engine == "caddy":
        back = playbook("site")
        assert back.code == 0, back.output
