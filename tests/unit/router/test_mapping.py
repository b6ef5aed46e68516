"""What becomes of the mappings in a router: ours are kept, renewed, moved and removed, those of others never touched."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from plugins.module_utils.address.interface import Look, Own, Way
from plugins.module_utils.command.router import wish_of
from plugins.module_utils.router.diff import diff
from plugins.module_utils.router.instruction import instruction
from plugins.module_utils.router.keep import FINE, PERSON, TROUBLE, Report, Wish, keep
from plugins.module_utils.router.lease import judge
from plugins.module_utils.router.mapping import Remembered, settle
from plugins.module_utils.router.memory import read, remembered, write
from plugins.module_utils.router.model import Kept, Mapping

from .routers import HERE, HTTP, HTTPS, TAG, THEIRS, Fake

NOW = 1_000_000.0
MINUTE = 60


def outcomes(router: Fake, *wished: Mapping, **more: Any) -> dict[str, Kept]:
    given = {"lease": 7200, "check": False, "now": NOW, "tag": TAG, **more}
    return {one.mapping.key: one.kept for one in settle(wished, router, **given)}


def test_a_mapping_is_made_then_kept_then_renewed_after_half_of_its_life() -> None:
    router = Fake()
    assert outcomes(router, HTTPS) == {"tcp/443": Kept.MADE}
    router.ages(59 * MINUTE)
    assert outcomes(router, HTTPS) == {"tcp/443": Kept.KEPT}
    router.ages(2 * MINUTE)
    assert outcomes(router, HTTPS) == {"tcp/443": Kept.RENEWED}
    assert router.table["tcp/443"].left == 7200 and len(router.calls) == 2


def test_a_mapping_for_ever_is_left_alone() -> None:
    router = Fake().has(HTTPS, left=0)
    assert outcomes(router, HTTPS, lease=0) == {"tcp/443": Kept.KEPT} and not router.calls


def test_a_router_that_makes_a_week_of_for_ever_is_asked_again_after_half_of_it() -> None:
    router = Fake().has(HTTPS, left=604800)
    assert outcomes(router, HTTPS, lease=0) == {"tcp/443": Kept.KEPT}
    router.ages(4 * 86400)
    assert outcomes(router, HTTPS, lease=0) == {"tcp/443": Kept.RENEWED}


def test_a_router_that_shows_no_life_of_what_it_granted_for_a_time_is_not_believed() -> None:
    known = [Remembered(HTTPS, NOW - 4000, 7200)]
    assert outcomes(Fake().has(HTTPS, left=0), HTTPS, known=known) == {"tcp/443": Kept.RENEWED}
    assert outcomes(Fake().has(HTTPS, left=0), HTTPS, known=[Remembered(HTTPS, NOW - 3000, 7200)]) == {"tcp/443": Kept.KEPT}
    assert outcomes(Fake().has(HTTPS, left=0), HTTPS, known=[Remembered(HTTPS, NOW - 99999, 0)]) == {"tcp/443": Kept.KEPT}


@pytest.mark.proves("R06")
def test_a_port_that_another_has_is_not_taken_from_them() -> None:
    router = Fake().has(THEIRS)
    (one,) = settle([HTTPS], router, 7200, False, now=NOW)
    assert one.kept == Kept.CONFLICT and not router.calls and router.table["tcp/443"].mapping == THEIRS
    assert "port 443 leads to 192.168.1.50:8443 already (Games console), and is left so" in one.message


def test_a_conflict_that_only_shows_at_the_attempt_is_told_as_well() -> None:
    router = Fake(refuses={"tcp/443": 718})
    assert outcomes(router, HTTPS) == {"tcp/443": Kept.CONFLICT}


def test_another_program_s_mapping_on_this_very_host_is_not_taken_either() -> None:
    assert outcomes(Fake().has(replace(HTTPS, port=32400, description="Plex")), HTTPS) == {"tcp/443": Kept.CONFLICT}


def test_a_person_s_own_rule_that_does_the_same_is_enough_and_never_removed() -> None:
    router = Fake().has(replace(HTTPS, description="web server"), left=0)
    report = keep(Wish((HTTPS,), tag=TAG), at_home(), (), NOW, backends=lambda *words: router)
    assert [one.kept for one in report.settled] == [Kept.KEPT] and report.remembered == ()
    assert keep(Wish((), tag=TAG), at_home(), report.remembered, NOW, backends=lambda *words: router).settled == () and not router.calls


@pytest.mark.proves("R06")
def test_what_is_wished_no_more_is_removed_and_nothing_else() -> None:
    other = Mapping(2222, "tcp", HERE, 22, "ssh")
    router = Fake().has(HTTPS, HTTP, other)
    assert outcomes(router, HTTPS) == {"tcp/80": Kept.REMOVED, "tcp/443": Kept.KEPT}
    assert set(router.table) == {"tcp/443", "tcp/2222"}


def test_without_purge_only_what_is_named_is_removed() -> None:
    router = Fake().has(HTTPS, HTTP)
    assert outcomes(router, gone=[HTTP], purge=False) == {"tcp/80": Kept.REMOVED}
    assert set(router.table) == {"tcp/443"}


def test_what_is_named_but_another_s_is_not_removed() -> None:
    router = Fake().has(THEIRS)
    assert outcomes(router, gone=[HTTPS], purge=False) == {} and not router.calls


def test_a_mapping_whose_description_the_router_rewrote_is_still_known_as_ours() -> None:
    router = Fake().has(replace(HTTPS, description="UPnP device"))
    assert outcomes(router, known=[Remembered(HTTPS, NOW, 7200)]) == {"tcp/443": Kept.REMOVED}


def test_a_mapping_to_the_address_that_this_server_had_is_moved() -> None:
    router = Fake().has(replace(HTTPS, address="192.168.1.99"))
    (one,) = settle([HTTPS], router, 7200, False, now=NOW)
    assert (one.kept, one.was) == (Kept.MOVED, "192.168.1.99:443") and router.table["tcp/443"].mapping == HTTPS


def test_a_mapping_that_cannot_be_moved_is_told_with_the_time_until_it_ends() -> None:
    router = Fake(keeps={"tcp/443"}).has(replace(HTTPS, address="192.168.1.99"), left=600)
    (one,) = settle([HTTPS], router, 7200, False, now=NOW)
    assert one.kept == Kept.CONFLICT and "still leads to 192.168.1.99:443" in one.message and "ends by itself in 10 min" in one.message


TABLES = {"empty": (), "ours": (HTTPS,), "ours and more": (HTTPS, HTTP), "theirs": (THEIRS,), "moved": (replace(HTTPS, address="192.168.1.99"),)}


@pytest.mark.parametrize("reads", [True, False], ids=["upnp", "natpmp"])
@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
@pytest.mark.parametrize("wished", [(), (HTTPS,), (HTTPS, HTTP)])
def test_check_changes_nothing_and_tells_what_would_be(wished: tuple[Mapping, ...], table: tuple[Mapping, ...], reads: bool) -> None:
    known = [] if THEIRS in table else [Remembered(mapping, NOW, 7200, 1000) for mapping in table]
    looked, done = Fake(reads=reads).has(*table), Fake(reads=reads).has(*table)
    told = outcomes(looked, *wished, known=known, check=True)
    assert not looked.calls
    assert told == outcomes(done, *wished, known=known)
    assert not (reads and THEIRS in table and HTTPS in wished) or told["tcp/443"] == Kept.CONFLICT


def test_a_second_run_changes_nothing() -> None:
    for reads in (True, False):
        router = Fake(reads=reads)
        first = settle([HTTPS, HTTP], router, 7200, False, now=NOW)
        router.calls.clear()
        router.ages(10)
        again = outcomes(router, HTTPS, HTTP, known=[one.remembered for one in first], now=NOW + 10)
        assert set(again.values()) == {Kept.KEPT} and not router.calls


BLIND = Remembered(HTTPS, NOW, 7200, 1000)


@pytest.mark.parametrize(
    ("later", "age", "kept"),
    [(59 * MINUTE, 1000 + 59 * MINUTE, Kept.KEPT), (61 * MINUTE, 1000 + 61 * MINUTE, Kept.RENEWED), (600, 30, Kept.RENEWED), (-86400, 1000, Kept.RENEWED)],
    ids=["within half of its life", "after half of its life", "after the router was restarted", "after the clock was set back"],
)
def test_where_the_router_shows_nothing_memory_tells_when_to_renew(later: int, age: int, kept: Kept) -> None:
    router = Fake(reads=False, age=age)
    assert outcomes(router, HTTPS, known=[BLIND], now=NOW + later) == {"tcp/443": kept}


def test_by_natpmp_two_ports_cannot_lead_to_one() -> None:
    second = replace(HTTPS, external_port=8443)
    assert outcomes(Fake(reads=False), HTTPS, second) == {"tcp/443": Kept.MADE, "tcp/8443": Kept.REFUSED}
    assert outcomes(Fake(), HTTPS, second) == {"tcp/443": Kept.MADE, "tcp/8443": Kept.MADE}


# The whole run


def at_home(address: str = HERE, dynamic: bool = False) -> Look:
    return Look((Own(address, 24, "eth0", dynamic),), (("ipv4", Way("eth0", address, "192.168.1.1")),), "192.168.1.1", "eth0", "aa:bb:cc:dd:ee:ff")


def run(*routers: Fake, wish: Wish | None = None, seen: Look | None = None, known: tuple[Remembered, ...] = ()) -> Report:
    waiting = dict(zip(("upnp", "natpmp"), routers, strict=False))
    return keep(wish or Wish((HTTPS,), tag=TAG), seen or at_home(), known, NOW, backends=lambda protocol, *rest: waiting[protocol])


def test_the_second_protocol_is_spoken_where_the_first_gets_no_answer() -> None:
    report = run(Fake(broken="No router answers UPnP."), Fake(reads=False))
    assert (report.protocol, report.exit_code, report.trouble) == ("natpmp", FINE, "")


def test_a_silent_router_is_trouble_with_the_rule_for_a_person_and_what_was_made_stays_known() -> None:
    report = run(Fake(broken="No UPnP."), Fake(broken="No NAT-PMP."), known=(BLIND,))
    assert report.exit_code == TROUBLE and report.trouble == "No UPnP. No NAT-PMP." and report.remembered == (BLIND,)
    assert "443             TCP        192.168.1.10   443" in report.instruction


def test_a_conflict_needs_a_person() -> None:
    report = run(Fake().has(THEIRS))
    assert report.exit_code == PERSON and report.instruction and "Games console" in " ".join(report.sentences())


@pytest.mark.proves("R07")
def test_a_lease_that_moved_is_followed_and_needs_a_person() -> None:
    router = Fake().has(HTTPS)
    report = run(router, seen=at_home("192.168.1.23", dynamic=True))
    assert report.exit_code == PERSON and router.table["tcp/443"].mapping.address == "192.168.1.23"
    assert "leads to 192.168.1.10, but this server has 192.168.1.23 now" in report.sentences()[0] and "aa:bb:cc:dd:ee:ff" in report.sentences()[0]


@pytest.mark.proves("R07")
def test_an_address_that_may_be_lent_to_another_is_worth_a_word_and_no_alarm() -> None:
    lease = judge(HERE, at_home(dynamic=True))
    assert not lease.moved and "Reserve 192.168.1.10 for this server aa:bb:cc:dd:ee:ff" in lease.message
    assert judge(HERE, at_home()).message == ""
    assert run(Fake(), seen=at_home(dynamic=True)).exit_code == FINE


def test_a_server_without_any_address_is_told_so() -> None:
    lease = judge(HERE, Look())
    assert lease.moved and not lease.now and "no IPv4 address at home now" in lease.message


def test_what_was_done_is_remembered_across_runs_even_where_a_later_one_fails(tmp_path: Path) -> None:
    router = Fake(reads=False)
    write(tmp_path, run(Fake(broken="x"), router).state(NOW))
    assert [one.mapping for one in remembered(read(tmp_path))] == [HTTPS]
    write(tmp_path, run(Fake(broken="x"), Fake(broken="y"), known=tuple(remembered(read(tmp_path)))).state(NOW))
    gone = keep(Wish((), tag=TAG), at_home(), remembered(read(tmp_path)), NOW + 5, backends=lambda protocol, *rest: router)
    assert [one.kept for one in gone.settled] == [Kept.REMOVED] and gone.remembered == ()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"remembered": 7}', '{"remembered": [{"protocol": "tcp"}]}', "null"])
def test_a_memory_that_is_lost_or_broken_is_begun_afresh(text: str, tmp_path: Path) -> None:
    (tmp_path / "router.json").write_text(text)
    assert remembered(read(tmp_path)) == []


def test_the_memory_is_for_its_owner_alone(tmp_path: Path) -> None:
    write(tmp_path / "new", run(Fake()).state(NOW))
    assert (tmp_path / "new/router.json").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["router.json"]


def test_what_root_writes_belongs_to_the_folder_s_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[tuple[int, int]] = []
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("os.fchown", lambda file, user, group: given.append((user, group)))
    write(tmp_path, {})
    assert given == [(tmp_path.stat().st_uid, tmp_path.stat().st_gid)]


def test_a_link_in_the_folder_leads_the_memory_nowhere_else(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("kept")
    (tmp_path / f".router.json.{os.getpid()}").symlink_to(other)
    write(tmp_path, {})
    assert other.read_text() == "kept" and (tmp_path / "router.json").read_text() == "{}\n"


def test_the_timer_leaves_what_a_task_of_the_owner_mapped() -> None:
    given = {"mappings": [{"external_port": 443, "protocol": "tcp", "address": HERE, "port": 443, "description": TAG}]}
    vpn = Mapping(51820, "udp", HERE, 51820, "homeserver.exposure task home")
    router = Fake().has(HTTPS, vpn)
    assert "udp/51820" not in {one.mapping.key for one in keep(wish_of(given), at_home(), (), NOW, backends=lambda *words: router).settled}
    assert "udp/51820" in router.table


def test_where_a_person_types_the_rules_what_was_made_before_goes() -> None:
    router, forever = Fake().has(HTTPS, left=0), Remembered(HTTPS, NOW - 99999)
    manual = Wish((HTTPS,), tag=TAG, protocols=())
    report = run(router, wish=manual, known=(forever,))
    assert [one.kept for one in report.settled] == [Kept.REMOVED] and not router.table and not report.remembered
    assert report.protocol == "" and report.instruction and report.exit_code == FINE
    assert run(Fake(broken="x"), Fake(broken="y"), wish=manual, known=(forever,)).remembered == (forever,)
    assert keep(manual, at_home(), (), NOW, backends=no_router).exit_code == FINE
    assert keep(manual, at_home(), (Remembered(HTTPS, NOW - 9000, 7200),), NOW, backends=no_router).exit_code == FINE


def no_router(*words: str) -> Fake:
    raise AssertionError("The router is asked, though nothing can be left in it.")


@pytest.mark.proves("R07")
@pytest.mark.parametrize("way", [True, False], ids=["with a default route", "whose default route went with the old address"])
def test_a_lease_that_moved_is_told_first_also_where_the_router_is_silent(way: bool) -> None:
    seen = at_home("192.168.1.23") if way else Look((Own("10.8.0.2", 24, "wg0"), Own("192.168.1.23", 24, "eth0")))
    report = run(Fake(broken="No UPnP."), Fake(broken="No NAT-PMP."), seen=seen)
    assert report.exit_code == PERSON and "leads to 192.168.1.10, but this server has 192.168.1.23 now" in report.sentences()[0]
    assert ("no default route" in report.trouble) is not way


@pytest.mark.parametrize(("lease", "most"), [(30 * 86400, 604800), (86400, 3600)], ids=["more than a week", "a router that grants an hour"])
def test_a_router_that_grants_less_than_is_wished_is_not_written_to_at_every_run(lease: int, most: int) -> None:
    router, known = Fake(most=most), list[Remembered]()
    for later in range(0, 3600, 300):
        known = [one.remembered for one in settle([HTTPS], router, lease, False, known, NOW + later, TAG)]
        router.ages(300)
    assert len(router.calls) == (1 if most > 3600 else 2)


def test_the_difference_shows_each_port_before_and_after() -> None:
    router = Fake().has(replace(HTTPS, address="192.168.1.99"), HTTP)
    shown = diff(run(router))
    assert shown["before"] == "TCP 443 to 192.168.1.99:443\nTCP 80 to 192.168.1.10:80\n" and shown["after"] == "TCP 443 to 192.168.1.10:443\n"
    shown = diff(run(Fake().has(THEIRS)))
    assert shown["before"] == shown["after"] == "TCP 443 to 192.168.1.50:8443\n"


def test_the_rule_for_a_person_holds_all_that_they_type() -> None:
    text = instruction([replace(HTTPS, external_port=8443), HTTP], "aa:bb:cc:dd:ee:ff", "192.168.1.1", "home")
    assert "http://192.168.1.1/" in text and "8443            TCP        192.168.1.10   443" in text and "home, MAC aa:bb:cc:dd:ee:ff: 192.168.1.10" in text
