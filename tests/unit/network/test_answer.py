"""A server without a proxy answers for a while, so that the way to it can be tried; then it is as it was."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from plugins.module_utils.network import ports
from plugins.module_utils.network.ports import Door
from tests.unit.acme.name_server import free_port

ROOT = Path(__file__).resolve().parents[3]
ANSWER = """
import json, sys
from pathlib import Path
from plugins.module_utils.network.answer import answer
print(json.dumps(answer(json.loads(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]))))
"""


def start(wanted: dict[str, int], until: Path, seconds: float = 20) -> list[str]:
    """As a module does it: it says what it answers for, and ends."""
    done = subprocess.run(
        [sys.executable, "-c", ANSWER, json.dumps(wanted), str(until), str(seconds)], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30
    )
    answering: list[str] = json.loads(done.stdout)
    return answering


def knock(port: int, scheme: str, address: str = "127.0.0.1") -> ports.Tried:
    return ports.knock(Door("home.example.org", address, port, scheme), 2.0)


def comes(true: Callable[[], bool], seconds: float = 5) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.05)
    return False


@pytest.mark.proves("B07")
def test_it_answers_in_a_way_by_which_it_is_known_and_ends_with_its_file(tmp_path: Path) -> None:
    until, wanted = tmp_path / "here", {"https": free_port(), "http": free_port()}
    assert start(wanted, until) == ["http", "https"]
    shown = {scheme: {knock(port, scheme).shows for _ in range(3)} for scheme, port in wanted.items()}
    assert all(len(shows) == 1 and shows != {""} for shows in shown.values()), shown
    assert next(iter(shown["http"])).startswith("307 https://") and len(next(iter(shown["https"]))) == 64
    until.unlink()
    assert comes(lambda: all(knock(port, scheme).outcome == ports.REFUSED for scheme, port in wanted.items()))


def test_it_ends_by_itself_and_leaves_nothing(tmp_path: Path) -> None:
    until, port = tmp_path / "here", free_port()
    assert start({"http": port}, until, 0.5) == ["http"]
    assert comes(lambda: not until.exists()) and comes(lambda: knock(port, "http").outcome == ports.REFUSED)
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_somebody_has_is_left_alone(tmp_path: Path) -> None:
    until = tmp_path / "here"
    with socket.create_server(("0.0.0.0", 0)) as taken:
        assert start({"http": taken.getsockname()[1]}, until) == []
    assert not until.exists()


def test_a_client_that_says_nothing_does_not_hold_up_others(tmp_path: Path) -> None:
    until, port = tmp_path / "here", free_port()
    start({"https": port}, until)
    with socket.create_connection(("127.0.0.1", port)):
        assert knock(port, "https").shows
    until.unlink()


def test_it_answers_over_ipv6_too(tmp_path: Path) -> None:
    until, port = tmp_path / "here", free_port()
    start({"http": port}, until)
    assert knock(port, "http", "::1").shows == knock(port, "http").shows
    until.unlink()
