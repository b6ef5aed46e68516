"""What is seen of a host: who listens with which unit and container, what Docker publishes, and what could not be seen."""

from __future__ import annotations

import json
import multiprocessing
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from plugins.module_utils.audit import look as audit
from plugins.module_utils.audit import processes, published
from plugins.module_utils.audit.judge import judge
from plugins.module_utils.audit.model import Listening, Published, read_declared
from plugins.module_utils.host.sockets import sockets

BOX = "4" * 64


def run(command: Sequence[str]) -> tuple[int, str]:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return 127, ""
    return done.returncode, done.stdout


def nothing(command: Sequence[str]) -> tuple[int, str]:
    return 127, ""


# Who listens


def row(address: str, port: int, inode: str, state: str) -> str:
    raw = socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
    words = "".join(raw[i : i + 4][::-1].hex().upper() for i in range(0, len(raw), 4))
    other = "0" * len(words) + ":0000"
    return f"   0: {words}:{port:04X} {other} {state} 00000000:00000000 00:00000000 00000000     0        0 {inode} 1 0 100 0 0 10 0\n"


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A /proc on which systemd, Caddy, a container's app, a person's program and the kernel listen."""
    folder = tmp_path / "proc"
    (folder / "net").mkdir(parents=True)
    head = "  sl  local_address rem_address   st tx_queue\n"
    (folder / "net/tcp").write_text(head + row("0.0.0.0", 22, "1", "0A") + row("127.0.0.1", 2019, "2", "0A") + row("192.168.1.10", 8123, "3", "0A"))
    (folder / "net/tcp6").write_text(head + row("::", 22, "4", "0A") + row("::ffff:192.168.1.10", 9000, "5", "0A"))
    (folder / "net/udp").write_text(head + row("0.0.0.0", 51820, "0", "07") + row("0.0.0.0", 68, "6", "07") + row("10.0.0.1", 40000, "7", "01"))
    holders = {1: ("systemd", "/init.scope", "14"), 50: ("sshd", "/system.slice/ssh.service", "14"), 60: ("caddy", "/system.slice/caddy.service", "2")}
    holders |= {
        70: ("python3", f"/system.slice/docker-{BOX}.scope", "3"),
        80: ("page", "/user.slice/user-1000.slice/user@1000.service/app.slice/page.service", "5"),
    }
    for number, (name, group, inodes) in holders.items():
        (folder / f"{number}/fd").mkdir(parents=True)
        (folder / f"{number}/comm").write_text(f"{name}\n")
        (folder / f"{number}/cgroup").write_text(f"0::{group}\n")
        for inode in inodes:
            (folder / f"{number}/fd/{inode}").symlink_to(f"socket:[{inode}]")
    return folder


SOCKETS = "0.0.0.0:22 ssh.socket ssh.service\n[::]:22 ssh.socket ssh.service\n/run/dbus.sock dbus.socket dbus.service\n"


@pytest.mark.skipif(sys.byteorder != "little", reason="the tables are those of a little-endian machine")
def test_each_listener_is_told_with_its_unit_its_container_and_the_socket_that_starts_it(proc: Path) -> None:
    found, unseen = processes.listening(lambda command: (0, SOCKETS), {BOX: "homeassistant"}, proc)
    assert found == [
        Listening(("0.0.0.0", "::"), 22, "tcp", "sshd", 50, "ssh.service", "", "ssh.socket"),
        Listening(("0.0.0.0",), 68, "udp"),
        Listening(("127.0.0.1",), 2019, "tcp", "caddy", 60, "caddy.service"),
        Listening(("192.168.1.10",), 8123, "tcp", "python3", 70, "", "homeassistant"),
        Listening(("192.168.1.10",), 9000, "tcp", "page", 80, "page.service (user)"),
        Listening(("0.0.0.0",), 51820, "udp"),
    ]
    assert unseen == 1  # WireGuard is the kernel's, and has no owner that could be seen


@pytest.mark.parametrize(
    ("group", "container", "unit"),
    [
        ("/system.slice/ssh.service", "", "ssh.service"),
        (f"/system.slice/docker-{BOX}.scope", BOX, ""),
        (f"/docker/{BOX}", BOX, ""),
        (f"/docker/{BOX}/system.slice/cron.service", BOX, "cron.service"),
        (f"/machine.slice/libpod-{BOX}.scope/container", BOX, ""),
        ("/lxc.payload.media/system.slice/x.service", "media", "x.service"),
        ("/user.slice/user-1000.slice/session-3.scope", "", ""),
        ("/user.slice/user-1000.slice/user@1000.service/init.scope", "", ""),
        ("/system.slice/system-getty.slice/getty@tty1.service", "", "getty@tty1.service"),
        ("/system.slice/docker.service", "", "docker.service"),
        ("/system.slice/docker-registry.service", "", "docker-registry.service"),
        ("/system.slice/docker-compose@media.service", "", "docker-compose@media.service"),
        ("/system.slice/lxc.service", "", "lxc.service"),
        (f"/system.slice/cri-containerd-{BOX}.scope", BOX, ""),
        ("/lxc/101/ns", "101", ""),
        ("", "", ""),
    ],
)
def test_control_groups_are_read_as_systemd_docker_podman_and_lxc_write_them(group: str, container: str, unit: str) -> None:
    assert (processes.container_of(group), processes.unit_of(group)) == (container, unit)


def test_on_a_machine_that_is_a_container_itself_its_services_are_not_called_containers(proc: Path) -> None:
    for number, group in {"1": "init.scope", "50": "system.slice/ssh.service"}.items():
        (proc / number / "cgroup").write_text(f"1:name=systemd:/docker/{BOX}/{group}\n0::/docker/{BOX}/{group}\n")
    found, _ = processes.listening(nothing, {}, proc)
    assert (found[0].container, found[0].unit) == ("", "ssh.service")


def test_real_sockets_of_both_protocols_are_found_with_this_very_process() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
    ):
        udp.bind(("127.0.0.1", 0))
        client.bind(("127.0.0.1", 0))
        client.connect(udp.getsockname())
        wanted = {("tcp", tcp.getsockname()[1]), ("udp", udp.getsockname()[1])}
        found = {(one.protocol, one.port): one for one in sockets()}
        assert wanted <= set(found) and ("udp", client.getsockname()[1]) not in found
        assert {found[key].holder.pid for key in wanted} == {os.getpid()}


# What Docker publishes


CONTAINERS = [
    {
        "Id": BOX,
        "Names": ["/media-jellyfin-1"],
        "Image": "jellyfin/jellyfin:10.9",
        "Labels": {
            "com.docker.compose.project": "media",
            "com.docker.compose.service": "jellyfin",
            "com.docker.compose.project.config_files": "/srv/media/compose.yml",
        },
        "Ports": [
            {"IP": "0.0.0.0", "PrivatePort": 8096, "PublicPort": 8096, "Type": "tcp"},
            {"IP": "::", "PrivatePort": 8096, "PublicPort": 8096, "Type": "tcp"},
            {"PrivatePort": 8920, "Type": "tcp"},
        ],
    },
    {
        "Id": "5" * 64,
        "Names": ["/dns\n\x1b[2J"],
        "Image": "bind",
        "Labels": None,
        "Ports": [{"IP": "127.0.0.1", "PrivatePort": 53, "PublicPort": 5300, "Type": "udp"}],
    },
]
SERVICES = [
    {
        "Spec": {"Name": "shop_web", "Labels": {"com.docker.stack.namespace": "shop"}, "TaskTemplate": {"ContainerSpec": {"Image": "nginx:1@sha256:ab"}}},
        "Endpoint": {"Ports": [{"Protocol": "tcp", "TargetPort": 80, "PublishedPort": 8080, "PublishMode": "ingress"}]},
    }
]


def http(status: int, body: object) -> bytes:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return b"HTTP/1.1 %d x\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (status, len(text)) + text


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Callable[[dict[str, bytes]], Path]]:
    """A root folder whose Docker socket gives these answers, by path."""
    servers: list[socket.socket] = []

    def start(answers: dict[str, bytes]) -> Path:
        (tmp_path / "run").mkdir()
        server = socket.socket(socket.AF_UNIX)
        server.bind(str(tmp_path / "run/docker.sock"))
        server.listen()
        servers.append(server)

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                asked = connection.recv(4096).split()[1].decode()
                connection.sendall(answers.get(asked, http(404, {})))
                connection.close()

        threading.Thread(target=serve, daemon=True).start()
        return tmp_path

    yield start
    for server in servers:
        server.shutdown(socket.SHUT_RDWR)
        server.close()


def test_published_ports_of_containers_and_of_a_swarm_are_told(engine: Callable[[dict[str, bytes]], Path]) -> None:
    found = published.ask(engine({"/containers/json": http(200, CONTAINERS), "/services": http(200, SERVICES)}))
    assert found.published == (
        Published(("127.0.0.1",), 5300, "udp", 53, "dns [2J", "bind"),
        Published(("0.0.0.0", "::"), 8080, "tcp", 80, "shop_web", "nginx:1", "shop", "shop_web", swarm=True),
        Published(("0.0.0.0", "::"), 8096, "tcp", 8096, "media-jellyfin-1", "jellyfin/jellyfin:10.9", "media", "jellyfin", "/srv/media/compose.yml"),
    )
    assert found.names[BOX] == "media-jellyfin-1" and found.trouble == ""


@pytest.mark.parametrize("answer", [http(500, {}), http(200, b"not JSON"), http(200, [1]), http(200, {"a": 1}), http(200, [{"Id": 1}]), b"", b"\0" * 9])
def test_an_engine_that_does_not_answer_as_it_should_is_told(answer: bytes, engine: Callable[[dict[str, bytes]], Path]) -> None:
    found = published.ask(engine({"/containers/json": answer}))
    assert found.published == () and "is not known" in found.trouble


def test_where_there_is_no_docker_nothing_is_said_of_it(tmp_path: Path) -> None:
    assert published.ask(tmp_path).trouble == ""


# The rest of a host


def test_only_lasting_public_addresses_of_its_own_make_a_host_reachable_over_ipv6(tmp_path: Path) -> None:
    table = tmp_path / "if_inet6"
    table.write_text(
        "2a020001000000000000000000000010 02 40 00 80     eth0\n"
        "2a0200010000000000000000deadbeef 02 40 00 01     eth0\n"
        "fd000000000000000000000000000010 02 40 00 80     eth0\n"
        "fe800000000000000000000000000001 02 40 20 80     eth0\n"
        "2a020001000000020000000000000001 04 40 00 80  docker0\n"
        "00000000000000000000000000000001 01 80 10 80       lo\n"
    )
    assert audit.global_ipv6(table) == ("2a02:1::10",)
    assert audit.global_ipv6(tmp_path / "none") == ()


@pytest.mark.parametrize(
    ("output", "passwords"),
    [
        ((0, "port 22\npasswordauthentication no\nkbdinteractiveauthentication no\n"), False),
        ((0, "passwordauthentication yes\n"), True),
        ((0, "passwordauthentication no\nkbdinteractiveauthentication yes\n"), True),
        ((255, ""), None),
        ((0, ""), None),
    ],
)
def test_whether_ssh_takes_passwords_is_asked_of_sshd(output: tuple[int, str], passwords: bool | None) -> None:
    assert audit.takes_passwords(lambda command: output) is passwords


def test_ufw_is_known_by_its_setting(tmp_path: Path) -> None:
    (tmp_path / "ufw.conf").write_text("# ufw\nENABLED=yes\nLOGLEVEL=low\n")
    assert audit.ufw_is_on(tmp_path / "ufw.conf") and not audit.ufw_is_on(tmp_path / "none")


@pytest.mark.proves("B06")
def test_this_very_machine_is_audited_and_an_open_port_of_this_test_is_found_in_time() -> None:
    with socket.create_server(("0.0.0.0", 0)) as server:
        port = server.getsockname()[1]
        start = time.monotonic()
        told = judge(audit.look(run), ()).as_json()
        assert time.monotonic() - start < 3
    (listed,) = [one for one in told["listening"] if one["port"] == port]
    assert listed["reach"] == "any" and listed["declared"] == ""
    (found,) = [one for one in told["findings"] if f"port {port}/tcp" in one["where"]]
    assert found["id"] == "undeclared_listener" and f"process {os.getpid()}" in found["do"]


def unseen_by_nobody(answer: Connection) -> None:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
    answer.send(audit.look(run).unseen)


@pytest.mark.skipif(os.geteuid() != 0, reason="to become somebody else takes root")
def test_without_root_it_says_what_it_could_not_see() -> None:
    """In a process that has become nobody: the listener of this one is seen, and its holder is not."""
    process = multiprocessing.get_context("fork")
    here, there = process.Pipe()
    with socket.create_server(("0.0.0.0", 0)):
        child = process.Process(target=unseen_by_nobody, args=(there,))
        child.start()
        assert here.poll(20)
        told = here.recv()
        child.join()
    assert any("Who holds" in one and "that takes root" in one for one in told)


@pytest.mark.parametrize(
    "entry", [{}, {"port": 0}, {"port": "x"}, {"port": 80, "protocol": "icmp"}, {"port": 80, "address": "home"}, {"port": 80, "colour": "red"}]
)
def test_a_declaration_that_means_nothing_is_refused_with_its_line(entry: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"port|known"):
        read_declared([entry])
