"""The command as servers run it: the zip application, started by itself. Its sources of addresses and its provider are stood in for."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from plugins.lookup.command import SOURCE, packed

HOST = "home.casa.example"
TOKEN = "s3cret-t0ken"
PYTHON = str(Path(sys.base_prefix) / "bin/python3")

DETECT = """
import json, sys
from .model import Found, Sighting, SourceKind, Verdict

def detect(settings, local_only=False):
    given = json.load(open({place!r}))
    found = dict()
    for family in settings.families:
        address = given.get(family, "")
        kind = SourceKind.ROUTER if family == "ipv4" else SourceKind.INTERFACE
        found[family] = Found(family, "" if local_only else address, Verdict.NAT if address else Verdict.NONE, (), "", (Sighting("x", kind, family, address),))
    return found
"""

REGISTRY = """
import json
from ..model import Capabilities, Kind, Option, Outcome
from .port import Provider

class Fake(Provider):
    NAME = "fake"
    CAPABILITIES = Capabilities()
    OPTIONS = {{"token": Option(required=True, secret=True)}}

    def update(self, call):
        with open({calls!r}, "a") as log:
            log.write(json.dumps([call.hosts, dict(call.values), open("/proc/self/cmdline").read()]) + "\\n")
        answer = json.load(open({answer!r}))
        if answer == "broken":
            raise ValueError("no sense in " + self.account.secrets["token"])
        return [Outcome(Kind(answer), "said " + answer + " to " + self.account.secrets["token"])] * len(call.hosts)

def provider(name):
    if name != "fake":
        raise LookupError("There is no provider called " + name + ".")
    return Fake
"""


class Server:
    """A server with the command, its settings and its state."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.state = folder, folder / "state"
        source = folder / "source"
        shutil.copytree(SOURCE, source, ignore=shutil.ignore_patterns("__pycache__"))
        places = {name: str(folder / name) for name in ("calls", "answer", "address")}
        (source / "address/detect.py").write_text(DETECT.format(place=places["address"]))
        (source / "ddns/providers/registry.py").write_text(REGISTRY.format(**places))
        self.program = folder / "exposure.pyz"
        self.program.write_bytes(packed(source))
        self.settings: dict[str, Any] = {
            "accounts": [{"name": "home", "provider": "fake", "hosts": [HOST]}],
            "confirm_within": 0.1,
            "nameservers": ["127.0.0.1"],
        }
        self.secrets: Any = {"home": {"token": TOKEN}}
        self.address({"ipv4": "203.0.113.7"})
        self.answer("good")

    def address(self, addresses: dict[str, str]) -> None:
        (self.folder / "address").write_text(json.dumps(addresses))

    def answer(self, kind: str) -> None:
        (self.folder / "answer").write_text(json.dumps(kind))

    @property
    def calls(self) -> list[Any]:
        path = self.folder / "calls"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def command(self, *words: str) -> list[str]:
        for name in ("settings", "secrets"):
            (self.folder / f"{name}.json").write_text(json.dumps(getattr(self, name)))
        return [str(self.program), *words, "--settings", str(self.folder / "settings.json"), "--secrets", str(self.folder / "secrets.json")]

    def run(self, *words: str, python: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        environment = {"STATE_DIRECTORY": str(self.state), "PATH": os.environ["PATH"]}
        return subprocess.run([PYTHON, "-I", *python, *self.command(*words)], env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Server:
    return Server(tmp_path_factory.mktemp("server"))


@pytest.fixture
def server(made: Server, tmp_path: Path) -> Server:
    """The one program with a fresh state."""
    made.state = tmp_path / "state"
    (made.folder / "calls").unlink(missing_ok=True)
    made.settings["accounts"][0]["provider"] = "fake"
    made.secrets = {"home": {"token": TOKEN}}
    made.address({"ipv4": "203.0.113.7"})
    made.answer("good")
    return made


def test_a_new_address_is_sent_told_and_remembered(server: Server) -> None:
    done = server.run("ddns")
    assert done.returncode == 0, done.stderr
    assert [call[:2] for call in server.calls] == [[[HOST], {"ipv4": "203.0.113.7"}]]
    assert f"{HOST} A: unknown -> 203.0.113.7" in done.stdout
    assert (server.run("ddns").stdout, len(server.calls)) == ("", 1)


def test_a_run_with_nothing_to_do_stays_within_its_budget(server: Server) -> None:
    server.run("ddns")
    spent = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert server.run("ddns").returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(spent) < 0.2, spent


def test_a_run_with_nothing_to_do_loads_nothing_that_could_call_anybody(server: Server) -> None:
    server.run("ddns")
    loaded = set(re.findall(r"\| +([\w.]+)$", server.run("ddns", python=("-X", "importtime")).stderr, re.MULTILINE))
    assert "exposure.ddns.engine" in loaded
    assert not {name for name in loaded if name in ("ssl", "dns", "socket", "http.client") or "providers" in name or name.endswith((".publish", ".http"))}


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        ("auth", 11, "exposure ddns --reset home"),
        ("abuse", 11, "--reset home"),
        ("server", 12, "fake: said server"),
        ("broken", 12, "not understood"),
    ],
)
def test_trouble_has_its_own_exit_code_and_no_secret_is_anywhere(server: Server, answer: str, code: int, words: str) -> None:
    server.answer(answer)
    outputs = [server.run("ddns"), server.run("ddns", "--json"), server.run("status"), server.run("status", "--json"), server.run("ddns", "--check")]
    assert outputs[0].returncode == code and words in outputs[0].stderr
    assert len(server.calls) == 1
    texts = [text for output in outputs for text in (output.stdout, output.stderr)] + [path.read_text() for path in server.state.iterdir()]
    assert not any(TOKEN in text for text in texts) and TOKEN not in server.calls[0][2]


