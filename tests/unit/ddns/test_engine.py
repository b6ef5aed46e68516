"""What a run does: each run below begins with the state that the last one left on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from plugins.module_utils.address.model import Verdict
from plugins.module_utils.ddns.backoff import DAY, HOUR
from plugins.module_utils.ddns.model import CLEAR, IPV4, IPV6, Kind, LeftOut, Outcome
from tests.unit.ddns.home import HOST, NEW, NEW6, OLD, OLD6, OTHER, Home, entry

LATCHING = [Kind.AUTH, Kind.NOT_FOUND, Kind.NOT_ALLOWED, Kind.ABUSE, Kind.BAD_AGENT]
PASSING = [Kind.SERVER, Kind.NETWORK, Kind.RATE_LIMITED, Kind.UNKNOWN]
MINUTE = 60.0


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


def test_where_the_router_tells_nothing_sources_outside_are_asked_but_no_provider(home: Home) -> None:
    home.settled().seen_locally = False
    assert home.run(300).exit_code == 0
    assert (home.calls, home.asked_dns, home.detections) == ([], [], [True, False])


def test_a_new_address_is_published_and_the_other_family_left_alone(home: Home) -> None:
    home.settled().addresses[IPV4] = NEW
    report = home.run(300)
    assert [call.values for call in home.calls] == [{IPV4: NEW}]
    assert str(entry(report)) == f"{HOST} A: {OLD} -> {NEW}: Confirmed in 0 s."
    assert report.diff() == {"before": f"{HOST} A {OLD}\n", "after": f"{HOST} A {NEW}\n"}
    assert not home.run(300).changed


def test_names_that_are_right_already_are_found_so_without_a_call(home: Home) -> None:
    home.dns = {(HOST, IPV4): OLD, (HOST, IPV6): OLD6}
    report = home.run()
    assert not home.calls and not report.changed and report.exit_code == 0
    home.run(300)
    assert home.detections == [False, True]


def broken(*settings: object, **how: object) -> dict[str, Any]:
    raise RuntimeError("a slip")


class TestDetectionThatFails:
    def test_leaves_records_as_they_are(self, home: Home) -> None:
        home.settled().addresses.clear()
        report = home.run(300)
        assert not home.calls and home.dns == {(HOST, IPV4): OLD, (HOST, IPV6): OLD6}
        assert report.exit_code == 10 and "The sources say nothing." in entry(report).message

    def test_is_the_last_error_that_a_person_is_shown(self, home: Home) -> None:
        home.settled().addresses, home.verdicts = {}, {IPV4: Verdict.CGNAT, IPV6: Verdict.UNKNOWN}
        assert home.run(300).exit_code == 10
        (account,) = home.state().accounts.values()
        assert account.error_at == home.now and not account.next_try
        assert all(words in account.error for words in ("A: No address", "(cgnat)", "AAAA: No address", "The sources say nothing."))

    def test_of_one_family_does_not_hold_up_the_other(self, home: Home) -> None:
        home.settled().addresses = {IPV4: NEW}
        report = home.run(300)
        assert [call.values for call in home.calls] == [{IPV4: NEW}] and report.exit_code == 10

    def test_is_told_apart_from_a_home_without_ipv6(self, home: Home) -> None:
        home.addresses, home.verdicts = {IPV4: OLD}, {IPV6: Verdict.NONE}
        assert home.run().exit_code == 0
        home.detections.clear()
        assert home.run(300).exit_code == 0
        assert home.detections == [True]

    def test_that_breaks_leaves_records_as_they_are_too(self, home: Home) -> None:
        home.settled().detect = broken  # type: ignore[method-assign]
        report = home.run(300)
        assert report.exit_code == 10 and not home.calls and "(RuntimeError)" in entry(report).message

    def test_an_ipv6_that_is_gone_stays_published_unless_the_owner_wants_it_cleared(self, home: Home) -> None:
        home.settled().addresses, home.verdicts = {IPV4: OLD}, {IPV6: Verdict.NONE}
        home.run(300)
        assert home.dns[HOST, IPV6] == OLD6
        home.account["when_gone"] = "clear"
        for _ in range(12):
            report = home.run(300)
            assert home.dns[HOST, IPV6] == OLD6 and "for an hour" in entry(report, family=IPV6).message and report.exit_code == 0
        report = home.run(300)
        assert home.dns[HOST, IPV6] == "" and entry(report, family=IPV6).new == CLEAR
        home.detections.clear()
        assert home.run(300).exit_code == 0 and home.detections == [True]

    @pytest.mark.parametrize("between", ["there", "uncertain", "off"])
    def test_a_connection_that_is_late_now_and_then_is_not_gone(self, home: Home, between: str) -> None:
        """As when a home starts again: its address comes some minutes after the timer."""
        home.account["when_gone"] = "clear"
        home.settled()
        for _ in range(4):
            home.addresses, home.verdicts = {IPV4: OLD}, {IPV6: Verdict.NONE}
            home.run(600)
            home.run(600)
            if between == "there":
                home.addresses, home.verdicts = {IPV4: OLD, IPV6: OLD6}, {}
            elif between == "uncertain":
                home.verdicts = {IPV6: Verdict.UNKNOWN}
            else:
                home.now += 2 * HOUR
                continue
            home.run(300)
            home.now += 2 * HOUR
        assert home.dns[HOST, IPV6] == OLD6 and not home.calls

    def test_a_record_that_was_never_ours_goes_after_an_hour_too(self, home: Home) -> None:
        home.account["when_gone"] = "clear"
        home.addresses, home.verdicts = {IPV4: OLD}, {IPV6: Verdict.NONE}
        home.dns[HOST, IPV6] = OLD6
        for _ in range(12):
            home.run(300)
        assert home.dns[HOST, IPV6] == OLD6
        home.run(300)
        assert home.dns[HOST, IPV6] == ""

    def test_an_uncertain_loss_of_ipv6_clears_nothing(self, home: Home) -> None:
        home.account["when_gone"] = "clear"
        home.settled().addresses, home.verdicts = {IPV4: OLD}, {IPV6: Verdict.UNKNOWN}
        assert home.run(300).exit_code == 10
        assert home.dns[HOST, IPV6] == OLD6


class TestNoChange:
    def test_nochg_is_no_change_and_is_not_provoked_twice(self, home: Home) -> None:
        home.dns_down = True
        home.answers = [Outcome(Kind.NOCHG, "nochg")]
        report = home.run()
        assert not report.changed and report.exit_code == 0
        for _ in range(50):
            home.run(HOUR, force=True)
        assert len(home.calls) == 1

    def test_servers_that_show_another_address_all_the_same_are_told_of_not_fought(self, home: Home) -> None:
        home.frozen, home.dns = True, {(HOST, IPV4): OTHER, (HOST, IPV6): OLD6}
        home.answers = [Outcome(Kind.NOCHG, "nochg")] * 9
        for _ in range(72):
            report = home.run(HOUR)
        assert len(home.calls) == 1
        assert report.exit_code == 13 and OTHER in entry(report).message and "alias" in entry(report).message

    def test_that_they_differ_is_told_by_the_quiet_runs_in_between_too_and_is_news_once(self, home: Home) -> None:
        home.frozen, home.dns = True, {(HOST, IPV4): OTHER, (HOST, IPV6): OLD6}
        home.answers = [Outcome(Kind.NOCHG, "nochg")]
        reports = [home.run(300) for _ in range(40)]
        assert {report.exit_code for report in reports} == {13}
        assert [entry(report).news for report in reports].count(True) == 1

    def test_a_record_that_somebody_changed_is_put_right(self, home: Home) -> None:
        home.settled().dns[HOST, IPV4] = OTHER
        assert not home.run(1800).changed
        report = home.run(1801)
        assert [call.values for call in home.calls] == [{IPV4: OLD}]
        assert report.diff() == {"before": f"{HOST} A {OTHER}\n", "after": f"{HOST} A {OLD}\n"}

    def test_a_name_that_somebody_else_keeps_changing_is_fought_ever_more_seldom(self, home: Home) -> None:
        home.settled().frozen = True
        for _ in range(24 * 7):
            home.answers = [Outcome(Kind.GOOD, "good")]
            home.dns[HOST, IPV4] = OTHER
            home.run(HOUR)
        assert 5 <= len(home.calls) <= 12

    def test_name_servers_that_do_not_answer_cause_no_call(self, home: Home) -> None:
        home.settled().dns_down = True
        for _ in range(48):
            assert home.run(HOUR).exit_code == 0
        assert not home.calls and home.asked_dns


class TestConfirmation:
    def test_it_waits_for_the_name_servers_and_says_how_long(self, home: Home) -> None:
        home.slow = 9
        report = home.run()
        assert report.exit_code == 0 and entry(report).confirmed and "Confirmed in 16 s." in entry(report).message

    def test_it_does_not_wait_for_ever(self, home: Home) -> None:
        home.slow, home.general = 1000, {"confirm_within": 30.0}
        report = home.run()
        assert report.exit_code == 13 and entry(report).confirmed is False and home.slept <= 30
        assert "Not yet seen: its name servers say none." in entry(report).message

    def test_what_was_not_seen_is_looked_for_again_without_another_call(self, home: Home) -> None:
        home.slow, home.general = 500, {"confirm_within": 30.0}
        home.run()
        assert home.run(300).exit_code == 13
        assert home.run(300).exit_code == 0
        assert len(home.calls) == 1 and home.state().records["fake|home||home.casa.example|ipv4"].verified

    def test_where_the_servers_cannot_be_asked_it_says_so_and_is_content(self, home: Home) -> None:
        home.dns_down = True
        report = home.run()
        assert report.exit_code == 0 and entry(report).confirmed is None and "Not confirmed: no answer" in entry(report).message

    def test_a_proxied_name_is_looked_up_by_the_provider_s_own_word(self, tmp_path: Path) -> None:
        home = Home(tmp_path, proxied=True).settled()
        home.asked_api.clear()
        assert home.run(300).exit_code == 0 and not home.asked_api
        assert home.run(HOUR).exit_code == 0
        assert not home.calls and not home.asked_dns
        home.dns[HOST, IPV4] = OTHER
        home.run(HOUR)
        assert len(home.calls) == 1 and home.api[HOST, IPV4] == OLD and not home.asked_dns


class TestCheck:
    def test_it_shows_the_difference_and_neither_calls_nor_remembers(self, home: Home) -> None:
        home.settled().addresses[IPV4] = NEW
        before = (home.folder / "state.json").read_bytes()
        report = home.run(300, check=True)
        assert report.changed and report.diff() == {"before": f"{HOST} A {OLD}\n", "after": f"{HOST} A {NEW}\n"}
        assert not home.calls and (home.folder / "state.json").read_bytes() == before

    def test_without_a_memory_the_old_address_is_that_of_the_name_servers(self, home: Home) -> None:
        home.dns = {(HOST, IPV4): OTHER, (HOST, IPV6): OLD6}
        report = home.run(check=True)
        assert report.diff() == {"before": f"{HOST} A {OTHER}\n", "after": f"{HOST} A {OLD}\n"} and not home.calls

    def test_it_finds_no_change_where_there_is_none(self, home: Home) -> None:
        assert not home.settled().run(300, check=True).changed


class TestForce:
    def test_it_sends_what_has_not_changed(self, home: Home) -> None:
        home.settled()
        assert not home.run(300, force=True).changed
        assert [call.values for call in home.calls] == [{IPV4: OLD, IPV6: OLD6}]

    def test_it_provokes_no_second_nochg(self, home: Home) -> None:
        home.settled()
        home.run(300, force=True)
        report = home.run(300, force=True)
        assert len(home.calls) == 1 and "not asked again" in entry(report).message


class TestKeepAlive:
    def test_a_name_is_refreshed_before_its_provider_lets_it_expire(self, tmp_path: Path) -> None:
        home = Home(tmp_path, keep_alive=30).settled()
        days = 0
        while not home.calls and days < 40:
            home.run(DAY)
            days += 1
        assert 24 <= days <= 28
        home.run(DAY)
        assert len(home.calls) == 1

    def test_other_providers_are_left_alone_for_a_year(self, home: Home) -> None:
        home.settled()
        for _ in range(52):
            home.run(7 * DAY)
        assert not home.calls


class TestAbsent:
    def test_names_are_removed_once(self, home: Home) -> None:
        home.settled().account["state"] = "absent"
        report = home.run(300)
        assert home.dns == {(HOST, IPV4): "", (HOST, IPV6): ""} and report.diff()["after"] == ""
        home.run(300)
        assert len(home.calls) == 1

    def test_what_somebody_puts_there_later_stays_and_is_not_even_looked_at(self, home: Home) -> None:
        home.settled().account["state"] = "absent"
        home.run(300)
        home.dns[HOST, IPV4] = OLD
        home.asked_dns.clear()
        reports = [home.run(HOUR, force=force) for force in (False, True) for _ in range(30)]
        assert home.dns[HOST, IPV4] == OLD and len(home.calls) == 1 and not home.asked_dns
        assert {report.exit_code for report in reports} == {0}

    def test_another_name_beside_it_does_not_remove_it_again(self, home: Home) -> None:
        home.settled().account["state"] = "absent"
        home.run(300)
        home.dns[HOST, IPV4] = home.dns["b.casa.example", IPV4] = OTHER
        home.account["hosts"] = [HOST, "b.casa.example"]
        home.run(300)
        assert home.dns[HOST, IPV4] == OTHER and home.dns["b.casa.example", IPV4] == ""

    def test_a_person_can_have_it_removed_again(self, home: Home) -> None:
        home.settled().account["state"] = "absent"
        home.run(300)
        home.dns[HOST, IPV4] = OTHER
        home.release()
        home.run(300)
        assert home.dns[HOST, IPV4] == ""

    def test_a_removal_that_the_provider_did_not_carry_out_is_sent_again(self, home: Home) -> None:
        home.settled().account["state"], home.frozen = "absent", True
        assert home.run(300).exit_code == 13
        home.frozen = False
        home.run(HOUR)
        home.run(HOUR)
        assert home.dns == {(HOST, IPV4): "", (HOST, IPV6): ""} and len(home.calls) == 2

    def test_what_replaced_it_before_it_was_seen_to_be_gone_stays(self, home: Home) -> None:
        home.settled().account["state"], home.frozen = "absent", True
        home.run(300)
        home.dns.update({(HOST, IPV4): OTHER, (HOST, IPV6): ""})
        reports = [home.run(HOUR) for _ in range(30)]
        assert "somebody else" in entry(reports[0]).message and reports[-1].exit_code == 0
        assert home.dns[HOST, IPV4] == OTHER and len(home.calls) == 1

    def test_it_needs_no_address(self, home: Home) -> None:
        home.settled().account["state"] = "absent"
        home.addresses.clear()
        assert home.run(300).exit_code == 0 and not home.detections

    def test_a_name_that_is_not_there_is_removed_without_a_call(self, home: Home) -> None:
        home.account["state"] = "absent"
        assert home.run().exit_code == 0 and not home.calls

    def test_a_provider_that_cannot_remove_is_said_to(self, tmp_path: Path) -> None:
        home = Home(tmp_path, clear=()).settled()
        home.account["state"] = "absent"
        report = home.run(300)
        assert report.exit_code == 3 and "cannot remove" in entry(report).message and not home.calls

    def test_an_account_of_one_family_does_not_take_the_other_with_it(self, tmp_path: Path) -> None:
        home = Home(tmp_path, clear_together=True)
        home.account.update(families=[IPV6], state="absent")
        home.dns = {(HOST, IPV4): OTHER, (HOST, IPV6): OLD6}
        assert home.run().exit_code == 3 and home.dns[HOST, IPV4] == OTHER


class TestFamilies:
    def test_the_unchanged_family_goes_along_where_the_provider_would_delete_it(self, tmp_path: Path) -> None:
        home = Home(tmp_path, left_out=LeftOut.HAZARD).settled()
        home.addresses[IPV4] = NEW
        report = home.run(300)
        assert [call.values for call in home.calls] == [{IPV4: NEW, IPV6: OLD6}]
        assert entry(report, family=IPV6).action != "updated"

    def test_a_family_of_which_nothing_is_configured_is_looked_up_before_it_could_be_deleted(self, tmp_path: Path) -> None:
        home = Home(tmp_path, left_out=LeftOut.HAZARD)
        home.account["families"] = [IPV4]
        home.dns = {(HOST, IPV6): OLD6}
        home.run()
        assert [call.values for call in home.calls] == [{IPV4: OLD, IPV6: OLD6}]

    def test_nothing_is_sent_while_it_is_not_known_what_would_be_deleted(self, tmp_path: Path) -> None:
        home = Home(tmp_path, left_out=LeftOut.HAZARD)
        home.account["families"], home.dns_down = [IPV4], True
        assert home.run().exit_code == 12 and not home.calls

    def test_a_family_that_the_provider_does_not_keep_is_said_so_and_the_other_published(self, tmp_path: Path) -> None:
        home = Home(tmp_path, families=(IPV4,), clear=())
        report = home.run()
        assert [call.values for call in home.calls] == [{IPV4: OLD}] and report.exit_code == 3
        assert "keeps no IPv6" in entry(report, family=IPV6).message

    def test_a_family_that_the_owner_does_not_look_for_is_nobody_s_trouble(self, home: Home) -> None:
        home.general = {"address": {"families": [IPV4]}}
        assert home.run().exit_code == 0 and home.calls[0].values == {IPV4: OLD}
        home.detections.clear()
        assert home.run(300).exit_code == 0 and home.detections == [True]


class TestOtherMachines:
    @pytest.mark.parametrize(("suffix", "last"), [("::10", "::10"), ("52:54:00:12:34:56", ":0:5054:ff:fe12:3456")])
    def test_a_name_leads_to_another_machine_of_the_home_and_follows_the_prefix(self, home: Home, suffix: str, last: str) -> None:
        home.account.update(hosts=[HOST, "nas.casa.example"], suffixes={"nas.casa.example": suffix})
        home.settled()
        assert home.dns["nas.casa.example", IPV6] == f"2001:db8:1{last}"
        assert home.dns[HOST, IPV6] == OLD6
        assert home.run(300).exit_code == 0 and home.detections == [True]
        home.addresses[IPV6] = NEW6
        home.run(300)
        assert home.dns["nas.casa.example", IPV6].startswith("2001:db8:2:")

    def test_a_provider_that_keeps_host_parts_is_told_the_prefix_alone(self, tmp_path: Path) -> None:
        home = Home(tmp_path, prefix=True)
        home.account["prefix"] = True
        home.run()
        home.dns[HOST, IPV6] = "2001:db8:1::99"
        assert [(call.values, call.prefix) for call in home.calls] == [({IPV4: OLD}, "2001:db8:1::/64")]
        assert home.run(HOUR).exit_code == 0 and len(home.calls) == 1
        home.addresses[IPV6] = NEW6
        home.run(300)
        assert home.calls[1].prefix == "2001:db8:2::/64" and home.calls[1].values == {}


class TestSettings:
    @pytest.mark.parametrize(
        ("account", "secrets", "words"),
        [
            ({"provider": "nobody"}, {}, "There is no provider called nobody."),
            ({"options": {"colour": "red"}}, {"token": "x"}, "fake has no option colour. It takes token, zone, server."),
            ({"options": {"token": "x"}}, {}, "token of home belongs into its secrets."),
            ({}, {}, "token of home must be given."),
        ],
    )
    def test_an_account_that_cannot_work_is_said_so_and_nothing_is_sent(self, home: Home, account: Any, secrets: Any, words: str) -> None:
        home.account.update(account)
        home.secrets = {"home": secrets}
        report = home.run()
        assert report.exit_code == 3 and entry(report).message == words and not home.calls

    def test_the_same_name_at_two_providers_is_two_things(self, home: Home) -> None:
        home.others = [{"name": "second", "provider": "fake", "hosts": [HOST]}]
        home.secrets["second"] = {"token": "x"}
        home.slow, home.answers = 5, [None, Outcome(Kind.AUTH, "badauth")]
        actions = {each.account: each.action for each in home.run().entries}
        assert actions == {"home": "updated", "second": "latched"}

    def test_trouble_is_news_once(self, home: Home) -> None:
        home.answers = [Outcome(Kind.AUTH, "badauth")]
        assert entry(home.run()).news
        assert not entry(home.run(300)).news
        home.release()
        assert entry(home.run(300)).news
        assert not entry(home.run(300)).news
