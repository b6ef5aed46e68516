"""A proxy of its own on Debian 12: nginx 1.22 and certbot 2.1, a wildcard proven by DNS, an account bound to a customer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.bed import add_group, curl, host, inventory_with, playbook

NAME = "any.bench.casa.example"
TSIG = "dGhpcyBib3ggaGFzIG5vdGhpbmcgdG8gaGlkZSBhdCA="
BINDING = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
DIRECT = ("-k", "--resolve", f"{NAME}:443:192.168.77.11")
PASSED = "pbx.casa.example"


def twelve(variables: dict[str, Any]) -> None:
    """attic carries a proxy too, for one site whose certificate is a wildcard, and for a machine that keeps its own certificates."""
    variables["exposure_sites"][0]["proxy"] = "home"
    variables["exposure_sites"] += [
        {"name": "wild", "hosts": [NAME], "app": "whoami", "proxy": "attic", "certificate": "bench"},
        {"name": "exchange", "hosts": [PASSED], "upstream": "192.168.77.20:9443", "proxy": "attic", "tls": "passthrough"},
    ]
    variables["exposure_address"] = ["192.168.77.11", "2001:db8:77::11"]
    variables["exposure_proxy"] = "nginx"
    variables["exposure_http3"] = False
    variables["exposure_certificates"] = [{"name": "bench", "hosts": ["*.bench.casa.example", "bench.casa.example"]}]
    variables["exposure_acme"] = {
        "email": "owner@casa.example",
        "directory": "https://acme.isp.example:14002/dir",
        "ca_root": "/etc/ssl/isp-ca.pem",
        "dns": "rfc2136",
        "dns_wait": 2,
        "allow_private": True,
    }
    variables["exposure_acme_eab"] = {"kid": "customer-1", "hmac_key": BINDING}
    variables["exposure_acme_credentials"] = {
        "dns_rfc2136_server": "198.51.100.10",
        "dns_rfc2136_name": "owner.",
        "dns_rfc2136_secret": TSIG,
        "dns_rfc2136_algorithm": "HMAC-SHA256",
    }


def addressed(variables: dict[str, Any]) -> None:
    """A host that a run leaves out is planned from the inventory alone."""
    variables["exposure_address"] = ["192.168.77.10", "2001:db8:77::10"]


@pytest.fixture(scope="module")
def inventory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = inventory_with(tmp_path_factory.mktemp("twelve"), attic=twelve, home=addressed)
    add_group(made, "proxy", "attic")
    return made


@pytest.mark.proves("R32", "R33", "R30", "B10")
def test_one_run_on_a_bare_host_ends_with_a_wildcard_and_no_secret_shows(inventory: Path) -> None:
    run = playbook("site", "--tags", "apps,proxy", "--limit", "attic", "--diff", "-v", inventory=inventory)
    assert run.code == 0, run.output
    attic = host("attic")
    assert attic.run("nginx -v 2>&1").stdout.strip().endswith("nginx/1.22.1")
    shown = f"openssl s_client -connect 192.168.77.11:443 -servername {NAME} </dev/null 2>/dev/null"
    names = host("laptop").run(f"{shown} | openssl x509 -noout -issuer -ext subjectAltName").stdout
    assert "DNS:*.bench.casa.example" in names and "DNS:bench.casa.example" in names and "Pebble" in names
    everything = run.output + attic.run("journalctl -o cat --no-pager; cat /var/log/letsencrypt/*; ps axww").stdout
    for secret in (TSIG, BINDING):
        assert secret not in everything
    for name in ("cli.ini", "credentials.ini"):
        assert attic.run(f"stat -L -c '%U %a' /etc/exposure/certbot/current/{name}").stdout.strip() == "root 600"
    again = playbook("site", "--tags", "apps,proxy", "--limit", "attic", inventory=inventory)
    assert again.code == 0 and again.changed["attic"] == 0, again.output


@pytest.mark.proves("B03", "R28", "R20")
def test_its_own_site_sees_the_real_client_behind_the_splitter(inventory: Path) -> None:
    seen = json.loads(curl("laptop", f"https://{NAME}/api", *DIRECT, "-H", "X-Forwarded-For: 1.2.3.4").stdout)
    assert seen["headers"]["X-Forwarded-For"] == ["192.168.77.20"]
    assert curl("laptop", f"https://{NAME}/", *DIRECT, "-o", "/dev/null", "-w", "%{http_version}").stdout == "2"
    for option in ("--tls-max 1.1 --tlsv1.0", ""):
        refused = host("laptop").run(f"curl -sk {option} --resolve nobody.casa.example:443:192.168.77.11 https://nobody.casa.example/")
        assert refused.rc == 35


@pytest.mark.proves("R24", "R26", "R28")
def test_what_is_passed_through_ends_its_tls_itself_and_needs_no_proxy_protocol(inventory: Path) -> None:
    laptop = host("laptop")
    laptop.run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=exchange -keyout /root/k -out /root/c")
    laptop.run("systemd-run -q --unit=exchange --collect openssl s_server -accept 9443 -key /root/k -cert /root/c -www; sleep 1")
    seen = laptop.run(f"openssl s_client -connect 192.168.77.11:443 -servername {PASSED} </dev/null 2>&1")
    laptop.run("systemctl stop exchange")
    assert "subject=CN=exchange" in seen.stdout.replace(" ", "")


def test_stale_sockets_after_a_kill_keep_nothing_from_starting(inventory: Path) -> None:
    attic = host("attic")
    attic.run("systemctl kill -s KILL nginx; sleep 4")
    assert attic.run("systemctl is-active nginx").stdout.strip() == "active"
    assert json.loads(curl("laptop", f"https://{NAME}/api", *DIRECT).stdout)["headers"]["X-Forwarded-For"] == ["192.168.77.20"]


@pytest.mark.proves("B10")
def test_what_nginx_1_22_lacks_is_refused_with_the_reason(tmp_path: Path) -> None:
    def with_http3(variables: dict[str, Any]) -> None:
        twelve(variables)
        variables["exposure_http3"] = True

    made = inventory_with(tmp_path, attic=with_http3)
    add_group(made, "proxy", "attic")
    run = playbook("site", "--tags", "proxy", inventory=made)
    assert run.code != 0
    assert "to speak HTTP/3, nginx 1.25 is needed; attic (bookworm) has 1.22" in run.output


@pytest.mark.proves("R57")
def test_it_is_taken_off_again_and_its_account_and_certificates_stay(inventory: Path) -> None:
    off = playbook("remove", "--limit", "attic", inventory=inventory)
    assert off.code == 0, off.output
    attic = host("attic")
    assert attic.run("ss -Hlnt 'sport = :443 or sport = :80'").stdout == ""
    assert attic.run("ls /etc/letsencrypt/live/bench").rc == 0
    assert attic.run("systemctl is-enabled exposure-certificates.timer").stdout.strip() != "enabled"
    assert attic.run("systemctl is-enabled certbot.timer").stdout.strip() == "enabled"
    back = playbook("site")
    assert back.code == 0, back.output
