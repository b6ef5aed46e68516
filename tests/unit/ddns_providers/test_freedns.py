from __future__ import annotations

import hashlib

import pytest

from plugins.module_utils.ddns.model import CLEAR, Call, Kind
from plugins.module_utils.ddns.transport import Unreachable

from .dialogue import BOTH, SECRET, V4, V6, at, said

HOST = "home.casa.example"
LOGIN = {"token": "", "username": "ada", "password": SECRET}
URL = "https://freedns.afraid.org/dynamic/update.php?"
LIST = f"""home.casa.example|198.51.100.1|{URL}S0mekey4
home.casa.example|2001:0DB8:7:0::1|{URL}S0mekey6
New.casa.example|NULL|http://freedns.afraid.org/dynamic/update.php?S0mekeyN
foreign.casa.example|198.51.100.1|https://freedns.afraid.org.evil.example/update.php?k
odd.casa.example|198.51.100.1|https://[freedns.afraid.org/update.php?k
"""
V4_ONLY, V6_ONLY = {"ipv4": V4}, {"ipv6": V6}


def test_the_list_is_asked_for_with_a_hash_and_the_record_of_the_family_updated() -> None:
    for values, key in ((V4_ONLY, "S0mekey4"), (V6_ONLY, "S0mekey6")):
        (address,) = values.values()
        asked, dialogue = at("freedns", said(LIST), said(f"Updated 1 host(s) {HOST} to {address} in 0.2 seconds"), **LOGIN)
        (outcome,) = asked.update(Call((HOST,), values))
        listed, updated = (request.url for request in dialogue.asked)
        key_of_account = hashlib.sha1(f"ada|{SECRET}".encode(), usedforsecurity=False).hexdigest()
        assert listed == f"https://freedns.afraid.org/api/?action=getdyndns&v=2&sha={key_of_account}"
        assert updated == f"{URL}{key}&address={address}" and outcome.kind == Kind.GOOD and outcome.echoed == values


def test_what_is_set_already_is_no_second_call() -> None:
    asked, dialogue = at("freedns", said(LIST), **LOGIN)
    (outcome,) = asked.update(Call((HOST,), {"ipv6": "2001:db8:7::1"}))
    assert outcome.kind == Kind.NOCHG and len(dialogue.asked) == 1


def test_an_empty_record_takes_ipv4_over_https_alone() -> None:
    asked, dialogue = at("freedns", said(LIST), said(f"Updated 1 host(s) new.casa.example to {V4} in 0.2 seconds"), **LOGIN)
    assert asked.update(Call(("new.casa.example",), V4_ONLY))[0].kind == Kind.GOOD
    assert dialogue.asked[1].url.startswith("https://freedns.afraid.org/dynamic/update.php?S0mekeyN&")
    (outcome,) = at("freedns", said(LIST), **LOGIN)[0].update(Call(("new.casa.example",), V6_ONLY))
    assert outcome.kind == Kind.NOT_FOUND and "no such record" in outcome.said


@pytest.mark.parametrize("host", ["foreign.casa.example", "odd.casa.example"])
def test_the_list_cannot_lead_to_a_foreign_server(host: str) -> None:
    asked, dialogue = at("freedns", said(LIST), **LOGIN)
    assert asked.update(Call((host,), V4_ONLY))[0].kind == Kind.UNKNOWN and len(dialogue.asked) == 1


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (said("ERROR: Could not authenticate."), Kind.AUTH),
        (said("Failed authenticating to fetch API keys"), Kind.AUTH),
        (said("", 503), Kind.SERVER),
        (said("<html><title>x</title>"), Kind.UNKNOWN),
        (Unreachable("down"), Kind.NETWORK),
        (said("other.casa.example|198.51.100.1|" + URL + "k"), Kind.NOT_FOUND),
    ],
)
def test_without_a_list_nothing_is_updated(line: object, kind: Kind) -> None:
    asked, dialogue = at("freedns", line, **LOGIN)  # type: ignore[arg-type]
    assert asked.update(Call((HOST,), V4_ONLY))[0].kind == kind and len(dialogue.asked) == 1


ANSWERS = [
    (f"Updated {HOST} from 198.51.100.1 to {V4}", Kind.GOOD, {"ipv4": V4}),
    (f"No IP change detected for {HOST} with IP {V4}, skipping update", Kind.NOCHG, {"ipv4": V4}),
    (f"ERROR: Address {V4} has not changed.", Kind.NOCHG, {"ipv4": V4}),
    ("Updated home.casa.example from 198.51.100.1 to 203.0.113.9.", Kind.GOOD, {"ipv4": "203.0.113.9"}),
    ("ERROR: Unable to locate this record", Kind.NOT_ALLOWED, {}),
    ("Couldn't find that key", Kind.NOT_ALLOWED, {}),
    ("fail, 198.51.100.7", Kind.UNKNOWN, {}),
    (f"Not Updated {HOST} to {V4}", Kind.UNKNOWN, {}),
]


