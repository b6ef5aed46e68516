"""The playbook over several hosts, one of which does not answer: names of one container, in which nothing is changed (--check), and a port where nobody is."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
BED = ROOT / "molecule" / "internet"
BIN = Path(sys.executable).parent
IMAGE, NAME = "exposure-bed/trixie:current", "hosts-test"
DOWN = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1, "exposure_address": "192.168.1.13"}
"""A machine that is off."""


def docker(*words: str, check: bool = True) -> str:
    done = subprocess.run(["docker", *words], capture_output=True, text=True, timeout=600, check=False)
    assert not check or done.returncode == 0, f"docker {' '.join(words)}\n{done.stdout}{done.stderr}"
    return done.stdout.strip()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A bare Debian 13."""
    if subprocess.run(["docker", "image", "inspect", IMAGE], capture_output=True, check=False).returncode:
        subprocess.run([BED / "engine.sh"], check=True)
        subprocess.run([sys.executable, BED / "images.py", "trixie"], check=True)
    docker("rm", "-f", NAME, check=False)
    docker("run", "-d", "--init", "--name", NAME, "--entrypoint", "sleep", IMAGE, "infinity")
    try:
        yield NAME
    finally:
        docker("rm", "-f", NAME)


@dataclass
class Run:
    code: int
    output: str

    def did(self, host: str) -> dict[str, int]:
        """The line of a host in the recap; nothing where it was not in the run."""
        found = re.search(rf"^{host} +: (.*)$", self.output, re.MULTILINE)
        return {key: int(value) for key, value in (one.split("=") for one in found[1].split())} if found else {}

    @property
    def said(self) -> str:
        """Its words, on one line however they were wrapped."""
        return " ".join(self.output.split())


def hosts(**changes: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """A proxy, a NAS and a Pi that is off. `changes`: further lines of a host, and None in place of one that it is not to have."""
    found: dict[str, dict[str, Any]] = {
        "gate": {"exposure_address": "192.168.1.10"},
        "nas": {"exposure_address": "192.168.1.12", "exposure_sites": [{"name": "files", "app": "whoami"}]},
        "pi": {**DOWN, "exposure_sites": [{"name": "weather", "app": "whoami"}]},
    }
    changed = {name: {**lines, **changes.get(name, {})} for name, lines in found.items()}
    return {name: {line: value for line, value in lines.items() if value is not None} for name, lines in changed.items()}


def play(folder: Path, inventory: dict[str, dict[str, Any]], *options: str, playbook: str = "site", **environment: str) -> Run:
    """A run of a playbook, with an Ansible home of its own. It changes nothing on the hosts."""
    everywhere = {"ansible_connection": "community.docker.docker", "ansible_host": NAME, "exposure_domain": "example.org"}
    everywhere |= {"exposure_acme": {"email": "me@example.org"}, "exposure_verify": {"from_controller": False, "report": ""}}
    groups = {"all": {"vars": everywhere, "hosts": inventory, "children": {"proxy": {"hosts": dict.fromkeys(name for name in inventory if "gate" in name)}}}}
    (folder / "hosts.yml").write_text(yaml.safe_dump(groups))
    own = {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_HOME": str(folder / "home"), "ANSIBLE_FORKS": "4"}
    command = [BIN / "ansible-playbook", "-i", folder / "hosts.yml", ROOT / "playbooks" / f"{playbook}.yml", *options]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **own, **environment}, capture_output=True, text=True, timeout=400, check=False)
    return Run(done.returncode, done.stdout + done.stderr)


TOKEN = "a-token-that-nobody-sees"

LOOK = ("--tags", "nothing", "--skip-tags", "verify")
"""The Plan alone: looks and computes, and does nothing to a host."""

pytestmark = pytest.mark.usefixtures("server")


