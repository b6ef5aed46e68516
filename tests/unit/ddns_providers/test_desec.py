from __future__ import annotations

import json

import pytest

from plugins.module_utils.ddns.model import CLEAR, Call, Kind
from plugins.module_utils.ddns.transport import Unreachable

from .dialogue import BOTH, SECRET, V4, V6, at, said

CASA = "casa.dedyn.io"
NET = "2001:db8:7::/56"


@pytest.mark.parametrize(
    ("call", "myipv4", "myipv6"),
    [
        (Call((CASA,), BOTH), V4, V6),
        (Call((CASA,), {"ipv4": V4}), V4, "preserve"),
        (Call((CASA,), {"ipv6": V6}), "preserve", V6),
        (Call((CASA,), {"ipv4": CLEAR}), "", "preserve"),
        (Call((CASA,), {"ipv6": CLEAR}), "preserve", ""),
        (Call((CASA,), {"ipv4": CLEAR, "ipv6": V6}), "", V6),
        (Call((CASA,), {"ipv4": V4}, prefix=NET), V4, NET),
        (Call((CASA,), {}, prefix=NET), "preserve", NET),
    ],
)
def test_both_families_are_always_named_so_that_none_is_lost_or_taken_from_the_connection(call: Call, myipv4: str, myipv6: str) -> None:
    asked, dialogue = at("desec", said("good"))
    (outcome,) = asked.update(call)
    assert outcome.kind == Kind.GOOD and dialogue.place == "https://update.dedyn.io/"
    assert dialogue.pairs == {"hostname": CASA, "myipv4": myipv4, "myipv6": myipv6}
    assert dialogue.asked[0].headers["Authorization"] == f"Token {SECRET.encode().decode('latin-1')}"


def test_the_names_of_a_domain_go_together_and_those_of_another_by_themselves() -> None:
    asked, dialogue = at("desec", said("good"), said("good"), said("good"))
    hosts = (CASA, "media.villa.example", f"*.{CASA}", "villa.example", f"a.b.{CASA}", "other.dedyn.io")
    assert [outcome.kind for outcome in asked.update(Call(hosts, BOTH))] == [Kind.GOOD] * 6
    asked_for = [request.url.partition("hostname=")[2].partition("&")[0] for request in dialogue.asked]
    assert asked_for == [f"{CASA},*.{CASA},a.b.{CASA}", "media.villa.example,villa.example", "other.dedyn.io"]


def test_names_that_only_seem_to_be_of_one_domain_are_asked_for_each() -> None:
    several = said("code: cross-domain-update\ndetail: Cannot update subdomains from more than one domain.\n", 400)
    asked, dialogue = at("desec", several, said("good"), said("nohost", 404))
    outcomes = asked.update(Call(("one.co.example", "two.co.example"), BOTH))
    assert [outcome.kind for outcome in outcomes] == [Kind.GOOD, Kind.NOT_FOUND] and len(dialogue.asked) == 3


def test_a_name_that_is_not_there_does_not_keep_the_others_back() -> None:
    asked, _ = at("desec", said("nohost", 404), said("good"), said("nohost", 404))
    assert [outcome.kind for outcome in asked.update(Call((CASA, f"typo.{CASA}"), BOTH))] == [Kind.GOOD, Kind.NOT_FOUND]


def test_the_owner_s_zone_tells_which_names_belong_together() -> None:
    asked, dialogue = at("desec", said("good"), zone="casa.co.example")
    asked.update(Call(("home.casa.co.example", "casa.co.example"), BOTH))
    assert len(dialogue.asked) == 1


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        ("badauth", 401, Kind.AUTH),
        ("nohost", 404, Kind.NOT_FOUND),
        ("Insufficient token permissions.", 403, Kind.NOT_ALLOWED),
        ("code: invalid-subnet", 400, Kind.NOT_ALLOWED),
        ("Concurrent writes.", 409, Kind.SERVER),
        ("good", 200, Kind.GOOD),
    ],
)
def test_each_answer_is_known(body: str, status: int, kind: Kind) -> None:
    assert at("desec", said(body, status))[0].update(Call((CASA,), BOTH))[0].kind == kind


def test_its_limit_is_a_wait_of_its_own_length() -> None:
    answer = said("Request was throttled. Expected available in 58 seconds.", 429, retry_after="58")
    (outcome,) = at("desec", answer)[0].update(Call((CASA,), BOTH))
    assert (outcome.kind, outcome.retry_after) == (Kind.RATE_LIMITED, 58)


@pytest.mark.proves("R32")
@pytest.mark.parametrize(("value", "records"), [('pro"of', ['"pro\\"of"']), ("", [])])
@pytest.mark.parametrize(("zone", "name", "sub"), [(CASA, f"_acme-challenge.{CASA}", "_acme-challenge"), (CASA, CASA, "")])
def test_a_txt_record_is_written_into_the_domain_that_holds_it(value: str, records: list[str], zone: str, name: str, sub: str) -> None:
    asked, dialogue = at("desec", said(json.dumps([{"name": zone}])), said("[]"))
    assert asked.write_text(name, value).kind == Kind.GOOD
    question, written = dialogue.asked
    assert question.url == f"https://desec.io/api/v1/domains/?owns_qname={name}"
    assert (written.method, written.url) == ("PATCH", f"https://desec.io/api/v1/domains/{zone}/rrsets/")
    assert json.loads(written.body) == [{"subname": sub, "type": "TXT", "ttl": 3600, "records": records}]
    assert all(request.headers["Authorization"].startswith("Token ") for request in dialogue.asked)


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        ([said("[]")], Kind.NOT_FOUND),
        ([said("badauth", 401)], Kind.AUTH),
        ([said("no json")], Kind.UNKNOWN),
        ([Unreachable("down")], Kind.NETWORK),
        ([said('[{"name": "casa.dedyn.io"}]'), said(f"bad {SECRET}", 400)], Kind.NOT_ALLOWED),
        ([said('[{"name": "casa.dedyn.io"}]'), said("later", 429, retry_after="9")], Kind.RATE_LIMITED),
        ([said('[{"name": "casa.dedyn.io"}]'), Unreachable("down")], Kind.NETWORK),
    ],
)
def test_a_txt_record_that_fails_says_why_without_the_token(script: list, kind: Kind) -> None:  # type: ignore[type-arg]
    outcome = at("desec", *script)[0].write_text(f"_acme-challenge.{CASA}", "proof")
    assert outcome.kind == kind and outcome.said and "t0ken" not in outcome.said
