"""Signed updates, taken by a real BIND 9."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator

import pytest

from plugins.module_utils.ddns.model import CLEAR, Account, Call, Kind
from plugins.module_utils.ddns.providers.rfc2136 import Rfc2136

from .bind import OTHER_SECRET, SECRET, Bind, serving

NOBODY = object()
numbers = itertools.count(1)


@pytest.fixture(scope="module")
def bind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bind]:
    with serving(tmp_path_factory.mktemp("bind") / "server") as found:
        yield found


@pytest.fixture
def name() -> str:
    """A name that no other test writes."""
    return f"h{next(numbers)}.example.org"


def provider(bind: Bind, **changes: str) -> Rfc2136:
    given = {"server": "127.0.0.1", "port": str(bind.port), "zone": "example.org", "key_name": "home", **changes}
    secret = given.pop("key", SECRET)
    return Rfc2136(Account("home", "rfc2136", given, {"key": secret}), NOBODY)  # type: ignore[arg-type]


def four(host: str, value: str = "198.51.100.2") -> Call:
    return Call((host,), {"ipv4": value})


@pytest.mark.proves("R01", "R02", "R03")
def test_a_new_name_gets_both_families_and_the_second_time_nothing_happens(bind: Bind, name: str) -> None:
    call = Call((name,), {"ipv4": "198.51.100.2", "ipv6": "2001:db8::2"})
    assert [outcome.kind for outcome in provider(bind).update(call)] == [Kind.GOOD]
    assert bind.texts(name, "A") == {"198.51.100.2"} and bind.texts(name, "AAAA") == {"2001:db8::2"}
    assert bind.ttl(name, "A") == 60
    serial = bind.serial()
    assert [outcome.kind for outcome in provider(bind).update(call)] == [Kind.NOCHG]
    assert bind.serial() == serial


def test_a_change_replaces_all_that_was_there_and_leaves_other_types_alone(bind: Bind) -> None:
    assert provider(bind, ttl="120").update(Call(("two.example.org", "mail.example.org"), {"ipv4": "198.51.100.3"}))[1].kind == Kind.GOOD
    assert bind.texts("two.example.org", "A") == {"198.51.100.3"} and bind.ttl("two.example.org", "A") == 120
    assert bind.texts("mail.example.org", "MX") == {"10 mx.example.net."} and bind.texts("mail.example.org", "A") == {"198.51.100.3"}


def test_a_family_that_is_not_in_the_call_stays(bind: Bind, name: str) -> None:
    provider(bind).update(Call((name,), {"ipv4": "198.51.100.2", "ipv6": "2001:db8::2"}))
    assert provider(bind).update(Call((name,), {"ipv6": "2001:db8::3"}))[0].kind == Kind.GOOD
    assert bind.texts(name, "A") == {"198.51.100.2"} and bind.texts(name, "AAAA") == {"2001:db8::3"}


def test_clearing_one_family_leaves_the_other_and_is_done_once(bind: Bind, name: str) -> None:
    provider(bind).update(Call((name,), {"ipv4": "198.51.100.2", "ipv6": "2001:db8::2"}))
    clear = Call((name,), {"ipv4": CLEAR})
    assert [provider(bind).update(clear)[0].kind for _ in range(2)] == [Kind.GOOD, Kind.NOCHG]
    assert bind.texts(name, "A") == set() and bind.texts(name, "AAAA") == {"2001:db8::2"}


@pytest.mark.proves("R04")
@pytest.mark.parametrize("host", ["*.star.example.org", "example.org", "EXAMPLE.org."])
def test_a_wildcard_and_the_zone_itself_are_names_like_others(bind: Bind, host: str) -> None:
    assert provider(bind).update(four(host))[0].kind in (Kind.GOOD, Kind.NOCHG)
    assert bind.texts(host.replace("*", "anything"), "A") == {"198.51.100.2"}


def test_a_wildcard_in_between_does_not_pass_for_the_name_s_own_record(bind: Bind) -> None:
    host = "house.wild.example.org"
    assert provider(bind).update(four(host, "198.51.100.9"))[0].kind == Kind.GOOD
    assert provider(bind).update(four("*.wild.example.org", "198.51.100.10"))[0].kind == Kind.GOOD
    assert bind.texts(host, "A") == {"198.51.100.9"}


def test_a_zone_with_umlauts_is_written_in_punycode(bind: Bind) -> None:
    assert provider(bind, zone="münchen.example").update(four("Heim.münchen.example"))[0].kind == Kind.GOOD
    assert bind.texts("heim.xn--mnchen-3ya.example", "A") == {"198.51.100.2"}


def test_another_algorithm(bind: Bind, name: str) -> None:
    assert provider(bind, key_name="long", algorithm="hmac-sha512").update(four(name))[0].kind == Kind.GOOD


def test_one_name_outside_the_zone_does_not_hold_up_the_others(bind: Bind, name: str) -> None:
    outcomes = provider(bind).update(Call((name, "www.example.net"), {"ipv4": "198.51.100.2"}))
    assert [outcome.kind for outcome in outcomes] == [Kind.GOOD, Kind.NOT_FOUND] and "zone example.org" in outcomes[1].said


# Refusals


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"key": OTHER_SECRET}, Kind.AUTH, "another secret for the key home"),
        ({"key_name": "stranger"}, Kind.AUTH, "does not know the key stranger"),
        ({"algorithm": "hmac-sha512"}, Kind.AUTH, "does not know the key home"),
        ({"key_name": "reader", "key": OTHER_SECRET}, Kind.NOT_ALLOWED, "update-policy"),
        ({"key_name": "long", "algorithm": "hmac-sha512", "family": "ipv6"}, Kind.NOT_ALLOWED, "grant the key long"),
        ({"zone": "fixed.example"}, Kind.NOT_ALLOWED, "policy"),
        ({"zone": "example.net"}, Kind.NOT_FOUND, "not the primary server of example.net"),
        ({"zone": "sub.example.org"}, Kind.NOT_FOUND, "not the primary server of sub.example.org"),
        ({"key": "%%% not base64"}, Kind.AUTH, "key"),
        ({"key": ""}, Kind.AUTH, "key"),
    ],
    ids=str,
)
def test_each_refusal_is_told_by_its_kind_and_writes_nothing(bind: Bind, changes: dict[str, str], kind: Kind, words: str) -> None:
    family = changes.get("family", "ipv4")
    changes = {name: value for name, value in changes.items() if name != "family"}
    host = f"refused.{changes.get('zone', 'example.org')}"
    (outcome,) = provider(bind, **changes).update(Call((host,), {family: "198.51.100.2" if family == "ipv4" else "2001:db8::2"}))
    assert outcome.kind == kind and words in outcome.said
    assert SECRET not in repr(outcome) and OTHER_SECRET not in repr(outcome)
    assert bind.texts("refused.example.org", "A") == set() and bind.texts("refused.example.org", "AAAA") == set()


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_wrong_clock_is_told_and_tried_again(bind: Bind, name: str, hours: int, monkeypatch: pytest.MonkeyPatch) -> None:
    right = time.time
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: right() + hours * 3600)
        (outcome,) = provider(bind).update(four(name))
    assert outcome.kind == Kind.UNKNOWN and "clock" in outcome.said
    assert provider(bind).update(four(name))[0].kind == Kind.GOOD


def test_an_alias_in_the_way_is_never_overwritten_and_told(bind: Bind, name: str) -> None:
    """BIND says NOERROR to this."""
    ignored, taken = provider(bind).update(Call(("alias.example.org", name), {"ipv4": "198.51.100.2"}))
    assert ignored.kind == Kind.NOT_ALLOWED and "CNAME" in ignored.said and taken.kind == Kind.GOOD
    assert bind.texts("alias.example.org", "CNAME") == {"elsewhere.example.net."} and bind.texts(name, "A") == {"198.51.100.2"}


# What it says now, and texts


def test_the_present_address_is_asked_of_the_server_itself(bind: Bind) -> None:
    asked = provider(bind)
    found = [asked.current(host, "ipv4") for host in ("old.example.org", "nobody.example.org", "any.unused.wild.example.org", "www.example.net")]
    assert found[:2] == ["198.51.100.1", CLEAR] and found[3] is None
    assert asked.current("old.example.org", "ipv6") == CLEAR


def test_a_text_for_a_certificate_is_set_and_removed(bind: Bind) -> None:
    name, value = "_acme-challenge.example.org", 'a "quoted" \\ word-_x'
    asked = provider(bind)
    assert [asked.write_text(name, value).kind for _ in range(2)] == [Kind.GOOD, Kind.NOCHG]
    assert bind.texts(name, "TXT") == {'"a \\"quoted\\" \\\\ word-_x"'}
    assert [asked.write_text(name, "").kind for _ in range(2)] == [Kind.GOOD, Kind.NOCHG]
    assert bind.texts(name, "TXT") == set()
