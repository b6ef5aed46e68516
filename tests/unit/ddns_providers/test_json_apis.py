"""What Cloudflare, Hetzner, Gandi and Porkbun have in common, whatever comes back from them."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from plugins.module_utils.ddns.model import CLEAR, Account, Call, Kind
from plugins.module_utils.ddns.providers.cloudflare import Cloudflare
from plugins.module_utils.ddns.providers.gandi import Gandi
from plugins.module_utils.ddns.providers.hetzner import Hetzner
from plugins.module_utils.ddns.providers.json_api import JsonApi
from plugins.module_utils.ddns.providers.porkbun import Porkbun
from plugins.module_utils.ddns.transport import Unreachable

from .api_dialogue import SECRET, Turn, play

CALL = Call(("www.example.org",), {"ipv4": "198.51.100.2"})


@dataclass(frozen=True)
class First:
    """A provider, and what it asks first for CALL."""

    kind: type[JsonApi]
    options: Mapping[str, str]
    secrets: Mapping[str, str]
    asked: str
    sent: object = None


FIRSTS = [
    First(
        Cloudflare,
        {"zone_id": "z1"},
        {"token": SECRET},
        "GET /zones/z1/dns_records?type=A&name=www.example.org&per_page=100&page=1",
    ),
    First(Hetzner, {"zone": "example.org"}, {"token": SECRET}, "GET /zones/example.org/rrsets/www/A"),
    First(Gandi, {"zone": "example.org"}, {"token": SECRET}, "GET /domains/example.org/records/www/A"),
    First(
        Porkbun,
        {"zone": "example.org"},
        {"api_key": "pk1_public-half", "secret_key": SECRET},
        "POST /dns/retrieveByNameType/example.org/A/www",
        {},
    ),
]

every = pytest.mark.parametrize("first", FIRSTS, ids=lambda first: first.kind.NAME)

HTML = b"<!DOCTYPE html><html><head><title>Welcome to your hotel</title></head><body>Please log in</body></html>"
LATIN = '{"message": "zu viele Anfragen, m\xf6glichst sp\xe4ter"}'.encode("latin-1")


@every
@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        (HTML, 200, Kind.UNKNOWN),
        (HTML, 401, Kind.UNKNOWN),
        (HTML, 403, Kind.UNKNOWN),
        (HTML, 404, Kind.UNKNOWN),
        (HTML, 502, Kind.SERVER),
        (HTML, 429, Kind.RATE_LIMITED),
        (LATIN, 200, Kind.UNKNOWN),
        (LATIN, 503, Kind.SERVER),
        (b"[" * 100_000, 200, Kind.UNKNOWN),
        (b"\x00\x1b[31m\xff", 500, Kind.SERVER),
        (b"", 500, Kind.SERVER),
    ],
)
def test_a_page_that_is_not_the_api_s_changes_nothing_and_ends_nothing_for_good(first: First, body: bytes, status: int, kind: Kind) -> None:
    provider, script = play(first.kind, first.options, Turn(first.asked, body, status, first.sent), secrets=first.secrets)
    (outcome,) = provider.update(CALL)
    assert outcome.kind == kind
    assert script.over() and len(script.requests) == 1
    assert outcome.said.isprintable() and len(outcome.said) <= 200 and f"HTTP {status}" in outcome.said


SHAPES = [None, 7, "text", [], [1], {}, {"result": "x"}, {"success": True, "result": 1}, {"rrset": {"records": 3}}, {"rrset_values": {}}, {"status": "SUCCESS"}]


@every
@pytest.mark.parametrize(("status", "kind"), [(200, Kind.UNKNOWN), (500, Kind.SERVER)])
@pytest.mark.parametrize("data", SHAPES, ids=str)
def test_json_of_an_unexpected_shape_leads_to_no_write(first: First, data: object, status: int, kind: Kind) -> None:
    provider, script = play(first.kind, first.options, Turn(first.asked, data, status, first.sent), secrets=first.secrets)
    (outcome,) = provider.update(CALL)
    assert outcome.kind == kind and len(script.requests) == 1


@every
def test_no_answer_is_a_trouble_of_the_network(first: First) -> None:
    provider, _ = play(first.kind, first.options, Turn(first.asked, Unreachable("no answer in 10 s"), sent=first.sent), secrets=first.secrets)
    (outcome,) = provider.update(CALL)
    assert outcome.kind == Kind.NETWORK and "no answer in 10 s" in outcome.said


@every
@pytest.mark.parametrize("status", [429, 503])
def test_the_time_that_a_provider_asks_to_wait_is_handed_on(first: First, status: int) -> None:
    turn = Turn(first.asked, {"success": False, "message": "slow down"}, status, first.sent, {"retry-after": "137"})
    provider, _ = play(first.kind, first.options, turn, secrets=first.secrets)
    (outcome,) = provider.update(CALL)
    assert outcome.kind == (Kind.RATE_LIMITED if status == 429 else Kind.SERVER)
    assert outcome.retry_after == 137


@every
def test_the_time_to_wait_may_be_a_date(first: First) -> None:
    turn = Turn(first.asked, HTML, 429, first.sent, {"retry-after": email.utils.formatdate(time.time() + 600, usegmt=True)})
    provider, _ = play(first.kind, first.options, turn, secrets=first.secrets)
    (outcome,) = provider.update(CALL)
    assert outcome.retry_after is not None and 590 < outcome.retry_after <= 600


@every
@pytest.mark.parametrize("value", ["soon", "-5", "٣", "9" * 400, "Thu, 99 Foo 2026"])
def test_a_time_to_wait_that_cannot_be_read_is_none(first: First, value: str) -> None:
    provider, _ = play(first.kind, first.options, Turn(first.asked, HTML, 503, first.sent, {"retry-after": value}), secrets=first.secrets)
    (outcome,) = provider.update(CALL)
    assert outcome.retry_after is None


@every
def test_a_secret_that_comes_back_is_not_shown(first: First) -> None:
    said = f"the token {SECRET} is not good"
    answer = {
        "success": False,
        "status": "ERROR",
        "message": said,
        "errors": [{"code": 1, "message": said}],
        "error": {"code": "x", "message": said},
    }
    provider, script = play(first.kind, first.options, Turn(first.asked, answer, 400, first.sent), secrets=first.secrets)
    (outcome,) = provider.update(CALL)
    assert "the token *** is not good" in outcome.said
    assert SECRET not in repr((provider.account, script.requests, outcome)) and SECRET not in script.requests[0].url


@every
def test_after_a_refusal_of_the_account_its_other_names_are_not_tried(first: First) -> None:
    provider, script = play(first.kind, first.options, Turn(first.asked, {"success": False, "message": "no"}, 401, first.sent), secrets=first.secrets)
    outcomes = provider.update(Call(("www.example.org", "other.example.org"), {"ipv4": "198.51.100.2"}))
    assert [outcome.kind for outcome in outcomes] == [Kind.AUTH, Kind.AUTH] and len(script.requests) == 1


@every
def test_the_present_address_that_cannot_be_told_is_no_address(first: First) -> None:
    provider, _ = play(first.kind, first.options, Turn(first.asked, {"success": False, "message": "no"}, 500, first.sent), secrets=first.secrets)
    with pytest.raises(Unreachable):
        provider.current("www.example.org", "ipv4")


@pytest.mark.parametrize("kind", [first.kind for first in FIRSTS], ids=lambda kind: kind.NAME)
@pytest.mark.parametrize("value", ["198.51.100.2", CLEAR])
def test_a_name_outside_the_zone_is_refused_without_a_request(kind: type[JsonApi], value: str) -> None:
    provider, script = play(kind, {"zone": "example.org"})
    for host in ("www.example.net", "example.org.example.net", "notexample.org"):
        (outcome,) = provider.update(Call((host,), {"ipv4": value}))
        assert outcome.kind == Kind.NOT_FOUND and "zone example.org" in outcome.said and "home" in outcome.said
    assert not script.requests


@pytest.mark.parametrize("kind", [first.kind for first in FIRSTS], ids=lambda kind: kind.NAME)
def test_what_the_account_needs_is_said_by_its_options(kind: type[JsonApi]) -> None:
    secret = {name for name, option in kind.OPTIONS.items() if option.secret}
    assert secret and all(kind.OPTIONS[name].required for name in secret)
    assert SECRET in str(kind(Account("home", kind.NAME, {}, dict.fromkeys(secret, SECRET)), None).credentials())  # type: ignore[arg-type]
