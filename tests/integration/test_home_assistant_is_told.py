"""A real Home Assistant whose files are out of reach is told to trust its proxy, by its own API, and confirmed through a real one. The host of the proxy is a
Debian 12 with this machine's network."""

from __future__ import annotations

import http.client
import os
import re
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from plugins.module_utils.probe import wire
from tests.tools import program

from .home_assistant import docker, playbook, running, token
from .test_what_the_proxies_answer import free_ports

pytestmark = pytest.mark.proves("R42", "R43", "B03")

NAME = "told-home-assistant"
HOST = "home.example.org"
SERVER = "told-server"
PLAY = "- hosts: all\n  gather_facts: false\n  roles: [homeserver.exposure.home_assistant]\n"
CADDYFILE = """\
{{
	admin off
	auto_https disable_redirects
	local_certs
	skip_install_trust
	http_port {http}
	https_port {https}
}}
{host} {{
	reverse_proxy {address}:8123 {{
		{more}
	}}
}}
"""


class Proxy:
    """A real Caddy before it, as a process of this test. What it sends besides is `more`."""

    def __init__(self, folder: Path, address: str, more: str = "") -> None:
        folder.mkdir()
        plain, self.port = free_ports(2)
        (folder / "Caddyfile").write_text(CADDYFILE.format(http=plain, https=self.port, host=HOST, address=address, more=more))
        environment = {**os.environ, "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "HOME": str(folder)}
        with (folder / "log").open("w") as log:
            command = [program("caddy", "usr/bin/caddy"), "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        until = time.monotonic() + 30
        while self.status() == 0:
            assert self.process.poll() is None and time.monotonic() < until, (folder / "log").read_text()
            time.sleep(0.2)

    def status(self) -> int:
        """What a visitor is answered; 0 for nothing."""
        try:
            channel = wire.secure(wire.connect("127.0.0.1", self.port, 5), HOST, verify=False, http2=False)
            return wire.fetch(channel, HOST, "/manifest.json", 5).status
        except (OSError, http.client.HTTPException):
            return 0

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(20)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    with running(NAME, tmp_path_factory.mktemp("config")) as address:
        yield address, token(address)


@pytest.fixture(scope="module")
def server() -> Iterator[None]:
    subprocess.run(["docker", "rm", "-f", SERVER], capture_output=True, check=False)
    docker("run", "-d", "--init", "--name", SERVER, "--network", "host", "exposure-bed/bookworm:current", "sleep", "infinity")
    try:
        yield
    finally:
        docker("rm", "-f", SERVER)


@pytest.fixture(scope="module")
def proxy(home: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    made = Proxy(tmp_path_factory.mktemp("proxy") / "good", home[0])
    yield made
    made.end()


@pytest.fixture
def another(home: tuple[str, str], tmp_path: Path) -> Iterator[Proxy]:
    """One that Home Assistant never takes: it does not say whom it speaks for."""
    made = Proxy(tmp_path / "bad", home[0], more="header_up X-Forwarded-For nobody")
    yield made
    made.end()


def tell(folder: Path, address: str, its_token: str, port: int, *words: str) -> tuple[int, str]:
    """A run of the role: its exit code, and what it prints."""
    instance = {"name": "home", "address": address, "port": 8123, "host": HOST, "entry": port}
    given = {"home_assistant_instances": [instance], "home_assistant_tokens": {"home": its_token}}
    done = playbook(folder, PLAY, given, "-i", f"{SERVER},", "-c", "community.docker.docker", *words)
    assert its_token not in done.stdout + done.stderr
    return done.returncode, done.stdout + done.stderr


def in_force(address: str) -> int:
    """What it answers to somebody who comes straight."""
    with urllib.request.urlopen(f"http://{address}:8123/manifest.json", timeout=5) as answer:
        return int(answer.status)


def test_check_mode_on_a_bare_host_says_what_it_installs(server: None, home: tuple[str, str], proxy: Proxy, tmp_path: Path) -> None:
    code, said = tell(tmp_path, *home, proxy.port, "--check", "--diff")
    assert code == 0 and "failed=0" in said, said
    assert subprocess.run(["docker", "exec", SERVER, "python3", "-c", "import websocket"], capture_output=True, check=False).returncode


def test_a_wrong_token_is_told(server: None, home: tuple[str, str], proxy: Proxy, tmp_path: Path) -> None:
    code, said = tell(tmp_path, home[0], "not-a-token", proxy.port)
    assert code == 2 and "it refuses the token" in said, said
    assert proxy.status() == 400
    code, said = tell(tmp_path, home[0], "not-a-token", proxy.port, "-e", "home_assistant_told_later=true")
    assert code == 0 and "failed=0" in said, said


def test_check_mode_shows_the_change_and_makes_none(home: tuple[str, str], proxy: Proxy, tmp_path: Path) -> None:
    code, said = tell(tmp_path, *home, proxy.port, "--check", "--diff")
    assert code == 0 and "changed=1" in said and re.search(r"^\+\d+(\.\d+){3}$", said, re.MULTILINE), said
    assert proxy.status() == 400


def test_what_the_proxy_cannot_confirm_is_taken_back(home: tuple[str, str], proxy: Proxy, another: Proxy, tmp_path: Path) -> None:
    code, said = tell(tmp_path, *home, another.port)
    assert code == 2 and "answers 400" in said and "Its old settings are in force again." in said, said
    until = time.monotonic() + 60
    while proxy.status() != 400:
        assert time.monotonic() < until, "it trusts what was never confirmed"
        time.sleep(1)


def test_it_trusts_its_proxy_after_one_run_and_the_next_changes_nothing(home: tuple[str, str], proxy: Proxy, tmp_path: Path) -> None:
    code, said = tell(tmp_path, *home, proxy.port)
    assert code == 0 and "changed=1" in said, said
    assert proxy.status() == 200 and in_force(home[0]) == 200
    code, said = tell(tmp_path, *home, proxy.port)
    assert code == 0 and "changed=0" in said, said
