"""The transaction on a place: written, checked, loaded, proven; and back where one of these fails."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from plugins.module_utils.host.sockets import Listener
from plugins.module_utils.lan_names import settle as subject
from plugins.module_utils.lan_names.adguard_home import AdGuardHome
from plugins.module_utils.lan_names.ask import NoAnswer, Server
from plugins.module_utils.lan_names.block import BEGIN
from plugins.module_utils.lan_names.dnsmasq import Dnsmasq
from plugins.module_utils.lan_names.hosts_file import HostsFile
from plugins.module_utils.lan_names.pi_hole import PiHole
from plugins.module_utils.lan_names.place import Place
from plugins.module_utils.lan_names.places import chosen
from plugins.module_utils.lan_names.records import Record, Refused
from plugins.module_utils.lan_names.settle import settle

HOME = [Record("home.example.org", ("192.168.1.10",))]
MOVED = [Record("home.example.org", ("192.168.1.11",))]


class Commands:
    """A machine whose commands give (exit code, output) by their first word that is known, and are noted."""

    def __init__(self, **answers: tuple[int, str]) -> None:
        self.answers, self.seen = answers, list[str]()

    def __call__(self, command: Sequence[str]) -> tuple[int, str]:
        shown = " ".join(command)
        self.seen.append(shown)
        return next((answer for word, answer in self.answers.items() if word.replace("_", "-") in shown), (0, ""))


def nobody() -> list[Listener]:
    return []


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "PATIENCE", 0.0)


@pytest.fixture
def dnsmasq(tmp_path: Path) -> Dnsmasq:
    (tmp_path / "etc/dnsmasq.d").mkdir(parents=True)
    return Dnsmasq(tmp_path)


def own(place: Place) -> Path:
    return place.files(HOME)[0].path


def test_in_check_mode_nothing_is_written_and_no_command_is_run(dnsmasq: Dnsmasq) -> None:
    commands = Commands()
    outcome = settle(dnsmasq, HOME, commands, check=True, listening=nobody)
    assert outcome.changed == [str(own(dnsmasq))] and "192.168.1.10" in outcome.diff[0]["after"]
    assert commands.seen == [] and not own(dnsmasq).exists()


def test_a_server_is_restarted_once_for_a_change_and_not_without_one(dnsmasq: Dnsmasq) -> None:
    commands = Commands()
    settle(dnsmasq, HOME, commands, check=False, listening=nobody)
    assert [command for command in commands.seen if "restart" in command] == ["systemctl restart dnsmasq.service"]
    commands.seen.clear()
    assert settle(dnsmasq, HOME, commands, check=False, listening=nobody).changed == [] and commands.seen == []


def test_what_the_server_refuses_is_taken_back_and_it_is_not_restarted(dnsmasq: Dnsmasq) -> None:
    settle(dnsmasq, HOME, Commands(), check=False, listening=nobody)
    before = own(dnsmasq).read_text()
    commands = Commands()
    tests = iter([(0, ""), (1, "dnsmasq: bad option at line 2")])

    def run(command: Sequence[str]) -> tuple[int, str]:
        return next(tests) if "--test" in command else commands(command)

    with pytest.raises(Refused, match=r"(?s)files from before are back.*bad option at line 2"):
        settle(dnsmasq, MOVED, run, check=False, listening=nobody)
    assert own(dnsmasq).read_text() == before and not [command for command in commands.seen if "restart" in command]


def test_where_the_new_names_are_not_served_the_old_files_are_loaded_again(dnsmasq: Dnsmasq) -> None:
    answers = iter([(1, "Job for dnsmasq.service failed"), (0, "")])
    commands = Commands()

    def run(command: Sequence[str]) -> tuple[int, str]:
        return next(answers) if "restart" in command else commands(command)

    with pytest.raises(Refused, match=r"Job for dnsmasq\.service failed"):
        settle(dnsmasq, HOME, run, check=False, listening=nobody)
    assert not own(dnsmasq).exists() and next(answers, None) is None


def test_a_server_that_does_not_start_with_its_old_files_either_is_told(dnsmasq: Dnsmasq) -> None:
    with pytest.raises(Refused, match="does not start with them either"):
        settle(dnsmasq, HOME, Commands(restart=(1, "no")), check=False, listening=nobody)
    assert not own(dnsmasq).exists()


def test_a_link_in_place_of_our_file_is_not_followed(dnsmasq: Dnsmasq, tmp_path: Path) -> None:
    (tmp_path / "shadow").write_text("secret\n")
    own(dnsmasq).symlink_to(tmp_path / "shadow")
    with pytest.raises(Refused, match="is a link"):
        settle(dnsmasq, HOME, Commands(), check=False, listening=nobody)
    assert (tmp_path / "shadow").read_text() == "secret\n"


def test_a_hosts_file_keeps_its_mode_and_comes_back_to_what_it_was(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    file = tmp_path / "etc/hosts"
    file.write_text("127.0.0.1 localhost\n")
    file.chmod(0o640)
    settle(HostsFile(tmp_path), HOME, Commands(), check=False)
    assert "192.168.1.10 home.example.org\n" in file.read_text() and file.stat().st_mode & 0o777 == 0o640
    settle(HostsFile(tmp_path), [], Commands(), check=False)
    assert file.read_text() == "127.0.0.1 localhost\n"
    file.write_text(f"{BEGIN}\n127.0.0.1 localhost\n")
    with pytest.raises(Refused, match=r"left as it is.*Remove the lines"):
        settle(HostsFile(tmp_path), HOME, Commands(), check=False)


@pytest.fixture
def pihole(tmp_path: Path) -> Path:
    folder = tmp_path / "etc/pihole"
    folder.mkdir(parents=True)
    (folder / "custom.list").write_text("192.168.1.30 nas.lan\n")
    return folder


def test_pi_hole_5_is_told_in_its_list_and_reads_it_again(pihole: Path, tmp_path: Path) -> None:
    (pihole / "setupVars.conf").touch()
    commands = Commands()
    settle(PiHole(tmp_path), HOME, commands, check=False, listening=nobody)
    assert (pihole / "custom.list").read_text().startswith("192.168.1.30 nas.lan\n# BEGIN homeserver.exposure")
    assert "pihole restartdns reload" in commands.seen
    settle(PiHole(tmp_path), [], commands, check=False, listening=nobody)
    assert (pihole / "custom.list").read_text() == "192.168.1.30 nas.lan\n"


def test_pi_hole_6_sees_a_file_of_ours_by_itself_and_what_an_upgrade_left_in_the_old_list_goes(pihole: Path, tmp_path: Path) -> None:
    (pihole / "setupVars.conf").touch()
    settle(PiHole(tmp_path), HOME, Commands(), check=False, listening=nobody)
    (pihole / "pihole.toml").touch()
    (pihole / "hosts").mkdir()
    commands = Commands()
    settle(PiHole(tmp_path), HOME, commands, check=False, listening=nobody)
    assert "192.168.1.10 home.example.org" in (pihole / "hosts/exposure.list").read_text()
    assert (pihole / "custom.list").read_text() == "192.168.1.30 nas.lan\n"
    assert [command for command in commands.seen if "is-active" not in command] == []
    settle(PiHole(tmp_path), [], commands, check=False, listening=nobody)
    assert list((pihole / "hosts").iterdir()) == []


def answer(query: bytes, addresses: Sequence[str], code: int = 0) -> bytes:
    """An answer with these addresses, each named by a pointer to the question."""
    number, question = query[:2], query[12:]
    records = b"".join(
        b"\xc0\x0c" + struct.pack("!HHIH", *((28, 1, 5, 16) if ":" in one else (1, 1, 5, 4)))
        + socket.inet_pton(socket.AF_INET6 if ":" in one else socket.AF_INET, one)
        for one in addresses
    )  # fmt: skip
    return number + struct.pack("!5H", 0x8180 | code, 1, len(addresses), 0, 0) + question + records


@contextlib.contextmanager
def serving(*addresses: str, code: int = 0, raw: bytes | None = None) -> Iterator[int]:
    """The port of a DNS server over TCP that knows one answer."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    channel, _ = server.accept()
                    with channel:
                        query = channel.recv(512)[2:]
                        said = answer(query, addresses, code) if raw is None else raw
                        channel.sendall(struct.pack("!H", len(said)) + said)

        threading.Thread(target=serve, daemon=True).start()
        yield int(server.getsockname()[1])
        server.shutdown(socket.SHUT_RDWR)


