from __future__ import annotations

import pytest

from plugins.module_utils.ddns.model import Call, Kind

from .dialogue import SECRET, V4, V6, at, said

HOST = "home.casa.example"


@pytest.mark.parametrize("values", [{"ipv4": V4}, {"ipv6": V6}])
def test_either_family_goes_by_itself(values: dict[str, str]) -> None:
    asked, dialogue = at("ovh", said(f"good {values.get('ipv4') or V6}"))
    (outcome,) = asked.update(Call((HOST,), values))
    assert outcome.kind == Kind.GOOD and outcome.echoed == values
    assert dialogue.place == "https://dns.eu.ovhapis.com/nic/update" and dialogue.login == f"casa.example-home:{SECRET}"
    assert dialogue.pairs == {"system": "dyndns", "hostname": HOST, "myip": next(iter(values.values()))}


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("nochg", Kind.NOCHG),
        ("nohost", Kind.NOT_FOUND),
        ("notfqdn", Kind.NOT_FOUND),
        ("badrequest", Kind.NOT_ALLOWED),
        ("badauth", Kind.AUTH),
        ("911", Kind.SERVER),
    ],
)
def test_each_word_is_known(word: str, kind: Kind) -> None:
    assert at("ovh", said(word))[0].update(Call((HOST,), {"ipv4": V4}))[0].kind == kind
