from __future__ import annotations

import pytest

from plugins.module_utils.ddns.model import CLEAR, Call, Kind
from plugins.module_utils.ddns.transport import Unreachable

from .dialogue import BOTH, SECRET, V4, V6, at, said

CASA = "casa.duckdns.org"
TXT = f"_acme-challenge.{CASA}"


@pytest.mark.proves("R01", "R02")
@pytest.mark.parametrize(
    ("values", "pairs"),
    [
        (BOTH, {"ip": V4, "ipv6": V6}),
        ({"ipv4": V4}, {"ip": V4}),
        ({"ipv6": V6}, {"ipv6": V6}),
        ({"ipv4": CLEAR, "ipv6": CLEAR}, {"clear": "true"}),
    ],
)
def test_the_addresses_of_a_name_are_set_or_both_taken_away(values: dict[str, str], pairs: dict[str, str]) -> None:
    asked, dialogue = at("duckdns", said("OK"))
    (outcome,) = asked.update(Call((CASA,), values))
    assert outcome.kind == Kind.GOOD and dialogue.place == "https://www.duckdns.org/update"
    assert dialogue.pairs == {"domains": "casa", "token": SECRET, **pairs, "verbose": "true"}


@pytest.mark.parametrize("values", [{"ipv4": V4, "ipv6": CLEAR}, {"ipv6": CLEAR}, {"ipv4": CLEAR}])
def test_one_address_is_not_taken_away_as_the_other_would_go_too(values: dict[str, str]) -> None:
    asked, dialogue = at("duckdns")
    (outcome,) = asked.update(Call((CASA,), values))
    assert outcome.kind == Kind.NOT_ALLOWED and "both" in outcome.said and not dialogue.asked


def test_names_below_a_name_and_its_wildcard_are_that_name_and_go_once() -> None:
    asked, dialogue = at("duckdns", said(f"OK\n{V4}\n{V6}\nUPDATED"))
    outcomes = asked.update(Call((f"*.{CASA}", f"media.home.{CASA}", CASA.upper(), "villa.duckdns.org"), BOTH))
    assert dialogue.pairs["domains"] == "casa,villa" and [outcome.kind for outcome in outcomes] == [Kind.GOOD] * 4


GONE = {"ipv4": CLEAR, "ipv6": CLEAR}


@pytest.mark.parametrize("host", [f"photos.{CASA}", f"*.{CASA}", f"A.b.{CASA.upper()}"])
def test_the_removal_of_a_name_below_does_not_take_the_name_itself(host: str) -> None:
    asked, dialogue = at("duckdns")
    (outcome,) = asked.update(Call((host,), GONE))
    assert outcome.kind == Kind.NOT_FOUND and CASA in outcome.said and not dialogue.asked


def test_beside_a_name_below_another_name_is_removed_all_the_same() -> None:
    asked, dialogue = at("duckdns", said("OK"))
    outcomes = asked.update(Call((f"photos.{CASA}", "villa.duckdns.org"), GONE))
    assert [outcome.kind for outcome in outcomes] == [Kind.NOT_FOUND, Kind.GOOD] and dialogue.pairs["domains"] == "villa"


def test_a_name_goes_together_with_those_below_it() -> None:
    asked, dialogue = at("duckdns", said("OK"))
    outcomes = asked.update(Call((f"*.{CASA}", CASA), GONE))
    assert [outcome.kind for outcome in outcomes] == [Kind.GOOD] * 2 and dialogue.pairs["domains"] == "casa"


@pytest.mark.parametrize("host", ["casa.example", "duckdns.org", "*.duckdns.org", "casa", "casa.duckdns.org.example", "notduckdns.org", ".duckdns.org"])
def test_a_name_of_somebody_else_is_not_sent(host: str) -> None:
    asked, dialogue = at("duckdns")
    (outcome,) = asked.update(Call((host,), BOTH))
    assert outcome.kind == Kind.NOT_FOUND and not dialogue.asked


@pytest.mark.parametrize(
    ("body", "kind", "echoed"),
    [
        (f"OK\n{V4}\n{V6}\nUPDATED", Kind.GOOD, BOTH),
        (f"OK\n{V4}\n\nNOCHANGE", Kind.NOCHG, {"ipv4": V4}),
        (f"OK\r\n\r\n{V6}\r\nUPDATED\r\n", Kind.GOOD, {"ipv6": V6}),
        ("OK\n\n\nUPDATED", Kind.GOOD, {}),
        ("OK", Kind.GOOD, {}),
        ("KO", Kind.AUTH, {}),
        ("KO\n", Kind.AUTH, {}),
        ("BOOK OK", Kind.UNKNOWN, {}),
        ("TOKEN EXPIRED", Kind.UNKNOWN, {}),
        ("OK\nsomething\nelse", Kind.UNKNOWN, {}),
        ("NOT OK", Kind.UNKNOWN, {}),
    ],
)
def test_an_answer_is_read_to_the_letter(body: str, kind: Kind, echoed: dict[str, str]) -> None:
    """inadyn takes any answer that holds OK for success, and "TOKEN" holds it too."""
    (outcome,) = at("duckdns", said(body))[0].update(Call((CASA,), BOTH))
    assert outcome.kind == kind and outcome.echoed == echoed


def test_ko_says_what_it_may_mean() -> None:
    assert "token is wrong, or a name is not in the account" in at("duckdns", said("KO"))[0].update(Call((CASA,), BOTH))[0].said


@pytest.mark.proves("R32")
@pytest.mark.parametrize("name", [TXT, f"_acme-challenge.media.{CASA}", f"{TXT}."])
def test_the_txt_record_of_a_challenge_is_written_for_the_name_that_the_account_has(name: str) -> None:
    asked, dialogue = at("duckdns", said("OK\nproof\nUPDATED"))
    outcome = asked.write_text(name, "proof")
    assert outcome.kind == Kind.GOOD and outcome.echoed == {}
    assert dialogue.pairs == {"domains": "casa", "token": SECRET, "txt": "proof", "verbose": "true"}


def test_taking_the_txt_record_away_leaves_the_addresses() -> None:
    asked, dialogue = at("duckdns", said("OK\n\nUPDATED"))
    assert asked.write_text(TXT, "").kind == Kind.GOOD
    assert dialogue.pairs["clear"] == "true" and dialogue.pairs["txt"], "clear without a text would take the addresses"


@pytest.mark.parametrize(("line", "kind"), [(said("KO"), Kind.AUTH), (Unreachable(f"down {SECRET}"), Kind.NETWORK), (said(f"x {SECRET}"), Kind.UNKNOWN)])
def test_a_txt_record_that_fails_says_why_without_the_token(line: object, kind: Kind) -> None:
    outcome = at("duckdns", line)[0].write_text(TXT, "proof")  # type: ignore[arg-type]
    assert outcome.kind == kind and "t0ken" not in outcome.said


@pytest.mark.parametrize(("name", "entry"), [("_acme-challenge.casa.example", {}), (TXT, {"token": ""})])
def test_a_txt_record_that_cannot_be_is_not_sent(name: str, entry: dict[str, str]) -> None:
    asked, dialogue = at("duckdns", **entry)
    assert asked.write_text(name, "proof").said.startswith("not sent") and not dialogue.asked
