"""The audit on real things: the Docker engine of this machine, and rules of nft and iptables in a network of this test's own."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from plugins.module_utils.audit.judge import judge
from plugins.module_utils.audit.look import look
from plugins.module_utils.audit.model import Declared
from plugins.module_utils.plan.model import Admission
from tests.tools import CACHE, program
from tests.unit.plan.declarations import template

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
CLONE_NEWNET = 0x40000000
LIBRARIES = ("libnftables1", "libjansson4", "libnftnl11", "libmnl0", "libxtables12", "libgmp10")
PORT, HOST_PORT = 18096, 18097
NAMES = "audit-test"


def run(command: Sequence[str]) -> tuple[int, str]:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return 127, ""
    return done.returncode, done.stdout


# Docker


def docker(*words: str) -> str:
    return subprocess.run(["docker", *words], check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="module")
def image() -> str:
    """The test bed's image of whoami, a program of Python that answers on port 80."""
    if run(["docker", "version"])[0]:
        pytest.skip("no Docker engine answers here")
    listed = docker("images", "--format", "{{.Repository}}:{{.Tag}}").splitlines()
    fit = [name for name in listed if name.startswith("exposure-bed/whoami:")]
    if not fit:
        pytest.skip("make images builds the image of whoami")
    return fit[0]


def opens(container: str, port: int) -> None:
    """Wait until a container listens."""
    for _ in range(100):
        with socket.socket() as client:
            if not client.connect_ex(("127.0.0.1", port)):
                return
        time.sleep(0.1)
    raise AssertionError(docker("logs", container))


@pytest.fixture
def containers(image: str) -> Iterator[Any]:
    """Start containers whose names begin with `audit-`; they are gone after the test."""
    names = []

    def start(name: str, *options: str, command: Sequence[str] = ()) -> None:
        names.append(f"{NAMES}-{name}")
        docker("rm", "-f", names[-1]) if run(["docker", "inspect", names[-1]])[0] == 0 else None
        docker("run", "-d", "--name", names[-1], *options, image, *command)

    yield start
    for name in names:
        docker("rm", "-f", name)


@pytest.mark.proves("B06")
def test_a_container_that_publishes_on_every_address_is_found_and_one_on_loopback_is_not(containers: Any) -> None:
    labels = ["--label", "com.docker.compose.project=media", "--label", "com.docker.compose.service=films"]
    containers("wide", "-p", f"{PORT}:80", *labels)
    containers("narrow", "-p", f"127.0.0.1:{PORT + 10}:80")
    opens("audit-test-wide", PORT)
    told = judge(look(run), ()).as_json()
    (found,) = [one for one in told["findings"] if f"{PORT}/tcp" in one["where"] and one["id"] != "ipv6_open_too"]
    assert found["id"] == "undeclared_published_port" and "audit-test-wide" in found["seen"]
    assert f'service films, write ports: ["127.0.0.1:{PORT}:80"]' in found["do"]
    assert not [one for one in told["findings"] if str(PORT + 10) in one["where"]]
    assert {(row["port"], row["reach"], row["container"]) for row in told["listening"] if row["port"] in (PORT, PORT + 10)} == {
        (PORT, "any", "audit-test-wide"),
        (PORT + 10, "loopback", "audit-test-narrow"),
    }


def test_a_container_with_the_host_s_network_is_told_by_its_name(containers: Any) -> None:
    containers("host", "--network", "host", "--entrypoint", "python3", command=["-m", "http.server", str(HOST_PORT)])
    opens("audit-test-host", HOST_PORT)
    (found,) = [one for one in judge(look(run), ()).findings if f"port {HOST_PORT}/tcp" in one.where]
    assert found.id == "undeclared_listener" and "of the container audit-test-host" in found.seen and "network_mode: host" in found.do


