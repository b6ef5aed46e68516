"""A release on the real Caddy: Debian 12's binary, as a process of this test, on ports of its own."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import http.client
import os
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from plugins.module_utils.release.machine import Machine
from plugins.module_utils.release.transaction import Failure, Transaction
from plugins.module_utils.release.tree import File, Tree
from tests.tools import program

pytestmark = pytest.mark.proves("B04", "R22", "R57")

UNIT = "caddy.service"
CLONE_NEWNET, SIOCSIFFLAGS, IFF_UP = 0x40000000, 0x8914, 1


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as held:
        return int(held.getsockname()[1])


class Caddy:
    """A `Host` of a transaction on which UNIT is what roles/caddy/files/exposure.conf says, without systemd."""

    def __init__(self, folder: Path) -> None:
        self.binary = program("caddy", "/usr/bin/caddy")
        self.folder, self.root, self.live = folder, folder / "etc", folder / "run" / "live"
        self.admin = folder / "admin.sock"
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.machine = Machine()
        self.log = (folder / "log").open("ab")
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_DATA_HOME": str(folder / "data"), "XDG_CONFIG_HOME": str(folder / "config")}

    def tree(self, answer: str, *more: str) -> Tree:
        """A site that gives one answer, with more lines for the Caddyfile."""
        lines = (
            "{",
            f"\tadmin unix/{self.admin}",
            "\tauto_https off",
            "\tgrace_period 10s",
            "}",
            f"http://127.0.0.1:{self.port} {{",
            f'\trespond "{answer}"',
            "}",
            *more,
        )
        check = ("env", f"HOME={self.folder}", self.binary, "validate", "--adapter", "caddyfile", "--config", "{tree}/Caddyfile")
        caddyfile = File("Caddyfile", ("\n".join(lines) + "\n").encode())
        return Tree(str(self.root), (caddyfile,), str(self.live), check, UNIT, (self.port,))

    # Host

    def run(self, command: Sequence[str]) -> tuple[int, str]:
        match list(command):
            case ["systemctl", "is-active", *_]:
                return (0, "") if self.alive() else (3, "")
            case ["systemctl", "start", _]:
                return (0, "") if self.alive() else self.start()
            case ["systemctl", "stop", _]:
                self.stop(signal.SIGTERM)
                return 0, ""
            case ["systemctl", "restart", _]:
                self.stop(signal.SIGTERM)
                return self.start()
            case ["systemctl", "reload-or-restart", _]:
                return self.reload() if self.alive() else self.start()
            case ["journalctl", *_]:
                return 0, "\n".join((self.folder / "log").read_text().splitlines()[-3:])
        return self.machine.run(command)

    def listening(self) -> list[int]:
        return self.machine.listening()

    # What the unit does

    def alive(self) -> bool:
        """Also from a forked runner, of whom Caddy is no child."""
        with contextlib.suppress(OSError):
            return self.process is not None and Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        return False

    def start(self) -> tuple[int, str]:
        """ExecStartPre, ExecStart, and Type=notify: ready once the administration answers."""
        self.live.parent.mkdir(exist_ok=True)
        self.live.unlink(missing_ok=True)
        self.live.symlink_to(self.root / "current")
        self.admin.unlink(missing_ok=True)
        self.process = subprocess.Popen([self.binary, "run", "--config", str(self.live / "Caddyfile")], env=self.environment, stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline and self.process.poll() is None:
            if self.port in self.listening() and self.admin.exists():
                return 0, ""
            time.sleep(0.02)
        self.stop(signal.SIGKILL)
        return 1, "caddy did not start"

    def reload(self) -> tuple[int, str]:
        """ExecReload."""
        command = [self.binary, "reload", "--force", "--config", str(self.live / "Caddyfile"), "--address", f"unix/{self.admin}"]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=30, check=False)
        return done.returncode, done.stderr

    def stop(self, how: signal.Signals) -> None:
        if self.process:
            self.process.send_signal(how)
            self.process.wait(15)

    def boot(self) -> None:
        """The power fails and comes back."""
        self.stop(signal.SIGKILL)
        shutil.rmtree(self.live.parent)
        code, output = self.start()
        assert not code, output

    # What a visitor and a person see

    def page(self) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/")
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def caddyfile(self) -> str:
        return (self.root / "current" / "Caddyfile").read_text()


@pytest.fixture
def caddy() -> Iterator[Caddy]:
    folder = Path(tempfile.mkdtemp(prefix="caddy-"))  # short: a socket's path has 107 letters at most
    here = Caddy(folder)
    yield here
    here.stop(signal.SIGKILL)
    here.log.close()
    shutil.rmtree(folder)


def release(caddy: Caddy, tree: Tree, step: Callable[[str], None] = lambda name: None) -> bool:
    return bool(Transaction(caddy, step, patience=5).carry_out([tree]))


def test_a_good_release_serves_and_the_next_one_replaces_it_in_the_same_process(caddy: Caddy) -> None:
    assert release(caddy, caddy.tree("one"))
    assert caddy.process and caddy.page() == "one"
    number = caddy.process.pid
    assert release(caddy, caddy.tree("two"))
    assert caddy.page() == "two" and caddy.process.pid == number
    assert not release(caddy, caddy.tree("two"))
    caddy.boot()
    assert caddy.page() == "two"


def test_a_caddyfile_with_a_mistake_never_reaches_the_running_caddy(caddy: Caddy) -> None:
    release(caddy, caddy.tree("one"))
    with pytest.raises(Failure, match=r"(?s)refused by.*untouched.*unrecognized directive: no_such_directive"):
        release(caddy, caddy.tree("two", "http://127.0.0.1:1 {", "\tno_such_directive", "}"))
    assert caddy.page() == "one"
    caddy.boot()
    assert caddy.page() == "one"


def test_what_validates_but_cannot_be_loaded_is_taken_back_in_files_and_process(caddy: Caddy) -> None:
    release(caddy, caddy.tree("one"))
    before = caddy.caddyfile()
    with socket.create_server(("127.0.0.1", 0)) as held:
        taken = f"http://127.0.0.1:{held.getsockname()[1]} {{\n\trespond two\n}}"
        with pytest.raises(Failure, match=r"(?s)did not accept the new files.*address already in use.*are back, and caddy.service serves them"):
            release(caddy, caddy.tree("two", taken))
        assert {caddy.page() for _ in range(40)} == {"one"}
        assert caddy.caddyfile() == before
        caddy.boot()
        assert caddy.page() == "one"
    assert release(caddy, caddy.tree("two", taken))
    assert caddy.page() == "two"


def test_a_first_release_that_cannot_be_loaded_leaves_no_caddy_and_no_files_for_a_boot(caddy: Caddy) -> None:
    with socket.create_server(("127.0.0.1", caddy.port)), pytest.raises(Failure, match="is stopped"):
        release(caddy, caddy.tree("one"))
    assert not caddy.alive() and not (caddy.root / "current").exists()
    assert release(caddy, caddy.tree("one"))
    assert caddy.page() == "one"


def test_a_release_that_does_not_listen_where_it_should_is_taken_back(caddy: Caddy) -> None:
    release(caddy, caddy.tree("one"))
    elsewhere = caddy.tree("two")
    (file,) = elsewhere.files
    moved = Tree(elsewhere.root, (File(file.path, file.content.replace(str(caddy.port).encode(), str(free_port()).encode())),), *tuple_of(elsewhere))
    with pytest.raises(Failure, match=rf"does not listen on port {caddy.port}"):
        Transaction(caddy, patience=1).carry_out([moved])
    assert caddy.page() == "one"


def tuple_of(tree: Tree) -> tuple[str, tuple[str, ...], str, tuple[int, ...]]:
    return tree.live, tree.validate, tree.unit, tree.listens


STEPS = ["stage", "write Caddyfile", "validate", "live", "reload", "probe", "commit", "settle", "prune"]


def test_a_run_passes_these_steps_and_no_others(caddy: Caddy) -> None:
    release(caddy, caddy.tree("one"))
    seen: list[str] = []
    release(caddy, caddy.tree("two"), seen.append)
    assert seen == STEPS


@pytest.mark.parametrize("moment", STEPS)
def test_a_run_killed_at_any_step_leaves_a_boot_with_the_last_good_site_and_the_next_run_completes(caddy: Caddy, moment: str) -> None:
    release(caddy, caddy.tree("one"))
    runner = os.fork()
    if runner == 0:
        with contextlib.suppress(BaseException):
            release(caddy, caddy.tree("two"), lambda name: os.kill(os.getpid(), signal.SIGKILL) if name == moment else None)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(runner, 0)[1]) == -signal.SIGKILL
    committed = moment in ("settle", "prune")
    assert caddy.page() == ("two" if STEPS.index(moment) > STEPS.index("reload") else "one")
    caddy.boot()
    assert caddy.page() == ("two" if committed else "one")
    assert release(caddy, caddy.tree("two")) is not committed
    assert caddy.page() == "two"
    assert not release(caddy, caddy.tree("two"))
    assert not [path.name for path in (caddy.root / "releases").glob(".*")]


def test_a_run_killed_after_its_reload_is_taken_back_by_a_run_that_wants_the_old_site(caddy: Caddy) -> None:
    release(caddy, caddy.tree("one"))
    runner = os.fork()
    if runner == 0:
        with contextlib.suppress(BaseException):
            release(caddy, caddy.tree("two"), lambda name: os.kill(os.getpid(), signal.SIGKILL) if name == "probe" else None)
        os._exit(0)
    os.waitpid(runner, 0)
    assert caddy.page() == "two"
    assert release(caddy, caddy.tree("one"))
    assert caddy.page() == "one"


@pytest.fixture
def own_network() -> Iterator[None]:
    """A network of this test's own, so that a setting of the kernel can be tried without touching the machine's."""
    libc = ctypes.CDLL(None, use_errno=True)
    machine = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    if libc.unshare(CLONE_NEWNET):
        os.close(machine)
        pytest.skip(f"no network of one's own can be made here: {os.strerror(ctypes.get_errno())}")
    try:
        with socket.socket() as channel:  # netdevice(7): the loopback interface goes up
            fcntl.ioctl(channel, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))
        yield
    finally:
        assert libc.setns(machine, CLONE_NEWNET) == 0
        os.close(machine)


def commands_before_start(word: str) -> list[str]:
    """The commands of the role's unit that name a word, as systemd runs them before Caddy starts."""
    lines = (Path(__file__).parents[2] / "roles/caddy/files/exposure.conf").read_text().splitlines()
    return [line.partition("=")[2].lstrip("+-") for line in lines if line.startswith("ExecStartPre=") and word in line]


