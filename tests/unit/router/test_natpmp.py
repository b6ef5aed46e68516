"""NAT-PMP, with a router on a socket (RFC 6886)."""

from __future__ import annotations

import struct
import time

import pytest

from plugins.module_utils.router.model import Mapping, RouterTrouble
from plugins.module_utils.router.natpmp import NatPmp

from .routers import HTTPS, Answer, mapped, natpmp, public


def test_the_router_tells_its_public_address_and_the_age_of_its_list() -> None:
    with natpmp(lambda request: [public("5.9.0.10", epoch=4711)]) as (port, asked):
        router = NatPmp("127.0.0.1", port=port)
        assert router.external_address() == "5.9.0.10" and router.since() == 4711
        assert asked == [b"\0\0"]


def test_a_mapping_is_asked_for_as_the_protocol_says() -> None:
    with natpmp(lambda request: [mapped(2, 443, 443, 3600)]) as (port, asked):
        assert NatPmp("127.0.0.1", port=port).add(HTTPS, 7200) == 3600
        assert asked == [struct.pack("!BBHHHI", 0, 2, 0, 443, 443, 7200)]


def test_a_mapping_is_taken_away_with_a_lifetime_and_a_port_of_zero() -> None:
    with natpmp(lambda request: [mapped(1, 53, 0, 0)]) as (port, asked):
        NatPmp("127.0.0.1", port=port).remove(Mapping(5353, "udp", "192.168.1.10", 53))
        assert asked == [struct.pack("!BBHHHI", 0, 1, 0, 53, 0, 0)]


def test_a_mapping_for_ever_is_asked_for_with_a_life_as_zero_would_take_it_away() -> None:
    with natpmp(lambda request: [mapped(2, 443, 443, 7200)]) as (port, asked):
        NatPmp("127.0.0.1", port=port).add(HTTPS, 0)
        assert asked[0][8:] == struct.pack("!I", 7200)


def test_another_port_than_the_one_asked_for_is_given_back() -> None:
    def answer(request: bytes) -> list[bytes]:
        return [mapped(2, 443, 0, 0) if request.endswith(b"\0\0\0\0") else mapped(2, 443, 444, 7200)]

    with natpmp(answer) as (port, asked):
        with pytest.raises(RouterTrouble, match="port 443 is taken already") as refused:
            NatPmp("127.0.0.1", port=port).add(HTTPS, 7200)
        assert refused.value.code == 718 and asked[-1] == struct.pack("!BBHHHI", 0, 2, 0, 443, 0, 0)


def test_a_lost_question_is_asked_again() -> None:
    heard: list[bytes] = []

    def answer(request: bytes) -> list[bytes]:
        heard.append(request)
        return [public()] if len(heard) > 1 else []

    with natpmp(answer) as (port, asked):
        began = time.monotonic()
        assert NatPmp("127.0.0.1", port=port).external_address() == "5.9.0.10"
        assert 0.2 < time.monotonic() - began < 0.7 and len(asked) == 2


def test_a_silent_router_is_given_up_after_three_questions_each_waited_for_twice_as_long() -> None:
    with natpmp(lambda request: []) as (port, asked):
        began = time.monotonic()
        with pytest.raises(RouterTrouble, match="does not answer NAT-PMP") as trouble:
            NatPmp("127.0.0.1", port=port).external_address()
        assert 1.6 < time.monotonic() - began < 2.5 and len(asked) == 3 and trouble.value.code == 0


def test_a_router_without_the_protocol_is_known_at_once() -> None:
    with natpmp(lambda request: []) as (port, _):
        pass
    began = time.monotonic()
    with pytest.raises(RouterTrouble, match="does not answer NAT-PMP"):
        NatPmp("127.0.0.1", port=port).external_address()
    assert time.monotonic() - began < 0.2


RESULTS = {1: "another version", 2: "not allowed", 3: "no address on the internet itself", 4: "no room", 5: "cannot do this", 99: "result 99"}


@pytest.mark.parametrize(("result", "words"), RESULTS.items())
def test_a_refusal_is_told_in_words(result: int, words: str) -> None:
    with natpmp(lambda request: [public(result=result)]) as (port, _), pytest.raises(RouterTrouble, match=words) as refused:
        NatPmp("127.0.0.1", port=port).external_address()
    assert refused.value.code == result


NOISE = {
    "an answer to another question": lambda request: [mapped(2, 443, 443, 60), public()],
    "an answer of another version": lambda request: [b"\2" + public()[1:], public()],
    "too little": lambda request: [b"\0\x80", public()],
}


@pytest.mark.parametrize("answer", NOISE.values(), ids=NOISE)
def test_what_is_no_answer_is_passed_over(answer: Answer) -> None:
    with natpmp(answer) as (port, _):
        assert NatPmp("127.0.0.1", port=port).external_address() == "5.9.0.10"


def test_an_answer_that_is_cut_short_is_not_taken_for_an_address() -> None:
    with natpmp(lambda request: [public()[:10]]) as (port, _), pytest.raises(RouterTrouble, match="10 bytes where 12"):
        NatPmp("127.0.0.1", port=port).external_address()


def test_an_answer_for_another_port_is_refused() -> None:
    with natpmp(lambda request: [mapped(2, 80, 443, 60)]) as (port, _), pytest.raises(RouterTrouble, match="answered for port 80"):
        NatPmp("127.0.0.1", port=port).add(HTTPS, 60)


def test_without_a_router_there_is_nobody_to_ask() -> None:
    with pytest.raises(RouterTrouble, match="none is known"):
        NatPmp("").external_address()