def test_the_module_says_it_to_ansible_and_what_is_allowed_is_silent(containers: Any, tmp_path: Path) -> None:
    containers("wide", "-p", f"{PORT}:80")
    opens("audit-test-wide", PORT)
    task = {"homeserver.exposure.exposure_audit": {"allowed": [{"port": PORT, "process": "audit-test-wide"}]}, "register": "seen"}
    shown = {"ansible.builtin.copy": {"content": "{{ seen }}", "dest": str(tmp_path / "seen.json"), "mode": "0600"}}
    play = [{"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": [task, shown]}]
    (tmp_path / "play.yml").write_text(yaml.safe_dump(play))
    for _ in range(2):
        done = subprocess.run([BIN / "ansible-playbook", "-i", "localhost,", tmp_path / "play.yml"], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    seen = json.loads((tmp_path / "seen.json").read_text())
    assert seen["changed"] is False
    assert not [one for one in seen["findings"] if str(PORT) in one["where"]]
    assert {row["declared"] for row in seen["listening"] if row["port"] == PORT} == {"exposure_listening"}


# The packet filter


@pytest.fixture(scope="module")
def nft() -> list[str]:
    """nft of this machine's Debian release with its libraries, without installing it."""
    if path := shutil.which("nft"):
        return [path]
    found = program("nftables", "usr/sbin/nft")
    for package in LIBRARIES:
        folder = CACHE / package
        if not folder.exists():
            program(package, f"usr/share/doc/{package}/copyright")
    folders = {str(path.parent) for package in LIBRARIES for path in (CACHE / package).rglob("lib*.so*")}
    return ["env", f"LD_LIBRARY_PATH={':'.join(sorted(folders))}", found]


@pytest.fixture
def network(nft: list[str]) -> Iterator[Any]:
    """This thread in a network of its own; what runs commands there, and nft, where it is not installed, by its path."""
    libc = ctypes.CDLL(None, use_errno=True)
    machine = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    assert libc.unshare(CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)

    def inside(command: Sequence[str]) -> tuple[int, str]:
        return run([*nft, *command[1:]] if command[0] == "nft" else command)

    yield inside
    assert libc.setns(machine, CLONE_NEWNET) == 0
    os.close(machine)


def load(network: Any, rules: str, folder: Path) -> None:
    (folder / "rules.nft").write_text(rules)
    code, output = network(["nft", "-f", str(folder / "rules.nft")])
    assert code == 0, output


@pytest.mark.proves("B06")
def test_the_rule_that_holds_an_app_back_is_seen_as_the_role_writes_it_and_missed_when_it_is_gone(network: Any, tmp_path: Path) -> None:
    admissions = [Admission("192.168.1.20", 8123, ["192.168.1.10"]), Admission("fd00::20", 8080, ["fd00::10", "fd00::11"])]
    load(network, template("firewall", "exposure.nft.j2").render(firewall_admissions=admissions), tmp_path)
    declared = [Declared(one.port, "tcp", one.address, "app whoami", sources=tuple(one.sources)) for one in admissions]
    assert "firewall_rule_missing" not in {one.id for one in judge(look(network), declared).findings}
    network(["nft", "delete", "table", "inet", "exposure"])
    missing = [one for one in judge(look(network), declared).findings if one.id == "firewall_rule_missing"]
    assert [one.where for one in missing] == ["port 8123/tcp on 192.168.1.20", "port 8080/tcp on [fd00::20]"]


@pytest.mark.proves("B06")
def test_rules_that_send_elsewhere_are_found_in_nft_and_in_both_kinds_of_iptables(network: Any, tmp_path: Path) -> None:
    chain = "table ip own { chain pre { type nat hook prerouting priority dstnat; policy accept; tcp dport 443 redirect to :8443; }; }"
    load(network, chain, tmp_path)
    rules = {"iptables-nft": "7001", "iptables-legacy": "7002", "ip6tables-nft": "7003"}
    made = {
        name: run([name, "-t", "nat", "-A", "PREROUTING", "-p", "tcp", "--dport", port, "-j", "REDIRECT", "--to-ports", "80"])[0]
        for name, port in rules.items()
    }
    told = judge(look(network), [Declared(443, "tcp", "", "the proxy")]).as_json()
    found = {(row["family"], row["port"], row["to"]) for row in told["redirected"]}
    families = {"iptables-nft": "ip", "iptables-legacy": "ip", "ip6tables-nft": "ip6"}
    assert found == {("ip", 443, "this host:8443")} | {(families[name], int(port), "this host:80") for name, port in rules.items() if not made[name]}
    assert not made["iptables-nft"], "iptables of this machine does not work in a network of its own"
    (taken,) = [one for one in told["findings"] if one["id"] == "undeclared_redirect" and one["severity"] == "error"]
    assert "port 443" in taken["where"] and "The inventory wants the proxy there" in taken["seen"]


def test_docker_s_own_rules_of_this_machine_are_not_told(image: str, containers: Any, nft: list[str]) -> None:
    containers("wide", "-p", f"{PORT}:80")
    found = look(lambda command: run([*nft, *command[1:]] if command[0] == "nft" else command))
    assert PORT in {one.port for one in found.published}
    assert not [one for one in found.redirected if one.port == PORT]


# Over IPv6


def test_a_listener_on_a_public_ipv6_address_is_told(network: Any) -> None:
    subprocess.run(["ip", "link", "add", "eth0", "type", "veth", "peer", "name", "cable"], check=True)
    subprocess.run(["ip", "address", "add", "2a02:1:2:3::10/64", "dev", "eth0", "nodad"], check=True)
    for end in ("eth0", "cable"):
        subprocess.run(["ip", "link", "set", end, "up"], check=True)
    with socket.create_server(("::", 9100), family=socket.AF_INET6, dualstack_ipv6=True), socket.create_server(("127.0.0.1", 9101)):
        told = {one.id: one for one in judge(look(network, Path("/")), ()).findings}
    assert told["ipv6_open_too"].where == "[2a02:1:2:3::10], port 9100/tcp"
