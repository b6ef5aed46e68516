"""What the authoritative servers show, asked of a real name server."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from plugins.module_utils.ddns.confirm import Authorities, Seen
from plugins.module_utils.ddns.model import IPV4, IPV6
from tests.unit.acme.name_server import serving

ZONE = """
@ NS ns
ns A 127.0.0.1
home A 203.0.113.7
home AAAA 2001:db8:1::5
two A 203.0.113.7
two A 203.0.113.8
*.wild A 203.0.113.9
alias CNAME home.elsewhere.example.
deep.sub A 203.0.113.7
"""
ROOT = "@ NS ns.casa.example.\nns.casa.example. A 127.0.0.1\ncasa.example. NS ns.casa.example.\nlame.example. NS ns.lame.example.\nns.lame.example. A 127.0.0.1"


HALF = "@ NS ns\nns A 127.0.0.1\nns A 127.0.0.77\nhome A 203.0.113.7"
"""One of its two servers does not run."""


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    zones = {
        ".": ROOT,
        "casa.example.": ZONE,
        "dead.example.": "@ NS ns\nns A 127.0.0.77",
        "half.example.": HALF,
    }
    with serving(tmp_path_factory.mktemp("names") / "nsd", zones, ("broken.example.",)) as port:
        yield port


def seen(port: int, host: str, family: str = IPV4) -> Seen:
    return Authorities(["127.0.0.1"], port, timeout=0.5)([(host, family)])[host, family]


@pytest.mark.proves("B08")
@pytest.mark.parametrize(
    ("host", "family", "addresses"),
    [
        ("home.casa.example", IPV4, {"203.0.113.7"}),
        ("home.casa.example", IPV6, {"2001:db8:1::5"}),
        ("two.casa.example", IPV4, {"203.0.113.7", "203.0.113.8"}),
        ("two.casa.example", IPV6, set()),
        ("nothing.casa.example", IPV4, set()),
        ("*.wild.casa.example", IPV4, {"203.0.113.9"}),
        ("deep.sub.casa.example", IPV4, {"203.0.113.7"}),
        ("home.half.example", IPV4, {"203.0.113.7"}),
    ],
)
def test_the_servers_of_a_name_s_zone_are_found_and_say_what_they_have(port: int, host: str, family: str, addresses: set[str]) -> None:
    assert seen(port, host, family) == Seen(frozenset(addresses))


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("alias.casa.example", "is an alias"),
        ("home.dead.example", "gave no answer"),
        ("home.broken.example", "was not found"),
        ("home.nowhere.test", "was not found"),
    ],
)
def test_where_they_do_not_say_nothing_is_concluded(port: int, host: str, words: str) -> None:
    found = seen(port, host)
    assert found.addresses is None and words in found.trouble


def test_many_names_are_asked_at_once(port: int) -> None:
    questions = [(f"{host}.casa.example", family) for host in ("home", "two", "nothing") for family in (IPV4, IPV6)]
    assert set(Authorities(["127.0.0.1"], port)(questions)) == set(questions)


def test_without_the_library_nothing_is_known_and_nothing_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "plugins.module_utils.ddns.authorities", raising=False)
    monkeypatch.setitem(sys.modules, "dns", None)
    monkeypatch.setitem(sys.modules, "dns.exception", None)
    found = Authorities()([("home.casa.example", IPV4)])
    assert found == {("home.casa.example", IPV4): Seen(None, "python3-dnspython is not installed")}


def test_servers_that_differ_or_say_nothing_leave_it_open() -> None:
    from plugins.module_utils.ddns.authorities import agreed

    old, new = frozenset({"203.0.113.7"}), frozenset({"203.0.113.8"})
    assert agreed([old, new], "") == Seen(None, "the name servers differ")
    assert agreed([new, "192.0.2.1 gave no answer"], "") == Seen(new)
    assert agreed(["192.0.2.1 gave no answer"], "") == Seen(None, "192.0.2.1 gave no answer")
