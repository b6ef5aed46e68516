"""What a run does: each run below begins with the state that the last one left on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from plugins.module_utils.ddns.model import IPV4, IPV6
from tests.unit.ddns.home import HOST, NEW, OLD, OLD6, Home, entry


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "state")


def test_the_first_run_publishes_both_families_in_one_call_and_sees_them_at_the_name_servers(home: Home) -> None:
    report = home.run()
    assert [(call.hosts, call.values) for call in home.calls] == [((HOST,), {IPV4: OLD, IPV6: OLD6})]
    assert report.changed and report.exit_code == 0
    assert entry(report).confirmed
    assert report.diff() == {"before": "", "after": f"{HOST} A {OLD}\n{HOST} AAAA {OLD6}\n"}


def test_a_run_with_nothing_to_do_asks_neither_provider_nor_dns_nor_anybody_outside(home: Home) -> None:
    home.settled()
    report = home.run(300)
    assert not report.changed and report.exit_code == 0
    assert (home.calls, home.asked_dns, home.detections) == ([], [], [True])


@pytest.mark.proves("R03")
def test_a_new_address_is_published_and_the_other_family_left_alone(home: Home) -> None:
    home.settled().addresses[IPV4] = NEW
    report = home.run(300)
    assert [call.values for call in home.calls] == [{IPV4: NEW}]
    assert str(entry(report)) == f"{HOST} A: {OLD} -> {NEW}: Confirmed in 0 s."