@pytest.fixture(scope="module")
def foretold(server: str, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A trial run over all three hosts, one of which is off and one of which fails among the apps."""
    failing = {"nas": {"docker_packages": "{{ of_no_such_variable }}"}}
    elsewhere = {"name": "home", "app": "home_assistant", "upstream": "http://192.168.1.20:8123"}
    gate = {"exposure_sites": [elsewhere], "exposure_app_tokens": {"home": TOKEN}}
    return play(tmp_path_factory.mktemp("whole"), hosts(**failing, gate=gate), "--check", "--diff")


@pytest.mark.proves("B11")
def test_a_host_that_is_off_and_one_that_fails_do_not_take_their_sites_or_their_neighbours_away(foretold: Run) -> None:
    assert foretold.did("pi")["unreachable"] == 1 and foretold.did("nas")["failed"] == 1 and foretold.did("gate")["failed"] == 0, foretold.output
    _, _, proxy = foretold.output.partition("PLAY [Proxy]")
    for site, upstream in {"files": "192.168.1.12:8080", "weather": "192.168.1.13:8080"}.items():
        assert f"{site}.example.org" in proxy and upstream in proxy, site


def test_a_run_in_which_a_host_was_lost_fails_and_says_at_its_end_what_is_not_done(foretold: Run) -> None:
    assert foretold.code != 0
    _, _, end = foretold.said.partition("PLAY [What is left to do")
    assert end.count("pi did not answer, and nothing was changed there. gate keeps weather for it. When it is back, run again with --limit pi") == 1
    assert end.count("nas: it failed earlier in this run") == 1


def test_the_proxy_comes_after_the_apps_of_every_host(foretold: Run) -> None:
    assert 0 < foretold.output.index("PLAY [Apps]") < foretold.output.index("PLAY [Proxy]") < foretold.output.index("caddy : Configuration")


def test_what_tells_an_app_elsewhere_comes_last_at_its_proxy_and_shows_no_token(foretold: Run) -> None:
    _, _, proxy = foretold.output.partition("PLAY [Proxy]")
    assert 0 < proxy.index("caddy : Configuration") < proxy.index("home_assistant : Home Assistants trust the proxy of this host")
    assert TOKEN not in foretold.output and foretold.did("gate")["failed"] == 0


def test_an_app_host_alone_leaves_the_proxy_untouched_and_says_how_it_is_told(tmp_path: Path) -> None:
    run = play(tmp_path, hosts(), "--check", "--limit", "nas")
    assert run.code == 0 and run.did("nas") and not run.did("gate"), run.output
    assert run.said.count("run again with --limit gate,nas") == 1 and "pi did not answer" not in run.said


def test_an_app_host_and_its_proxy_are_enough(tmp_path: Path) -> None:
    run = play(tmp_path, hosts(), "--check", "--diff", "--limit", "gate,nas")
    assert run.code == 0 and "run again" not in run.said, run.output
    assert "192.168.1.12:8080" in run.output and "192.168.1.13:8080" in run.output


def test_what_an_earlier_run_saw_of_a_host_is_known_when_it_is_left_out(tmp_path: Path) -> None:
    unknown = hosts(nas={"exposure_address": None}, gate={"exposure_address": None}, pi={"exposure_address": "172.17.255.13"})
    refused = play(tmp_path, unknown, *LOOK, "--limit", "gate")
    assert refused.code != 0 and "1 mistake" in refused.output and "the address of nas is not known: it is not in this run" in refused.said
    assert play(tmp_path, unknown, *LOOK, "--limit", "gate,nas").code == 0
    kept = json.loads(next((tmp_path / "home/exposure").glob("hosts-*.json")).read_text())
    assert set(kept) == {"gate", "nas"} and kept["nas"]["addresses"] and "listening" not in kept["nas"]
    assert play(tmp_path, unknown, *LOOK, "--limit", "gate").code == 0


def test_a_trial_run_keeps_nothing_on_this_computer(tmp_path: Path) -> None:
    assert play(tmp_path, hosts(), *LOOK, "--check", "--limit", "gate").code == 0
    assert not (tmp_path / "home/exposure").exists()


def test_hosts_may_be_done_a_few_at_a_time_or_each_as_fast_as_it_can(tmp_path: Path) -> None:
    both = ("--check", "--limit", "gate,nas")
    rolled = play(tmp_path, hosts(), *both, "-e", "rolling=1")
    assert rolled.code == 0 and rolled.output.count("PLAY [Apps]") == 2 and rolled.output.count("PLAY [Proxy]") == 1, rolled.output
    free = play(tmp_path, hosts(), *both, ANSIBLE_STRATEGY="free")
    assert free.code == 0 and free.did("gate")["failed"] == 0, free.output
    plan = free.output.partition("PLAY [Plan]")[2].partition("PLAY [")[0]
    assert plan.count("ok: [") == 1, "one Plan is made, whatever the strategy of the apps"


@pytest.mark.proves("B11")
def test_two_proxies_are_told_of_the_sites_that_name_them(tmp_path: Path) -> None:
    sites = [{"name": "inside", "app": "whoami", "proxy": "gate"}, {"name": "club", "app": "second", "proxy": "gate_two"}]
    apps = [{"name": "second", "app": "whoami", "port": 8090}]
    two = {**hosts(nas={"exposure_sites": sites, "exposure_apps": apps}), "gate_two": {"exposure_address": "192.168.1.11"}}
    del two["pi"]
    run = play(tmp_path, two, "--check", "--diff", "--tags", "proxy")
    assert run.code == 0, run.output
    told = {host: "".join(re.findall(rf"^changed: \[{host}\]", run.output, re.MULTILINE)) for host in ("gate", "gate_two")}
    assert all(told.values())
    assert run.output.count("192.168.1.12:8080") == run.output.count("192.168.1.12:8090") > 0
