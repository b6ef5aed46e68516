"""The router's rules set by the product on the real miniupnpd, another port outside, and names at home without hairpin NAT."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.bed import BED, add_group, curl, eventually, host, inventory_with, line, playbook

SETTINGS: dict[str, Any] = yaml.safe_load((BED / "vars" / "bed.yml").read_text())
WAN = SETTINGS["bed_public"]["ipv4"]
ADDRESSES = {"public": ["198.51.100.0/24", "2001:db8::/32"]}
RUN = ("--tags", "address,proxy,verify")
NAME = "who.casa.example"


@pytest.fixture(autouse=True)
def usual_line() -> Iterator[None]:
    line("usual")
    yield
    line("usual")


@pytest.fixture(scope="module", autouse=True)
def the_house_is_as_it_was() -> Iterator[None]:
    yield
    line("usual")
    back = playbook("site")
    assert back.code == 0, back.output


def asks_the_router(variables: dict[str, Any]) -> None:
    variables |= {"exposure_router": "auto", "exposure_router_lease": 600, "exposure_public_address": ADDRESSES}


def rules() -> list[str]:
    """What the router forwards for those who asked: `443->192.168.77.10:443 'description'`, by protocol."""
    return re.findall(r"^\s*\d+ (TCP|UDP)\s+(\S+)\s+'(.*?)'", host("laptop").run("upnpc -u http://192.168.77.1:5000/rootDesc.xml -l").stdout, re.MULTILINE)


def opens(name: str, *options: str, port: int = 443) -> bool:
    suffix = "" if port == 443 else f":{port}"
    return bool(curl("phone", f"https://{name}{suffix}/", "-4", "-o", "/dev/null", *options).rc == 0)


@pytest.mark.proves("R06", "R09")
def test_where_the_router_may_be_asked_one_run_makes_the_site_reachable_and_taking_it_back_closes_it(tmp_path: Path) -> None:
    line("forwards", "off")
    assert not opens(NAME)
    inventory = inventory_with(tmp_path, home=asks_the_router)
    run = playbook("site", *RUN, inventory=inventory)
    assert run.code == 0, run.output
    assert opens(NAME)
    assert sorted(rules()) == [
        ("TCP", "443->192.168.77.10:443", "homeserver.exposure home"),
        ("TCP", "80->192.168.77.10:80", "homeserver.exposure home"),
        ("UDP", "443->192.168.77.10:443", "homeserver.exposure home"),
    ]
    again = playbook("site", "--tags", "address", inventory=inventory)
    assert again.code == 0
    assert again.changed["home"] == 0, again.output
    told = host("home").run("exposure status").stdout
    assert "443/tcp to 192.168.77.10:443" in told

    flush = "for chain in prerouting postrouting forward; do nft flush chain inet router upnp_$chain; done"
    forgetful = host("router").run(f"systemctl stop miniupnpd; rm -f /var/lib/upnp.leases; {flush}; systemctl start miniupnpd")
    assert forgetful.rc == 0
    assert not opens(NAME)
    host("home").run("systemctl start exposure-ddns.service")
    assert eventually(lambda: opens(NAME), 20), "the timer's service brings the rule of a router that forgot it back"

    back = playbook("site", "--tags", "address")
    assert back.code == 0, back.output
    assert rules() == []
    assert not host("home").file("/etc/systemd/system/exposure-router.service").exists


@pytest.mark.proves("R06")
def test_a_port_that_belongs_to_another_machine_is_not_taken(tmp_path: Path) -> None:
    line("forwards", "off")
    assert "is redirected" in host("laptop").run("upnpc -u http://192.168.77.1:5000/rootDesc.xml -e game -a 192.168.77.20 443 443 TCP 600").stdout
    run = playbook("site", "--tags", "address", inventory=inventory_with(tmp_path, home=asks_the_router))
    assert "port 443 leads to 192.168.77.20:443 already (game), and is left so" in " ".join(run.output.split())
    assert ("TCP", "443->192.168.77.20:443", "game") in rules()
    assert ("TCP", "80->192.168.77.10:80", "homeserver.exposure home") in rules()


@pytest.mark.proves("R07")
def test_a_server_whose_address_moved_is_noticed(tmp_path: Path) -> None:
    inventory = inventory_with(tmp_path, home=asks_the_router)
    assert playbook("site", "--tags", "address", inventory=inventory).code == 0
    home = host("home")
    home.run("ip addr del 192.168.77.10/24 dev eth0; ip addr add 192.168.77.99/24 dev eth0; ip route replace default via 192.168.77.1")
    try:
        home.run("systemctl start exposure-router.service")
        told = home.run("exposure status").stdout
        assert "leads to 192.168.77.10, but this server has 192.168.77.99 now" in told, told
        assert "Reserve 192.168.77.10" in told, "what to do"
    finally:
        home.run("ip addr del 192.168.77.99/24 dev eth0; ip addr add 192.168.77.10/24 dev eth0; ip route replace default via 192.168.77.1")
    home.run("systemctl start exposure-router.service")
    assert "192.168.77.99" not in home.run("exposure status").stdout


@pytest.mark.proves("R06")
def test_a_person_is_told_exactly_what_to_type(tmp_path: Path) -> None:
    run = playbook("diagnose", inventory=inventory_with(tmp_path, home=lambda variables: variables.update(exposure_public_address=ADDRESSES)))
    assert run.code == 0, run.output
    plan = playbook("site", "--tags", "address", "--check", inventory=inventory_with(tmp_path / "2", home=published))
    assert plan.code == 0, plan.output
    assert re.search(r"443 +TCP +192\.168\.77\.10 +443", plan.output), plan.output
    assert "DHCP reservation" in plan.output


def published(variables: dict[str, Any]) -> None:
    variables["exposure_public_address"] = ADDRESSES
    variables["exposure_ddns"] = [{"provider": "duckdns", "token": SETTINGS["bed_accounts"]["duckdns"]["token"], "hosts": ["home-casa.duckdns.org"]}]


@pytest.mark.proves("R08", "R32")
@pytest.mark.parametrize("engine", ["caddy", "nginx"])
def test_with_another_port_outside_the_site_is_served_there_with_a_certificate_that_the_dns_proved(engine: str, tmp_path: Path) -> None:
    def another_port(variables: dict[str, Any]) -> None:
        asks_the_router(variables)
        variables |= {"exposure_ports": {"https": 8443}, "exposure_proxy": engine}
        variables["exposure_sites"] = [{"name": "who", "app": "whoami"}]
        variables["exposure_acme"] = {
            "email": "owner@casa.example",
            "directory": "https://acme.isp.example:14000/dir",
            "ca_root": "/etc/ssl/isp-ca.pem",
            "dns": "rfc2136",
            "dns_wait": 2,
            "allow_private": True,
        }
        variables["exposure_acme_credentials"] = {
            "dns_rfc2136_server": "198.51.100.10",
            "dns_rfc2136_name": SETTINGS["bed_key"]["name"],
            "dns_rfc2136_secret": SETTINGS["bed_key"]["secret"],
            "dns_rfc2136_algorithm": "HMAC-SHA256",
        }

    line("forwards", "off")
    for protocol in ("tcp", "udp"):  # IPv6 has no forwards: its owner opens the port, for HTTP/3 too
        assert host("router").run(f"nft insert rule inet router forward ip6 daddr @homes {protocol} dport 8443 accept").rc == 0
    inventory = inventory_with(tmp_path, home=another_port, attic=lambda variables: variables.update(exposure_sites=[]))
    run = playbook("site", *RUN, inventory=inventory)
    assert run.code == 0, run.output
    assert f"https://{NAME}:8443/" in run.output, "the report says where"
    assert opens(NAME, port=8443)
    assert not opens(NAME), "nothing comes in by 443"
    seen = json.loads(curl("phone", f"https://{NAME}:8443/api", "-4").stdout)
    assert seen["headers"]["X-Forwarded-For"] == ["198.51.100.50"]
    inside = curl("laptop", f"http://{NAME}/page", "--resolve", f"{NAME}:80:192.168.77.10", "-o", "/dev/null", "-w", "%{redirect_url}")
    assert inside.stdout == f"https://{NAME}:8443/page"


@pytest.mark.proves("R10")
def test_at_home_the_name_is_reached_although_the_router_has_no_hairpin_nat(tmp_path: Path) -> None:
    assert curl("laptop", f"https://{NAME}/", "-4", "-o", "/dev/null").rc == 0, "with hairpin NAT"
    handle = re.search(r"ct status dnat masquerade # handle (\d+)", host("router").run("nft -a list chain inet router postrouting").stdout)
    assert handle
    host("router").run(f"nft delete rule inet router postrouting handle {handle[1]}; conntrack -F 2>/dev/null")
    inventory = inventory_with(tmp_path, home=lambda variables: variables.update(exposure_public_address=ADDRESSES))
    add_group(inventory, "lan_clients", "laptop")
    try:
        assert curl("laptop", f"https://{NAME}/", "-4", "--max-time", "4", "-o", "/dev/null").rc != 0
        told = playbook("diagnose", inventory=inventory)
        assert told.code == 0, told.output
        assert "hairpin" in told.output, told.output
        run = playbook("lan", inventory=inventory)
        assert run.code == 0, run.output
        assert curl("laptop", f"https://{NAME}/", "-4", "-o", "/dev/null").rc == 0
        assert playbook("lan", inventory=inventory).changed.get("laptop") == 0
        off = playbook("lan", "-e", "lan_names_state=absent", inventory=inventory)
        assert off.code == 0, off.output
        assert NAME not in host("laptop").file("/etc/hosts").content_string
    finally:
        wan = host("router").run("ip -o addr show to 198.51.100.2 | awk '{print $2}'").stdout.strip()
        assert wan
        host("router").run("nft add rule inet router postrouting ip saddr 192.168.77.0/24 ip daddr 192.168.77.10 ct status dnat masquerade")
    assert curl("laptop", f"https://{NAME}/", "-4", "-o", "/dev/null").rc == 0


@pytest.mark.proves("B07", "R05", "R11")
def test_a_diagnosis_names_what_stands_in_the_way_with_its_evidence_and_what_to_do(tmp_path: Path) -> None:
    inventory = inventory_with(tmp_path, home=lambda variables: variables.update(exposure_public_address=ADDRESSES))
    report = tmp_path / "report.json"
    line("forwards", "off")
    shut = playbook("diagnose", "-e", f"diagnosis_report={report}", inventory=inventory)
    assert shut.code == 0, shut.output
    found = {finding["id"]: finding for finding in json.loads(report.read_text())["findings"]}
    assert {"port_443_closed", "port_80_closed"} & set(found), shut.output
    assert all(finding["what"] and finding["advice"] for finding in found.values())
    assert all(finding["proven"] in ("outside", "inside", "not") for finding in found.values())