def on(port: int) -> list[Listener]:
    return [Listener("127.0.0.1", port, "dnsmasq")]


def test_a_server_that_gives_the_new_answer_is_proven(dnsmasq: Dnsmasq) -> None:
    with serving("192.168.1.10") as port:
        assert settle(dnsmasq, HOME, Commands(), check=False, listening=lambda: on(port)).warnings == []
    assert own(dnsmasq).exists()


@pytest.mark.parametrize("addresses", [(), ("203.0.113.9",), ("192.168.1.10", "192.168.1.66")])
def test_a_server_that_gives_another_answer_is_taken_back(dnsmasq: Dnsmasq, addresses: Sequence[str]) -> None:
    with serving(*addresses) as port, pytest.raises(Refused, match=r"answers .* for home.example.org, not 192.168.1.10"):
        settle(dnsmasq, HOME, Commands(), check=False, listening=lambda: on(port))
    assert not own(dnsmasq).exists()


@pytest.mark.parametrize(("code", "raw"), [(5, None), (0, b""), (0, b"\0" * 5), (0, b"\0" * 12), (0, b"\xff" * 40)])
def test_a_server_that_does_not_answer_this_machine_is_a_warning(dnsmasq: Dnsmasq, code: int, raw: bytes | None) -> None:
    with serving(code=code, raw=raw) as port:
        outcome = settle(dnsmasq, HOME, Commands(), check=False, listening=lambda: on(port))
        with pytest.raises(NoAnswer):
            Server("127.0.0.1", port).addresses("home.example.org", "A")
    assert "could not be asked" in outcome.warnings[0] and own(dnsmasq).exists()


