"""Apps that anybody gets into stand first in the report."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from plugins.module_utils.proof.files import as_json
from plugins.module_utils.proof.gather import ATTENTION, FAILED, OK, Given
from plugins.module_utils.proof.page import page
from plugins.module_utils.proof.terminal import WIDTH, text

from .houses import HOSTILE, SITES, outcome, proof, well

pytestmark = pytest.mark.proves("R54")

ADVICE = "Open https://home.example.org now and make the first account."
UNCLAIMED = {
    **{"id": "unclaimed", "severity": "warning", "about": [SITES["home"]], "advice": ADVICE},
    **{"what": f"{SITES['home']}: nobody owns Home Assistant yet, and whoever opens it first will.", "why": "Everybody can open it."},
}
KNOWN = {**UNCLAIMED, "id": "known_log_ins", "severity": "error", "what": "pbx.example.org: PBX came with a log-in that everybody knows: admin."}


def seen(ok: bool | None, detail: str, check: str = "accounts") -> dict[str, Any]:
    return outcome("home", SITES["home"], check, "127.0.0.1", ok, detail, "Change it there." if ok is False else "")


def with_accounts(host: str = "server", outcomes: Any = (), findings: Any = ()) -> Given:
    return replace(well(), accounts={host: {"outcomes": list(outcomes), "findings": list(findings)}})


def test_a_log_in_that_everybody_knows_and_that_works_fails_the_proof() -> None:
    found = proof(with_accounts(outcomes=[seen(False, "everybody gets in by a log-in that it came with: admin")]))
    assert found.state == FAILED and not found.ok
    assert found.failures == ("from server: home.example.org: accounts [127.0.0.1]: everybody gets in by a log-in that it came with: admin",)
    assert found.sites[0].host == SITES["home"] and found.sites[0].state == FAILED
    assert [(one.id, one.advice, one.about) for one in found.wrong] == [("accounts", "Change it there.", (SITES["home"],))]
    assert "home.example.org: everybody knows its log-in" in page(found)


def test_an_app_that_nobody_owns_yet_fails_nothing_and_is_the_first_thing_said() -> None:
    found = proof(with_accounts(outcomes=[seen(None, "not proven: nobody owns it yet", "owner")], findings=[UNCLAIMED]))
    assert found.ok and found.state == OK and [one.id for one in found.findings] == ["unclaimed"]
    shown = page(found)
    assert 0 < shown.index("Before somebody else does") < shown.index("<h2>Sites</h2>") and ADVICE in shown
    assert "<h2>Warnings</h2>" not in shown, "it is said once"
    told = text(found)
    assert f"  ! {UNCLAIMED['what']}\n    {ADVICE}" in told and "Also found" not in told
    assert [one["what"] for one in as_json(found)["findings"]] == [(UNCLAIMED["what"],)]


def test_log_ins_of_which_nobody_can_see_whether_they_work_are_a_problem_and_no_failure() -> None:
    found = proof(with_accounts(findings=[UNCLAIMED, KNOWN]))
    assert found.ok and found.state == ATTENTION and [one.id for one in found.findings] == ["known_log_ins", "unclaimed"], "the gravest first"


def test_what_was_seen_of_an_app_stands_in_the_row_of_its_site_beside_what_its_server_saw() -> None:
    found = proof(with_accounts(outcomes=[seen(True, "replaced: admin")]))
    home = next(one for one in found.sites if one.host == SITES["home"])
    assert [(one.vantage, one.ok) for one in home.checks if one.name == "accounts"] == [("server", True)]
    assert [one.name for one in found.vantages] == ["phone", "laptop", "server", "the controller"]


@pytest.mark.parametrize(("host", "row"), [("attic", "attic"), ("laptop", "laptop (server)")])
def test_a_host_that_serves_nothing_looks_at_its_apps_too(host: str, row: str) -> None:
    found = proof(with_accounts(host, [seen(False, "everybody gets in")]))
    assert [(one.name, one.kind) for one in found.vantages if one.name == row] == [(row, "server")]
    assert found.failures == (f"from {row}: home.example.org: accounts [127.0.0.1]: everybody gets in",)


def test_no_app_s_words_break_the_page_or_the_terminal() -> None:
    bad = {**dict.fromkeys(("id", "severity", "what", "why", "advice"), HOSTILE), "about": [HOSTILE]}
    found = proof(with_accounts(outcomes=[seen(False, HOSTILE)], findings=[bad, *[{**bad, "what": f"{number} {HOSTILE}"} for number in range(20)]]))
    assert "<script>" not in page(found)
    told = text(found)
    assert max(map(len, told.splitlines())) <= WIDTH and "and 11 more apps" in told and "\u202e" not in told
    assert json.dumps(as_json(found))
