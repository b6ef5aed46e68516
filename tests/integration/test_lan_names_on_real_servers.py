"""Names of the home network on the real dnsmasq and unbound of Debian 12 and 13, under systemd in containers of this test, told by the playbook's role."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.proves("R10")

ROOT = Path(__file__).resolve().parents[2]
BED = ROOT / "molecule" / "internet"
BIN = Path(sys.executable).parent
RECIPE = """\
ARG BASE
FROM ${BASE}
RUN apt-get update -q && apt-get install -qy dnsmasq unbound dns-root-data bind9-dnsutils && systemctl disable dnsmasq unbound && rm -rf /var/lib/apt/lists/*
"""
NAMES = [{"name": "home.example.org", "addresses": ["192.168.1.10", "fd00::10"]}, {"name": "cloud.example.org", "addresses": ["192.168.1.10"]}]
PUBLIC, PUBLIC_6 = "203.0.113.9", "2001:db8::9"
PROVIDER = f"""\
[Service]
ExecStart=/usr/sbin/dnsmasq -k -C /dev/null -u root --no-resolv --no-hosts --port=5399 --listen-address=127.0.0.1 --bind-interfaces \\
  --address=/example.org/{PUBLIC} --address=/example.org/{PUBLIC_6} --txt-record=home.example.org,public --mx-host=home.example.org,mail.example.org,5
"""
"""The provider's DNS: it answers all names of example.org with the home's public addresses."""


@dataclass(frozen=True)
class Kind:
    """A server as a person has set it up: its own files, and one that contradicts us."""

    name: str
    own: str
    file: str
    settings: str
    rival: str
    broken: str


KINDS = (
    Kind(
        "dnsmasq",
        "/etc/dnsmasq.d/exposure-lan-names.conf",
        "/etc/dnsmasq.d/home.conf",
        "no-resolv\nno-hosts\nserver=127.0.0.1#5399\nhost-record=nas.lan,192.168.1.30\n",
        "host-record=home.example.org,192.168.1.66\n",
        "no-such-option\n",
    ),
    Kind(
        "unbound",
        "/etc/unbound/unbound.conf.d/exposure-lan-names.conf",
        "/etc/unbound/unbound.conf.d/home.conf",
        'server:\n  do-not-query-localhost: no\n  domain-insecure: "example.org"\n  local-data: "nas.lan. A 192.168.1.30"\nforward-zone:\n  name: "."\n'
        "  forward-addr: 127.0.0.1@5399\n",
        'server:\n  local-data: "home.example.org. A 192.168.1.66"\n',
        "server:\n  no-such-option: 1\n",
    ),
)


def docker(*words: str, check: bool = True) -> str:
    done = subprocess.run(["docker", *words], capture_output=True, text=True, timeout=600, check=False)
    assert not check or done.returncode == 0, f"docker {' '.join(words)}\n{done.stdout}{done.stderr}"
    return done.stdout.strip()


def image(suite: str) -> str:
    """The image of a server of this test, built where its recipe is new."""
    if subprocess.run(["docker", "image", "inspect", f"exposure-bed/{suite}:current"], capture_output=True, check=False).returncode:
        subprocess.run([BED / "engine.sh"], check=True)
        subprocess.run([sys.executable, BED / "images.py", suite], check=True)
    base = docker("image", "inspect", "--format", "{{.Id}}", f"exposure-bed/{suite}:current")
    tag = f"lan-names-{suite}:{hashlib.sha256((base + RECIPE).encode()).hexdigest()[:12]}"
    if subprocess.run(["docker", "image", "inspect", tag], capture_output=True, check=False).returncode:
        build = ["docker", "build", "-q", "--force-rm", "--network", "host", "-t", tag, "--build-arg", f"BASE=exposure-bed/{suite}:current", "-"]
        done = subprocess.run(build, input=RECIPE, capture_output=True, text=True, timeout=600, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    return tag


class Machine:
    """A machine at home, with a server on it that a person set up."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder = name, folder

    def sh(self, script: str, check: bool = True) -> str:
        return docker("exec", self.name, "sh", "-c", script, check=check)

    def write(self, path: str, text: str) -> None:
        subprocess.run(["docker", "exec", "-i", self.name, "sh", "-c", f"cat > {path}"], input=text, text=True, check=True)

    def dig(self, *words: str) -> set[str]:
        """What a client is answered."""
        return set(self.sh(f"dig @127.0.0.1 +short +time=2 +tries=2 {' '.join(words)}").splitlines())

    def has(self, path: str) -> bool:
        return self.sh(f"test -e {path} && echo yes || true") == "yes"

    def process(self, kind: Kind) -> str:
        """When the server was last started or told to read its files again."""
        return self.sh(f"systemctl show -P ExecMainPID {kind.name}; journalctl -q -u {kind.name} | grep -ciE 'reload|restart' || true")

    def play(self, *options: str, **variables: object) -> str:
        """What the role does to this machine."""
        play = self.folder / "play.yml"
        play.write_text("- hosts: all\n  gather_facts: false\n  roles: [homeserver.exposure.lan_names]\n")
        environment = {**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_HOME": str(ROOT / ".cache/ansible")}
        command = [BIN / "ansible-playbook", "-i", f"{self.name},", "-c", "community.docker.docker", play, "-e", json.dumps(variables), *options]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=180, check=False)
        return done.stdout + done.stderr


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def machine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    name = f"lan-{request.param}"
    docker("rm", "-f", name, check=False)
    version = docker("info", "--format", "{{.CgroupVersion}}")
    cgroup = ["--cgroupns", "host" if version == "1" else "private", "-v", "/sys/fs/cgroup:/sys/fs/cgroup:rw"]
    rights = [f"--cap-add={right}" for right in ("SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE")]
    rights += ["--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined", "--sysctl", "net.ipv6.conf.all.disable_ipv6=0"]
    docker("run", "-d", "--name", name, *cgroup, *rights, "--tmpfs", "/run", "--tmpfs", "/run/lock", "--stop-signal", "SIGRTMIN+3", image(request.param))
    here = Machine(name, tmp_path_factory.mktemp(name))
    try:
        here.write("/etc/systemd/system/provider.service", PROVIDER)
        deadline = time.monotonic() + 30
        while here.sh("systemctl is-system-running || true") not in ("running", "degraded") and time.monotonic() < deadline:
            time.sleep(0.3)
        here.sh("systemctl daemon-reload; systemctl start provider")
        yield here
    finally:
        docker("rm", "-f", name)


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest, machine: Machine) -> Iterator[Kind]:
    """A server that runs as its owner set it up."""
    chosen: Kind = request.param
    machine.write(chosen.file, chosen.settings)
    machine.sh(f"systemctl restart {chosen.name}")
    assert machine.dig("home.example.org", "A") == {PUBLIC}
    yield chosen
    machine.sh(f"systemctl stop {chosen.name}; rm -f {chosen.own} {chosen.file} {chosen.file}.rival.conf; systemctl reset-failed")


def test_names_are_answered_with_the_home_s_addresses_and_all_else_with_the_public_ones(machine: Machine, kind: Kind) -> None:
    foretold = machine.play("--check", "--diff", lan_names_records=NAMES, lan_names_places=[kind.name])
    assert "changed=1" in foretold and "192.168.1.10" in foretold and not machine.has(kind.own)
    assert "changed=1" in machine.play(lan_names_records=NAMES, lan_names_places=[kind.name])
    assert machine.dig("home.example.org", "A") == {"192.168.1.10"} and machine.dig("home.example.org", "AAAA") == {"fd00::10"}
    assert machine.dig("cloud.example.org", "A") == {"192.168.1.10"} and machine.dig("cloud.example.org", "AAAA") == {PUBLIC_6}
    assert machine.dig("home.example.org", "TXT") == {'"public"'} and machine.dig("home.example.org", "MX") == {"5 mail.example.org."}
    assert machine.dig("below.home.example.org", "A") == {PUBLIC} and machine.dig("example.org", "A") == {PUBLIC}
    assert machine.dig("nas.lan", "A") == {"192.168.1.30"}
    assert machine.sh(f"stat -c '%U %a' {kind.own}") == "root 644"


def test_a_run_with_nothing_to_change_leaves_the_server_alone_and_a_new_address_is_answered_at_once(machine: Machine, kind: Kind) -> None:
    machine.play(lan_names_records=NAMES, lan_names_places=[kind.name])
    before = machine.process(kind)
    assert "changed=0" in machine.play(lan_names_records=NAMES, lan_names_places=[kind.name])
    assert machine.process(kind) == before
    assert "changed=1" in machine.play(lan_names_records=[{"name": "home.example.org", "addresses": ["192.168.1.99"]}], lan_names_places=[kind.name])
    assert machine.dig("home.example.org", "A") == {"192.168.1.99"} and machine.dig("cloud.example.org", "A") == {PUBLIC}


def test_nothing_of_ours_is_left_when_names_go(machine: Machine, kind: Kind) -> None:
    before = machine.sh("cat /etc/hosts; find /etc/dnsmasq.d /etc/dnsmasq.conf /etc/unbound -type f | sort | xargs sha256sum")
    machine.play(lan_names_records=NAMES, lan_names_places=["auto"])
    assert machine.dig("home.example.org", "A") == {"192.168.1.10"}
    assert "changed=1" in machine.play(lan_names_state="absent")
    assert machine.dig("home.example.org", "A") == {PUBLIC}
    assert machine.sh("cat /etc/hosts; find /etc/dnsmasq.d /etc/dnsmasq.conf /etc/unbound -type f | sort | xargs sha256sum") == before
    assert "changed=0" in machine.play(lan_names_state="absent")


def test_a_server_that_gives_another_answer_has_its_files_from_before_and_the_owner_is_told(machine: Machine, kind: Kind) -> None:
    machine.write(f"{kind.file}.rival.conf", kind.rival)
    machine.sh(f"systemctl restart {kind.name}")
    said = machine.play(lan_names_records=NAMES, lan_names_places=[kind.name])
    assert "failed=1" in said and "192.168.1.66" in said and "the files from before are back" in said
    assert not machine.has(kind.own) and machine.dig("home.example.org", "A") == {"192.168.1.66"}


def test_a_configuration_that_is_broken_already_is_told_and_nothing_is_touched_while_the_server_runs_on(machine: Machine, kind: Kind) -> None:
    machine.write(f"{kind.file}.rival.conf", kind.broken)
    before = machine.process(kind)
    said = machine.play(lan_names_records=NAMES, lan_names_places=[kind.name])
    assert "failed=1" in said and "rival.conf" in said and "nothing was changed" in said
    assert not machine.has(kind.own) and machine.process(kind) == before and machine.dig("home.example.org", "A") == {PUBLIC}


def test_a_server_that_is_stopped_stays_so_and_answers_from_its_next_start_on(machine: Machine, kind: Kind) -> None:
    machine.sh(f"systemctl stop {kind.name}")
    said = machine.play(lan_names_records=NAMES, lan_names_places=[kind.name])
    assert "does not run here" in said and machine.sh(f"systemctl is-active {kind.name} || true") == "inactive"
    machine.sh(f"systemctl start {kind.name}")
    assert machine.dig("home.example.org", "A") == {"192.168.1.10"}


def test_a_client_resolves_the_names_by_its_hosts_file_and_no_longer_when_they_go(machine: Machine) -> None:
    before = machine.sh("cat /etc/hosts")
    assert "changed=1" in machine.play(lan_names_records=NAMES, lan_names_places=["hosts"])
    assert machine.sh("getent ahostsv4 home.example.org | cut -d' ' -f1 | sort -u") == "192.168.1.10"
    assert "changed=0" in machine.play(lan_names_records=NAMES, lan_names_places=["hosts"])
    assert "changed=1" in machine.play(lan_names_state="absent", lan_names_places=["hosts"])
    assert machine.sh("cat /etc/hosts") == before