def test_addresses_of_both_families_are_read() -> None:
    with serving("192.168.1.10", "fd00::10") as port:
        assert Server("127.0.0.1", port).addresses("home.example.org", "A") == {"192.168.1.10"}
        assert Server("127.0.0.1", port).addresses("home.example.org", "AAAA") == {"fd00::10"}


def test_a_server_that_is_named_and_is_not_there_is_a_mistake_but_not_when_all_is_to_go(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in Place.__subclasses__():
        monkeypatch.setattr(kind, "present", lambda self: self.name == "hosts")
    with pytest.raises(Refused, match=r"no unbound on this host"):
        chosen(["unbound"])
    with pytest.raises(Refused, match=r"looked for: dnsmasq, unbound, AdGuard Home, Pi-hole.*lan.yml prints them"):
        chosen(["auto"])
    assert [place.name for place in chosen(["hosts", "auto"])] == ["hosts"]
    assert {place.name for place in chosen(["auto"], absent=True)} == {"dnsmasq", "unbound", "adguard_home", "pi_hole"}


def adguard_home(top: Path) -> AdGuardHome:
    place = AdGuardHome(top)
    place.file.parent.mkdir(parents=True)
    place.file.write_text("schema_version: 29\nfiltering:\n  rewrites: []\n")
    return place


class CutShort(Exception):
    """The connection to the host breaks."""


@pytest.mark.parametrize("written", [True, False], ids=["after the files were written", "before"])
def test_a_server_that_a_run_which_was_cut_short_left_stopped_is_started(written: bool, tmp_path: Path) -> None:
    place, stopped = adguard_home(tmp_path), [False]

    def breaking(command: Sequence[str]) -> tuple[int, str]:
        if command[:2] == ["systemctl", "stop"]:
            stopped[0] = True
            if not written:
                raise CutShort
        if command[:2] == ["systemctl", "restart"]:
            raise CutShort
        return 0, ""

    with pytest.raises(CutShort):
        settle(place, HOME, breaking, check=False, listening=nobody)
    commands = Commands(is_active=(3, ""))
    with contextlib.suppress(Refused):  # this machine's commands say to the end that it does not run
        settle(place, HOME, commands, check=False, listening=nobody)
    assert stopped[0] and "systemctl restart AdGuardHome.service" in commands.seen and not place.held()
    commands.seen.clear()
    settle(place, [] if not written else HOME, commands, check=True, listening=nobody)
    assert commands.seen == []
