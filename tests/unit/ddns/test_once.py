"""One shot, from any host and without a memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from plugins.module_utils.ddns.engine import run
from plugins.module_utils.ddns.model import IPV4, IPV6, Kind, Outcome
from plugins.module_utils.ddns.once import bring, troubles
from plugins.module_utils.ddns.report import Report
from plugins.module_utils.ddns.settings import SettingsWrong
from tests.unit.ddns.home import HOST, NEW, OLD, OLD6, SECRET, Home

MODULE = Path(__file__).resolve().parents[3] / "plugins/modules/ddns_update.py"
OPTIONS: dict[str, Any] = {
    "provider": "fake",
    "hosts": [HOST],
    "options": {},
    "secrets": {"token": SECRET},
    "state": "present",
    "addresses": {"ipv4": NEW, "ipv6": ""},
    "families": [],
    "address": {"public": ["203.0.113.0/24"]},
    "force": False,
    "contact": "",
    "nameservers": [],
    "confirm_within": 0.1,
}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    home.dns = {(HOST, IPV4): OLD, (HOST, IPV6): OLD6}
    return home


def once(home: Home, check: bool = False, **options: Any) -> Report:
    return bring({**OPTIONS, **options}, check, home.resolver, home.provider)


def test_a_name_that_leads_elsewhere_is_sent_and_one_that_is_right_is_not(home: Home) -> None:
    report = once(home)
    assert report.diff() == {"before": f"{HOST} A {OLD}\n", "after": f"{HOST} A {NEW}\n"}
    assert [call.values for call in home.calls] == [{IPV4: NEW}]
    home.pass_on()
    home.now += 1
    assert not once(home).changed and len(home.calls) == 1


def test_a_check_shows_the_difference_and_sends_nothing(home: Home) -> None:
    report = once(home, check=True)
    assert report.diff() == {"before": f"{HOST} A {OLD}\n", "after": f"{HOST} A {NEW}\n"} and not home.calls


def test_nobody_waits_for_the_name_servers_where_no_time_is_given_for_that(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plugins.module_utils.ddns.once.run", partial(run, sleep=home.sleep))
    home.slow = 3600.0
    assert once(home, confirm_within=0.0).changed and not home.slept


def test_names_are_removed(home: Home) -> None:
    report = once(home, state="absent", addresses={}, families=[IPV4, IPV6])
    assert report.changed and report.diff()["after"] == "" and [call.values for call in home.calls] == [{IPV4: "", IPV6: ""}]


def test_a_refusal_is_told_without_secrets_and_without_advice_for_a_timer(home: Home) -> None:
    home.answers = [Outcome(Kind.AUTH, f"badauth for {SECRET}")]
    assert troubles(once(home)) == [f"{HOST} A: fake said: badauth for ***."]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"addresses": {"ipv4": "10.0.0.1"}}, "is not published, as it is good inside a home alone"),
        ({"addresses": {"ipv4": "<html>"}}, "is not an IPv4 address"),
        ({"addresses": {"ipv6": NEW}}, "is not an IPv6 address"),
        ({"address": {"colour": 1}}, "there is no option colour"),
        ({"hosts": []}, "needs hosts"),
        ({"contact": "nobody"}, "contact must be"),
    ],
)
def test_options_that_cannot_be_are_refused(home: Home, options: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsWrong, match=words):
        once(home, **options)
    assert not home.calls


def test_the_module_fails_with_a_reason_and_never_shows_a_secret(tmp_path: Path) -> None:
    """The module itself, as Ansible starts it: all files that it needs are found."""
    folder = tmp_path / "ansible_collections/homeserver"
    folder.mkdir(parents=True)
    (folder / "exposure").symlink_to(MODULE.parents[2])
    given = {**OPTIONS, "provider": "duckdns", "options": {"colour": "red"}, "_ansible_check_mode": True}
    arguments = json.dumps({"ANSIBLE_MODULE_ARGS": given})
    done = subprocess.run(
        [sys.executable, str(MODULE)],
        input=arguments,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    answer = json.loads(done.stdout)
    assert answer["failed"] and "duckdns has no option colour. It takes token." in answer["msg"]
    assert SECRET not in done.stdout + done.stderr
