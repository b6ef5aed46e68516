"""Dialogues with Gandi's LiveDNS API."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.module_utils.ddns.model import CLEAR, Call, Kind
from plugins.module_utils.ddns.providers.gandi import Gandi

from .api_dialogue import SECRET, Script, Turn, play

HOST = "www.example.org"
OLD, NEW, OTHER = "198.51.100.1", "198.51.100.2", "198.51.100.77"
PLACE = "/domains/example.org/records/www/A"
GONE = {"code": 404, "message": "The resource could not be found.", "object": "HTTPNotFound", "cause": "Not Found"}


def rrset(*values: str, ttl: int = 10800) -> dict[str, object]:
    return {"rrset_name": "www", "rrset_type": "A", "rrset_ttl": ttl, "rrset_values": list(values), "rrset_href": "https://api.gandi.net/x"}


def gandi(*turns: Turn, **options: str) -> tuple[Any, Script]:
    return play(Gandi, {"zone": "example.org", **options}, *turns)


def call(value: str, host: str = HOST, family: str = "ipv4") -> Call:
    return Call((host,), {family: value})


@pytest.mark.parametrize("found", [(OLD,), (OTHER, NEW)])
def test_a_change_leaves_one_address_and_keeps_the_ttl(found: tuple[str, ...]) -> None:
    provider, script = gandi(
        Turn(f"GET {PLACE}", rrset(*found)), Turn(f"PUT {PLACE}", {"message": "DNS Record Created"}, 201, {"rrset_values": [NEW], "rrset_ttl": 10800})
    )
    assert provider.update(call(NEW))[0].kind == Kind.GOOD and script.over()
    assert all(request.headers["Authorization"] == f"Bearer {SECRET}" for request in script.requests)


def test_an_unchanged_address_costs_no_write() -> None:
    provider, _ = gandi(Turn(f"GET {PLACE}", rrset(NEW)))
    assert provider.update(call(NEW))[0].kind == Kind.NOCHG


@pytest.mark.parametrize(("options", "ttl"), [({}, 300), ({"ttl": "900"}, 900)])
def test_a_name_without_a_record_gets_one(options: dict[str, str], ttl: int) -> None:
    provider, script = gandi(
        Turn(f"GET {PLACE}", GONE, 404),
        Turn(f"PUT {PLACE}", {"message": "DNS Record Created"}, 201, {"rrset_values": [NEW], "rrset_ttl": ttl}),
        **options,
    )
    assert provider.update(call(NEW))[0].kind == Kind.GOOD and script.over()


def test_a_domain_that_is_not_there_is_told_when_it_is_written() -> None:
    provider, _ = gandi(Turn(f"GET {PLACE}", GONE, 404), Turn(f"PUT {PLACE}", GONE, 404, {"rrset_values": [NEW], "rrset_ttl": 300}))
    (outcome,) = provider.update(call(NEW))
    assert outcome.kind == Kind.NOT_FOUND and "LiveDNS" in outcome.said


@pytest.mark.parametrize(
    ("zone", "host", "name"),
    [("example.org", "example.org", "@"), ("example.org", "*.example.org", "*"), ("münchen.example", "heim.xn--mnchen-3ya.example", "heim")],
)
def test_names_are_written_as_the_api_has_them(zone: str, host: str, name: str) -> None:
    provider, script = gandi(Turn(f"GET /domains/{zone.encode('idna').decode()}/records/{name}/AAAA", rrset("2001:DB8::1")), zone=zone)
    assert provider.update(call("2001:db8::1", host, "ipv6"))[0].kind == Kind.NOCHG and script.over()


def test_clearing_removes_the_record_set() -> None:
    provider, script = gandi(Turn(f"GET {PLACE}", rrset(OLD)), Turn(f"DELETE {PLACE}", b"", 204))
    assert provider.update(call(CLEAR))[0].kind == Kind.GOOD and script.over()


def test_clearing_what_is_not_there_changes_nothing() -> None:
    provider, _ = gandi(Turn(f"GET {PLACE}", GONE, 404))
    assert provider.update(call(CLEAR))[0].kind == Kind.NOCHG


@pytest.mark.parametrize(
    ("status", "answer", "kind", "word"),
    [
        (
            401,
            {"code": 401, "message": "The server could not verify that you authorized to access the document you requested.", "cause": "Unauthorized"},
            Kind.AUTH,
            "Token",
        ),
        (403, {"code": 403, "message": "Access was denied to this resource.", "object": "HTTPForbidden", "cause": "Forbidden"}, Kind.NOT_ALLOWED, "permission"),
        (400, {"status": "error", "errors": [{"location": "body", "name": "rrset_ttl"}]}, Kind.UNKNOWN, "400"),
        (429, {"message": "Too many requests"}, Kind.RATE_LIMITED, "Too many"),
        (500, {"message": "Internal"}, Kind.SERVER, "Internal"),
    ],
)
def test_each_refusal_is_told_by_its_kind(status: int, answer: dict[str, object], kind: Kind, word: str) -> None:
    provider, _ = gandi(Turn(f"GET {PLACE}", answer, status))
    (outcome,) = provider.update(call(NEW))
    assert outcome.kind == kind and word in outcome.said


@pytest.mark.parametrize(("answer", "status", "said"), [(rrset(OLD), 200, OLD), (rrset(OTHER, OLD), 200, f"{OLD},{OTHER}"), (GONE, 404, CLEAR)])
def test_the_present_address_is_read_without_a_write(answer: dict[str, object], status: int, said: str) -> None:
    provider, _ = gandi(Turn(f"GET {PLACE}", answer, status))
    assert provider.current(HOST, "ipv4") == said
