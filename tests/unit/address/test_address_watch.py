"""The watcher, on the real kernel of this machine and with a router that is played."""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from plugins.module_utils.command import address_watch
from plugins.module_utils.command.address_watch import IFA_ADDRESS, IFA_FLAGS, IFA_LOCAL, NLMSG_DONE, RTM_NEWADDR, addresses, collected, watch

CLONE_NEWNET = 0x40000000


@pytest.fixture
def own_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A network of this test's own, for this thread and those that it starts."""
    monkeypatch.setattr(address_watch, "CALM", 0.2)
    libc = ctypes.CDLL(None, use_errno=True)
    machine = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    if libc.unshare(CLONE_NEWNET):
        os.close(machine)
        pytest.skip(f"no network of one's own can be made here: {os.strerror(ctypes.get_errno())}")
    try:
        ip("link", "set", "lo", "up")
        ip("link", "add", "lan0", "type", "veth", "peer", "name", "lan1")
        ip("link", "set", "lan1", "up")
        ip("link", "set", "lan0", "up")
        yield
    finally:
        assert libc.setns(machine, CLONE_NEWNET) == 0
        os.close(machine)


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


@contextlib.contextmanager
def watching(path: Path, router: Callable[[], str] = lambda: "", every: float = 60) -> Iterator[None]:
    """The watcher, in a thread of this network. It ends with the network's next change after the test."""
    rounds = threading.Thread(target=watch, args=(path, every, router), daemon=True)
    rounds.start()
    time.sleep(0.3)
    yield


def touched(path: Path, within: float = 3) -> bool:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline and not path.exists():
        time.sleep(0.02)
    return path.exists()


