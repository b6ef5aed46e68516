"""Settings, secrets, waits and reports, each by itself."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.module_utils.ddns.backoff import JITTER, LONGEST, wait
from plugins.module_utils.ddns.decide import Step, decide, shows
from plugins.module_utils.ddns.model import CLEAR, IPV4, IPV6, Kind
from plugins.module_utils.ddns.redact import redacted
from plugins.module_utils.ddns.report import Entry, Report
from plugins.module_utils.ddns.settings import NOBODY, SettingsWrong, read_secrets, read_settings, settings_of
from plugins.module_utils.ddns.state import Record

ACCOUNT = {"name": "duck", "provider": "duckdns", "hosts": ["Home.DuckDNS.org.", "home.duckdns.org"]}


def test_settings_are_read_with_defaults_that_suit_a_home(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({"accounts": [ACCOUNT], "address": {"sources": ["natpmp"], "timeout": 3}}))
    settings = read_settings(path)
    (account,) = settings.accounts
    assert (account.hosts, account.families, account.state) == (("home.duckdns.org",), (IPV4, IPV6), "present")
    assert (settings.address.sources, settings.address.timeout, settings.verify_every, settings.contact) == (("natpmp",), 3, 3600, NOBODY)


@pytest.mark.parametrize(
    ("given_settings", "words"),
    [
        ({"accounts": [{**ACCOUNT, "colour": "red"}]}, "there is no option colour"),
        ({"accounts": [{"name": "duck"}]}, "provider and hosts must be given"),
        ({"accounts": [{**ACCOUNT, "hosts": "home.duckdns.org"}]}, "hosts must be a list of texts"),
        ({"accounts": [{**ACCOUNT, "hosts": []}]}, "needs hosts"),
        ({"accounts": [{**ACCOUNT, "families": ["ipv5"]}]}, "families out of ipv4, ipv6"),
        ({"accounts": [{**ACCOUNT, "state": "gone"}]}, "present or absent"),
        ({"accounts": [{**ACCOUNT, "options": {"ttl": 60}}]}, "options must be a mapping of texts"),
        ({"accounts": [{**ACCOUNT, "suffixes": {"home.duckdns.org": "ten"}}]}, "suffix ten is neither"),
        ({"accounts": [ACCOUNT, ACCOUNT]}, "two accounts are called duck"),
        ({"accounts": [], "verify_every": "often"}, "verify_every must be a number"),
        ({"accounts": [], "verify_every": True}, "verify_every must be a number"),
        ({"accounts": [], "contact": "me\r\nX-Evil: 1"}, "contact must be an e-mail address"),
        ({"accounts": [], "address": {"quorum": "two"}}, "quorum must be a whole number"),
        ({"accounts": [7]}, "must be a mapping"),
    ],
)
def test_settings_that_cannot_be_followed_are_refused_with_their_place(given_settings: Any, words: str) -> None:
    with pytest.raises(SettingsWrong, match=words):
        settings_of(given_settings)


@pytest.mark.parametrize("content", ['{"a": {"token": "s3cret"', '["s3cret"]', '{"a": {"token": ["s3cret"]}}', '{"a": "s3cret"}'])
def test_damaged_secrets_are_refused_without_being_shown(tmp_path: Path, content: str) -> None:
    path = tmp_path / "secrets.json"
    path.write_text(content)
    with pytest.raises(SettingsWrong) as raised:
        read_secrets(path)
    assert "s3cret" not in str(raised.value) and str(path) in str(raised.value)


def test_secrets_come_from_the_unit_s_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with pytest.raises(SettingsWrong, match="could not hand the tokens over"):
        read_secrets()
    (tmp_path / "secrets.json").write_text('{"duck": {"token": "x"}}')
    assert read_secrets() == {"duck": {"token": "x"}}


SPELLINGS = [str, lambda text: quote(text.encode("utf-8", "replace"), safe=""), lambda text: json.dumps(text)[1:-1]]


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters="*"), min_size=4), st.sampled_from(SPELLINGS))
def test_a_secret_is_in_no_message_however_it_is_spelled(secret: str, spelled: Any) -> None:
    assert redacted(f"a {spelled(secret)} b", [secret]) == "a *** b"


def test_a_secret_in_a_header_is_hidden_too() -> None:
    secret = "s3cret-t0ken"
    assert redacted(f"Basic {base64.b64encode(secret.encode()).decode()}", [secret]) == "Basic ***"


def test_a_stranger_s_text_is_short_and_has_no_control_characters() -> None:
    assert redacted("\x1b[31mred\r\n\u2028" + "x" * 500, []) == f"[31mred {'x' * 189}..."


@given(st.sampled_from(Kind), st.integers(0, 10_000), st.none() | st.floats(), st.floats(0, 1e9), st.floats(0, 1))
def test_a_wait_is_never_longer_than_a_day_and_never_shorter_than_what_was_asked_for(
    kind: Kind, failures: int, retry_after: float | None, least: float, chance: float
) -> None:
    seconds = wait(kind, failures, retry_after, least, chance)
    assert 60 <= seconds <= LONGEST
    assert seconds >= min(least, LONGEST)
    if retry_after is not None and retry_after == retry_after:
        assert seconds >= min(retry_after, LONGEST)


def test_homes_that_failed_together_do_not_come_back_together() -> None:
    assert wait(Kind.SERVER, 1, None, 600, 1.0) == pytest.approx(600 * (1 + JITTER))
    assert wait(Kind.SERVER, 1, None, 600, 0.0) == 600


@pytest.mark.parametrize(
    ("actions", "code"),
    [
        ([], 0),
        (["none", "updated", "unchanged"], 0),
        (["updated", "failed"], 12),
        (["waiting"], 12),
        (["failed", "latched"], 11),
        (["latched", "refused"], 3),
    ],
)
def test_the_worst_of_a_report_is_its_exit_code(actions: list[str], code: int) -> None:
    assert Report([Entry("a", IPV4, "x", action) for action in actions]).exit_code == code


def test_no_address_comes_before_not_confirmed_and_after_trouble() -> None:
    entries = [Entry("a", IPV4, "x", "updated", confirmed=False), Entry("a", IPV6, "x", no_address=True), Entry("b", IPV4, "x", "failed")]
    assert [Report(entries[:count]).exit_code for count in (1, 2, 3)] == [13, 10, 12]


@pytest.mark.parametrize(
    ("seen", "wanted", "found"),
    [
        ({"203.0.113.7"}, "203.0.113.7", True),
        ({"203.0.113.7", "203.0.113.8"}, "203.0.113.7", True),
        (set(), "203.0.113.7", False),
        (set(), CLEAR, True),
        ({"203.0.113.7"}, CLEAR, False),
        ({"2001:db8:1::9"}, "2001:db8:1::/64", True),
        ({"2001:db8:2::9"}, "2001:db8:1::/64", False),
        (set(), "2001:db8:1::/64", False),
    ],
)
def test_what_name_servers_show_is_compared_with_what_was_wanted(seen: set[str], wanted: str, found: bool) -> None:
    assert shows(seen, wanted) is found


RECORDS = st.none() | st.builds(
    Record, st.sampled_from(["203.0.113.7", "203.0.113.8", CLEAR]), st.floats(0, 2e9), st.sampled_from(["good", "nochg", "seen", ""]), again=st.integers(0, 99)
)
SEEN = st.none() | st.frozensets(st.sampled_from(["203.0.113.7", "203.0.113.8"]))


@given(st.sampled_from(["203.0.113.7", CLEAR]), RECORDS, SEEN, st.floats(0, 2e9), st.floats(60, 86400))
def test_what_the_provider_was_told_and_the_servers_show_is_never_sent(wanted: str, record: Record | None, seen: Any, moment: float, every: float) -> None:
    step = decide(wanted, record, seen, moment, every).step
    if seen is not None and shows(seen, wanted) and (record is None or not record.at or record.address == wanted):
        assert step in (Step.SAME, Step.ADOPT)
    if record and record.at and record.address == wanted and seen is None:
        assert step == Step.SAME
