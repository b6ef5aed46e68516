"""Which calls are made of what is wanted: what a provider would spoil is never left to chance."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.module_utils.ddns.model import CLEAR, FAMILIES, IPV4, IPV6, Call, Capabilities, LeftOut
from plugins.module_utils.ddns.plan_calls import calls

A, B = "203.0.113.7", "203.0.113.8"
A6, B6 = "2001:db8:1::5", "2001:db8:2::5"
HOSTS = ["a.example", "b.example", "c.example", "*.a.example"]

CAPABILITIES = st.builds(
    Capabilities,
    families=st.sampled_from([FAMILIES, (IPV4,), (IPV6,)]),
    together=st.booleans(),
    most_hosts=st.integers(1, 3),
    left_out=st.sampled_from(LeftOut),
    clear=st.sampled_from([(), FAMILIES, (IPV4,), (IPV6,)]),
    clear_together=st.booleans(),
    wildcard=st.booleans(),
    prefix=st.booleans(),
).filter(lambda can: (can.together or can.left_out == LeftOut.UNTOUCHED) and set(can.clear) <= set(can.families))
VALUES = st.fixed_dictionaries({}, optional={IPV4: st.sampled_from([A, B, CLEAR]), IPV6: st.sampled_from([A6, B6, CLEAR, "2001:db8:2::/56"])})
NAMES = st.dictionaries(st.sampled_from(HOSTS), VALUES, max_size=4)
KNOWN = st.fixed_dictionaries({}, optional={IPV4: st.sampled_from([A, CLEAR]), IPV6: st.sampled_from([A6, CLEAR])})


def said(call: Call) -> dict[str, str]:
    return {**call.values, **({IPV6: call.prefix} if call.prefix else {})}


@settings(max_examples=300, deadline=None)
@given(NAMES, st.dictionaries(st.sampled_from(HOSTS), KNOWN), CAPABILITIES)
def test_every_wanted_record_is_in_one_call_or_one_refusal(wanted: dict, known: dict, can: Capabilities) -> None:
    planned, refusals = calls(wanted, known, can)
    sent = [(host, family, value) for call in planned for host in call.hosts for family, value in said(call).items()]
    assert len(sent) == len({(host, family) for host, family, _ in sent})
    places = {(host, family): value for host, family, value in sent}
    refused = [(refusal.host, refusal.family) for refusal in refusals]
    assert len(refused) == len(set(refused)) and not set(refused) & set(places)
    for host, values in wanted.items():
        for family, value in values.items():
            assert places.get((host, family)) == value or (host, family) in refused


@settings(max_examples=300, deadline=None)
@given(NAMES, st.dictionaries(st.sampled_from(HOSTS), KNOWN), CAPABILITIES)
def test_what_was_not_wanted_is_said_only_as_it_is(wanted: dict, known: dict, can: Capabilities) -> None:
    for call in calls(wanted, known, can)[0]:
        for host in call.hosts:
            for family, value in said(call).items():
                if family not in wanted[host]:
                    assert known[host][family] == value


@settings(max_examples=300, deadline=None)
@given(NAMES, st.dictionaries(st.sampled_from(HOSTS), KNOWN), CAPABILITIES)
def test_no_call_asks_for_more_than_the_provider_can(wanted: dict, known: dict, can: Capabilities) -> None:
    for call in calls(wanted, known, can)[0]:
        values = said(call)
        assert 1 <= len(call.hosts) <= can.most_hosts and values
        assert set(values) <= set(can.families) or can.clear_together
        assert can.together or len(values) == 1 or can.clear_together and set(values.values()) == {CLEAR}
        assert can.prefix or not call.prefix
        assert can.wildcard or not any(host.startswith("*.") for host in call.hosts)
        assert set(values.values()) == {CLEAR} or not (can.clear_together and CLEAR in values.values())


@settings(max_examples=300, deadline=None)
@given(NAMES, st.dictionaries(st.sampled_from(HOSTS), KNOWN), CAPABILITIES)
def test_a_provider_that_spoils_what_it_is_not_told_is_told_both_families(wanted: dict, known: dict, can: Capabilities) -> None:
    if can.left_out == LeftOut.HAZARD and can.families == FAMILIES:
        for call in calls(wanted, known, can)[0]:
            for host in call.hosts:
                assert set(said(call)) == set(FAMILIES) or (set(said(call)) == {IPV4} and known[host][IPV6] == CLEAR)


def test_names_that_get_the_same_share_calls_of_the_provider_s_size() -> None:
    wanted = {f"{letter}.example": {IPV4: A, IPV6: A6} for letter in "abcde"}
    planned, _ = calls(wanted, {}, Capabilities(most_hosts=2))
    assert [call.hosts for call in planned] == [("a.example", "b.example"), ("c.example", "d.example"), ("e.example",)]


def test_families_go_apart_where_the_provider_refuses_them_together() -> None:
    planned, _ = calls({"a.example": {IPV4: A, IPV6: A6}}, {}, Capabilities(together=False))
    assert [call.values for call in planned] == [{IPV4: A}, {IPV6: A6}]


HAZARD = Capabilities(left_out=LeftOut.HAZARD)


def test_the_family_that_did_not_change_goes_along_where_it_would_be_deleted() -> None:
    planned, refusals = calls({"a.example": {IPV4: B}}, {"a.example": {IPV4: A, IPV6: A6}}, HAZARD)
    assert [call.values for call in planned] == [{IPV4: B, IPV6: A6}] and not refusals


def test_a_home_without_ipv6_is_not_asked_for_an_address_of_it() -> None:
    planned, refusals = calls({"a.example": {IPV4: B}}, {"a.example": {IPV6: CLEAR}}, HAZARD)
    assert [call.values for call in planned] == [{IPV4: B}] and not refusals


@pytest.mark.parametrize(("known", "passing", "words"), [({}, True, "not known now"), ({IPV4: CLEAR}, False, "of its own making")])
def test_nothing_is_sent_where_the_other_family_would_be_spoilt(known: dict, passing: bool, words: str) -> None:
    planned, refusals = calls({"a.example": {IPV6: B6}}, {"a.example": known}, HAZARD)
    assert not planned
    assert [(refusal.family, refusal.passing) for refusal in refusals] == [(IPV6, passing)] and words in refusals[0].text


BOTH_AT_ONCE = Capabilities(clear=FAMILIES, clear_together=True)


def test_one_address_is_not_removed_where_the_provider_takes_both() -> None:
    planned, refusals = calls({"a.example": {IPV6: CLEAR}}, {"a.example": {IPV4: A, IPV6: A6}}, BOTH_AT_ONCE)
    assert not planned and "IPv4 would go with it" in refusals[0].text


def test_both_addresses_are_removed_in_one_call_where_the_provider_takes_both() -> None:
    planned, refusals = calls({"a.example": {IPV4: CLEAR, IPV6: CLEAR}}, {}, BOTH_AT_ONCE)
    assert [call.values for call in planned] == [{IPV4: CLEAR, IPV6: CLEAR}] and not refusals


@pytest.mark.parametrize(
    ("host", "family", "value", "can", "words"),
    [
        ("a.example", IPV6, A6, Capabilities(families=(IPV4,)), "keeps no IPv6 address"),
        ("*.a.example", IPV4, A, Capabilities(), "takes no wildcard: name a.example"),
        ("a.example", IPV4, CLEAR, Capabilities(), "cannot remove an A record"),
        ("a.example", IPV6, "2001:db8::/56", Capabilities(), "cannot change an IPv6 prefix alone"),
    ],
)
def test_what_a_provider_cannot_do_is_said_and_not_tried(host: str, family: str, value: str, can: Capabilities, words: str) -> None:
    planned, refusals = calls({host: {family: value}}, {}, can)
    assert not planned and words in refusals[0].text and not refusals[0].passing


def test_a_prefix_goes_beside_the_addresses() -> None:
    planned, _ = calls({"a.example": {IPV4: A, IPV6: "2001:db8:2::/56"}}, {}, Capabilities(prefix=True))
    assert planned == [Call(("a.example",), {IPV4: A}, "2001:db8:2::/56")]
