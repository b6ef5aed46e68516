"""What is taken for a name of the home network, and how each kind of server is told it."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.module_utils.lan_names.block import BEGIN, END, Torn, lines_of, with_block
from plugins.module_utils.lan_names.records import Record, Refused, dnsmasq_lines, hosts_lines, records, unbound_lines

HOME = Record("home.example.org", ("192.168.1.10", "fd00::10"))
CLOUD = Record("cloud.example.org", ("192.168.1.11",))


def test_names_are_in_the_form_of_dns_and_addresses_in_their_short_form_with_ipv4_first() -> None:
    given = [
        {"name": "Home.Example.ORG.", "addresses": ["FD00:0::10", "192.168.1.10", "fd00::10"]},
        {"name": "cloud.example.org", "addresses": ["192.168.1.11"]},
    ]
    assert records(given) == [CLOUD, HOME]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"name": "*.example.org", "addresses": ["192.168.1.10"]}, "a wildcard is not a name"),
        ({"name": "home", "addresses": ["192.168.1.10"]}, "not a full domain name"),
        ({"name": "home.example.org\n127.0.0.1 bank.example", "addresses": ["192.168.1.10"]}, "not a host name"),
        ({"name": 'a".example.org', "addresses": ["192.168.1.10"]}, "not a host name"),
        ({"name": "home.example.org", "addresses": []}, "no address on the home network"),
        ({"name": "home.example.org", "addresses": ["192.168.1.10 evil"]}, "not an IP address"),
        ({"name": "home.example.org", "addresses": ["fe80::1%eth0"]}, "not the address of one machine"),
        ({"name": "home.example.org", "addresses": ["0.0.0.0"]}, "not the address of one machine"),
        ({"addresses": ["192.168.1.10"]}, "a text is needed"),
    ],
)
def test_what_is_no_name_or_no_address_is_refused(entry: dict[str, Any], said: str) -> None:
    with pytest.raises(Refused, match=said):
        records([entry])


def test_all_mistakes_are_told_together_and_a_name_that_stands_twice_is_one() -> None:
    good = {"name": "home.example.org", "addresses": ["192.168.1.10"]}
    with pytest.raises(Refused) as refused:
        records([good, {"name": "x", "addresses": ["192.168.1.10"]}, good])
    assert "full domain name" in str(refused.value) and "stands there twice" in str(refused.value)


def test_each_server_is_told_in_its_own_words() -> None:
    assert hosts_lines([HOME]) == ["192.168.1.10 home.example.org", "fd00::10 home.example.org"]
    assert dnsmasq_lines([HOME]) == ["host-record=home.example.org,192.168.1.10", "host-record=home.example.org,fd00::10"]
    assert unbound_lines([HOME]) == [
        "server:",
        '    local-zone: "home.example.org." typetransparent',
        '    local-data: "home.example.org. 300 IN A 192.168.1.10"',
        '    local-data: "home.example.org. 300 IN AAAA fd00::10"',
    ]


PERSONS = ["", "127.0.0.1 localhost\n", "127.0.0.1 localhost\n# no newline at its end", "127.0.0.1 localhost\r\n::1 localhost\r\n"]


@pytest.mark.parametrize("text", PERSONS)
def test_a_block_comes_changes_and_goes_and_every_other_byte_stays(text: str) -> None:
    one = with_block(text, ["192.168.1.10 home.example.org"])
    assert lines_of(one) == ["192.168.1.10 home.example.org"] and one.startswith(text.removesuffix("\n"))
    assert with_block(one, ["192.168.1.10 home.example.org"]) == one
    two = with_block(one, ["192.168.1.11 a.example.org", "192.168.1.11 b.example.org"])
    assert lines_of(two) == ["192.168.1.11 a.example.org", "192.168.1.11 b.example.org"] and "home.example.org" not in two
    gone = with_block(two, [])
    assert gone.removesuffix("\n") == text.removesuffix("\n")


def test_lines_of_a_person_below_the_block_stay_below_it() -> None:
    text = with_block("127.0.0.1 localhost\n", ["192.168.1.10 home.example.org"]) + "192.168.1.30 nas.lan\n"
    assert with_block(text, ["192.168.1.11 home.example.org"]).endswith(f"{END}\n192.168.1.30 nas.lan\n")
    assert with_block(text, []) == "127.0.0.1 localhost\n192.168.1.30 nas.lan\n"


@pytest.mark.parametrize("text", [f"{BEGIN}\n", f"{END}\n", f"{END}\n{BEGIN}\n", f"{BEGIN}\n{END}\n{BEGIN}\n{END}\n", f"  {BEGIN}\nx\n{END}\n"])
def test_torn_marks_are_never_guessed_over(text: str) -> None:
    with pytest.raises(Torn):
        with_block(text, [])
