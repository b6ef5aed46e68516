"""`exposure_router: auto` with a real UPnP and NAT-PMP daemon: rules are made, come back, give way to others, and go."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.bed import BED, Run, curl, eventually, host, inventory_with, line, playbook

WAN = yaml.safe_load((BED / "vars" / "bed.yml").read_text())["bed_public"]["ipv4"]
RUN = ("--tags", "address,proxy")


def auto(variables: dict[str, Any]) -> None:
    variables["exposure_router"] = "auto"
    variables["exposure_public_address"] = {"public": [WAN.rpartition(".")[0] + ".0/24"]}


def manual(variables: dict[str, Any]) -> None:
    variables["exposure_router"] = "manual"


@pytest.fixture(scope="module", autouse=True)
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The router's own forwards are off: what comes in comes in by rules that the product asked for."""
    line("usual")
    line("forwards", "off")
    folder = tmp_path_factory.mktemp("router")
    inventory = inventory_with(folder, home=auto)
    run = playbook("site", *RUN, inventory=inventory)
    assert run.code == 0, run.output
    yield inventory
    line("usual")
    back = playbook("site")
    assert back.code == 0, back.output


def rules() -> list[str]:
    """The router's mappings, as an independent client lists them: `TCP 443->192.168.77.10:443 'description'`."""
    listed = host("laptop").run("upnpc -u http://192.168.77.1:5000/rootDesc.xml -l").stdout
    return sorted(" ".join(row.split()[1:4]) for row in listed.splitlines() if "->" in row)


def ours() -> list[str]:
    return [rule for rule in rules() if "homeserver.exposure" in rule]


def site(inventory: Path) -> Run:
    return playbook("site", *RUN, inventory=inventory)


def open_outside() -> bool:
    """Whether the phone gets through to the proxy: any answer over TLS will do."""
    return curl("phone", f"https://{WAN}/", "-k", "-o", "/dev/null").rc in (0, 35)


@pytest.mark.proves("R06")
def test_the_rules_that_the_house_needs_are_made_and_let_a_phone_in(house: Path) -> None:
    assert [rule.split("->")[0] for rule in ours()][:2] == ["TCP 443", "TCP 80"]
    assert eventually(lambda: curl("phone", f"http://{WAN}/", "-o", "/dev/null").rc == 0, 10)
    assert eventually(open_outside, 10)
    again = site(house)
    assert again.code == 0
    assert again.changed.get("home") == 0, again.output


@pytest.mark.proves("R06")
def test_rules_that_the_router_forgot_are_made_again_by_what_the_timer_starts() -> None:
    before = ours()
    line("usual")
    line("forwards", "off")
    assert ours() == []
    host("home").run("systemctl start exposure-ddns.service exposure-router.service")
    assert ours() == before


@pytest.mark.proves("R06")
def test_a_rule_of_somebody_else_is_neither_stolen_nor_removed(house: Path) -> None:
    line("usual")
    line("forwards", "off")
    host("laptop").run("upnpc -u http://192.168.77.1:5000/rootDesc.xml -e console -a 192.168.77.20 9443 443 TCP")
    host("home").run("systemctl start exposure-router.service")
    taken = [rule for rule in rules() if rule.startswith("TCP 443->")]
    assert taken == ["TCP 443->192.168.77.20:9443 'console'"]
    assert "443" in host("home").run("exposure status").stdout
    assert "192.168.77.20" in host("home").run("exposure status; journalctl -u exposure-router -o cat -n 20 --no-pager").stdout, "who has it"
    host("laptop").run("upnpc -u http://192.168.77.1:5000/rootDesc.xml -d 443 TCP")
    host("home").run("systemctl start exposure-router.service")
    assert any(rule.startswith("TCP 443->192.168.77.10") for rule in ours())


@pytest.mark.proves("R06")
def test_rules_go_when_they_are_not_wanted_any_more_and_only_ours(tmp_path: Path) -> None:
    host("laptop").run("upnpc -u http://192.168.77.1:5000/rootDesc.xml -e console -a 192.168.77.20 9000 9000 TCP")
    run = site(inventory_with(tmp_path, home=manual))
    assert run.code == 0, run.output
    assert ours() == []
    assert rules() == ["TCP 9000->192.168.77.20:9000 'console'"]
    assert "443" in run.output and "192.168.77.10" in run.output, "what a person types instead"
