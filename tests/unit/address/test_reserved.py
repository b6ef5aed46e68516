"""Which addresses are the internet's, and how a text becomes an address."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.module_utils.address.model import IPV4, IPV6
from plugins.module_utils.address.prefix import combine
from plugins.module_utils.address.reserved import kind, parse, unfit

KINDS = {
    "10.0.0.1": "private",
    "172.31.255.255": "private",
    "172.32.0.1": "",
    "100.63.255.255": "",
    "100.64.0.0": "shared",
    "100.127.255.255": "shared",
    "100.128.0.0": "",
    "192.0.0.5": "ds_lite",
    "192.0.0.170": "special",
    "255.255.255.255": "special",
    "8.8.8.8": "",
    "104.20.1.1": "cdn",
    "2a01:4f8::1": "",
    "2606:4700:4700::1111": "cdn",
    "fd12::1": "private",
    "fe80::1": "link",
    "::1": "host",
    "ff02::1": "special",
    "64:ff9b::808:808": "special",
    "2001:db8::1": "documentation",
    "2001:0:1::": "special",
    "2002:102:304::1": "special",
    "3fff::1": "documentation",
}


@pytest.mark.parametrize(("address", "what"), KINDS.items())
def test_an_address_is_known_for_what_it_is(address: str, what: str) -> None:
    assert kind(address) == what
    assert bool(unfit(address)) is bool(what)


@given(st.ip_addresses())
def test_whatever_python_calls_private_or_reserved_is_never_taken_for_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    if not address.is_global or address.is_multicast:
        assert unfit(str(address))


TEXTS = [
    "",
    "<html>5.9.0.1</html>",
    "5.9.0.1 ",
    "5.9.0",
    "5.9.0.1/24",
    "05.9.0.1",
    "5.9.0.256",
    "\u0665.9.0.1",
    "5.9.0.1%eth0",
    "2a01::1",
    "null",
    "5.9.0.1\n5.9.0.2",
]


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_not_one_ipv4_address_and_nothing_besides_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse(text, IPV4)


@pytest.mark.parametrize("text", ["5.9.0.1", "::ffff:5.9.0.1", "fe80::1%eth0", "2a01:::1", "[2a01::1]"])
def test_what_is_not_one_ipv6_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse(text, IPV6)


def test_an_address_is_spelled_in_one_way() -> None:
    assert parse("2A01:04F8:0000::0010", IPV6) == "2a01:4f8::10"


@given(st.ip_addresses(v=6), st.integers(1, 127), st.data())
def test_a_prefix_and_an_end_make_an_address_with_both(address: ipaddress.IPv6Address, length: int, data: st.DataObject) -> None:
    end = ipaddress.IPv6Address(data.draw(st.integers(0, 2 ** (128 - length) - 1)))
    made = ipaddress.IPv6Address(combine(str(address), str(end), length))
    assert made in ipaddress.ip_network((address, length), strict=False)
    assert int(made) & (2 ** (128 - length) - 1) == int(end)


def test_a_mac_address_makes_the_end_that_slaac_makes() -> None:
    # RFC 4291, appendix A: 34-56-78-9A-BC-DE becomes 36-56-78-FF-FE-9A-BC-DE
    assert combine("2a01:4f8:1:2::", "34:56:78:9a:bc:de") == "2a01:4f8:1:2:3656:78ff:fe9a:bcde"
