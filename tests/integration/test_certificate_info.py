"""Module `certificate_info` and filter `certificate_facts` as a person uses them: from a playbook on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.inspection.authority import HOST, MIDDLE, NOW, ROOT, make, server_context, trust
from tests.unit.probe.server import Server

MODULE = Path(__file__).parents[2] / "plugins/modules/certificate_info.py"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    collection = tmp_path / "collections" / "ansible_collections" / "homeserver"
    collection.mkdir(parents=True)
    (collection / "exposure").symlink_to(Path(__file__).parents[2])
    (tmp_path / "ansible.cfg").touch()  # in place of this machine's
    return tmp_path


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    server = Server(lambda channel: None, server_context(tmp_path, [make(by=MIDDLE), MIDDLE]))
    yield server.port
    server.close()


def module(folder: Path, python: str = sys.executable, **given: Any) -> dict[str, Any]:
    """The module itself, as Ansible starts it."""
    done = subprocess.run(
        [python, str(MODULE)],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": given}),
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder / "collections"), str(folder)])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_a_play_sees_what_is_served_changes_nothing_and_fails_on_what_it_names(folder: Path, port: int) -> None:
    endpoint = {"endpoint": f"{HOST}:{port}", "connect_to": "127.0.0.1", "trust": [trust(folder, ROOT)]}
    file = folder / "cert.pem"
    file.write_bytes(make().pem)
    look = {"endpoints": [endpoint, {"endpoint": "127.0.0.1:1"}], "files": [{"path": str(file)}], "now": NOW.isoformat()}
    facts = "{{ lookup('file', place) | homeserver.exposure.certificate_facts(names=['a.example']) }}"
    everything = "{{ {'seen': seen, 'failed': failed, 'facts': facts} | to_json }}"
    tasks = [
        {"homeserver.exposure.certificate_info": look, "register": "seen"},
        {"homeserver.exposure.certificate_info": {**look, "fail_on": ["refused"]}, "register": "failed", "ignore_errors": True},
        {"ansible.builtin.copy": {"dest": str(folder / "seen.json"), "content": everything}, "vars": {"facts": facts, "place": str(file)}},
    ]
    (folder / "play.yml").write_text(json.dumps([{"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks}]))
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(folder / "collections"), "ANSIBLE_CONFIG": str(folder / "ansible.cfg")}
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,", "play.yml", "-e", f"ansible_python_interpreter={sys.executable}"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads((folder / "seen.json").read_text())
    assert [result["worst"] for result in told["seen"]["results"]] == ["ok", "error", "error"] and told["seen"]["changed"] is False
    assert told["seen"]["results"][0]["certificate"]["names"] == [HOST] and told["seen"]["worst"] == "error" and told["seen"]["failures"] == []
    assert told["failed"]["failed"] and len(told["failed"]["failures"]) == 1 and "nothing listens there" in told["failed"]["msg"]
    assert {one["id"] for one in told["facts"]["findings"]} == {"self_signed", "untrusted_chain", "name_mismatch"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"endpoints": [{"endpoint": "a b"}]}, "is no name and no address"),
        ({"fail_on": ["expierd"]}, "docs/inspection.md"),
        ({"now": "tomorrow"}, "is no time"),
        ({"endpoints": [{"endpoint": "a.example", "starttls": "gopher"}]}, "must be one of"),
    ],
)
def test_what_cannot_be_inspected_is_refused_with_words(given: dict[str, Any], said: str, folder: Path) -> None:
    answer = module(folder, **given)
    assert answer["failed"] and said in answer["msg"]


def test_without_its_library_it_says_what_to_install(folder: Path) -> None:
    (folder / "cryptography.py").write_text("raise ImportError('No module named cryptography')\n")
    answer = module(folder, endpoints=[{"endpoint": "a.example"}])
    assert answer["failed"] and "apt-get install python3-cryptography" in answer["msg"]


def test_in_check_mode_no_cache_is_written(folder: Path) -> None:
    answer = module(folder, ask=["ari"], cache=str(folder / "ari.json"), files=[{"path": "/nowhere"}], _ansible_check_mode=True)
    assert answer["results"][0]["findings"][0]["id"] == "file_unreadable" and not (folder / "ari.json").exists()
