from __future__ import annotations

import json

import pytest

from plugins.module_utils.ddns.model import Call, Kind
from plugins.module_utils.ddns.providers.ipv64 import Ipv64

from .dialogue import BOTH, SECRET, V4, V6, at, said

HOSTS = ("home.casa.example", "www.casa.example")
NET = "2001:db8:7::/64"


@pytest.mark.parametrize(
    ("call", "pairs"),
    [
        (Call(HOSTS, BOTH), {"ip": V4, "ip6": V6}),
        (Call(HOSTS, {"ipv4": V4}), {"ip": V4}),
        (Call(HOSTS, {"ipv6": V6}), {"ip6": V6}),
        (Call(HOSTS, {"ipv4": V4}, prefix=NET), {"ip": V4, "ipv6prefix": NET}),
        (Call(HOSTS, {}, prefix=NET), {"ipv6prefix": NET, "onlyprefix": "1"}),
    ],
)
def test_addresses_and_prefix_go_for_all_names_at_once(call: Call, pairs: dict[str, str]) -> None:
    asked, dialogue = at("ipv64", said("good"))
    assert [outcome.kind for outcome in asked.update(call)] == [Kind.GOOD, Kind.GOOD]
    assert dialogue.place == "https://ipv64.net/nic/update" and dialogue.pairs == {"domain": ",".join(HOSTS), **pairs}
    assert dialogue.asked[0].headers["Authorization"] == f"Bearer {SECRET.encode().decode('latin-1')}"


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        (f"nochg {V4}", 200, Kind.NOCHG),
        ("badauth", 200, Kind.AUTH),
        ("badauth", 401, Kind.AUTH),
        ("nohost", 200, Kind.NOT_FOUND),
        ("abuse", 200, Kind.ABUSE),
        ("911", 200, Kind.SERVER),
        (json.dumps({"info": "good", "status": "200 OK"}), 200, Kind.GOOD),
        (json.dumps({"info": "nochg", "status": "200 OK"}), 200, Kind.NOCHG),
        (json.dumps({"info": "success", "status": "202 Accepted"}), 200, Kind.GOOD),
        (json.dumps({"info": "success", "status": "403 Forbidden"}), 200, Kind.UNKNOWN),
        (json.dumps({"info": "Unauthorized", "status": "401 Unauthorized"}), 401, Kind.AUTH),
        (json.dumps({"info": "Update limit reached"}), 429, Kind.RATE_LIMITED),
        (json.dumps({"info": ["good"]}), 200, Kind.UNKNOWN),
        (json.dumps({}), 200, Kind.UNKNOWN),
        (json.dumps(["good"]), 200, Kind.UNKNOWN),
        ("{" * 5000, 200, Kind.UNKNOWN),
    ],
)
def test_what_the_body_says_counts_and_http_200_is_not_enough(body: str, status: int, kind: Kind) -> None:
    """ddns-updater and inadyn take HTTP 200 for success."""
    assert at("ipv64", said(body, status))[0].update(Call(HOSTS[:1], BOTH))[0].kind == kind


def test_its_quota_is_known() -> None:
    assert Ipv64.CAPABILITIES.daily == 48 and Ipv64.CAPABILITIES.interval * 3 >= 10