@pytest.mark.parametrize(("body", "kind", "echoed"), ANSWERS)
@pytest.mark.parametrize("entry", [{}, LOGIN])
def test_an_answer_is_read_from_its_beginning(body: str, kind: Kind, echoed: dict[str, str], entry: dict[str, str]) -> None:
    """inadyn takes any answer that holds the address for success."""
    (outcome,) = at("freedns", *([said(LIST)] if entry else []), said(body), **entry)[0].update(Call((HOST,), V4_ONLY))
    assert outcome.kind == kind and outcome.echoed == echoed


@pytest.mark.parametrize(("values", "place"), [(V4_ONLY, "sync.afraid.org"), (V6_ONLY, "v6.sync.afraid.org")])
def test_a_token_is_for_one_record_at_the_server_of_its_family(values: dict[str, str], place: str) -> None:
    asked, dialogue = at("freedns", said("No IP change detected for x with IP 1"), token="S0me/token")
    asked.update(Call((HOST,), values))
    assert dialogue.asked[0].url == f"https://{place}/u/S0me%2Ftoken/?address={next(iter(values.values()))}"
    assert asked.update(Call((HOST, "b.casa.example"), values))[0].said.startswith("not sent")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (f"Updated {HOST} from 198.51.100.1 to {V4}", Kind.GOOD),
        (f"Updated {HOST.upper()}. from 198.51.100.1 to {V4}", Kind.GOOD),
        (f"No IP change detected for {HOST} with IP {V4}, skipping update", Kind.NOCHG),
        (f"ERROR: Address {V4} has not changed.", Kind.NOCHG),
        (f"Updated other.casa.example from 198.51.100.1 to {V4}", Kind.NOT_FOUND),
        (f"Updated my.{HOST} from 198.51.100.1 to {V4}", Kind.NOT_FOUND),
        (f"Updated {HOST}.org from 198.51.100.1 to {V4}", Kind.NOT_FOUND),
        (f"No IP change detected for other.casa.example with IP {V4}, skipping update", Kind.NOT_FOUND),
    ],
)
def test_a_token_that_is_for_another_name_is_no_success(body: str, kind: Kind) -> None:
    (outcome,) = at("freedns", said(body))[0].update(Call((HOST,), V4_ONLY))
    assert outcome.kind == kind and (kind != Kind.NOT_FOUND or "username" in outcome.said)


def test_keys_of_records_and_of_the_account_do_not_come_back() -> None:
    key = hashlib.sha1(f"ada|{SECRET}".encode(), usedforsecurity=False).hexdigest()
    asked, _ = at("freedns", said(LIST), said(f"ERROR: S0mekey4 {key} {SECRET}"), **LOGIN)
    (outcome,) = asked.update(Call((HOST,), V4_ONLY))
    assert outcome.said == "ERROR: *** *** ***"


@pytest.mark.parametrize(("family", "address"), [("ipv4", "198.51.100.1"), ("ipv6", "2001:db8:7::1")])
def test_the_list_tells_what_is_set(family: str, address: str) -> None:
    assert at("freedns", said(LIST), **LOGIN)[0].current(HOST, family) == address
    assert at("freedns", said(LIST), **LOGIN)[0].current("new.casa.example", family) == CLEAR
    assert at("freedns")[0].current(HOST, family) is None, "a token cannot be asked"


@pytest.mark.parametrize("line", [Unreachable(f"down {SECRET}"), said(f"ERROR: {SECRET}")])
def test_a_list_that_is_not_given_is_said_without_the_password(line: object) -> None:
    with pytest.raises(Unreachable) as failed:
        at("freedns", line, **LOGIN)[0].current(HOST, "ipv4")  # type: ignore[arg-type]
    assert "t0ken" not in str(failed.value) and "list of records" in str(failed.value)


@pytest.mark.parametrize("entry", [{"token": ""}, {"token": "", "username": "ada"}])
def test_one_of_the_two_ways_is_needed(entry: dict[str, str]) -> None:
    asked, dialogue = at("freedns", **entry)
    assert asked.update(Call((HOST,), BOTH))[0].kind == Kind.AUTH and not dialogue.asked
