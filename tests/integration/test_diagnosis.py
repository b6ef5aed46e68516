"""The role `diagnosis` as a person runs it: a server, a machine at home and one outside (all of them this machine), and one that cannot be reached."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.proves("B07", "R11")

PLAY = """\
- hosts: all
  gather_facts: false
  roles:
    - role: homeserver.exposure.diagnosis
      diagnosis_place: "{{ place }}"
      diagnosis_names: [home.exposure.invalid]
      diagnosis_address: {sources: [fixed], fixed: {ipv4: 192.0.2.1}, families: [ipv4], public: [192.0.2.0/24], timeout: 1}
      diagnosis_timeout: 0.5
      diagnosis_answers: ""
      diagnosis_record: "{{ folder }}/kept/network.json"
      diagnosis_report: "{{ folder }}/report.json"
"""
HOSTS = """\
all:
  vars: {ansible_connection: local, ansible_python_interpreter: PYTHON}
  hosts:
    server: {place: server}
    laptop: {place: inside}
    phone: {place: outside}
    lost: {place: outside, ansible_connection: ssh, ansible_host: 127.0.0.1, ansible_port: 1}
"""


def diagnose(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    collection = folder / "collections" / "ansible_collections" / "homeserver"
    collection.mkdir(parents=True, exist_ok=True)
    if not (collection / "exposure").exists():
        (collection / "exposure").symlink_to(Path(__file__).parents[2])
    (folder / "hosts.yml").write_text(HOSTS.replace("PYTHON", sys.executable))
    (folder / "play.yml").write_text(PLAY)
    (folder / "ansible.cfg").touch()  # in place of this machine's
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(folder / "collections"), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_CONFIG": str(folder / "ansible.cfg")}
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "hosts.yml", "play.yml", "-e", f"folder={folder}", *options]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=180, check=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("diagnosis")


@pytest.fixture(scope="module")
def done(folder: Path) -> subprocess.CompletedProcess[str]:
    found = diagnose(folder)
    assert "failed=0" in found.stdout and "failed=1" not in found.stdout, found.stdout + found.stderr
    return found


def test_the_report_is_printed_as_it_is_to_be_read(done: subprocess.CompletedProcess[str]) -> None:
    lines = done.stdout.splitlines()
    start = lines.index("The network of server, looked at from server, laptop (at home), phone (outside)")
    assert lines[start + 1] == "" and lines[start + 2] == "  IPv4          192.0.2.1, behind your router"


def test_a_host_that_cannot_be_reached_is_told_and_stops_nobody(done: subprocess.CompletedProcess[str]) -> None:
    assert "WARNING: lost could not look." in done.stdout


@pytest.mark.usefixtures("done")
def test_what_was_seen_is_kept_for_others_to_read(folder: Path) -> None:
    kept = folder / "kept/network.json"
    told = json.loads(kept.read_text())
    assert kept.stat().st_mode & 0o777 == 0o644
    assert told == json.loads((folder / "report.json").read_text())
    assert told["hosts"] == ["server", "laptop", "phone"] and told["addresses"]["ipv4"] == ["192.0.2.1"]
    assert {"id", "severity", "what", "evidence", "advice", "proven", "about"} == set(told["findings"][0])


@pytest.mark.usefixtures("done")
def test_a_second_look_changes_nothing_and_may_be_made_to_fail(folder: Path) -> None:
    again = diagnose(folder, "--limit", "server,laptop", "-e", '{"diagnosis_fail_on": ["not_looked"]}')
    assert again.returncode == 0 and "changed=1" not in again.stdout, again.stdout
    lost = diagnose(folder, "--limit", "server,lost", "-e", '{"diagnosis_fail_on": ["not_looked"]}')
    assert lost.returncode != 0 and "lost could not look." in lost.stdout


def test_a_trial_run_writes_nothing(tmp_path: Path) -> None:
    assert diagnose(tmp_path, "--check", "--limit", "server").returncode == 0
    assert not (tmp_path / "kept").exists() and not (tmp_path / "report.json").exists()
