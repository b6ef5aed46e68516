"""The watch on the servers of the house: nothing to tell while all is well, and a certificate that was renewed and is not served."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.bed import ENGINE, eventually, host, plan

STORE = "/etc/exposure/certificates"


def watched(name: str) -> dict[str, Any]:
    """What the watch of a host sees now; it tells nobody."""
    looked = host(name).run("exposure watch --check --json")
    assert looked.rc == 0, looked.stdout + looked.stderr
    return dict(json.loads(looked.stdout))


@pytest.mark.proves("R40")
@pytest.mark.parametrize("name", ["home", "attic"])
def test_each_server_looks_by_itself_and_has_nothing_to_tell_while_all_is_well(name: str) -> None:
    machine = host(name)
    assert machine.run("systemctl is-enabled exposure-watch.timer exposure-watch.path").stdout.split() == ["enabled", "enabled"]
    assert eventually(lambda: watched(name)["findings"] == [], 60, 5), watched(name)["findings"]
    assert machine.run("systemctl start exposure-watch.service").rc == 0, machine.run("journalctl -u exposure-watch -o cat -n 20 --no-pager").stdout
    assert json.loads(machine.run("cat /var/lib/exposure-watch/last.json").stdout)["findings"] == []
    found = re.search(r"exposure level for .*: ([0-9.]+)", machine.run("systemd-analyze security exposure-watch.service --no-pager").stdout)
    assert found and float(found[1]) <= 2.5


@pytest.mark.proves("R40")
def test_every_name_is_looked_at_as_it_is_served() -> None:
    wanted = {name for name, proxy in plan()["names"].items() if proxy == "home"}
    assert {one["host"] for one in watched("home")["certificates"] if one["host"]} == wanted
    shown = host("home").run("exposure certificates status").stdout
    assert all(name in shown for name in wanted), shown


@pytest.fixture
def another(request: pytest.FixtureRequest) -> Iterator[str]:
    """The store holds a newer certificate than nginx has read; afterwards it has the usual one again."""
    home = host("home")
    (name,) = [one["name"] for one in plan()["hosts"]["home"]["certificates"] if "who.casa.example" in one["hosts"]]
    version, newer = home.run(f"readlink {STORE}/{name}").stdout.strip(), ".versions/newer"
    made = (
        f"cd {STORE} && cp -a {version} {newer} && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 90 -subj /CN=who.casa.example "
        f"-addext subjectAltName=DNS:who.casa.example,DNS:extra.casa.example -keyout {newer}/privkey.pem -out {newer}/fullchain.pem && ln -sfn {newer} {name}"
    )
    assert home.run(made).rc == 0
    yield name
    home.run(f"cd {STORE} && ln -sfn {version} {name} && rm -r {newer}")


@pytest.mark.proves("R40")
@pytest.mark.skipif(ENGINE != "nginx", reason="Caddy keeps the certificates that it orders itself")
def test_a_certificate_that_was_renewed_and_is_not_served_needs_a_reload(another: str) -> None:
    found = {one["id"]: one for one in watched("home")["findings"] if one["about"] == "who.casa.example"}
    assert "reload" in found["served_differs_from_disk:reload_needed"]["advice"].lower(), found
