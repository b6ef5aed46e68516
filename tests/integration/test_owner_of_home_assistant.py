"""A real Home Assistant that nobody owns yet, and then somebody does: as role verify tells it at the end of a run."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from plugins.module_utils.plan.catalogue import read_catalogue
from plugins.module_utils.plan.mistakes import Mistakes

from .home_assistant import ROOT, docker, onboarding, own, playbook, running, wait

pytestmark = pytest.mark.proves("R54")

NAME = "accounts-home-assistant"
NOBODY = "! home.example.org: nobody owns Home Assistant yet, and whoever opens it first will."
PLAY = """\
- hosts: localhost
  connection: local
  gather_facts: false
  roles:
    - {role: homeserver.exposure.verify, verify_from_controller: false, verify_log_ins: "{{ looked_at }}", verify_report: "{{ playbook_dir }}/report.html"}
"""


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    with running(NAME, tmp_path / "config") as found:
        yield found


def proof(folder: Path, app: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """What a run of role verify prints, and its report; it must have succeeded."""
    given = {"looked_at": [app], "ansible_python_interpreter": sys.executable}
    done = playbook(folder, PLAY, given, "-i", "localhost,")
    assert done.returncode == 0 and "changed=0" in done.stdout, done.stdout + done.stderr
    return done.stdout, json.loads((folder / "report.json").read_text())


def test_home_assistant_is_nobody_s_until_somebody_made_the_first_account(address: str, tmp_path: Path) -> None:
    entry = {"home_assistant": yaml.safe_load((ROOT / "roles/apps/catalogue/home_assistant.yml").read_text())}
    unclaimed = read_catalogue(entry, Mistakes())["home_assistant"]["unclaimed"]
    app = {
        **{"name": "home_assistant", "title": "Home Assistant", "version": "2026.11.0", "address": address, "port": 8123, "tls": False},
        **{"hosts": {"home.example.org": "home"}, "url": "https://home.example.org", "accounts": [], "unclaimed": unclaimed},
    }
    told, report = proof(tmp_path, app)
    assert NOBODY in told and "Open https://home.example.org now and make the first account." in told
    assert report["ok"] and [one["id"] for one in report["findings"]] == ["unclaimed"]

    own(address)
    told, report = proof(tmp_path, app)
    assert onboarding(address) == 200, "it still lists its other steps"
    assert "nobody owns" not in told and report["findings"] == []

    docker("restart", "-t", "60", NAME)
    wait(address, NAME)
    told, report = proof(tmp_path, app)
    assert "nobody owns" not in told and report["findings"] == []
    assert "invalid authentication" not in docker("logs", NAME), "no look was counted as a log-in that failed"
