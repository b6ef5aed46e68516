"""A real Home Assistant that nobody owns yet, and then somebody does: as role verify tells it at the end of a run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from plugins.module_utils.plan.catalogue import read_catalogue
from plugins.module_utils.plan.mistakes import Mistakes

pytestmark = pytest.mark.proves("R54")

ROOT = Path(__file__).resolve().parents[2]
IMAGE = "ghcr.io/home-assistant/home-assistant:2026.11.0"
NAME = "accounts-home-assistant"
NOBODY = "! home.example.org: nobody owns Home Assistant yet, and whoever opens it first will."
PLAY = """\
- hosts: localhost
  connection: local
  gather_facts: false
  roles:
    - {role: homeserver.exposure.verify, verify_from_controller: false, verify_log_ins: "{{ looked_at }}", verify_report: "{{ playbook_dir }}/report.html"}
"""


def docker(*words: str) -> str:
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=True, timeout=120).stdout.strip()


def onboarding(address: str) -> int:
    try:
        with urllib.request.urlopen(f"http://{address}:8123/api/onboarding", timeout=3) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def wait(address: str) -> None:
    until = time.monotonic() + 120
    while not onboarding(address):
        assert time.monotonic() < until, docker("logs", NAME)
        time.sleep(1)


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    if subprocess.run(["docker", "image", "inspect", IMAGE], capture_output=True, check=False).returncode:
        pytest.skip("make test-bed builds the image of Home Assistant")
    subprocess.run(["docker", "rm", "-f", NAME], capture_output=True, check=False)
    docker("run", "-d", "--init", "--name", NAME, "-v", f"{tmp_path / 'config'}:/config", IMAGE)
    try:
        found = docker("inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", NAME)
        wait(found)
        yield found
    finally:
        docker("rm", "-f", NAME)


def proof(folder: Path, app: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """What a run of role verify prints, and its report; it must have succeeded."""
    collection = folder / "collections" / "ansible_collections" / "homeserver"
    collection.mkdir(parents=True, exist_ok=True)
    (collection / "exposure").unlink(missing_ok=True)
    (collection / "exposure").symlink_to(ROOT)
    (folder / "play.yml").write_text(PLAY)
    (folder / "ansible.cfg").touch()
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(folder / "collections"), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_CONFIG": str(folder / "ansible.cfg")}
    given = json.dumps({"looked_at": [app], "ansible_python_interpreter": sys.executable})
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,", "play.yml", "-e", given]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=180, check=False)
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

    owner = {"client_id": f"http://{address}:8123/", "name": "Owner", "username": "owner", "password": "long and unlikely", "language": "en"}
    ask = urllib.request.Request(f"http://{address}:8123/api/onboarding/users", json.dumps(owner).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(ask, timeout=10) as answer:
        assert answer.status == 200
    told, report = proof(tmp_path, app)
    assert onboarding(address) == 200, "it still lists its other steps"
    assert "nobody owns" not in told and report["findings"] == []

    docker("restart", "-t", "60", NAME)
    wait(address)
    told, report = proof(tmp_path, app)
    assert "nobody owns" not in told and report["findings"] == []
    assert "invalid authentication" not in docker("logs", NAME), "no look was counted as a log-in that failed"
