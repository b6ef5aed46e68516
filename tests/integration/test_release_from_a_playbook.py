"""The task `release` as a person runs it: by ansible-playbook, on this machine, in a folder of the test."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.proves("B04", "R57")

PLAY = """\
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - homeserver.exposure.release:
        trees:
          - root: "{{ root }}"
            files:
              - {path: site.conf, template: site.j2, vars: {word: "{{ given }}"}}
              - {path: token, content: "hunter-{{ given }}\\n", secret: true}
              - {path: group, content: "sword-{{ given }}\\n", secret: true, mode: "0640"}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    collection = tmp_path / "collections" / "ansible_collections" / "homeserver"
    collection.mkdir(parents=True)
    (collection / "exposure").symlink_to(Path(__file__).parents[2])
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "site.j2").write_text("hello {{ word }}\n")
    (tmp_path / "play.yml").write_text(PLAY)
    (tmp_path / "ansible.cfg").touch()  # in place of this machine's
    return tmp_path


def play(folder: Path, given: str, *options: str) -> str:
    """What ansible-playbook says; it must have succeeded."""
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(folder / "collections"), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_CONFIG": str(folder / "ansible.cfg")}
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,", "play.yml", "-e", f"given={given} root={folder}/etc/web", *options]
    python = ["-e", f"ansible_python_interpreter={sys.executable}"]
    done = subprocess.run([*command, *python], cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_check_mode_shows_what_a_run_will_do_on_a_bare_host_and_a_second_run_does_nothing(folder: Path) -> None:
    foretold = play(folder, "one", "--check", "--diff")
    assert "+hello one" in foretold and "changed=1" in foretold
    assert not (folder / "etc").exists()
    assert "changed=1" in play(folder, "one")
    assert (folder / "etc/web/current/site.conf").read_text() == "hello one\n"
    assert {path.name: path.stat().st_mode & 0o777 for path in (folder / "etc/web/current").iterdir()} == {"site.conf": 0o644, "token": 0o600, "group": 0o640}
    assert "changed=0" in play(folder, "one")
    assert "changed=0" in play(folder, "one", "--check")


def test_no_secret_shows_at_any_verbosity_when_it_is_new_changed_or_removed(folder: Path) -> None:
    said = play(folder, "one", "--diff", "-vvv") + play(folder, "two", "--diff", "-vvv")
    assert "+hello two" in said and "+(another secret, hidden)" in said
    (folder / "play.yml").write_text("".join(line for line in PLAY.splitlines(keepends=True) if "secret: true" not in line))
    said += play(folder, "two", "--diff", "-vvv")
    assert "-(secret, hidden)" in said
    assert [path.name for path in (folder / "etc/web/current").iterdir()] == ["site.conf"]
    assert not [word for word in ("hunter-", "sword-") if word in said]
