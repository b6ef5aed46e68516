"""What the servers of the house expose, against what was declared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.bed import host, inventory_with

from .test_1_report import proven


def audit(report: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """Errors and warnings of a host."""
    return [one for one in report["audits"][name]["findings"] if one["severity"] != "note"]


@pytest.mark.proves("B06")
def test_the_house_exposes_what_was_declared_and_nothing_else(tmp_path: Path) -> None:
    _, report = proven(tmp_path)
    assert set(report["audits"]) == {"home", "attic"}
    assert audit(report, "home") == [] and audit(report, "attic") == []
    listening = {(one["port"], one["protocol"]) for one in report["audits"]["home"]["listening"] if one["reach"] == "any"}
    assert {(80, "tcp"), (443, "tcp")} <= listening


@pytest.mark.proves("B06")
def test_a_container_and_a_program_that_nobody_declared_are_named_with_how_to_close_them(tmp_path: Path) -> None:
    home = host("home")
    image = home.run("docker inspect -f '{{.Image}}' whoami-whoami-1").stdout.strip()
    home.run(f"docker run -d --name stray -p 8096:8080 {image}")
    home.run("systemd-run --unit stray-listener python3 -m http.server 8097 --bind 0.0.0.0 --directory /tmp")
    try:
        run, report = proven(tmp_path)
    finally:
        home.run("docker rm -f stray; systemctl stop stray-listener")
    found = {one["id"]: one for one in audit(report, "home")}
    assert run.code == 0 and report["state"] in ("ok", "attention")
    assert "stray" in str(found["undeclared_published_port"]) and "-p 127.0.0.1:8096:8080" in found["undeclared_published_port"]["do"]
    assert "8097" in str(found["undeclared_listener"]) and "stray-listener" in found["undeclared_listener"]["do"]


@pytest.mark.proves("B06")
def test_what_the_owner_opened_on_purpose_is_not_told_of(tmp_path: Path) -> None:
    home = host("home")
    home.run("systemd-run --unit stray-listener python3 -m http.server 8097 --bind 0.0.0.0 --directory /tmp")
    try:
        opened = inventory_with(tmp_path, home=lambda variables: variables.update(exposure_listening=[{"port": 8097, "process": "python3"}]))
        _, report = proven(tmp_path, inventory=opened)
    finally:
        home.run("systemctl stop stray-listener")
    assert audit(report, "home") == []
