"""Answers in the words of dyndns2, among them the dozen cases that ddclient tests itself with."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.module_utils.ddns.model import Kind
from plugins.module_utils.ddns.providers import answers
from plugins.module_utils.ddns.transport import Response

from .dialogue import V4, V6, said

G, N, H, U, A = Kind.GOOD, Kind.NOCHG, Kind.NOT_FOUND, Kind.UNKNOWN, Kind.AUTH


@pytest.mark.parametrize(
    ("body", "kinds"),
    [
        (f"good {V4}", [G]),
        (f"nochg {V4}", [N]),
        ("nohost", [H]),
        ("something else", [U]),
        (f"good {V4}\ngood {V4}", [G, G]),
        (f"good {V4}\r\nnohost\r\n", [G, H]),
        (f"nohost\nnochg {V4}", [H, N]),
        ("badauth", [A, A]),
        (f"good {V4}", [G, G]),
        (f"good {V4}\nnochg {V4}", [G, N, U]),
        (f"good {V4}\ngood {V4}\ngood {V4}", [G, G]),
        (f"\n  good {V4}  \n\n", [G]),
        ("", [U, U]),
    ],
)
def test_each_name_gets_its_line(body: str, kinds: list[Kind]) -> None:
    assert [outcome.kind for outcome in answers.read(said(body), len(kinds))] == kinds


@pytest.mark.parametrize("status", [200, 301, 400, 401, 403, 404, 500, 503])
@pytest.mark.parametrize("word", answers.WORDS)
def test_the_word_counts_whatever_the_http_status(word: str, status: int) -> None:
    """ddclient and ddns-updater drop the body of what is not 2xx, and with it a 911 that came with HTTP 500."""
    (outcome,) = answers.read(said(f"{word}\n", status), 1)
    assert outcome.kind == answers.WORDS[word] and outcome.said == word


@pytest.mark.parametrize(
    ("rest", "echoed"),
    [
        ("", {}),
        (f" {V4}", {"ipv4": V4}),
        (f" {V4},{V6}", {"ipv4": V4, "ipv6": V6}),
        (f" {V6}, {V4}", {"ipv4": V4, "ipv6": V6}),
        (f" {V4} {V6}", {"ipv4": V4, "ipv6": V6}),
        (" 2001:DB8:0007:0:0:0:0:7", {"ipv6": V6}),
        (" 198.051.100.007", {}),
        (" the address", {}),
    ],
)
def test_the_address_that_was_set_is_handed_on(rest: str, echoed: dict[str, str]) -> None:
    for word in ("good", "nochg"):
        assert answers.read(said(word + rest), 1)[0].echoed == echoed


def test_good_for_an_address_that_nobody_sent_is_a_barred_program() -> None:
    assert answers.read(said("good 127.0.0.1"), 1, [V4])[0].kind == Kind.BAD_AGENT
    assert answers.read(said("good 127.0.0.1"), 1, ["127.0.0.1"])[0].kind == Kind.GOOD


@pytest.mark.parametrize(("word", "seconds"), [("w30s", 30), ("w5m", 300), ("w2h", 7200)])
def test_a_time_to_wait_is_read(word: str, seconds: float) -> None:
    (outcome,) = answers.read(said(word), 1)
    assert (outcome.kind, outcome.retry_after) == (Kind.RATE_LIMITED, seconds)


def test_the_provider_s_own_time_counts_before_that_of_the_table() -> None:
    assert answers.read(said("911"), 1, wait=1800)[0].retry_after == 1800
    assert answers.read(said("911", retry_after="60"), 1, wait=1800)[0].retry_after == 60
    assert answers.read(said("badauth", retry_after="60"), 1, wait=1800)[0].retry_after is None


@given(st.binary(max_size=300), st.integers(100, 599), st.integers(1, 5), st.dictionaries(st.sampled_from(["retry-after", "date"]), st.text(max_size=40)))
def test_no_answer_breaks_the_reading(body: bytes, status: int, count: int, headers: dict[str, str]) -> None:
    outcomes = answers.read(Response(status, headers, body), count, [V4])
    assert len(outcomes) == count and all(outcome.retry_after is None or outcome.retry_after >= 0 for outcome in outcomes)
