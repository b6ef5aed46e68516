"""What is said of the address that an app shows."""

from __future__ import annotations

import pytest

from plugins.module_utils.probe.client import forged, judge, plain, told
from plugins.module_utils.probe.outcome import NotProven, Wrong

ECHO = {"path": "/", "header": "X-Forwarded-For"}
FORGED = "198.18.7.7"
PEERS = ["172.30.0.1", "192.168.1.10"]


def whoami(*values: str) -> str:
    return "\n".join(["Hostname: box", "RemoteAddr: 172.30.0.1:4711", "GET / HTTP/1.1", *(f"X-Forwarded-For: {value}" for value in values)])


def said(page: str, *own: str, vantage: str = "outside") -> str:
    return judge(page, ECHO, FORGED, own, PEERS, vantage)


@pytest.mark.parametrize(
    ("page", "own"),
    [
        (whoami("203.0.113.9"), ["203.0.113.9"]),
        (whoami("::ffff:203.0.113.9"), ["203.0.113.9"]),
        (whoami("[2001:db8::9]"), ["2001:DB8:0::9"]),
        (whoami("203.0.113.9"), ["10.0.0.5", "203.0.113.9"]),
        ('{\n  "X-Forwarded-For": ["203.0.113.9"],\n  "X": 1}', ["203.0.113.9"]),
        (whoami("127.0.0.1"), ["127.0.0.1"]),
    ],
)
def test_an_app_that_is_told_this_client_s_address_is_as_declared(page: str, own: list[str]) -> None:
    assert "which is this client" in said(page, *own)


@pytest.mark.parametrize(
    ("page", "own", "says"),
    [
        (whoami(FORGED), ["8.8.4.4"], "made up"),
        (whoami("8.8.4.4") + f"\nForwarded: for={FORGED}", ["8.8.4.4"], "made up"),
        (whoami("172.30.0.1"), ["8.8.4.4"], "the address of its proxy"),
        (whoami("192.168.1.10"), ["192.168.1.44"], "the address of its proxy"),
        (whoami("127.0.0.1"), ["8.8.4.4"], "the address of its proxy"),
        (whoami("8.8.4.4, 10.0.0.1"), ["8.8.4.4"], "in place of one address"),
        (whoami("8.8.4.4", "10.0.0.1"), ["8.8.4.4"], "in place of one address"),
        (whoami("unknown"), ["8.8.4.4"], "in place of one address"),
        (whoami("9.9.9.9"), ["8.8.4.4"], "in place of this client's 8.8.4.4"),
    ],
)
def test_any_other_address_than_this_client_s_is_a_failure_that_says_whose_it_is(page: str, own: list[str], says: str) -> None:
    with pytest.raises(Wrong, match=says) as caught:
        said(page, *own)
    assert not isinstance(caught.value, NotProven) and caught.value.advice


def test_a_client_behind_nat_can_only_say_whose_address_it_is_not() -> None:
    assert "stands behind NAT" in said(whoami("8.8.4.4"), "10.0.0.5")


@pytest.mark.parametrize("address", ["172.19.0.1", "192.168.1.1", "100.64.0.1", "fd00::1"])
def test_from_outside_no_address_of_a_network_s_inside_is_this_client(address: str) -> None:
    for own in ("10.0.0.4", "2a01::4"):
        with pytest.raises(Wrong, match="an address inside a network") as caught:
            judge(whoami(address), ECHO, FORGED, [own], PEERS, "outside", "93.184.216.34")
        assert not isinstance(caught.value, NotProven) and caught.value.advice
        with pytest.raises(NotProven):
            judge(whoami(address), ECHO, FORGED, [own if ":" not in own else "10.0.0.4"], PEERS, "controller", "93.184.216.34")
    assert "NAT" in judge(whoami(address), ECHO, FORGED, ["10.0.0.4"], PEERS, "outside", "192.168.1.10"), "a site that is private itself says nothing of it"


def test_at_home_an_address_of_the_router_is_not_held_against_the_proxy() -> None:
    with pytest.raises(NotProven, match="neither this client's address nor its proxy's") as caught:
        said(whoami("192.168.1.1"), "192.168.1.44", vantage="lan")
    assert "lan.yml" in caught.value.advice


def test_a_page_without_the_header_proves_nothing() -> None:
    with pytest.raises(NotProven):
        said("<h1>Welcome</h1>", "8.8.4.4")


def test_a_header_is_found_as_a_line_of_its_own_alone() -> None:
    assert told("My-X-Forwarded-For: 1.1.1.1\nX-Forwarded-For-2: 1.1.1.2\nx-forwarded-for: 1.1.1.3\r\n", "X-Forwarded-For") == ["1.1.1.3"]
    assert plain("no address") is None


def test_the_forged_address_is_nobody_s_and_new_each_time() -> None:
    assert len({forged() for _ in range(50)}) > 10 and all(address.startswith("198.18.") for address in (forged() for _ in range(50)))
