"""Dialogues with Cloudflare's API v4."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.module_utils.ddns.model import CLEAR, Call, Kind
from plugins.module_utils.ddns.providers.cloudflare import Cloudflare

from .api_dialogue import SECRET, Script, Turn, play

ZONE = {"zone_id": "z1"}
HOST = "www.example.org"
OLD, NEW, OTHER = "198.51.100.1", "198.51.100.2", "198.51.100.77"


def good(result: object, **info: object) -> dict[str, object]:
    return {"success": True, "errors": [], "messages": [], "result": result, "result_info": info}


def bad(*errors: tuple[int, str]) -> dict[str, object]:
    return {"success": False, "errors": [{"code": code, "message": message} for code, message in errors], "messages": [], "result": None}


def row(number: int, content: str, name: str = HOST, kind: str = "A") -> dict[str, object]:
    return {"id": f"r{number}", "type": kind, "name": name, "content": content, "ttl": 3600, "proxied": True, "comment": "mine"}


def listing(name: str = HOST, kind: str = "A", page: int = 1) -> str:
    return f"GET /zones/z1/dns_records?type={kind}&name={name}&per_page=100&page={page}"


def cloudflare(*turns: Turn, options: dict[str, str] | None = None) -> tuple[Any, Script]:
    return play(Cloudflare, ZONE if options is None else options, *turns)


def call(value: str, host: str = HOST, family: str = "ipv4") -> Call:
    return Call((host,), {family: value})


def test_a_change_sends_the_address_alone_so_that_ttl_proxy_and_comment_stay() -> None:
    provider, script = cloudflare(
        Turn(listing(), good([row(1, OLD)])),
        Turn("PATCH /zones/z1/dns_records/r1", good(row(1, NEW)), sent={"content": NEW}),
    )
    (outcome,) = provider.update(call(NEW))
    assert (outcome.kind, outcome.echoed) == (Kind.GOOD, {"ipv4": NEW})
    assert script.over() and all(request.headers["Authorization"] == f"Bearer {SECRET}" for request in script.requests)


def test_an_unchanged_address_costs_no_write() -> None:
    provider, _ = cloudflare(Turn(listing(), good([row(1, NEW)])))
    (outcome,) = provider.update(call(NEW))
    assert (outcome.kind, outcome.echoed) == (Kind.NOCHG, {"ipv4": NEW})


def test_an_ipv6_address_is_the_same_in_any_spelling() -> None:
    provider, _ = cloudflare(Turn(listing(kind="AAAA"), good([row(1, "2001:0DB8:0:0::1", kind="AAAA")])))
    (outcome,) = provider.update(call("2001:db8::1", family="ipv6"))
    assert outcome.kind == Kind.NOCHG


@pytest.mark.parametrize(
    ("options", "ttl", "proxied"), [({}, 60, False), ({"ttl": "300"}, 300, False), ({"proxied": "true"}, 1, True), ({"proxied": "True", "ttl": "300"}, 1, True)]
)
def test_a_name_without_a_record_gets_one(options: dict[str, str], ttl: int, proxied: bool) -> None:
    made = {"type": "A", "name": HOST, "content": NEW, "ttl": ttl, "proxied": proxied}
    provider, script = cloudflare(Turn(listing(), good([])), Turn("POST /zones/z1/dns_records", good(row(1, NEW)), sent=made), options={**ZONE, **options})
    (outcome,) = provider.update(call(NEW))
    assert outcome.kind == Kind.GOOD and script.over()


@pytest.mark.parametrize("code", [81057, 81058])
def test_a_record_that_appeared_meanwhile_is_as_good(code: int) -> None:
    made = {"type": "A", "name": HOST, "content": NEW, "ttl": 60, "proxied": False}
    answer = bad((code, "An identical record already exists."))
    provider, _ = cloudflare(Turn(listing(), good([])), Turn("POST /zones/z1/dns_records", answer, 400, sent=made))
    assert provider.update(call(NEW))[0].kind == Kind.NOCHG


def test_of_several_records_one_is_left_wherever_they_stand_in_the_pages() -> None:
    provider, script = cloudflare(
        Turn(listing(), good([row(1, OLD)], page=1, total_pages=2)),
        Turn(listing(page=2), good([row(2, OTHER)], page=2, total_pages=2)),
        Turn("PATCH /zones/z1/dns_records/r1", good(row(1, NEW)), sent={"content": NEW}),
        Turn("DELETE /zones/z1/dns_records/r2", good({"id": "r2"})),
    )
    (outcome,) = provider.update(call(NEW))
    assert outcome.kind == Kind.GOOD and script.over()


def test_of_several_records_the_right_one_is_kept() -> None:
    provider, script = cloudflare(
        Turn(listing(), good([row(1, OLD), row(2, NEW)])),
        Turn("DELETE /zones/z1/dns_records/r1", bad((81044, "Record does not exist.")), 404),
    )
    (outcome,) = provider.update(call(NEW))
    assert outcome.kind == Kind.GOOD and script.over()


def test_records_of_other_names_and_types_are_left_alone_whatever_the_filter_lets_through() -> None:
    others = [row(1, OLD, "example.org"), row(2, OLD, kind="CNAME"), row(3, OLD, "www.example.org.example.org")]
    provider, script = cloudflare(
        Turn(listing(), good([*others, row(4, OLD)])), Turn("PATCH /zones/z1/dns_records/r4", good(row(4, NEW)), sent={"content": NEW})
    )
    assert provider.update(call(NEW))[0].kind == Kind.GOOD and script.over()


def test_pages_without_an_end_are_not_followed_for_ever() -> None:
    pages = [Turn(listing(page=page), good([row(page, NEW)], total_pages=10**9)) for page in range(1, 21)]
    provider, script = cloudflare(*pages)
    assert provider.current(HOST, "ipv4").count(",") == 19 and script.over()


def test_clearing_removes_every_record_of_that_family() -> None:
    provider, script = cloudflare(
        Turn(listing(kind="AAAA"), good([row(1, "2001:db8::1", kind="AAAA"), row(2, "2001:db8::2", kind="AAAA")])),
        Turn("DELETE /zones/z1/dns_records/r1", good({"id": "r1"})),
        Turn("DELETE /zones/z1/dns_records/r2", good({"id": "r2"})),
    )
    (outcome,) = provider.update(call(CLEAR, family="ipv6"))
    assert outcome.kind == Kind.GOOD and not outcome.echoed and script.over()


def test_clearing_what_is_not_there_changes_nothing() -> None:
    provider, _ = cloudflare(Turn(listing(), good([])))
    assert provider.update(call(CLEAR))[0].kind == Kind.NOCHG


def test_a_wildcard_is_a_record_like_any_other() -> None:
    provider, script = cloudflare(
        Turn(listing("%2A.example.org"), good([row(1, OLD, "*.example.org")])),
        Turn("PATCH /zones/z1/dns_records/r1", good(row(1, NEW, "*.example.org")), sent={"content": NEW}),
    )
    assert provider.update(call(NEW, "*.example.org"))[0].kind == Kind.GOOD and script.over()


def test_both_families_in_one_call_are_two_records() -> None:
    provider, script = cloudflare(Turn(listing(), good([row(1, NEW)])), Turn(listing(kind="AAAA"), good([row(2, "2001:db8::1", kind="AAAA")])))
    (outcome,) = provider.update(Call((HOST,), {"ipv4": NEW, "ipv6": "2001:db8::1"}))
    assert outcome.kind == Kind.NOCHG and set(outcome.echoed) == {"ipv4", "ipv6"} and script.over()


def test_an_address_that_came_out_otherwise_is_told() -> None:
    provider, _ = cloudflare(Turn(listing(), good([row(1, OLD)])), Turn("PATCH /zones/z1/dns_records/r1", good(row(1, OTHER)), sent={"content": NEW}))
    (outcome,) = provider.update(call(NEW))
    assert outcome.kind == Kind.UNKNOWN and OTHER in outcome.said


# Zones

ZONES = "GET /zones?name={}&per_page=50"


@pytest.mark.parametrize(
    ("zone", "host", "shown"),
    [
        ("xn--mnchen-3ya.example", "heim.xn--mnchen-3ya.example", "münchen.example"),
        ("münchen.example", "heim.münchen.example", "münchen.example"),
        ("MÜNCHEN.example", "Heim.München.example", "xn--mnchen-3ya.example"),
    ],
)
def test_a_zone_with_umlauts_is_found_in_either_spelling(zone: str, host: str, shown: str) -> None:
    provider, script = cloudflare(
        Turn(ZONES.format("xn--mnchen-3ya.example"), good([{"id": "other", "name": "munchen.example"}, {"id": "z1", "name": shown}])),
        Turn(listing("heim.xn--mnchen-3ya.example"), good([row(1, NEW, f"heim.{shown}")])),
        options={"zone": zone},
    )
    assert provider.update(call(NEW, host))[0].kind == Kind.NOCHG and script.over()


def test_a_zone_that_is_not_named_is_looked_for_once() -> None:
    host = "a.b.example.org"
    provider, script = cloudflare(
        Turn(ZONES.format("a.b.example.org"), good([])),
        Turn(ZONES.format("b.example.org"), good([])),
        Turn(ZONES.format("example.org"), good([{"id": "z1", "name": "example.org"}])),
        Turn(listing(host), good([row(1, NEW, host)])),
        Turn(listing(), good([row(2, NEW)])),
        options={},
    )
    assert [outcome.kind for outcome in provider.update(Call((host, HOST), {"ipv4": NEW}))] == [Kind.NOCHG, Kind.NOCHG] and script.over()


def test_a_zone_that_the_token_does_not_see_is_a_matter_for_the_owner() -> None:
    provider, _ = cloudflare(Turn(ZONES.format("example.org"), good([])), options={"zone": "example.org"})
    (outcome,) = provider.update(call(NEW))
    assert outcome.kind == Kind.NOT_FOUND and "Zone/Zone/Read" in outcome.said


# Refusals


@pytest.mark.parametrize(
    ("status", "answer", "kind"),
    [
        (
            400,
            {**bad(), "errors": [{"code": 6003, "message": "Invalid request headers", "error_chain": [{"code": 6111, "message": "Invalid format"}]}]},
            Kind.AUTH,
        ),
        (401, bad((1000, "Invalid API Token")), Kind.AUTH),
        (403, bad((9109, "Invalid access token")), Kind.AUTH),
        (403, bad((10000, "Authentication error")), Kind.AUTH),
        (403, bad((1, "no")), Kind.NOT_ALLOWED),
        (404, bad((7003, "Could not route to /zones/z1/dns_records, perhaps your object identifier is invalid?")), Kind.NOT_FOUND),
        (400, bad((7003, "Could not route")), Kind.NOT_FOUND),
        (400, bad((9207, "Request body is invalid.")), Kind.UNKNOWN),
        (200, bad((1, "something")), Kind.UNKNOWN),
        (500, bad((1, "something")), Kind.SERVER),
    ],
)
def test_each_refusal_is_told_by_its_kind(status: int, answer: dict[str, object], kind: Kind) -> None:
    provider, _ = cloudflare(Turn(listing(), answer, status))
    (outcome,) = provider.update(call(NEW))
    assert outcome.kind == kind and f"HTTP {status}" in outcome.said


@pytest.mark.parametrize(("headers", "seconds"), [({}, 300), ({"retry-after": "12"}, 12)])
@pytest.mark.parametrize("status", [429, 400])
def test_after_too_many_requests_it_waits_as_long_as_the_block_lasts(headers: dict[str, str], seconds: float, status: int) -> None:
    provider, _ = cloudflare(Turn(listing(), bad((971, "Please wait and consider throttling your request speed")), status, headers=headers))
    (outcome,) = provider.update(call(NEW))
    assert (outcome.kind, outcome.retry_after) == (Kind.RATE_LIMITED, seconds)


def test_an_alias_in_the_way_has_to_be_removed_by_a_person() -> None:
    made = {"type": "A", "name": HOST, "content": NEW, "ttl": 60, "proxied": False}
    answer = bad((81053, "An A, AAAA, or CNAME record with that host already exists."))
    provider, _ = cloudflare(Turn(listing(), good([])), Turn("POST /zones/z1/dns_records", answer, 400, sent=made))
    (outcome,) = provider.update(call(NEW))
    assert outcome.kind == Kind.NOT_ALLOWED and "in the way" in outcome.said


# What it says now, and texts


@pytest.mark.parametrize(("rows", "said"), [([], CLEAR), ([row(1, OLD)], OLD), ([row(1, OTHER), row(2, OLD)], f"{OLD},{OTHER}")])
def test_the_present_address_is_read_without_a_write(rows: list[dict[str, object]], said: str) -> None:
    provider, _ = cloudflare(Turn(listing(), good(rows)))
    assert provider.current(HOST, "ipv4") == said


def test_a_text_is_set_and_removed_again() -> None:
    name = "_acme-challenge.example.org"
    made = {"type": "TXT", "name": name, "content": '"token"', "ttl": 60}
    provider, script = cloudflare(
        Turn(listing(name, "TXT"), good([])),
        Turn("POST /zones/z1/dns_records", good(row(1, '"token"', name, "TXT")), sent=made),
        Turn(listing(name, "TXT"), good([row(1, '"token"', name, "TXT")])),
        Turn("DELETE /zones/z1/dns_records/r1", good({"id": "r1"})),
        Turn(listing(name, "TXT"), bad((10000, "Authentication error")), 403),
    )
    kinds = [provider.write_text(name, value).kind for value in ("token", "", "token")]
    assert kinds == [Kind.GOOD, Kind.GOOD, Kind.AUTH] and script.over()
