"""What the Plan says is to listen on each host, for the audit of what really does."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest
import yaml

from plugins.module_utils.audit.judge import judge
from plugins.module_utils.audit.model import Listening, Seen, read_declared
from plugins.module_utils.command import address_watch
from plugins.module_utils.plan.audit import ANNOUNCEMENTS, CADDY_BEHIND_SPLITTER

from .declarations import ROLES, host, places, plan

SITE = {"name": "who", "hosts": ["who.example.org"], "app": "whoami"}
LAN = {"addresses": ["192.168.1.10", "fd00::10"], "release": "trixie"}


def declared(made: Any, name: str = "home") -> set[tuple[str, int, str, str]]:
    return {(one.address, one.port, one.protocol, one.process) for one in made.hosts[name].declared}


@pytest.mark.proves("B06")
def test_the_ports_of_proxy_and_app_are_declared() -> None:
    made = plan(home=host(groups=("proxy",), found=LAN, sites=[SITE]))
    assert declared(made) == {("", 80, "tcp", "caddy"), ("", 443, "tcp", "caddy"), ("", 443, "udp", "caddy"), ("127.0.0.1", 8080, "tcp", "")}
    assert {one.what for one in made.hosts["home"].declared} == {"the proxy", "app whoami"}


def test_another_port_outside_is_declared_beside_the_usual_ones() -> None:
    made = plan(home=host(groups=("proxy",), found=LAN, sites=[SITE], proxy="nginx", ports={"https": 8443, "http": 80}))
    assert declared(made) == {("", 80, "tcp", "nginx"), ("", 443, "tcp", "nginx"), ("", 8443, "tcp", "nginx"), ("127.0.0.1", 8080, "tcp", "")}


def test_the_splitter_is_nginx_before_caddy_and_caddy_s_own_port_is_on_loopback() -> None:
    passed = {"name": "pbx", "hosts": ["pbx.example.org"], "tls": "passthrough", "upstream": "10.1.2.3:443"}
    made = plan(home=host(groups=("proxy",), found={**LAN, "caddy": "2.11.2"}, sites=[SITE, passed]))
    assert {("", 443, "tcp", "nginx"), ("", 80, "tcp", "caddy"), ("127.0.0.1", CADDY_BEHIND_SPLITTER, "tcp", "caddy")} <= declared(made)
    assert yaml.safe_load((ROLES / "caddy/defaults/main.yml").read_text())["caddy_inner_port"] == CADDY_BEHIND_SPLITTER


def test_an_app_on_another_host_is_declared_for_its_proxy_alone() -> None:
    attic = host(found={"addresses": ["192.168.1.20"], "release": "bookworm"}, sites=[SITE])
    made = plan(home=host(groups=("proxy",), found=LAN), attic=attic)
    (one,) = made.hosts["attic"].declared
    assert (one.address, one.port, one.sources) == ("192.168.1.20", 8080, ["192.168.1.10"])


def test_what_the_owner_opened_is_allowed_and_the_audit_understands_all_of_it() -> None:
    opened = [{"port": 22, "process": "sshd"}, {"port": "51820", "protocol": "udp"}, {"port": 445, "address": "192.168.1.10"}]
    its = plan(home=host(groups=("proxy", "lan_dns"), found=LAN, sites=[SITE], listening=opened)).hosts["home"]
    assert [(one.port, one.protocol, one.address, one.process) for one in its.allowed] == [
        (22, "tcp", "", "sshd"),
        (51820, "udp", "", ""),
        (445, "tcp", "192.168.1.10", ""),
        (53, "tcp", "", ""),
        (53, "udp", "", ""),
    ]
    assert len(read_declared(map(asdict, [*its.declared, *its.allowed]))) == 9


def test_our_own_watch_of_the_address_is_no_finding_and_another_program_there_is() -> None:
    ddns = [{"provider": "duckdns", "token": "t", "hosts": ["home.duckdns.org"]}]
    allowed = read_declared(map(asdict, plan(home=host(found=LAN, ddns=ddns)).hosts["home"].allowed))
    ours, other = (Listening(("0.0.0.0",), ANNOUNCEMENTS, "udp", "python3", 100, unit) for unit in ("exposure-address-watch.service", "thing.service"))
    assert address_watch.ANNOUNCEMENTS[1] == ANNOUNCEMENTS
    assert [len(judge(Seen((one,)), (), allowed).findings) for one in (ours, other)] == [0, 1]
    assert judge(Seen(), (), allowed).findings == ()  # with a router that says nothing, its port is not open


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ("22", "exposure_listening"),
        ([{"protocol": "tcp"}], "port"),
        ([{"port": 70000}], "port"),
        ([{"port": 22, "protocol": "icmp"}], "protocol"),
        ([{"port": 22, "process": "two words"}], "process"),
        ([{"port": 22, "sources": []}], "sources"),
        ([22], ""),
    ],
)
def test_what_cannot_be_allowed_is_refused_with_its_line(given: object, field: str) -> None:
    assert field in {line for _, _, line in places(home=host(listening=given))}
