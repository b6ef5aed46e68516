"""Dialogues with DNS in the Hetzner Cloud API."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.module_utils.ddns.model import CLEAR, Call, Kind
from plugins.module_utils.ddns.providers import hetzner as module
from plugins.module_utils.ddns.providers.hetzner import Hetzner

from .api_dialogue import SECRET, Script, Turn, play

HOST = "www.example.org"
OLD, NEW, OTHER = "198.51.100.1", "198.51.100.2", "198.51.100.77"
PLACE = "/zones/example.org/rrsets/www/A"
SET = f"POST {PLACE}/actions/set_records"


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLL_EVERY", 0)


def rrset(*values: str, **more: str) -> dict[str, object]:
    return {"rrset": {"id": "www/A", "name": "www", "type": "A", "ttl": 3600, "records": [{"value": value, "comment": "", **more} for value in values]}}


def action(status: str, error: object = None) -> dict[str, object]:
    return {"action": {"id": 590, "command": "set_rrset_records", "status": status, "progress": 50, "error": error}}


def refused(code: str, message: str = "a reason") -> dict[str, object]:
    return {"error": {"code": code, "message": message, "details": {}}}


def hetzner(*turns: Turn, **options: str) -> tuple[Any, Script]:
    return play(Hetzner, {"zone": "example.org", **options}, *turns)


def call(value: str, host: str = HOST, family: str = "ipv4") -> Call:
    return Call((host,), {family: value})


def test_a_change_replaces_the_records_and_waits_for_the_action() -> None:
    provider, script = hetzner(
        Turn(f"GET {PLACE}", rrset(OLD)),
        Turn(SET, action("running"), 201, {"records": [{"value": NEW}]}),
        Turn("GET /actions/590", action("running")),
        Turn("GET /actions/590", action("success")),
    )
    (outcome,) = provider.update(call(NEW))
    assert outcome.kind == Kind.GOOD and script.over()
    assert all(request.headers["Authorization"] == f"Bearer {SECRET}" for request in script.requests)


def test_a_comment_stays() -> None:
    provider, script = hetzner(
        Turn(f"GET {PLACE}", rrset(OLD, comment="the house")),
        Turn(SET, action("success"), 201, {"records": [{"value": NEW, "comment": "the house"}]}),
    )
    assert provider.update(call(NEW))[0].kind == Kind.GOOD and script.over()


def test_an_unchanged_address_costs_no_write() -> None:
    provider, _ = hetzner(Turn(f"GET {PLACE}", rrset(NEW)))
    assert provider.update(call(NEW))[0].kind == Kind.NOCHG


def test_of_several_records_one_is_left() -> None:
    provider, script = hetzner(Turn(f"GET {PLACE}", rrset(OTHER, NEW)), Turn(SET, action("success"), 201, {"records": [{"value": NEW}]}))
    assert provider.update(call(NEW))[0].kind == Kind.GOOD and script.over()


@pytest.mark.parametrize(("options", "ttl"), [({}, 60), ({"ttl": "600"}, 600)])
def test_a_name_without_a_record_gets_one(options: dict[str, str], ttl: int) -> None:
    made = {"name": "www", "type": "A", "ttl": ttl, "records": [{"value": NEW}]}
    provider, script = hetzner(
        Turn(f"GET {PLACE}", refused("not_found"), 404),
        Turn("POST /zones/example.org/rrsets", {**rrset(NEW), **action("success")}, 201, made),
        **options,
    )
    assert provider.update(call(NEW))[0].kind == Kind.GOOD and script.over()


def test_a_zone_that_is_not_in_the_project_is_told_when_it_is_written() -> None:
    made = {"name": "www", "type": "A", "ttl": 60, "records": [{"value": NEW}]}
    provider, _ = hetzner(Turn(f"GET {PLACE}", refused("not_found"), 404), Turn("POST /zones/example.org/rrsets", refused("not_found"), 404, made))
    (outcome,) = provider.update(call(NEW))
    assert outcome.kind == Kind.NOT_FOUND and "project" in outcome.said


@pytest.mark.parametrize(
    ("zone", "host", "name"),
    [
        ("example.org", "example.org", "@"),
        ("example.org", "*.example.org", "*"),
        ("example.org", "*.home.example.org", "*.home"),
        ("münchen.example", "Straße.münchen.example", "strasse"),
        ("xn--mnchen-3ya.example", "café.münchen.example", "xn--caf-dma"),
    ],
)
def test_names_are_written_as_the_api_has_them(zone: str, host: str, name: str) -> None:
    ascii_zone = zone.encode("idna").decode()
    provider, script = hetzner(Turn(f"GET /zones/{ascii_zone}/rrsets/{name}/AAAA", rrset("2001:db8::1")), zone=zone)
    assert provider.update(call("2001:db8::1", host, "ipv6"))[0].kind == Kind.NOCHG and script.over()


def test_clearing_removes_the_record_set() -> None:
    provider, script = hetzner(Turn(f"GET {PLACE}", rrset(OLD, OTHER)), Turn(f"DELETE {PLACE}", action("success")))
    assert provider.update(call(CLEAR))[0].kind == Kind.GOOD and script.over()


def test_clearing_what_is_not_there_changes_nothing() -> None:
    provider, _ = hetzner(Turn(f"GET {PLACE}", refused("not_found"), 404))
    assert provider.update(call(CLEAR))[0].kind == Kind.NOCHG


def test_an_action_that_takes_long_is_left_to_itself() -> None:
    provider, script = hetzner(
        Turn(f"GET {PLACE}", rrset(OLD)),
        Turn(SET, action("running"), 201, {"records": [{"value": NEW}]}),
        *[Turn("GET /actions/590", action("running"))] * module.POLLS,
    )
    assert provider.update(call(NEW))[0].kind == Kind.GOOD and script.over()


@pytest.mark.parametrize(("code", "kind"), [("action_failed", Kind.UNKNOWN), ("timeout", Kind.SERVER)])
def test_an_action_that_fails_is_told(code: str, kind: Kind) -> None:
    provider, _ = hetzner(
        Turn(f"GET {PLACE}", rrset(OLD)),
        Turn(SET, action("error", {"code": code, "message": "Action failed"}), 201, {"records": [{"value": NEW}]}),
    )
    (outcome,) = provider.update(call(NEW))
    assert outcome.kind == kind and "Action failed" in outcome.said


@pytest.mark.parametrize(
    ("status", "code", "kind", "word"),
    [
        (401, "unauthorized", Kind.AUTH, "new token"),
        (403, "forbidden", Kind.NOT_ALLOWED, "Read & Write"),
        (403, "token_readonly", Kind.NOT_ALLOWED, "Read & Write"),
        (423, "locked", Kind.SERVER, "locked"),
        (409, "conflict", Kind.SERVER, "conflict"),
        (429, "rate_limit_exceeded", Kind.RATE_LIMITED, "rate_limit"),
        (422, "incorrect_zone_mode", Kind.NOT_ALLOWED, "secondary"),
        (403, "protected", Kind.NOT_ALLOWED, "protection"),
        (422, "invalid_input", Kind.UNKNOWN, "invalid_input"),
        (503, "unavailable", Kind.SERVER, "unavailable"),
        (500, "something_new", Kind.SERVER, "something_new"),
        (200, "something_new", Kind.UNKNOWN, "something_new"),
    ],
)
def test_each_refusal_is_told_by_its_kind(status: int, code: str, kind: Kind, word: str) -> None:
    provider, _ = hetzner(Turn(f"GET {PLACE}", rrset(OLD)), Turn(SET, refused(code), status, {"records": [{"value": NEW}]}, {"retry-after": "9"}))
    (outcome,) = provider.update(call(NEW))
    assert outcome.kind == kind and word in outcome.said and outcome.retry_after == 9


@pytest.mark.parametrize(("answer", "status", "said"), [(rrset(OLD), 200, OLD), (rrset(OTHER, OLD), 200, f"{OLD},{OTHER}"), (refused("not_found"), 404, CLEAR)])
def test_the_present_address_is_read_without_a_write(answer: dict[str, object], status: int, said: str) -> None:
    provider, _ = hetzner(Turn(f"GET {PLACE}", answer, status))
    assert provider.current(HOST, "ipv4") == said
