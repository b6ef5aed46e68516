"""What holds for all providers that are told an address over HTTPS."""

from __future__ import annotations

import base64
import html
import json
import subprocess
import sys
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from plugins.module_utils.ddns.model import CLEAR, FAMILIES, LATCHING, Call, Kind, LeftOut
from plugins.module_utils.ddns.providers.registry import NAMES, provider
from plugins.module_utils.ddns.transport import Unreachable

from .dialogue import ENTRIES, SECRET, V4, V6, at, host_at, one, said

every = pytest.mark.parametrize("name", ENTRIES)

IN_THE_URL = ("duckdns", "dynv6", "freedns", "namecheap")
"""Those that leave no other way for their secret."""

PAGE = "<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head><body>good 198.51.100.7 OK nochg updated</body></html>"


@every
def test_no_answer_is_trouble_of_the_network(name: str) -> None:
    asked, dialogue = at(name, Unreachable("no answer within 10 seconds"))
    (outcome,) = asked.update(one(name))
    assert (outcome.kind, outcome.said) == (Kind.NETWORK, "no answer within 10 seconds") and len(dialogue.asked) == 1


@every
@pytest.mark.parametrize(("status", "kind"), [(200, Kind.UNKNOWN), (302, Kind.UNKNOWN), (403, Kind.UNKNOWN), (401, Kind.AUTH), (502, Kind.SERVER)])
def test_a_web_page_is_never_success_whatever_words_it_holds(name: str, status: int, kind: Kind) -> None:
    (outcome,) = at(name, said(PAGE, status))[0].update(one(name))
    assert outcome.kind == kind and f"HTTP {status}" in outcome.said and "502 Bad Gateway" in outcome.said and "<" not in outcome.said


@every
@pytest.mark.parametrize("body", ["", "\n \n", "\ufeff", "OKAY", "KOOK", "goodbye", "Good", "not good", "not updated", "is unchanged, OK", "xnochg"])
def test_words_that_only_resemble_success_are_no_success(name: str, body: str) -> None:
    (outcome,) = at(name, said(body))[0].update(one(name))
    assert outcome.kind == Kind.UNKNOWN


@every
@pytest.mark.parametrize("body", [b"\xff\xfe\x00g\x00o", b"\x80\x81 good", b"caf\xe9", bytes(range(256))])
def test_bytes_that_are_no_utf_8_are_told_and_not_believed(name: str, body: bytes) -> None:
    (outcome,) = at(name, said(body))[0].update(one(name))
    assert outcome.kind == Kind.UNKNOWN and outcome.said.isprintable() and len(outcome.said) <= 200


@every
@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, Kind.NOT_ALLOWED), (401, Kind.AUTH), (403, Kind.NOT_ALLOWED), (408, Kind.SERVER), (429, Kind.RATE_LIMITED), (500, Kind.SERVER), (503, Kind.SERVER)],
)
def test_where_the_body_says_nothing_the_status_does(name: str, status: int, kind: Kind) -> None:
    (outcome,) = at(name, said("", status))[0].update(one(name))
    assert outcome.kind == kind and str(status) in outcome.said


@every
@pytest.mark.parametrize("status", [429, 503])
def test_a_time_to_come_back_is_kept(name: str, status: int) -> None:
    (outcome,) = at(name, said("later", status, retry_after="120"))[0].update(one(name))
    assert outcome.retry_after == 120
    header = {"retry_after": "Wed, 01 Jul 2026 12:03:20 GMT", "date": "Wed, 01 Jul 2026 12:00:00 GMT"}
    (outcome,) = at(name, said("later", status, **header))[0].update(one(name))
    assert outcome.retry_after == 200, "by the server's own clock"


@every
def test_a_time_to_come_back_that_is_none_is_not_believed(name: str) -> None:
    for value in ("-5", "1e9", "soon", "99999999999999", "²"):
        (outcome,) = at(name, said("later", 429, retry_after=value))[0].update(one(name))
        assert outcome.kind == Kind.RATE_LIMITED and outcome.retry_after in (None, 7200.0)


@every
@pytest.mark.parametrize("status", [200, 401, 500])
def test_no_secret_comes_back_however_a_provider_spells_it(name: str, status: int) -> None:
    header = base64.b64encode(f"{ENTRIES[name].get('username', host_at(name))}:{SECRET}".encode()).decode()
    spelled = [SECRET, quote(SECRET), quote(SECRET, safe=""), quote_plus(SECRET), quote(SECRET, safe=",:*@/-"), html.escape(SECRET), SECRET.upper()]
    spelled += [json.dumps(SECRET, ensure_ascii=False), base64.b64encode(SECRET.encode()).decode()]
    spelled += [header] if name not in IN_THE_URL and "password" in ENTRIES[name] else []
    for words in spelled:
        asked, _ = at(name, said(f"strange {words} answer", status))
        (outcome,) = asked.update(one(name))
        assert "answer" in outcome.said and "***" in outcome.said
        for part in ("t0ken", "sorts", words):
            assert part.lower() not in (outcome.said + repr(outcome) + repr(asked.account)).lower(), words


@every
def test_a_secret_in_letters_of_another_encoding_does_not_come_back(name: str) -> None:
    for raw in (SECRET.encode("latin-1"), SECRET.encode("utf-16"), SECRET.encode("utf-16-le")):
        (outcome,) = at(name, said(b"strange " + raw))[0].update(one(name))
        assert "sorts" not in outcome.said.replace(" ", "") and "things" not in outcome.said


