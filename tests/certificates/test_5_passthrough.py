"""TLS that ends elsewhere: a machine at home keeps its own certificates, got through the splitter, beside sites that the proxy serves itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.bed import PHONE, curl, eventually, host, inventory_with, playbook, reachable, serial, whoami, with_sites

PASSED = ("pbx.casa.example", "vault.casa.example")
SITES = [
    {"name": "pbx", "hosts": ["pbx.casa.example"], "upstream": "192.168.77.30:443", "tls": "passthrough", "probe": {"status": 200}},
    {"name": "vault", "hosts": ["vault.casa.example"], "upstream": "192.168.77.30:443", "tls": "passthrough", "probe": {"status": 200}},
]
INVENTORIES: dict[str, Path] = {}


def engine(name: str) -> Any:
    def change(variables: dict[str, Any]) -> None:
        with_sites(*SITES)(variables)
        variables.update(exposure_proxy=name, exposure_http3=None)

    return change


@pytest.fixture(scope="module", params=["nginx", "caddy"])
def splitter(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    host("pbx").run("systemctl stop caddy; rm -rf /var/lib/caddy/.local/share/caddy/certificates; systemctl start caddy")
    inventory = inventory_with(tmp_path_factory.mktemp(request.param), home=engine(request.param))
    run = playbook("site", inventory=inventory)
    assert run.code == 0, run.output
    assert "its TLS ends at the app, which sees the address of the proxy" in run.output
    INVENTORIES[request.param] = inventory
    return str(request.param)


@pytest.mark.proves("R24", "R26", "R27", "R31")
@pytest.mark.parametrize("family", ["4", "6"])
@pytest.mark.parametrize("name", PASSED)
def test_the_machine_gets_its_own_certificate_over_http_or_inside_tls_and_is_reached(name: str, family: str, splitter: str) -> None:
    """pbx proves its name over http (HTTP-01), vault inside TLS (TLS-ALPN-01), both through the splitter."""
    answer = eventually(lambda: curl("phone", f"https://{name}/", f"-{family}").stdout, 60, 2)
    assert answer.startswith("the exchange" if name.startswith("pbx") else "the vault")
    on_the_machine = host("pbx").run(f"openssl x509 -noout -serial -in /var/lib/caddy/.local/share/caddy/certificates/*/{name}/{name}.crt").stdout
    assert serial(name) == on_the_machine


@pytest.mark.proves("R25", "R28", "B05", "B03")
@pytest.mark.parametrize("family", ["4", "6"])
def test_the_proxy_s_own_sites_keep_the_real_client_and_http_2(family: str, splitter: str) -> None:
    seen = whoami("phone", "who.casa.example", f"-{family}", "-H", "X-Forwarded-For: 1.2.3.4")
    assert seen["headers"]["X-Forwarded-For"] == [PHONE[family]]
    assert curl("phone", "https://who.casa.example/", "-o", "/dev/null", "-w", "%{http_version}").stdout == "2"


@pytest.mark.proves("R21", "B05")
@pytest.mark.parametrize("servername", ["-servername nobody.casa.example", "-noservername"])
def test_a_name_that_nobody_declared_is_refused_behind_the_splitter_too(servername: str, splitter: str) -> None:
    seen = host("phone").run(f"openssl s_client -connect who.casa.example:443 {servername} </dev/null 2>&1").stdout
    assert "no peer certificate available" in seen


@pytest.mark.proves("R27")
def test_over_http_the_machine_s_own_paths_reach_it_and_all_else_is_sent_to_https(splitter: str) -> None:
    """That its answers to ACME get through is shown by its certificate."""
    assert curl("phone", "http://pbx.casa.example/.freepbx-known/x").stdout == "known to the exchange"
    sent = curl("phone", "http://pbx.casa.example/x?y=1", "-o", "/dev/null", "-w", "%{http_code} %{redirect_url}").stdout
    assert sent == "308 https://pbx.casa.example/x?y=1"


@pytest.mark.proves("B12")
def test_a_second_run_changes_nothing(splitter: str) -> None:
    again = playbook("site", inventory=INVENTORIES[splitter])
    assert again.code == 0 and set(again.changed.values()) == {0}, again.output


def test_the_splitter_starts_again_after_a_kill(splitter: str) -> None:
    unit = "nginx" if splitter == "nginx" else "exposure-sni-router"
    host("home").run(f"systemctl kill -s KILL {unit}")
    assert eventually(lambda: reachable("who.casa.example") and reachable("pbx.casa.example"), 20)
    assert float(host("home").run(f"systemd-analyze security --no-pager {unit}.service").stdout.split("service: ")[-1].split()[0]) <= 3.0


@pytest.mark.proves("R57")
def test_without_anything_passed_through_the_splitter_goes(tmp_path: Path) -> None:
    """From Caddy behind the splitter to Caddy alone, and then to the house as it is."""

    def only_caddy(variables: dict[str, Any]) -> None:
        variables.update(exposure_proxy="caddy", exposure_http3=None)

    run = playbook("site", inventory=inventory_with(tmp_path, home=only_caddy))
    assert run.code == 0, run.output
    home = host("home")
    assert home.run("systemctl is-active exposure-sni-router").rc != 0
    assert "caddy" in home.run("ss -Hlntp 'sport = :443'").stdout
    assert not reachable("pbx.casa.example")
    assert eventually(lambda: curl("phone", "https://who.casa.example/", "--http3-only", "-o", "/dev/null", "-w", "%{http_version}").stdout == "3", 20)
