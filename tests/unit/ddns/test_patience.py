"""When a run waits, and when nothing is sent until a person has looked."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from plugins.module_utils.ddns.backoff import DAY, HOUR
from plugins.module_utils.ddns.model import IPV4, IPV6, Kind, Outcome
from plugins.module_utils.ddns.transport import Unreachable
from tests.unit.ddns.home import HOST, NEW, OLD, OTHER, SECRET, Home, entry

LATCHING = [Kind.AUTH, Kind.NOT_FOUND, Kind.NOT_ALLOWED, Kind.ABUSE, Kind.BAD_AGENT]
PASSING = [Kind.SERVER, Kind.NETWORK, Kind.RATE_LIMITED, Kind.UNKNOWN]
MINUTE = 60.0


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "state")


class TestLatch:
    @pytest.mark.parametrize("kind", LATCHING)
    def test_a_refusal_stops_all_further_calls_whatever_the_address(self, home: Home, kind: Kind) -> None:
        home.answers = [Outcome(kind, "no such thing")]
        report = home.run()
        assert report.exit_code == 11 and "exposure ddns --reset home" in entry(report).message and "no such thing" in entry(report).message
        for number in range(50):
            home.addresses[IPV4] = f"203.0.113.{number}"
            assert home.run(HOUR, force=True).exit_code == 11
        assert len(home.calls) == 1

    @pytest.mark.parametrize(
        ("change", "value"),
        [("secrets", {"home": {"token": "another"}}), ("account", {"name": "home", "provider": "fake", "hosts": [HOST], "options": {"server": "b.example"}})],
    )
    def test_a_change_of_the_account_releases_it(self, home: Home, change: str, value: Any) -> None:
        home.answers = [Outcome(Kind.AUTH, "badauth")]
        home.run()
        setattr(home, change, value)
        assert home.run(300).changed and home.run(300).exit_code == 0

    def test_a_change_of_the_account_does_not_shorten_a_wait_that_the_provider_asked_for(self, home: Home) -> None:
        home.answers = [Outcome(Kind.RATE_LIMITED, "429", {}, 3600.0)]
        home.run()
        home.secrets = {"home": {"token": "another"}}
        assert home.run(300).exit_code == 12 and len(home.calls) == 1

    def test_a_change_of_the_account_makes_it_look_at_once_where_the_names_lead(self, home: Home) -> None:
        home.settled().dns[HOST, IPV4] = OTHER
        home.account["options"] = {"server": "another.example"}
        assert home.run(60).changed and [call.values for call in home.calls] == [{IPV4: OLD}]

    def test_a_person_releases_it(self, home: Home) -> None:
        home.answers = [Outcome(Kind.ABUSE, "abuse")]
        home.run()
        home.release()
        assert home.run(300).changed and len(home.calls) == 2

    def test_one_unknown_name_does_not_stop_the_others(self, home: Home) -> None:
        home.account["hosts"] = [HOST, "typo.casa.example"]
        home.answers = [[Outcome(Kind.GOOD, "good"), Outcome(Kind.NOT_FOUND, "nohost")]]
        report = home.run()
        assert [entry(report).action, entry(report, "typo.casa.example").action] == ["updated", "latched"]
        home.addresses[IPV4] = NEW
        report = home.run(300)
        assert [call.hosts for call in home.calls[1:]] == [(HOST,)] and report.exit_code == 11

    def test_a_latched_name_costs_no_question_either(self, home: Home) -> None:
        home.answers = [Outcome(Kind.NOT_FOUND, "nohost")]
        home.run()
        home.detections.clear()
        home.run(300)
        assert home.detections.count(False) == 0

    def test_what_the_provider_said_is_shown_without_secrets(self, home: Home) -> None:
        home.answers = [Outcome(Kind.AUTH, f"token {SECRET} or tok%2Fen%2BS3cret is not known")]
        report = home.run()
        assert "token *** or *** is not known" in entry(report).message
        assert SECRET not in (home.folder / "state.json").read_text()

    def test_the_rest_of_the_names_is_not_sent_after_a_refusal(self, home: Home) -> None:
        home.account["hosts"] = [f"{number}.casa.example" for number in range(12)]
        home.answers = [Outcome(Kind.AUTH, "badauth")]
        report = home.run()
        assert len(home.calls) == 1 and {each.action for each in report.entries} == {"latched"}

    def test_another_account_goes_on(self, home: Home) -> None:
        home.others = [{"name": "second", "provider": "fake", "hosts": ["b.casa.example"]}]
        home.secrets["second"] = {"token": "x"}
        home.answers = [Outcome(Kind.AUTH, "badauth")]
        report = home.run()
        assert entry(report, "b.casa.example").action == "updated" and report.exit_code == 11


class TestBackingOff:
    def waits(self, home: Home, answers: list[Any]) -> list[float]:
        """Minutes between calls, where the timer runs each minute."""
        home.answers = answers
        while home.answers:
            home.run(MINUTE)
        times = [at for account in home.state().accounts.values() for at in account.sent]
        return [(later - earlier) / MINUTE for earlier, later in itertools.pairwise(times)]

    @pytest.mark.parametrize("trouble", [*(Outcome(kind, "later") for kind in PASSING), Unreachable("casa.example was not reached"), RuntimeError("a slip")])
    def test_trouble_that_passes_is_tried_again_ever_more_seldom(self, home: Home, trouble: Any) -> None:
        waits = self.waits(home, [trouble] * 6)
        assert len(waits) == 5 and waits[0] >= 1
        assert waits[2] > waits[0] and waits[-1] > waits[1]

    def test_it_goes_on_when_the_trouble_is_over(self, home: Home) -> None:
        home.answers = [Outcome(Kind.SERVER, "911")]
        report = home.run()
        assert report.exit_code == 12 and entry(report).next_try > home.now and "911" in entry(report).message
        waiting = home.run(MINUTE)
        assert waiting.exit_code == 12 and entry(waiting).action == "waiting"
        assert home.run(HOUR).changed and home.run(MINUTE).exit_code == 0

    def test_a_name_that_is_well_is_not_in_trouble_because_another_waits(self, home: Home) -> None:
        home.settled().addresses[IPV4] = NEW
        home.answers = [Outcome(Kind.SERVER, "911")]
        home.run(300)
        report = home.run(MINUTE)
        assert [entry(report, family=family).action for family in (IPV4, IPV6)] == ["waiting", "none"] and report.exit_code == 12

    def test_a_library_that_is_missing_is_named(self, home: Home) -> None:
        home.answers = [ModuleNotFoundError("No module named 'dns'", name="dns")]
        assert "lacks a Python library, dns" in entry(home.run()).message

    def test_while_it_waits_nobody_is_asked_for_the_address(self, home: Home) -> None:
        home.answers = [Outcome(Kind.SERVER, "911")]
        home.run()
        home.detections.clear()
        home.run(MINUTE)
        assert not home.detections

    @pytest.mark.parametrize(("retry", "said", "least"), [(1800, None, 30), (600, None, 10), (0, 7200.0, 120), (600, 60.0, 10)])
    def test_a_provider_s_own_time_is_kept_even_when_a_person_is_impatient(self, tmp_path: Path, retry: float, said: float | None, least: float) -> None:
        home = Home(tmp_path, retry=retry)
        home.answers = [Outcome(Kind.SERVER, "911", {}, said)]
        home.run()
        home.run((least - 1) * MINUTE, force=True)
        assert len(home.calls) == 1
        home.run(1.5 * least * MINUTE)
        assert len(home.calls) == 2

    def test_a_wait_of_our_own_ends_when_a_person_wants_it(self, home: Home) -> None:
        home.answers = [Unreachable("casa.example was not reached")]
        home.run()
        assert home.run(10, force=True).changed

    def test_a_failed_call_is_not_followed_by_others_in_the_same_run(self, tmp_path: Path) -> None:
        home = Home(tmp_path, most_hosts=1)
        home.account["hosts"] = ["a.casa.example", "b.casa.example"]
        home.answers = [Outcome(Kind.SERVER, "911")]
        report = home.run(force=True)
        assert len(home.calls) == 1 and [entry(report, host).action for host in home.account["hosts"]] == ["failed", "waiting"]

    @pytest.mark.parametrize("nonsense", [float("nan"), float("inf"), -5.0, 1e12])
    def test_a_nonsensical_wait_ends_within_a_day(self, home: Home, nonsense: float) -> None:
        home.answers = [Outcome(Kind.RATE_LIMITED, "429", {}, nonsense)]
        home.run()
        assert home.run(DAY + 1).changed

    def test_a_provider_that_answers_for_too_few_names_is_not_believed(self, home: Home) -> None:
        home.account["hosts"] = [HOST, "b.casa.example"]
        home.answers = [[Outcome(Kind.GOOD, "good")]]
        assert home.run().exit_code == 12

    def test_an_address_that_was_not_sent_is_not_taken_for_success(self, home: Home) -> None:
        home.answers = [Outcome(Kind.NOCHG, "good 127.0.0.1", {IPV4: "127.0.0.1"})]
        report = home.run()
        assert report.exit_code == 12 and "127.0.0.1" in entry(report).message


class TestQuota:
    def test_a_name_is_not_sent_again_before_its_provider_s_interval(self, tmp_path: Path) -> None:
        home = Home(tmp_path, interval=600).settled()
        home.addresses[IPV4] = NEW
        report = home.run(300)
        assert not home.calls and entry(report).action == "waiting" and report.exit_code == 12
        assert home.run(301).changed

    def test_the_calls_of_a_day_are_counted_and_stop_before_the_provider_stops_them(self, tmp_path: Path) -> None:
        home = Home(tmp_path, daily=3)
        for number in range(30):
            home.addresses[IPV4] = f"203.0.113.{number}"
            home.run(600, force=True)
        assert len(home.calls) == 3
        home.run(DAY)
        assert len(home.calls) == 4 and home.dns[HOST, IPV4] == "203.0.113.29"

    def test_families_apart_are_two_names_to_the_interval(self, tmp_path: Path) -> None:
        home = Home(tmp_path, interval=600, together=False)
        assert home.run().exit_code == 0 and len(home.calls) == 2

    def test_a_change_of_the_account_gives_no_fresh_quota(self, tmp_path: Path) -> None:
        home = Home(tmp_path, daily=1).settled()
        home.secrets, home.addresses[IPV4] = {"home": {"token": "another"}}, NEW
        assert home.run(300).exit_code == 12 and not home.calls
