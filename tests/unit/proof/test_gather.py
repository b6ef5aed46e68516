"""What many machines saw becomes one verdict, and every failure keeps its place, its reason and its advice."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from plugins.module_utils.proof.files import as_json
from plugins.module_utils.proof.gather import ATTENTION, FAILED, OK, UNPROVEN, Given
from plugins.module_utils.proof.life import CRITICAL, GOOD, LATE, OVER, life_of
from tests.unit.inspection.authority import DAY, NOW, STRANGER, make

from . import houses
from .houses import SITES, fail, issued, proof, told, well

pytestmark = pytest.mark.proves("B01")


def test_a_home_where_all_is_well_has_one_calm_sentence() -> None:
    found = proof(well())
    assert (found.state, found.headline, found.failures, found.wrong, found.findings) == (OK, "All 4 sites are served as declared", (), (), ())
    assert [one.name for one in found.vantages] == ["phone", "laptop", "server", "the controller"], "outside comes first"


def test_a_failure_is_told_with_vantage_name_check_and_address() -> None:
    given = well()
    fail(given, "phone", SITES["cloud"], "page", "/ answers 502 instead of 200", "Start the app.")
    found = proof(given)
    assert found.failures == ("from phone: cloud.example.org: page [62.2.3.4]: / answers 502 instead of 200",)
    assert found.headline == "1 of 4 sites is not served as declared"
    assert [found.sites[0].host, found.sites[0].state, found.sites[1].state] == [SITES["cloud"], FAILED, OK], "what failed stands first"


def test_a_check_that_proves_nothing_is_no_failure() -> None:
    found = proof(well())
    assert any(check.ok is None for site in found.sites for check in site.checks) and found.ok


def test_a_name_of_which_only_the_dns_was_seen_is_not_called_served() -> None:
    given = well()
    for result in given.results.values():
        for one in result["outcomes"]:
            if one["host"] == SITES["cloud"] and one["check"] not in ("name", "DNS"):
                one["ok"] = None
    assert {site.host: site.state for site in proof(given).sites}[SITES["cloud"]] == UNPROVEN


def test_what_a_watch_saw_is_told_with_the_time_at_which_it_saw_it() -> None:
    seen = {"id": "app_stopped", "about": "media", "severity": "error", "what": "media does not run.", "advice": "docker logs"}
    (found,) = [one for one in proof(replace(well(), watches={"server": {"at": 1795270165.8, "findings": [seen]}})).findings if one.id == "app_stopped"]
    assert "Its watch saw it at 2026-11-21 14:09 UTC." in found.seen


def test_the_same_failure_of_many_names_from_many_places_is_said_once() -> None:
    found = proof(houses.burning())
    assert len(found.failures) == 4 * 12 + 1 and [one.id for one in found.wrong] == ["reachable", "before the proof"]
    assert len(found.wrong[0].about) == 12 and len(found.wrong[0].by) == 4
    assert found.headline == "None of the 12 sites is served as declared"


def test_who_could_not_look_fails_the_proof_and_says_why() -> None:
    given = well()
    given.results["phone"] = {"kind": "outside", "looked": False, "message": "No route to host", "outcomes": [], "certificates": []}
    found = proof(given)
    assert found.failures == ("from phone: could not look: No route to host",)
    assert (found.state, found.headline) == (FAILED, "All 4 sites are served as declared, as far as it could be seen")


def test_a_name_that_nobody_looked_at_is_not_passed_over_in_silence() -> None:
    given = well()
    for result in given.results.values():
        result["outcomes"] = [one for one in result["outcomes"] if one["host"] != SITES["home"]]
    found = proof(given)
    assert found.failures == ("home.example.org: nobody has looked at it",) and found.sites[0].state == UNPROVEN


def test_a_name_that_only_leads_somewhere_is_not_served_yet() -> None:
    given = well()
    for result in given.results.values():
        result["outcomes"] = [one for one in result["outcomes"] if one["host"] != SITES["home"] or one["check"] in ("DNS", "name")]
    found = proof(given)
    assert found.failures == ("home.example.org: nobody has seen a page of it",) and found.sites[0].state == UNPROVEN


def test_without_any_vantage_nothing_is_claimed() -> None:
    found = proof(replace(well(), results={}))
    assert (found.state, found.headline) == (UNPROVEN, "Nobody has looked at the 4 sites")


def test_a_trouble_before_the_proof_is_a_failure_too() -> None:
    found = proof(replace(well(), troubles=["server: the router refused port 443"]))
    assert found.failures == ("server: the router refused port 443",) and found.state == FAILED


def only(*names: str) -> Callable[[Given], Given]:
    def reduce(given: Given) -> Given:
        return replace(given, probes=[one for one in given.probes if one["site"] in names])

    return reduce


@pytest.mark.parametrize(
    ("names", "broken", "sentence"),
    [
        ((), (), "No site is declared, and none was looked at"),
        (("home",), (), "home.example.org is served as declared"),
        (("home",), ("home",), "home.example.org is not served as declared"),
        (("home", "media"), (), "Both sites are served as declared"),
        (("home", "media"), ("home", "media"), "None of the 2 sites is served as declared"),
        (("home", "media", "cloud"), ("home", "media"), "2 of 3 sites are not served as declared"),
    ],
)
def test_the_verdict_is_a_sentence(names: tuple[str, ...], broken: tuple[str, ...], sentence: str) -> None:
    given = only(*names)(well())
    for name in broken:
        fail(given, "phone", SITES[name], "page", "wrong")
    assert proof(given).headline == sentence


def test_a_site_with_two_names_counts_once() -> None:
    given = well()
    probes = [{**one, "site": "web"} for one in given.probes]
    fail(given, "phone", SITES["home"], "page", "wrong")
    assert proof(replace(given, probes=probes)).headline == "The site is not served as declared"


@pytest.mark.proves("B06")
def test_an_open_database_is_a_problem_although_every_site_is_well() -> None:
    given = well()
    given.audits["server"]["findings"].append(copy.deepcopy(houses.DATABASE))
    found = proof(given)
    assert (found.state, found.ok) == (ATTENTION, True)
    assert [(one.source, one.severity, one.advice) for one in found.findings] == [("host", "error", houses.DATABASE["do"])]


def test_what_a_failed_check_says_is_not_said_again_as_a_finding() -> None:
    given = well()
    late = told(SITES["home"], issued(SITES["home"], 100 * DAY))
    for result in given.results.values():
        result["certificates"][0] = late
    assert "expired" in [one.id for one in proof(given).findings]
    what = next(one["what"] for one in late["findings"] if one["id"] == "expired").removeprefix("home.example.org: ").rstrip(".")
    fail(given, "phone", SITES["home"], "certificate", what, "Renew it.")
    found = proof(given)
    assert "expired" not in [one.id for one in found.findings] and [one.id for one in found.wrong] == ["certificate"]


def test_the_store_of_the_server_has_no_say_in_what_visitors_trust() -> None:
    given = well()
    own = told(SITES["home"], make((SITES["home"],)))
    assert "self_signed" in [one["id"] for one in own["findings"]]
    given.results["server"]["certificates"][0] = own
    assert "self_signed" not in [one.id for one in proof(given).findings]
    given.results["phone"]["certificates"][0] = own
    assert "self_signed" in [one.id for one in proof(given).findings]


def test_one_name_with_two_certificates_is_warned_of() -> None:
    given = well()
    given.results["phone"]["certificates"][0] = told(SITES["home"], issued(SITES["home"], 60 * DAY))
    (found,) = [one for one in proof(given).findings if one.id == "certificates differ"]
    assert found.severity == "warning" and len(found.seen) == 2
    assert proof(given).sites[0].certificates[0].told == "30 of 90 days left", "the one that ends first is shown"


def test_a_watch_and_a_look_at_the_same_certificate_are_not_two_findings() -> None:
    given = well()
    late = told(SITES["home"], issued(SITES["home"], 70 * DAY))
    for result in given.results.values():
        result["certificates"][0] = late
    finding = {"area": "certificates", "id": "lifetime_fraction_low", "about": SITES["home"], "severity": "warning", "what": "late", "advice": "renew"}
    other = {"area": "apps", "id": "app_unhealthy", "about": "jellyfin", "severity": "error", "what": "jellyfin is unhealthy.", "advice": "See its log."}
    found = proof(replace(given, watches={"server": {"findings": [finding, other]}})).findings
    assert [(one.id, one.what) for one in found if one.source == "watch"] == [("app_unhealthy", ("server: jellyfin is unhealthy.",))]


@pytest.mark.proves("B02")
@pytest.mark.parametrize(("life", "unit"), [(90 * DAY, "day"), (45 * DAY, "day"), (timedelta(hours=160), "hour")])
def test_a_life_is_judged_by_its_own_length(life: timedelta, unit: str) -> None:
    states = []
    for share in (0.1, 0.6, 0.7, 0.9, 1.1):
        found = life_of(told("a.example.org", issued("a.example.org", share * life, life)), NOW)
        assert found and abs(found.spent - min(share, 1)) < 0.01 and abs(found.due_at - 2 / 3) < 0.01 and unit in found.short + "day hour" * (share > 1)
        states.append(found.state)
    assert states == [GOOD, GOOD, LATE, CRITICAL, OVER]


def test_a_renewal_is_due_when_the_authority_says_so() -> None:
    seen = told("a.example.org", issued("a.example.org", 10 * DAY))
    seen["renewal_window"] = {"start": (NOW + 5 * DAY).isoformat(), "end": (NOW + 6 * DAY).isoformat()}
    found = life_of(seen, NOW)
    assert found and found.renewal == "renewal due in 5 days" and abs(found.due_at - 15 / 90) < 0.01


@pytest.mark.parametrize("broken", [None, {}, {"not_before": "0001-01-01", "not_after": "0001-01-01"}, {"not_before": "soon", "not_after": []}])
def test_a_certificate_without_dates_has_no_life_and_breaks_nothing(broken: object) -> None:
    assert life_of({"certificate": broken}, NOW) is None


def test_where_a_name_leads_is_read_from_the_plan() -> None:
    sites = {one.site: one for one in proof(well()).sites}
    assert (sites["home"].proxy, sites["home"].engine, sites["home"].leads_to) == ("server", "caddy", ("127.0.0.1:8123",))
    assert sites["pbx"].passthrough and sites["pbx"].leads_to == ("192.168.1.30:443",)
    assert proof(replace(well(), plan={})).sites[0].proxy == "server", "without it, from the probe"


@pytest.mark.parametrize("variant", houses.VARIANTS)
def test_all_of_it_is_json(variant: str) -> None:
    found = proof(houses.VARIANTS[variant]())
    again = json.loads(json.dumps(as_json(found)))
    assert again["failures"] == list(found.failures) and again["ok"] is found.ok and len(again["sites"]) == len(found.sites)


def test_a_stranger_s_certificate_is_among_the_findings() -> None:
    given = well()
    given.results["phone"]["certificates"][0] = told(SITES["home"], make((SITES["home"],), STRANGER, public=False), path=STRANGER)
    assert "certificates differ" in [one.id for one in proof(given).findings]
