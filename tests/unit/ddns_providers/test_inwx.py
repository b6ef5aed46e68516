from __future__ import annotations

import pytest

from plugins.module_utils.ddns.model import CLEAR, Call, Kind, LeftOut
from plugins.module_utils.ddns.providers.inwx import Inwx

from .dialogue import BOTH, SECRET, V4, V6, at, said

HOST = "home.casa.example"


def test_both_addresses_go_and_the_name_does_not_as_the_account_has_it() -> None:
    asked, dialogue = at("inwx", said(f"good {V4}"))
    (outcome,) = asked.update(Call((HOST,), BOTH))
    assert outcome.kind == Kind.GOOD and dialogue.place == "https://dyndns.inwx.com/nic/update" and dialogue.login == f"ada:{SECRET}"
    assert dialogue.pairs == {"myip": V4, "myipv6": V6}


def test_an_ipv6_address_alone_is_not_sent_as_the_a_record_would_become_127_0_0_1() -> None:
    """ddns-updater sends each family by itself."""
    assert Inwx.CAPABILITIES.left_out == LeftOut.HAZARD
    asked, dialogue = at("inwx")
    (outcome,) = asked.update(Call((HOST,), {"ipv6": V6}))
    assert outcome.kind == Kind.UNKNOWN and "127.0.0.1" in outcome.said and not dialogue.asked


def test_an_account_for_ipv6_alone_gets_it() -> None:
    asked, dialogue = at("inwx", said("good"), ipv6_only="true")
    asked.update(Call((HOST,), {"ipv6": V6}))
    assert dialogue.pairs == {"myipv6": V6}


@pytest.mark.parametrize("entry", ["true", "false"])
def test_without_any_address_nothing_is_sent(entry: str) -> None:
    asked, dialogue = at("inwx", ipv6_only=entry)
    (outcome,) = asked.update(Call((HOST,), {"ipv6": CLEAR}))
    assert outcome.kind == Kind.UNKNOWN and not dialogue.asked


@pytest.mark.parametrize("values", [{"ipv4": V4, "ipv6": CLEAR}, {"ipv4": V4}])
def test_an_aaaa_record_goes_by_not_being_named(values: dict[str, str]) -> None:
    asked, dialogue = at("inwx", said("good"))
    (outcome,) = asked.update(Call((HOST,), values))
    assert outcome.kind == Kind.GOOD and dialogue.pairs == {"myip": V4}


@pytest.mark.parametrize(
    ("word", "kind"), [("nochg", Kind.NOCHG), ("badauth", Kind.AUTH), ("nohost", Kind.NOT_FOUND), ("abuse", Kind.ABUSE), ("911", Kind.SERVER)]
)
def test_each_word_is_known_though_http_says_200(word: str, kind: Kind) -> None:
    assert at("inwx", said(word))[0].update(Call((HOST,), BOTH))[0].kind == kind