@every
def test_no_secret_shows_in_a_request_nor_in_what_failed(name: str) -> None:
    asked, dialogue = at(name, Unreachable(f"refused while {SECRET} was sent"))
    (outcome,) = asked.update(one(name))
    assert "sorts" not in outcome.said + repr(outcome) + repr(dialogue.asked[0]) and "***" in outcome.said


@every
def test_secrets_go_over_https_alone_and_no_further_than_the_provider_wants(name: str) -> None:
    asked, dialogue = at(name, said("good"))
    asked.update(one(name))
    (request,) = dialogue.asked
    assert request.url.startswith("https://") and request.method == "GET"
    assert ("t0ken" in request.url) == (name in IN_THE_URL), "these alone leave no other way"
    assert all(value.encode("latin-1") and not set("\r\n") & set(value) for value in request.headers.values())


@every
def test_what_the_account_lacks_is_told_and_nothing_is_sent(name: str) -> None:
    (secret,) = [key for key, option in provider(name).OPTIONS.items() if option.secret and key in ENTRIES[name]]
    for value in ("", "  "):
        asked, dialogue = at(name, **{secret: value})
        (outcome,) = asked.update(one(name))
        assert outcome.kind == Kind.AUTH and secret in outcome.said and not dialogue.asked


@every
def test_a_secret_with_a_line_break_inside_is_not_sent(name: str) -> None:
    (secret,) = [key for key, option in provider(name).OPTIONS.items() if option.secret and key in ENTRIES[name]]
    asked, dialogue = at(name, **{secret: "first\r\nX-Header: second"})
    (outcome,) = asked.update(one(name))
    assert outcome.kind == Kind.AUTH and "line break" in outcome.said and "second" not in outcome.said and not dialogue.asked


@every
def test_a_line_break_at_the_end_of_a_secret_does_no_harm(name: str) -> None:
    (secret,) = [key for key, option in provider(name).OPTIONS.items() if option.secret and key in ENTRIES[name]]
    plain, ended = at(name, said("good")), at(name, said("good"), **{secret: f"{SECRET}\n"})
    for asked, _ in (plain, ended):
        asked.update(one(name))
    assert plain[1].asked[0] == ended[1].asked[0]


@every
def test_what_a_provider_cannot_do_is_refused_before_anything_is_sent(name: str) -> None:
    can, host = provider(name).CAPABILITIES, host_at(name)
    calls = [Call((host,), {family: V4}) for family in FAMILIES if family not in can.families]
    calls += [Call((host,), {family: CLEAR}) for family in FAMILIES if family not in can.clear or can.clear_together]
    calls += [] if can.wildcard else [Call((f"*.{host}",), {"ipv4": V4})]
    calls += [] if can.prefix else [Call((host,), {}, prefix="2001:db8:7::/64")]
    calls += [] if can.together else [Call((host,), {"ipv4": V4, "ipv6": V6})]
    for call in calls:
        asked, dialogue = at(name)
        (outcome,) = asked.update(call)
        assert outcome.kind in LATCHING and outcome.said.startswith("not sent") and not dialogue.asked, call
    assert calls or name == "desec", "deSEC alone does all"


@pytest.mark.parametrize("name", [name for name in ENTRIES if name != "freedns"])  # whose token is for one name
def test_the_outcomes_stand_in_the_order_of_the_names(name: str) -> None:
    can = provider(name).CAPABILITIES
    suffix = ".duckdns.org" if name == "duckdns" else ".casa.example"
    hosts = tuple(f"{word}{suffix}" for word in ("c", "a", "b"))
    script = [Unreachable("down"), said("", 401), said("", 500)] if can.most_hosts == 1 else [said("", 401)]
    outcomes = at(name, *script)[0].update(Call(hosts, {"ipv4": V4}))
    expected = [Kind.NETWORK, Kind.AUTH, Kind.SERVER] if can.most_hosts == 1 else [Kind.AUTH] * 3
    assert [outcome.kind for outcome in outcomes] == expected


def test_every_name_of_the_registry_is_a_provider_of_that_name_or_said_to_be_none() -> None:
    assert set(ENTRIES) < set(NAMES) and len(NAMES) == len(set(NAMES)) == 18
    assert [provider(name).NAME for name in ENTRIES] == list(ENTRIES)
    with pytest.raises(LookupError, match=r"one of cloudflare, desec, .* dyndns2 with server"):
        provider("selfmade")


def test_asking_for_one_provider_loads_no_other() -> None:
    show = "import sys; from plugins.module_utils.ddns.providers.registry import provider; provider('duckdns'); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=True).stdout.split()
    room = "plugins.module_utils.ddns.providers."
    assert {name.removeprefix(room) for name in loaded if name.startswith(room)} == {"answers", "duckdns", "port", "registry", "web"}
    assert not {"ssl", "dns", "http.client"} & set(loaded)


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=6, max_size=60), st.sampled_from(["{}", "<{}>", "a{}b", '"{}"']))
def test_no_secret_at_all_comes_back(secret: str, around: str) -> None:
    (outcome,) = at("duckdns", said(f"strange {around.format(secret)} answer"), token=secret)[0].update(one("duckdns"))
    assume(secret.lower() not in "strange answer")
    assert secret not in outcome.said and "***" in outcome.said


def test_a_provider_that_spoils_what_it_is_not_told_says_so() -> None:
    left = {name: provider(name).CAPABILITIES.left_out for name in ENTRIES}
    assert left.pop("inwx") == LeftOut.HAZARD
    assert {name for name, how in left.items() if how == LeftOut.UNKNOWN} == {"dyndns2", "ipv64", "strato"}
