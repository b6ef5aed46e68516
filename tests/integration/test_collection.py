"""The archive that people install: it builds, holds no test bed, and its playbooks and documentation are found by name."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
MODULES = sorted(path.stem for path in (ROOT / "plugins/modules").glob("*.py"))


def command(*words: str | Path, collections: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    (collections / "ansible.cfg").touch()
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(collections), "ANSIBLE_CONFIG": str(collections / "ansible.cfg")}
    return subprocess.run([str(BIN / str(words[0])), *map(str, words[1:])], cwd=cwd, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The collections folder into which the built archive was installed."""
    folder = tmp_path_factory.mktemp("collections")
    built = command("ansible-galaxy", "collection", "build", "--output-path", folder, collections=folder, cwd=ROOT)
    assert built.returncode == 0, built.stderr
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        names = tar.getnames()
    assert not [name for name in names if name.split("/")[0] in ("molecule", "tests", "benchmarks", ".cache", ".venv", ".ci", "Makefile")]
    assert {"playbooks/site.yml", "roles/caddy/tasks/main.yml", "LICENSE"} <= set(names)
    done = command("ansible-galaxy", "collection", "install", "--no-deps", "-p", folder, archive, collections=folder, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("name", ["site", "verify", "remove", "trust", "diagnose", "lan", "import_npm"])
def test_a_playbook_is_found_by_its_name_in_the_installed_collection(name: str, installed: Path) -> None:
    done = command("ansible-playbook", "-i", ROOT / "inventory/home", f"homeserver.exposure.{name}", "--syntax-check", collections=installed, cwd=installed)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("module", MODULES)
def test_a_module_is_documented(module: str, installed: Path) -> None:
    done = command("ansible-doc", f"homeserver.exposure.{module}", collections=installed, cwd=installed)
    assert done.returncode == 0, done.stderr
    assert "EXAMPLES" in done.stdout


@pytest.mark.parametrize("example", ["home", "house"])
def test_an_example_inventory_makes_a_plan(example: str, installed: Path) -> None:
    play = installed / "plan.yml"
    play.write_text("- hosts: all\n  gather_facts: false\n  tasks:\n    - homeserver.exposure.plan:\n      run_once: true\n")
    address = ("-e", '{"exposure_address": ["192.168.1.10"]}')
    done = command("ansible-playbook", "-i", ROOT / "inventory" / example, play, *address, collections=installed, cwd=installed)
    assert done.returncode == 0, done.stdout + done.stderr
