from __future__ import annotations

import pytest

from plugins.module_utils.ddns.model import Call, Kind

from .dialogue import BOTH, SECRET, V4, V6, at, said

HOST = "home.casa.example"


@pytest.mark.parametrize(("values", "myip"), [(BOTH, f"{V4},{V6}"), ({"ipv4": V4}, V4), ({"ipv6": V6}, V6)])
def test_both_addresses_are_one_call(values: dict[str, str], myip: str) -> None:
    asked, dialogue = at("strato", said(f"good {V4}"))
    (outcome,) = asked.update(Call((HOST,), values))
    assert outcome.kind == Kind.GOOD and dialogue.place == "https://dyndns.strato.com/nic/update" and dialogue.login == f"casa.example:{SECRET}"
    assert dialogue.pairs == {"hostname": HOST, "myip": myip} and len(dialogue.asked) == 1


@pytest.mark.parametrize(
    ("word", "kind"),
    [("nochg", Kind.NOCHG), ("badauth", Kind.AUTH), ("nohost", Kind.NOT_FOUND), ("notfqdn", Kind.NOT_FOUND), ("badrequest", Kind.NOT_ALLOWED)],
)
def test_each_word_is_known(word: str, kind: Kind) -> None:
    """ddns-updater compares with the text "constants.Badauth", so a wrong password is an unknown answer to it and is tried for ever."""
    assert at("strato", said(word))[0].update(Call((HOST,), BOTH))[0].kind == kind


def test_abuse_is_a_wait_here_and_no_ban() -> None:
    (outcome,) = at("strato", said("abuse"))[0].update(Call((HOST,), BOTH))
    assert (outcome.kind, outcome.retry_after) == (Kind.RATE_LIMITED, 7200)
    (outcome,) = at("strato", said("abuse", retry_after="600"))[0].update(Call((HOST,), BOTH))
    assert outcome.retry_after == 600
