"""The Caddy that is installed, not another version, takes every configuration that the Plan lets through."""

from __future__ import annotations

import io
import subprocess
import tarfile

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from plugins.module_utils.plan.make import Inventory, make
from plugins.module_utils.plan.mistakes import InventoryRefused
from tests.bed import host
from tests.unit.plan.declarations import catalogue, inventories, rendered

EXAMPLES = 60


def caddyfiles() -> list[str]:
    """Caddyfiles of declarations made up for Debian 13's Caddy."""
    found: list[str] = []
    known = {"release": "trixie", "caddy": host("home").run("caddy version").stdout.split()[0].lstrip("v")}

    @settings(max_examples=EXAMPLES * 3, deadline=None, database=None, derandomize=True, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(inventories(good=True, found=known))
    def collect(server: Inventory) -> None:
        try:
            plan = make({"server": server}, catalogue())
        except InventoryRefused:
            return
        if plan.hosts["server"].proxy:
            found.append(rendered(plan, "server", plan.hosts["server"].proxy.version))

    collect()
    return sorted(set(found))[:EXAMPLES]


@pytest.mark.proves("R22", "R13")
def test_every_configuration_that_the_plan_lets_through_is_valid() -> None:
    made = caddyfiles()
    assert len(made) >= EXAMPLES // 2
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for number, text in enumerate(made):
            entry = tarfile.TarInfo(f"{number}/Caddyfile")
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    unpack = ["docker", "exec", "-i", "home", "sh", "-c", "rm -rf /root/made && mkdir /root/made && tar -x -C /root/made"]
    subprocess.run(unpack, input=archive.getvalue(), check=True)
    loop = "for f in /root/made/*/Caddyfile; do caddy adapt --adapter caddyfile --config $f >/dev/null 2>/tmp/why || { echo $f; cat /tmp/why; }; done"
    assert host("home").run(loop).stdout == ""
