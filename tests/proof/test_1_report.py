"""The proof of the whole house in one report: what every vantage saw, and a site that is down."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.bed import Run, add_group, eventually, host, inventory_with, playbook, sites


def proven(folder: Path, *options: str, **where: Any) -> tuple[Run, dict[str, Any]]:
    """A run of verify.yml, and its report."""
    page = folder / "report.html"
    run = playbook("verify", "-e", json.dumps({"verify_report": str(page), "verify_wait": 0}), *options, **where)
    assert page.exists(), run.output
    return run, json.loads(page.with_suffix(".json").read_text())


def site(report: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = [one for one in report["sites"] if one["host"] == name]
    return dict(found)


@pytest.mark.proves("B01", "R11", "R53")
def test_every_site_is_seen_from_every_vantage_in_one_report(tmp_path: Path) -> None:
    inventory = inventory_with(tmp_path)
    add_group(inventory, "lan_clients", "laptop")
    run, report = proven(tmp_path, inventory=inventory)
    assert run.code == 0 and report["ok"] and report["failures"] == [], run.output
    assert {one["name"]: one["kind"] for one in report["vantages"]} == {"phone": "outside", "laptop": "lan", "home": "server", "the controller": "controller"}
    assert {one["host"] for one in report["sites"]} == {one["host"] for one in sites()}
    for one in report["sites"]:
        seen = {check["name"] for check in one["checks"] if check["vantage"] == "phone" and check["ok"]}
        assert {"DNS", "name", "reachable", "certificate", "page", "redirect", "HTTP/2", "unknown name", "no name", "WebSocket"} <= seen, one
        assert {check["vantage"] for check in one["checks"] if check["name"] == "page" and check["ok"]} == {"phone", "laptop", "home", "the controller"}
        assert one["state"] == "ok" and one["certificates"] and 0 < one["certificates"][0]["due_at"] < 1
    assert (tmp_path / "report.html").stat().st_mode & 0o777 == 0o600


@pytest.mark.proves("B01", "B03")
def test_the_report_tells_whose_address_the_app_saw_and_that_a_forged_one_is_ignored(tmp_path: Path) -> None:
    _, report = proven(tmp_path)
    seen = [one for one in site(report, "who.casa.example")["checks"] if one["name"] == "client address" and one["vantage"] == "phone"]
    assert {one["address"] for one in seen} == {"198.51.100.2", "2001:db8:77::10"} and all(one["ok"] for one in seen), seen
    assert [one["ok"] for one in site(report, "home.casa.example")["checks"] if one["name"] == "client address"].count(True) == 0


@pytest.mark.proves("B01", "R53")
def test_an_app_that_is_down_fails_the_run_and_heads_the_report(tmp_path: Path) -> None:
    host("home").run("docker stop -t 1 whoami-whoami-1")
    run, report = proven(tmp_path)
    host("home").run("docker start whoami-whoami-1")
    assert run.code != 0 and not report["ok"] and "1 of 4 sites is not served as declared" in report["headline"], report["headline"]
    assert site(report, "who.casa.example")["state"] == "failed" and site(report, "home.casa.example")["state"] == "ok"
    assert any("who.casa.example" in one["about"] and one["advice"] for one in report["wrong"])
    assert eventually(lambda: playbook("verify").code == 0, 30)
