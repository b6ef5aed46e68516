from __future__ import annotations

import pytest

from plugins.module_utils.ddns.model import CLEAR, Call, Kind

from .dialogue import BOTH, SECRET, V4, V6, at, said

HOST = "casa.dynv6.net"
NET = "2001:db8:7::/56"


@pytest.mark.parametrize(
    ("call", "pairs"),
    [
        (Call((HOST,), BOTH), {"ipv4": V4, "ipv6": V6}),
        (Call((HOST,), {"ipv4": V4}), {"ipv4": V4}),
        (Call((HOST,), {"ipv6": V6}), {"ipv6": V6}),
        (Call((HOST,), {"ipv4": CLEAR}), {"ipv4": "-"}),
        (Call((HOST,), {"ipv4": CLEAR, "ipv6": V6}), {"ipv4": "-", "ipv6": V6}),
        (Call((HOST,), {}, prefix=NET), {"ipv6prefix": NET}),
    ],
)
def test_what_is_not_named_stays(call: Call, pairs: dict[str, str]) -> None:
    asked, dialogue = at("dynv6", said("addresses updated"))
    (outcome,) = asked.update(call)
    assert outcome.kind == Kind.GOOD and dialogue.place == "https://dynv6.com/api/update"
    assert dialogue.pairs == {"zone": HOST, "token": SECRET, **pairs}


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        ("addresses unchanged", 200, Kind.NOCHG),
        ("addresses unchanged\n", 200, Kind.NOCHG),
        ("invalid authentication token", 401, Kind.AUTH),
        ("zone not found", 404, Kind.NOT_FOUND),
        ("invalid address", 422, Kind.NOT_ALLOWED),
        ("addresses not updated", 200, Kind.UNKNOWN),
        ("", 200, Kind.UNKNOWN),
        ("addresses", 200, Kind.UNKNOWN),
    ],
)
def test_what_the_body_says_counts_and_http_200_is_not_enough(body: str, status: int, kind: Kind) -> None:
    """ddns-updater takes HTTP 200 for success, inadyn any text that holds the word."""
    (outcome,) = at("dynv6", said(body, status))[0].update(Call((HOST,), BOTH))
    assert outcome.kind == kind and body.strip() in outcome.said
