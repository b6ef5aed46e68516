"""Certificates that are served and stored, real ones over real TLS, as the watch sees them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from plugins.module_utils.watch import certificates
from plugins.module_utils.watch.model import ERROR, WARNING, Look, Settings, Site
from tests.unit.inspection.authority import DAY, HOST, LE, NOW, ROOT, Made, make, server_context
from tests.unit.probe.server import Server

NAME = "home"


def served(folder: Path, *chain: Made) -> Server:
    """A web server that loaded its certificate once, as they all do."""
    return Server(lambda channel: channel.recv(1) and None, server_context(folder, chain))


def put(store: Path, *chain: Made) -> None:
    (store / NAME).mkdir(parents=True, exist_ok=True)
    (store / NAME / "fullchain.pem").write_bytes(b"".join(one.pem for one in chain))


@contextlib.contextmanager
def a_site(folder: Path, *chain: Made) -> Iterator[tuple[Server, Path]]:
    """A site whose server was started with what the store has."""
    put(folder / "store", *chain)
    server = served(folder, *chain)
    try:
        yield server, folder / "store"
    finally:
        server.close()


def look(server: Server | None, store: Path, later: timedelta = timedelta(), site: dict[str, Any] | None = None, **about: Any) -> Look:
    given = {"site": NAME, "host": HOST, "certificate": NAME, "trusted": False, "port": server.port if server else 1, **(site or {})}
    settings = Settings(sites=(Site(**given),), certificates=(NAME,), **about)
    return certificates.look(settings, NOW + later, store)


def ids(found: Look) -> list[tuple[str, str]]:
    return [(one.id, one.severity) for one in found.findings]


@pytest.mark.proves("R40", "B02")
@pytest.mark.parametrize("life", [timedelta(days=90), timedelta(days=45), timedelta(hours=160)], ids=str)
def test_a_certificate_is_warned_of_and_urgent_at_shares_of_its_own_life_with_one_setting_for_all(life: timedelta, tmp_path: Path) -> None:
    made = make(by=ROOT, start=NOW - life * 0.5, life=life)
    with a_site(tmp_path, made) as (server, store):
        at = {left: look(server, store, life * (0.5 - left)) for left in (0.34, 0.32, 0.30, 0.17, 0.16)}
    assert ids(at[0.34]) == ids(at[0.32]) == []
    assert ids(at[0.30]) == ids(at[0.17]) == [("lifetime_fraction_low", WARNING)]
    assert ids(at[0.16]) == [("lifetime_fraction_low", ERROR)]


@pytest.mark.proves("R40")
def test_what_was_renewed_and_not_loaded_is_seen_and_seen_to_be_over(tmp_path: Path) -> None:
    old, new = make(by=ROOT, start=NOW - 60 * DAY), make(by=ROOT, start=NOW - DAY)
    with a_site(tmp_path, old) as (server, store):
        assert ids(look(server, store)) == []
        put(store, new)
        (one,) = look(server, store).findings
        assert (one.id, one.severity, one.about) == ("served_differs_from_disk:reload_needed", ERROR, HOST)
        assert "not reloaded" in one.what and "Reload" in one.advice
    with a_site(tmp_path, new) as (server, store):
        assert ids(look(server, store)) == []


def test_one_certificate_that_is_served_and_stored_is_told_of_once(tmp_path: Path) -> None:
    with a_site(tmp_path, make(by=ROOT, start=NOW - 85 * DAY)) as (server, store):
        assert [(one.id, one.about) for one in look(server, store).findings] == [("lifetime_fraction_low", HOST)]


def test_a_stored_certificate_that_no_site_serves_is_looked_after_too(tmp_path: Path) -> None:
    put(tmp_path, make(by=ROOT, start=NOW - 85 * DAY))
    found = certificates.look(Settings(certificates=(NAME,)), NOW, tmp_path)
    assert [(one.id, one.about) for one in found.findings] == [("lifetime_fraction_low", NAME)]


def test_a_server_that_is_gone_says_nothing_of_its_certificate_so_what_was_known_stays(tmp_path: Path) -> None:
    put(tmp_path, make(by=ROOT))
    found = look(None, tmp_path)
    assert ("endpoint_unreachable", ERROR) in ids(found) and found.unseen == {HOST}


def test_who_vouches_is_asked_where_browsers_must_believe_it_alone(tmp_path: Path) -> None:
    with a_site(tmp_path, make(by=ROOT)) as (server, store):
        assert ids(look(server, store)) == []
        assert "untrusted_chain" in dict(ids(look(server, store, site={"trusted": True})))


def test_of_a_certificate_that_an_app_has_itself_only_its_life_and_name_are_told(tmp_path: Path) -> None:
    with a_site(tmp_path, make(start=NOW - 85 * DAY)) as (server, store):
        found = look(server, store, site={"passed": True, "certificate": "", "trusted": False})
        assert {one.id for one in found.findings if one.about == HOST} == {"lifetime_fraction_low"}


def test_a_renewal_that_is_late_by_hours_is_no_news(tmp_path: Path) -> None:
    with a_site(tmp_path, make(by=LE, start=NOW - 60.5 * DAY)) as (server, store):
        assert ids(look(server, store)) == []


def test_days_that_the_owner_named_are_stages_and_the_last_is_urgent(tmp_path: Path) -> None:
    life = timedelta(days=400)  # so long that shares of it say nothing of their own
    with a_site(tmp_path, make(by=ROOT, start=NOW, life=life)) as (server, store):
        about: dict[str, Any] = {"days": (20, 10, 1), "warn_left": 0.0001, "critical_left": 0.00005}
        at = [look(server, store, life - days * DAY, **about).findings for days in (21, 19, 9, 0.9)]
    assert [[(one.severity, one.stage) for one in found] for found in at] == [[], [(WARNING, 1)], [(WARNING, 2)], [(ERROR, 3)]]


def test_the_table_has_a_line_for_each_name_and_what_is_wrong_below_it(tmp_path: Path) -> None:
    with a_site(tmp_path, make(by=ROOT, start=NOW - 85 * DAY)) as (server, store):
        lines = certificates.table(look(server, store))
    assert "5 days" in lines[1] and "6%" in lines[1] and "the same" in lines[1] and HOST in lines[1]
    assert lines[3].startswith("error: ") and len(lines) == 4
