"""The engine that is installed, not another version, takes every configuration that the Plan lets through."""

from __future__ import annotations

import io
import subprocess
import tarfile
from dataclasses import asdict

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from plugins.module_utils.plan.make import Inventory, make
from plugins.module_utils.plan.mistakes import InventoryRefused
from tests.bed import ENGINE, host
from tests.unit.plan.declarations import catalogue, inventories, nginx_files, proxy_of, rendered

EXAMPLES = 60
VERSION = {"caddy": "caddy version | cut -d ' ' -f 1 | tr -d v", "nginx": "dpkg-query -W -f '${Version}' nginx"}
CHECK = {
    "caddy": "caddy adapt --adapter caddyfile --config $f/Caddyfile >/dev/null",
    "nginx": "sh $f/check.sh $f",
}
BEFORE = {
    "caddy": "true",
    # Each certificate and authority that is named is one that is there.
    "nginx": (
        "cd /root/made && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=made -keyout privkey.pem -out fullchain.pem"
        " && sed -i -E -e 's#/etc/exposure/certificates/[^/;]+/#/root/made/#' -e 's#(proxy_ssl_trusted_certificate) [^;]+;#\\1 /root/made/fullchain.pem;#'"
        " /root/made/*/http.conf && { [ -e /usr/lib/nginx/modules/ngx_stream_module.so ] || rm -f /root/made/*/stream.conf; }"
    ),
}


def trees() -> list[dict[str, str]]:
    """The files of declarations made up for the engine that is there."""
    found: list[dict[str, str]] = []
    known = {"release": "trixie", ENGINE: host("home").run(VERSION[ENGINE]).stdout.strip()}

    @settings(max_examples=EXAMPLES * 3, deadline=None, database=None, derandomize=True, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(inventories(good=True, found=known, engine=ENGINE))
    def collect(server: Inventory) -> None:
        try:
            plan = make({"home": server}, catalogue())
        except InventoryRefused:
            return
        found.append(nginx_files(asdict(proxy_of(plan))) if ENGINE == "nginx" else {"Caddyfile": rendered(plan, "home")})

    collect()
    return [tree for number, tree in enumerate(found) if tree not in found[:number]][:EXAMPLES]


def archive(made: list[dict[str, str]]) -> bytes:
    """Trees in numbered folders, as one tar."""
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as tar:
        for number, tree in enumerate(made):
            for name, text in tree.items():
                entry = tarfile.TarInfo(f"{number}/{name}")
                entry.size = len(text.encode())
                tar.addfile(entry, io.BytesIO(text.encode()))
    return whole.getvalue()


@pytest.mark.proves("R22", "R13")
def test_every_configuration_that_the_plan_lets_through_is_valid() -> None:
    made = trees()
    assert len(made) >= EXAMPLES // 2
    unpack = ["docker", "exec", "-i", "home", "sh", "-c", "rm -rf /root/made && mkdir /root/made && tar -x -C /root/made"]
    subprocess.run(unpack, input=archive(made), check=True)
    assert host("home").run(BEFORE[ENGINE]).rc == 0
    assert host("home").run(f"for f in /root/made/*/; do {CHECK[ENGINE]} 2>/tmp/why || {{ echo $f; cat /tmp/why; }}; done").stdout == ""