CHANGES = {
    "an IPv4 address comes": ("address", "add", "192.168.9.9/24", "dev", "lan0"),
    "an IPv6 address comes": ("address", "add", "2001:db8:9::9/64", "dev", "lan0", "nodad"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_an_address_that_comes_or_goes_touches_the_file(change: Sequence[str], own_network: None, tmp_path: Path) -> None:
    with watching(tmp_path / "changed"):
        ip(*change)
        assert touched(tmp_path / "changed")
        (tmp_path / "changed").unlink()
        ip("address", "del", *change[2:5])
        assert touched(tmp_path / "changed")


NOTHING = {
    "a link-local address": ("address", "add", "fe80::9/64", "dev", "lan0", "nodad"),
    "a deprecated address": ("address", "add", "2001:db8:9::9/64", "dev", "lan0", "nodad", "preferred_lft", "0"),
    "a lease that is renewed": ("address", "change", "192.168.9.8/24", "dev", "lan0", "valid_lft", "700", "preferred_lft", "700"),
}


@pytest.mark.parametrize("change", NOTHING.values(), ids=NOTHING)
def test_what_is_never_published_touches_nothing(change: Sequence[str], own_network: None, tmp_path: Path) -> None:
    ip("address", "add", "192.168.9.8/24", "dev", "lan0", "valid_lft", "600", "preferred_lft", "600")
    with watching(tmp_path / "changed"):
        ip(*change)
        assert not touched(tmp_path / "changed", 0.8)


def test_many_changes_at_once_touch_the_file_once_and_when_they_are_over(own_network: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address_watch, "CALM", 0.8)
    path, stamps = tmp_path / "changed", set()
    with watching(path):
        for number in range(1, 9):
            ip("address", "add", f"192.168.9.{number}/24", "dev", "lan0")
            time.sleep(0.05)
            assert not path.exists()
        assert touched(path)
        for _ in range(60):
            stamps.add(path.stat().st_mtime_ns)
            time.sleep(0.02)
    assert len(stamps) == 1


def test_a_new_address_of_the_router_touches_the_file_and_silence_does_not(own_network: None, tmp_path: Path) -> None:
    says = ["5.9.0.10"]
    with watching(tmp_path / "changed", lambda: says[0], every=0.1):
        assert not touched(tmp_path / "changed", 0.6)
        says[0] = ""
        assert not touched(tmp_path / "changed", 0.6)
        says[0] = "5.9.0.10"
        assert not touched(tmp_path / "changed", 0.6)
        says[0] = "5.9.0.20"
        assert touched(tmp_path / "changed", 1)


def test_a_router_that_answers_only_after_the_watcher_began_may_have_changed(own_network: None, tmp_path: Path) -> None:
    says = [""]
    with watching(tmp_path / "changed", lambda: says[0], every=0.1):
        says[0] = "5.9.0.10"
        assert touched(tmp_path / "changed", 1)


def test_a_router_s_announcement_makes_it_ask_at_once(own_network: None, tmp_path: Path) -> None:
    says = ["5.9.0.10"]
    with watching(tmp_path / "changed", lambda: says[0], every=60), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as router:
        says[0] = "5.9.0.20"
        router.sendto(struct.pack("!BBHI", 0, 128, 0, 1) + socket.inet_aton("5.9.0.20"), ("127.0.0.1", 5350))
        assert touched(tmp_path / "changed", 2)


def test_announcements_without_end_do_not_make_it_ask_without_end(own_network: None, tmp_path: Path) -> None:
    asked: list[float] = []

    def answer() -> str:
        asked.append(time.monotonic())
        return "5.9.0.10"

    with watching(tmp_path / "changed", answer, every=60), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for _ in range(200):
            stranger.sendto(b"x", ("127.0.0.1", 5350))
            time.sleep(0.005)
    assert 2 <= len(asked) <= 9


def test_it_sees_the_addresses_that_iproute2_sees(own_network: None) -> None:
    ip("address", "add", "192.168.9.9/24", "dev", "lan0")
    ip("address", "add", "2001:db8:9::9/64", "dev", "lan0", "nodad")
    ip("address", "add", "10.0.0.1", "peer", "10.0.0.2", "dev", "lan0")
    assert {address for _, address in addresses()} == {"192.168.9.9", "2001:db8:9::9", "10.0.0.1"}


def message(family: int, flags: int, scope: int, *values: tuple[int, bytes]) -> bytes:
    body = struct.pack("=BBBBI", family, 64, flags & 0xFF, scope, 2)
    for kind, data in values:
        body += struct.pack("=HH", len(data) + 4, kind) + data + b"\0" * (-len(data) % 4)
    return struct.pack("=IHHII", len(body) + 16, RTM_NEWADDR, 2, 1, 0) + body


SIX = socket.inet_pton(socket.AF_INET6, "2a01::10")
FLAGS = {"temporary": 0x01, "a duplicate": 0x08, "deprecated": 0x20, "tentative": 0x40}


@pytest.mark.parametrize("flag", FLAGS.values(), ids=FLAGS)
def test_an_address_that_does_not_last_is_passed_over(flag: int) -> None:
    found: set[tuple[int, str]] = set()
    collected(message(socket.AF_INET6, flag, 0, (IFA_ADDRESS, SIX)), found)
    collected(message(socket.AF_INET6, 0, 0, (IFA_ADDRESS, SIX), (IFA_FLAGS, struct.pack("=I", flag))), found)
    assert not found
    assert collected(message(socket.AF_INET6, 0x80, 0, (IFA_ADDRESS, SIX), (IFA_FLAGS, struct.pack("=I", 0x380))), found)
    assert found == {(2, "2a01::10")}


def test_on_a_dial_up_line_the_own_end_counts() -> None:
    found: set[tuple[int, str]] = set()
    collected(message(socket.AF_INET, 0x80, 0, (IFA_ADDRESS, b"\x0a\0\0\2"), (IFA_LOCAL, b"\x0a\0\0\1")), found)
    assert found == {(2, "10.0.0.1")}


def test_the_end_of_the_kernel_s_answer_and_rubbish_end_the_reading() -> None:
    assert not collected(struct.pack("=IHHII", 20, NLMSG_DONE, 2, 1, 0) + b"\0\0\0\0", set())
    assert not collected(b"\0" * 16, set())
    assert collected(b"", set())


def test_a_change_is_told_twice_as_the_first_may_come_while_a_run_is_under_way(own_network: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address_watch, "AGAIN", 0.6)
    says = ["5.9.0.10"]
    with watching(tmp_path / "changed", lambda: says[0], every=0.1):
        says[0] = "5.9.0.20"
        assert touched(tmp_path / "changed", 1)
        (tmp_path / "changed").unlink()
        assert touched(tmp_path / "changed", 2)
        (tmp_path / "changed").unlink()
        assert not touched(tmp_path / "changed", 1)


@pytest.mark.parametrize(
    ("text", "router"),
    [('{"address": {"router": "192.168.1.2"}}', "192.168.1.2"), ('{"address": {}}', ""), ('{"address": null}', ""), ("[]", ""), ("{", ""), (None, "")],
)
def test_the_router_that_the_owner_named_is_asked(text: str | None, router: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address_watch, "SETTINGS", tmp_path / "settings.json")
    if text is not None:
        (tmp_path / "settings.json").write_text(text)
    assert address_watch.configured() == router
