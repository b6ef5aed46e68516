"""What is kept between runs, and what becomes of it when it is lost, damaged, or written by a wrong clock."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from plugins.module_utils.ddns.backoff import DAY, HOUR
from plugins.module_utils.ddns.model import IPV4, IPV6, Kind, Outcome
from plugins.module_utils.ddns.state import AccountState, Latch, Record, State
from tests.unit.ddns.home import HOST, NEW, OLD, OTHER, START, Home, entry


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "state")


def test_everything_that_is_written_is_read_again(tmp_path: Path) -> None:
    state = State(tmp_path, lambda: START)
    state.records["a"] = Record(OLD, START - 9, "good", START - 99, NEW, START - 8, START - 7, OTHER, True, 3, START + DAY, START - 6, START - 5)
    state.accounts["b"] = AccountState(
        "d", {"": Latch("auth", "badauth", START), HOST: Latch()}, START + 5, True, 2, {HOST: [START - 1]}, [START - 1], "e", START
    )
    state.told = {"a": 11}
    state.save()
    again = State(tmp_path, lambda: START)
    assert (again.records, again.accounts, again.told, again.salt) == (state.records, state.accounts, state.told, state.salt)


def test_only_its_owner_reads_it(home: Home) -> None:
    home.run()
    assert stat.S_IMODE((home.folder / "state.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(home.folder.stat().st_mode) == 0o700
    assert sorted(path.name for path in home.folder.iterdir()) == ["lock", "state.json"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can write for another user")
def test_what_root_writes_belongs_to_the_user_of_the_folder(tmp_path: Path) -> None:
    os.chown(tmp_path, 12345, 12346)
    state = State(tmp_path)
    with state.alone():
        state.save()
    owners = {(path.stat().st_uid, path.stat().st_gid) for path in tmp_path.iterdir()}
    assert owners == {(12345, 12346)}


def test_a_lost_memory_costs_a_look_at_the_name_servers_and_no_call(home: Home) -> None:
    home.settled()
    (home.folder / "state.json").unlink()
    report = home.run(300)
    assert report.exit_code == 0 and not report.changed and not home.calls and home.asked_dns


DAMAGE: list[Any] = [
    b"",
    b"{",
    b"\xff\xfe\x00",
    b"[]",
    b"null",
    b'{"version": 2}',
    b'{"version": 1, "salt": "x", "told": {}, "records": {"a": []}, "accounts": {}}',
    b'{"version": 1, "salt": "x", "told": {}, "records": [], "accounts": {}}',
    b'{"version": 1, "salt": "x", "told": 3, "records": {}, "accounts": {}}',
    b'{"version": 1, "salt": "", "told": {}, "records": {}, "accounts": {}}',
    b"[" * 100_000,
]


@pytest.mark.parametrize("content", DAMAGE, ids=range(len(DAMAGE)))
def test_a_damaged_memory_is_set_aside_and_causes_no_burst(home: Home, content: bytes) -> None:
    home.settled()
    (home.folder / "state.json").write_bytes(content)
    report = home.run(300)
    assert report.exit_code == 0 and not home.calls
    aside = [path for path in home.folder.iterdir() if ".broken-" in path.name]
    assert [path.read_bytes() for path in aside] == ([content] if content else [])
    assert home.run(300).exit_code == 0 and home.detections[-1:] == [True]


@pytest.mark.parametrize(
    ("place", "key", "value"),
    [
        ("records", "at", "soon"),
        ("records", "at", -1.0),
        ("records", "at", float("nan")),
        ("records", "address", 7),
        ("records", "again", 1.5),
        ("accounts", "sent", ["x"]),
        ("accounts", "latches", {"": {"kind": 1}}),
        ("accounts", "next_try", None),
        ("accounts", "error", "\ud800"),
    ],
)
def test_a_value_that_it_cannot_have_written_is_damage(home: Home, place: str, key: str, value: Any) -> None:
    home.settled()
    path = home.folder / "state.json"
    content = json.loads(path.read_text())
    next(iter(content[place].values()))[key] = value
    path.write_text(json.dumps(content))
    assert home.run(300).exit_code == 0 and not home.calls
    assert any(".broken-" in path.name for path in home.folder.iterdir())


@pytest.mark.parametrize(("place", "kind"), [("records", Record), ("accounts", AccountState)])
def test_a_memory_of_an_older_release_is_read_and_what_it_did_not_know_has_its_default(home: Home, place: str, kind: type) -> None:
    for name in [field.name for field in fields(kind)]:
        home.settled()
        path = home.folder / "state.json"
        content = json.loads(path.read_text())
        key, entry = next(iter(content[place].items()))
        del entry[name]
        path.write_text(json.dumps(content))
        state = home.state()
        assert not state.set_aside and len(state.records) == 2, name
        assert getattr(getattr(state, place)[key], name) == getattr(kind(), name)


def test_an_account_that_was_stopped_stays_so_after_an_upgrade(home: Home) -> None:
    home.answers = [Outcome(Kind.ABUSE, "abuse")]
    home.run()
    path = home.folder / "state.json"
    content = json.loads(path.read_text())
    (account,) = content["accounts"].values()
    del account["asked"], account["latches"][""]["since"]
    path.write_text(json.dumps(content))
    assert home.run(300).exit_code == 11 and len(home.calls) == 1


def test_a_clock_that_was_put_back_stops_nothing_for_ever(home: Home) -> None:
    home.answers = [Outcome(Kind.RATE_LIMITED, "429", {}, 3600.0)]
    home.run()
    home.now -= 400 * DAY
    assert home.run().changed


def test_a_clock_that_was_ahead_neither_holds_the_quota_nor_hides_a_change(tmp_path: Path) -> None:
    home = Home(tmp_path, daily=2)
    home.now += 400 * DAY
    home.settled()
    home.now -= 400 * DAY
    home.addresses[IPV4] = NEW
    assert home.run().changed and home.dns[HOST, IPV4] == NEW
    assert home.run(300).exit_code == 0


def test_a_clock_that_was_put_back_is_followed_by_a_look_not_by_calls(home: Home) -> None:
    home.settled().now -= 2 * HOUR
    for _ in range(12):
        assert home.run(300).exit_code == 0
    assert not home.calls and home.asked_dns


def test_a_machine_without_a_clock_that_wakes_in_1970_makes_no_burst(home: Home) -> None:
    home.settled().now = 100.0
    for _ in range(5):
        assert home.run(60).exit_code == 0
    home.now = START + HOUR
    assert home.run().exit_code == 0
    assert not home.calls


def test_a_call_is_remembered_even_if_the_run_dies_while_it_is_sent(home: Home) -> None:
    home.can = type(home.can)(most_hosts=5, daily=1)
    home.answer = dying  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        home.run()
    del home.answer
    assert home.run(300).exit_code == 12 and not home.calls


def dying(call: object) -> list[Outcome]:
    raise KeyboardInterrupt


def test_nothing_is_sent_where_nothing_can_be_kept(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        home.run()
    assert not home.calls
    assert [path.name for path in home.folder.iterdir()] == ["lock"]


def test_two_runs_at_once_make_one_call(tmp_path: Path) -> None:
    """Real processes: the second waits for the first, and then finds nothing to do."""
    program = f"""
