"""Dialogues with Porkbun's API v3."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.module_utils.ddns.model import CLEAR, Call, Kind
from plugins.module_utils.ddns.providers.porkbun import Porkbun

from .api_dialogue import SECRET, Script, Turn, play

HOST = "www.example.org"
OLD, NEW, OTHER = "198.51.100.1", "198.51.100.2", "198.51.100.77"
READ = "POST /dns/retrieveByNameType/example.org/A/www"
EDIT = "POST /dns/editByNameType/example.org/A/www"
DONE = {"status": "SUCCESS"}


def rows(*contents: str) -> dict[str, object]:
    found = [
        {"id": str(number), "name": HOST, "type": "A", "content": content, "ttl": "3600", "prio": "0", "notes": "the house"}
        for number, content in enumerate(contents, 1)
    ]
    return {"status": "SUCCESS", "records": found}


def refused(message: str, code: str = "", **more: object) -> dict[str, object]:
    return {"status": "ERROR", "message": message, **({"code": code} if code else {}), **more}


def porkbun(*turns: Turn, **options: str) -> tuple[Any, Script]:
    return play(Porkbun, {"zone": "example.org", **options}, *turns, secrets={"api_key": "pk1_x", "secret_key": SECRET})


def call(value: str, host: str = HOST, family: str = "ipv4") -> Call:
    return Call((host,), {family: value})


def test_a_change_keeps_ttl_and_notes() -> None:
    provider, script = porkbun(Turn(READ, rows(OLD), sent={}), Turn(EDIT, DONE, sent={"content": NEW, "ttl": "3600", "notes": "the house"}))
    assert provider.update(call(NEW))[0].kind == Kind.GOOD and script.over()
    for request in script.requests:
        assert (request.headers["X-API-Key"], request.headers["X-Secret-API-Key"]) == ("pk1_x", SECRET)
        assert SECRET.encode() not in request.body


def test_an_unchanged_address_costs_no_write() -> None:
    provider, _ = porkbun(Turn(READ, rows(NEW), sent={}))
    assert provider.update(call(NEW))[0].kind == Kind.NOCHG


@pytest.mark.parametrize(("options", "ttl"), [({}, "600"), ({"ttl": "900"}, "900")])
def test_a_name_without_a_record_gets_one(options: dict[str, str], ttl: str) -> None:
    made = {"name": "www", "type": "A", "content": NEW, "ttl": ttl}
    provider, script = porkbun(Turn(READ, rows(), sent={}), Turn("POST /dns/create/example.org", {**DONE, "id": "7"}, sent=made), **options)
    assert provider.update(call(NEW))[0].kind == Kind.GOOD and script.over()


def test_several_records_are_brought_down_to_one_before_the_edit_that_would_make_them_all_alike() -> None:
    provider, script = porkbun(
        Turn(READ, rows(OLD, OTHER), sent={}),
        Turn("POST /dns/delete/example.org/2", DONE, sent={}),
        Turn(EDIT, DONE, sent={"content": NEW, "ttl": "3600", "notes": "the house"}),
    )
    assert provider.update(call(NEW))[0].kind == Kind.GOOD and script.over()


def test_of_several_records_the_right_one_is_kept() -> None:
    provider, script = porkbun(Turn(READ, rows(OLD, NEW), sent={}), Turn("POST /dns/delete/example.org/1", DONE, sent={}))
    assert provider.update(call(NEW))[0].kind == Kind.GOOD and script.over()


@pytest.mark.parametrize(
    ("zone", "host", "name"),
    [("example.org", "example.org", ""), ("example.org", "*.example.org", "*"), ("münchen.example", "heim.münchen.example", "heim")],
)
def test_names_are_written_as_the_api_has_them(zone: str, host: str, name: str) -> None:
    ascii_zone = zone.encode("idna").decode()
    provider, script = porkbun(
        Turn(f"POST /dns/retrieveByNameType/{ascii_zone}/A/{name}", rows(), sent={}),
        Turn(f"POST /dns/create/{ascii_zone}", DONE, sent={"name": name, "type": "A", "content": NEW, "ttl": "600"}),
        zone=zone,
    )
    assert provider.update(call(NEW, host))[0].kind == Kind.GOOD and script.over()


def test_clearing_removes_every_record_of_that_name_and_type() -> None:
    provider, script = porkbun(Turn(READ, rows(OLD, OTHER), sent={}), Turn("POST /dns/deleteByNameType/example.org/A/www", DONE, sent={}))
    assert provider.update(call(CLEAR))[0].kind == Kind.GOOD and script.over()


def test_clearing_what_is_not_there_changes_nothing() -> None:
    provider, _ = porkbun(Turn(READ, rows(), sent={}))
    assert provider.update(call(CLEAR))[0].kind == Kind.NOCHG


@pytest.mark.parametrize(
    ("status", "answer", "kind", "word"),
    [
        (400, refused("Invalid API key. (001)", "INVALID_API_KEYS_001"), Kind.AUTH, "account/api"),
        (400, refused("Invalid API key. (002)", "INVALID_API_KEYS_002"), Kind.AUTH, "account/api"),
        (400, refused("Invalid API key. (001)"), Kind.AUTH, "account/api"),
        (400, refused("Invalid domain.", "INVALID_DOMAIN"), Kind.NOT_FOUND, "API Access"),
        (200, refused("Invalid domain."), Kind.NOT_FOUND, "API Access"),
        (400, refused("Domain is not opted in to API access."), Kind.NOT_ALLOWED, "API Access"),
        (403, refused("This API key is not allowed to operate on this domain.", "DOMAIN_NOT_ALLOWED"), Kind.NOT_ALLOWED, "limited"),
        (403, refused("Your address may not.", "IP_NOT_ALLOWED"), Kind.NOT_ALLOWED, "limited"),
        (400, refused("Edit error: We were unable to edit the DNS record."), Kind.UNKNOWN, "unable to edit"),
        (200, refused("something new"), Kind.UNKNOWN, "something new"),
        (503, refused("busy"), Kind.SERVER, "busy"),
    ],
)
def test_each_refusal_is_told_by_its_kind(status: int, answer: dict[str, object], kind: Kind, word: str) -> None:
    provider, _ = porkbun(Turn(READ, answer, status, {}))
    (outcome,) = provider.update(call(NEW))
    assert outcome.kind == kind and word in outcome.said


@pytest.mark.parametrize(
    ("headers", "more", "seconds"),
    [({}, {"ttlRemaining": 12}, 12), ({"retry-after": "30"}, {"ttlRemaining": 12}, 30), ({}, {}, None), ({}, {"ttlRemaining": "x"}, None)],
)
def test_the_limit_says_when_it_ends(headers: dict[str, str], more: dict[str, object], seconds: float | None) -> None:
    provider, _ = porkbun(Turn(READ, refused("Rate limit exceeded.", "RATE_LIMIT_EXCEEDED", **more), 429, {}, headers))
    (outcome,) = provider.update(call(NEW))
    assert (outcome.kind, outcome.retry_after) == (Kind.RATE_LIMITED, seconds)


@pytest.mark.parametrize(("answer", "said"), [(rows(OLD), OLD), (rows(OTHER, OLD), f"{OLD},{OTHER}"), (rows(), CLEAR)])
def test_the_present_address_is_read_without_a_write(answer: dict[str, object], said: str) -> None:
    provider, _ = porkbun(Turn(READ, answer, sent={}))
    assert provider.current(HOST, "ipv4") == said
