from __future__ import annotations

import pytest

from plugins.module_utils.ddns.model import Call, Kind

from .dialogue import BOTH, SECRET, V4, V6, at, said

HOST = "home.casa.example"


@pytest.mark.parametrize(("host", "values"), [(HOST, {"ipv4": V4}), (HOST, {"ipv6": V6}), ("*.casa.example", {"ipv4": V4})])
def test_a_name_is_its_own_user_and_each_family_a_call(host: str, values: dict[str, str]) -> None:
    address = next(iter(values.values()))
    asked, dialogue = at("he", said(f"good {address}"))
    (outcome,) = asked.update(Call((host,), values))
    assert outcome.kind == Kind.GOOD and outcome.echoed == values
    assert dialogue.place == "https://dyn.dns.he.net/nic/update" and dialogue.login == f"{host}:{SECRET}"
    assert dialogue.pairs == {"hostname": host, "myip": address}


def test_both_families_never_go_together_as_that_is_a_bad_address_to_it() -> None:
    asked, dialogue = at("he")
    assert asked.update(Call((HOST,), BOTH))[0].kind == Kind.NOT_ALLOWED and not dialogue.asked


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        (f"nochg {V4}", Kind.NOCHG),
        ("badauth", Kind.AUTH),
        ("nohost", Kind.NOT_FOUND),
        ("abuse", Kind.ABUSE),
        ("badsys", Kind.NOT_ALLOWED),
        ("badip", Kind.NOT_ALLOWED),
    ],
)
def test_each_word_is_known_though_http_says_200(word: str, kind: Kind) -> None:
    assert at("he", said(word))[0].update(Call((HOST,), {"ipv4": V4}))[0].kind == kind


def test_an_address_that_differs_from_the_one_sent_is_handed_on() -> None:
    (outcome,) = at("he", said("good 203.0.113.9"))[0].update(Call((HOST,), {"ipv4": V4}))
    assert outcome.echoed == {"ipv4": "203.0.113.9"}
