"""What only the machines themselves can tell: what listens, and for whom."""

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