def test_a_person_sees_what_is_stopped_and_goes_on_with_it(server: Server) -> None:
    server.answer("auth")
    server.run("ddns")
    shown = server.run("status").stdout
    assert "stopped since" in shown and "exposure ddns --reset home" in shown
    server.answer("good")
    assert server.run("ddns").returncode == 11
    assert server.run("ddns", "--reset", "home").returncode == 0
    shown = server.run("status").stdout
    assert f"{HOST}  A     203.0.113.7  since" in shown and "stopped" not in shown


ROUTER = {
    "router": "192.168.1.1",
    "protocol": "natpmp",
    "external_address": "203.0.113.7",
    "mappings": [
        {"external_port": 443, "protocol": "tcp", "address": "192.168.1.10", "port": 443, "outcome": "kept", "ends": 0, "message": ""},
    ],
    "trouble": "",
    "lan": [],
}


def status(server: Server, *words: str) -> subprocess.CompletedProcess[str]:
    """Without the settings of names."""
    command = [PYTHON, "-I", str(server.program), "status", "--state", str(server.state), "--router-state", str(server.state), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.skipif(Path("/etc/exposure/ddns").exists(), reason="names are kept on this very machine")
def test_status_tells_of_the_router_alone_where_no_names_are_kept(server: Server) -> None:
    server.state.mkdir()
    (server.state / "router.json").write_text(json.dumps(ROUTER))
    done = status(server)
    assert (done.returncode, done.stderr) == (0, "")
    assert "No names are kept here." in done.stdout and "443/tcp to 192.168.1.10:443  kept" in done.stdout
    assert json.loads(status(server, "--json").stdout) == {"looked": 0.0, "accounts": [], "router": ROUTER}


@pytest.mark.skipif(Path("/etc/exposure/ddns").exists(), reason="names are kept on this very machine")
def test_status_says_where_neither_names_nor_the_router_are_kept(server: Server) -> None:
    done = status(server)
    assert done.returncode == 3 and "Neither names nor the router are kept here" in done.stderr and not done.stdout


def test_status_shows_the_router_beside_the_names(server: Server) -> None:
    server.run("ddns")
    (server.state / "router.json").write_text(json.dumps(ROUTER))
    shown = server.run("status", "--router-state", str(server.state)).stdout
    assert f"{HOST}  A     203.0.113.7" in shown and "443/tcp to 192.168.1.10:443" in shown


def test_settings_that_were_named_and_are_not_there_are_not_passed_over(server: Server) -> None:
    done = status(server, "--settings", "/no/such/file")
    assert done.returncode == 3 and "/no/such/file" in done.stderr


def test_status_is_there_for_programs(server: Server) -> None:
    server.run("ddns")
    (account,) = json.loads(server.run("status", "--json").stdout)["accounts"]
    assert account["names"][0]["address"] == "203.0.113.7" and account["next_try"] == 0 and not account["stopped"]


def test_the_trouble_of_a_run_is_an_error_in_the_journal_once(server: Server) -> None:
    server.answer("auth")
    assert server.run("ddns").stderr.startswith("<3>")
    assert server.run("ddns").stderr.startswith("<6>")


def test_a_check_says_what_it_would_send_and_leaves_nothing(server: Server) -> None:
    done = server.run("ddns", "--check", "--json")
    assert json.loads(done.stdout)["changed"] and not server.calls and not server.state.exists()


@pytest.mark.parametrize(
    ("secrets", "words"),
    [
        ({}, "token of home must be given"),
        ({"home": {"token": [TOKEN]}}, "must hold a mapping"),
        ({"home": {"key": TOKEN, "token": "x"}}, "fake has no option key"),
    ],
)
def test_wrong_settings_are_told_and_end_with_3(server: Server, secrets: Any, words: str) -> None:
    server.secrets = secrets
    done = server.run("ddns")
    assert done.returncode == 3 and words in done.stderr and TOKEN not in done.stderr


def test_without_settings_it_says_so(server: Server) -> None:
    done = subprocess.run([PYTHON, "-I", str(server.program), "ddns", "--settings", "/no/such/file"], capture_output=True, text=True, check=False)
    assert done.returncode == 3 and "/no/such/file" in done.stderr


def test_an_account_that_is_not_there_is_not_released(server: Server) -> None:
    done = server.run("ddns", "--reset", "elsewhere")
    assert done.returncode == 3 and "There are home." in done.stderr


def test_where_the_state_cannot_be_kept_nothing_is_sent(server: Server) -> None:
    server.state.write_text("a file where the folder should be")
    done = server.run("ddns")
    assert done.returncode == 12 and not server.calls and "nothing is sent" in done.stderr


def test_other_areas_of_the_command_are_as_they_were(server: Server) -> None:
    done = subprocess.run([PYTHON, "-I", str(server.program), "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and all(area in done.stdout for area in ("certificates", "ddns", "failure", "status"))
    assert subprocess.run([PYTHON, "-I", str(server.program), "failure"], capture_output=True, check=False).returncode == 2
