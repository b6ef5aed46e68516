from __future__ import annotations

import pytest

from plugins.module_utils.ddns.model import Call, Kind

from .dialogue import BOTH, SECRET, V4, V6, at, said

HOST = "home.casa.example"


@pytest.mark.parametrize(
    ("values", "myip", "myipv6"),
    [(BOTH, V4, V6), ({"ipv4": V4}, V4, "no"), ({"ipv6": V6}, "no", V6)],
)
def test_a_family_that_is_left_out_is_not_taken_from_the_connection(values: dict[str, str], myip: str, myipv6: str) -> None:
    """ddns-updater leaves it out, and Dynu then sets an A record of its own making."""
    asked, dialogue = at("dynu", said(f"good {V4}"))
    (outcome,) = asked.update(Call((HOST,), values))
    assert outcome.kind == Kind.GOOD and dialogue.place == "https://api.dynu.com/nic/update"
    assert dialogue.pairs == {"hostname": HOST, "myip": myip, "myipv6": myipv6}


def test_user_name_and_password_stay_out_of_the_url() -> None:
    asked, dialogue = at("dynu", said("nochg"))
    (outcome,) = asked.update(Call((HOST,), BOTH))
    assert outcome.kind == Kind.NOCHG and dialogue.login == f"ada:{SECRET}" and "ada" not in dialogue.asked[0].url


@pytest.mark.parametrize(
    ("host", "pairs"),
    [
        ("casa.example", {"hostname": "casa.example"}),
        ("home.casa.example", {"hostname": "casa.example", "alias": "home"}),
        ("a.home.casa.example", {"hostname": "casa.example", "alias": "a.home"}),
    ],
)
def test_a_name_in_a_domain_of_one_s_own_is_its_alias(host: str, pairs: dict[str, str]) -> None:
    asked, dialogue = at("dynu", said("good"), zone="casa.example")
    asked.update(Call((host,), {"ipv4": V4}))
    assert dialogue.pairs == {**pairs, "myip": V4, "myipv6": "no"}


def test_a_name_outside_of_the_domain_is_not_sent() -> None:
    asked, dialogue = at("dynu", zone="casa.example")
    (outcome,) = asked.update(Call(("home.villacasa.example",), {"ipv4": V4}))
    assert outcome.kind == Kind.NOT_FOUND and "casa.example" in outcome.said and not dialogue.asked


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("badauth", Kind.AUTH),
        ("notfqdn", Kind.NOT_FOUND),
        ("nohost", Kind.NOT_FOUND),
        ("!donator", Kind.NOT_ALLOWED),
        ("numhost", Kind.NOT_ALLOWED),
        ("abuse", Kind.ABUSE),
        ("unknown", Kind.NOT_ALLOWED),
    ],
)
def test_each_refusal_is_known(word: str, kind: Kind) -> None:
    assert at("dynu", said(word))[0].update(Call((HOST,), BOTH))[0].kind == kind


@pytest.mark.parametrize("word", ["911", "servererror", "dnserr"])
def test_its_trouble_lasts_ten_minutes(word: str) -> None:
    (outcome,) = at("dynu", said(word))[0].update(Call((HOST,), BOTH))
    assert (outcome.kind, outcome.retry_after) == (Kind.SERVER, 600)
