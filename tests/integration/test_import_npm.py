"""Moving in from Nginx Proxy Manager, as a person does: its data folder, ansible-playbook, and the Plan of what was written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.npm.nginx_proxy_manager import Manager

ROOT = Path(__file__).resolve().parents[2]
SECRETS = ("a-{{ secret }}-token", "THE-PRIVATE-KEY", "hunter2-plain", "dXNlcjpwYXNz")

PLAY = """\
- hosts: all
  gather_facts: false
  tasks:
    - homeserver.exposure.plan:
      run_once: true
      register: made
    - ansible.builtin.copy: {dest: "{{ playbook_dir }}/plan.json", content: "{{ made | to_json }}"}
    - ansible.builtin.copy: {dest: "{{ playbook_dir }}/credentials.json", content: "{{ exposure_acme_credentials | to_json }}"}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    collection = tmp_path / "collections" / "ansible_collections" / "homeserver"
    collection.mkdir(parents=True)
    (collection / "exposure").symlink_to(ROOT)
    (tmp_path / "ansible.cfg").touch()  # in place of this machine's
    (tmp_path / "plan.yml").write_text(PLAY)
    (tmp_path / "hosts.yml").write_text(
        yaml.safe_dump({"all": {"hosts": {"server": {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}}}})
    )
    return tmp_path


@pytest.fixture
def manager(folder: Path) -> Manager:
    """A house of many rooms."""
    its = Manager(folder / "npm")
    its.add("user")
    its.add("setting")
    family = its.add("access_list")
    its.add("access_list_auth", access_list_id=family)
    wild = its.by_dns(["example.org", "*.example.org"], credentials="dns_duckdns_token = a-{{ secret }}-token")
    office = its.of_ones_own()
    its.add("proxy_host", certificate_id=wild, ssl_forced=1, hsts_enabled=1, allow_websocket_upgrade=1)
    its.add("proxy_host", domain_names=["office.example.org"], forward_scheme="https", certificate_id=office)
    its.add("proxy_host", domain_names=["diary.example.org"], access_list_id=family)
    its.add("proxy_host", domain_names=["{{ lookup('pipe', 'id') }}\n- a: !!python/object"], advanced_config="{{ x }}\n- a: b")
    its.add("proxy_host", domain_names=["films.example.org"], advanced_config='proxy_set_header Authorization "Basic dXNlcjpwYXNz";')
    its.add("redirection_host")
    its.add("dead_host")
    its.add("stream")
    return its


def play(folder: Path, *words: str | Path, code: int = 0) -> str:
    """What ansible-playbook says."""
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(folder / "collections"), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_CONFIG": str(folder / "ansible.cfg")}
    command = ["nice", "-n", "19", str(Path(sys.executable).with_name("ansible-playbook")), *map(str, words)]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def move(folder: Path, *options: str, code: int = 0) -> str:
    return play(folder, "-i", "hosts.yml", ROOT / "playbooks/import_npm.yml", "-e", f"import_npm_directory={folder}/npm/data", *options, code=code)


def files(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mode & 0o777) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.proves("B14")
def test_a_data_folder_becomes_an_inventory_of_which_the_plan_is_made(folder: Path, manager: Manager) -> None:
    before = files(folder / "npm")
    said = move(folder, "--check", "--diff")
    assert "+exposure_sites:" in said and "changed=0" not in said
    assert not (folder / "inventory").exists()

    said = move(folder)
    assert "3 sites carried over, 2 written as comments" in said
    assert "It was protected by access list family (a log-in (1 user)), and would not be" in said
    assert files(folder / "npm") == before, "nothing on the server is changed"
    written = files(folder / "inventory/imported")
    assert sorted(written) == [
        *("host_vars/server/exposure.yml", "host_vars/server/npm-2/fullchain.pem", "host_vars/server/npm-2/privkey.pem", "host_vars/server/vault.yml"),
        "server.yml",
    ]
    assert {mode for _, mode in written.values()} == {0o600}

    assert "changed=0" in move(folder)
    assert files(folder / "inventory/imported") == written

    play(folder, "-i", "inventory/imported", "plan.yml")
    plan: dict[str, Any] = yaml.safe_load((folder / "plan.json").read_text())
    sites = {site["name"]: site for site in plan["hosts"]["server"]["proxy"]["sites"]}
    assert {name: site["hosts"] for name, site in sites.items()} == {
        "home": ["home.example.org"],
        "office": ["office.example.org"],
        "www-example": ["www.example.org"],
    }
    assert sites["home"]["locations"][0]["upstream"] == "192.168.1.20:8123" and sites["home"]["hsts"] == 63072000
    assert sites["office"]["locations"][0]["upstream_ca"] == "any"
    assert sites["www-example"]["redirect"] == "https://home.example.org"
    certificates = {one["name"]: one for one in plan["hosts"]["server"]["certificates"]}
    assert certificates["npm-1"]["challenge"] == "dns-01" and plan["hosts"]["server"]["proxy"]["acme"]["dns"] == "duckdns"
    assert Path(certificates["npm-2"]["key"]).read_text() == "THE-PRIVATE-KEY\n"
    assert yaml.safe_load((folder / "credentials.json").read_text()) == {"dns_duckdns_token": "a-{{ secret }}-token"}


def test_what_was_edited_is_kept_until_it_is_to_be_written_anew(folder: Path, manager: Manager) -> None:
    move(folder)
    own = folder / "inventory/imported/host_vars/server"
    written = (own / "exposure.yml").read_text()
    (own / "exposure.yml").write_text("# mine\n")
    (own / "vault.yml").write_text("$ANSIBLE_VAULT;1.1;AES256\n00\n")
    said = move(folder, "--extra-vars", "ansible_become=false")
    assert "changed=0" in said
    assert "kept, because it was there and is not the same" in said
    assert (own / "exposure.yml").read_text() == "# mine\n"
    said = move(folder, "-e", "import_overwrite=true", "--diff")
    assert "-# mine" in said
    assert (own / "exposure.yml").read_text() == written and (own / "exposure.yml~").read_text() == "# mine\n"
    assert (own / "vault.yml~").read_text().startswith("$ANSIBLE_VAULT")
    assert (own / "vault.yml~").stat().st_mode & 0o777 == 0o600


def test_no_secret_shows_at_any_verbosity_nor_in_the_declaration(folder: Path, manager: Manager) -> None:
    said = move(folder, "--diff", "-vvvv")
    declaration = (folder / "inventory/imported/host_vars/server/exposure.yml").read_text()
    assert "films" in declaration
    assert not [secret for secret in SECRETS if secret in said + declaration]


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (b"", "is not there, or empty"),
        (b"{}" * 400, "is not a SQLite database"),
    ],
)
def test_what_cannot_be_read_is_one_clear_message(broken: bytes, reason: str, folder: Path, manager: Manager) -> None:
    manager.database.close()
    manager.path.write_bytes(broken)
    said = move(folder, code=2)
    assert reason in said and "Traceback" not in said
    assert not (folder / "inventory").exists()


def test_the_folder_is_asked_for(folder: Path) -> None:
    said = play(folder, "-i", "hosts.yml", ROOT / "playbooks/import_npm.yml", code=2)
    assert "Say which folder is mounted as /data" in said