import sys, time
sys.path.insert(0, {str(Path.cwd())!r})
from pathlib import Path
from tests.unit.ddns.home import Home
home = Home(Path({str(tmp_path)!r}))
home.dns_down = True
real = home.answer
def slow(call):
    time.sleep(0.5)
    return real(call)
home.answer = slow
home.run()
print(len(home.calls))
"""
    runs = [subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert sorted(run.communicate(timeout=60)[0].strip() for run in runs) == ["0", "1"]


def test_names_that_are_no_longer_configured_are_forgotten(home: Home) -> None:
    home.account["hosts"] = [HOST, "b.casa.example"]
    home.settled().account["hosts"] = [HOST]
    home.run(300)
    assert {key.split("|")[3] for key in home.state().records} == {HOST}


def test_a_new_name_beside_others_is_published_alone(home: Home) -> None:
    home.settled().account["hosts"] = [HOST, "b.casa.example"]
    report = home.run(300)
    assert [call.hosts for call in home.calls] == [("b.casa.example",)] and report.exit_code == 0
    assert entry(report, family=IPV6).action == "none"


def test_the_same_name_in_two_zones_is_two_records(home: Home) -> None:
    home.account["options"] = {"zone": "casa.example"}
    home.settled().account["options"] = {"zone": "example"}
    home.run(300)
    assert [key.split("|")[2] for key in home.state().records] == ["example", "example"]