def test_no_request_is_lost_in_twenty_releases(own_network: None, caddy: Caddy, record_property: Callable[[str, object], None]) -> None:
    (setting,) = commands_before_start("tcp_migrate_req")
    subprocess.run(shlex.split(setting), check=True)
    release(caddy, caddy.tree("number 0"))
    over, answered, lost = threading.Event(), [0] * 8, list[str]()

    def visit(visitor: int) -> None:
        while not over.is_set():
            try:
                assert caddy.page().startswith("number ")
                answered[visitor] += 1
            except (OSError, http.client.HTTPException, AssertionError) as error:
                lost.append(f"{type(error).__name__}: {error}")

    visitors = [threading.Thread(target=visit, args=(number,)) for number in range(8)]
    for visitor in visitors:
        visitor.start()
    started = time.monotonic()
    try:
        for number in range(1, 21):
            release(caddy, caddy.tree(f"number {number}"))
    finally:
        over.set()
        for visitor in visitors:
            visitor.join(10)
    record_property("seconds", round(time.monotonic() - started, 1))
    record_property("answered", sum(answered))
    record_property("lost", len(lost))
    print(f"{sum(answered)} requests answered, {len(lost)} lost, {time.monotonic() - started:.1f} s")
    assert caddy.page() == "number 20"
    assert min(answered) > 20
    assert lost == []
