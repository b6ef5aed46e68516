"""What certbot 4.0 printed, recorded: against a real Pebble (pebble_*, eab_*, wrong_answer, not_found, success), with no CA at all, and (boulder_*) against
a Pebble whose answers were replaced on the way. certbot's part of those is recorded; the CA's words in them were written after the messages of
Let's Encrypt's CA (letsencrypt/boulder), not received from it. Names and paths were made neutral."""

from __future__ import annotations

import datetime
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.module_utils.acme.reason import KINDS, LONGEST, NOT_SPENT, reason

OUTPUTS = Path(__file__).parent / "outputs"

TOLD = {
    "boulder_caa-servfail": ("caa", "name servers must answer"),
    "boulder_caa": ("caa", "home.casa.example"),
    "boulder_contact": ("contact", "exposure_acme.email"),
    "boulder_html": ("server_internal", "502"),
    "boulder_internal": ("server_internal", "later"),
    "boulder_maintenance": ("server_internal", "down for maintenance"),
    "boulder_nonce": ("bad_nonce", "clock"),
    "boulder_nxdomain": ("dns", "NXDOMAIN looking up A for home.casa.example"),
    "boulder_paused": ("paused", "waiting does not lift that"),
    "boulder_policy": ("rejected_identifier", "forbidden by policy"),
    "boulder_profile": ("invalid_profile", "exposure_acme.profile"),
    "boulder_rate-authz": ("rate_limited", "too many failed authorizations (5)"),
    "boulder_rate-service": ("rate_limited", "Service busy"),
    "boulder_rate-set": ("rate_limited", "exact set of identifiers"),
    "boulder_refused": ("connection", "Connection refused"),
    "boulder_rejected": ("rejected_identifier", "home.local"),
    "boulder_secondary": ("unauthorized", "403 Forbidden"),
    "boulder_timeout": ("connection", "Forward port 80 of the router"),
    "boulder_txt": ("unauthorized", "_acme-challenge.home.casa.example"),
    "boulder_unauthorized": ("unauthorized", "404"),
    "busy": ("busy", "Wait until it has ended"),
    "ca_refused": ("unreachable", "Connection refused"),
    "ca_unknown_name": ("unreachable", "acme.nowhere.example"),
    "ca_untrusted": ("untrusted", "exposure_acme.ca_root"),
    "credentials_incomplete": ("credentials", "dns_rfc2136_secret"),
    "credentials_missing": ("credentials", "/etc/exposure/dns.ini"),
    "credentials_wrong": ("dns_provider", "the signature we sent"),
    "eab_required": ("external_account", "HMAC key"),
    "eab_wrong": ("external_account", "not known to the ACME server"),
    "not_found": ("unauthorized", "returned 404"),
    "pebble_blocked": ("rejected_identifier", "x.blocked.example"),
    "pebble_nxdomain": ("dns", "nothere.casa.example"),
    "pebble_refused": ("connection", "away.casa.example"),
    "plugin_missing": ("plugin", "dns-cloudflare"),
    "plugin_unknown_option": ("plugin", "--dns-cloudflare-credentials"),
    "success": ("unknown", "letsencrypt.log"),
    "webroot_missing": ("webroot", "/srv/webroot"),
    "wrong_answer": ("unauthorized", "FRITZ!Box"),
}


def test_every_recorded_output_is_told() -> None:
    assert {path.stem for path in OUTPUTS.iterdir()} == set(TOLD)


@pytest.mark.parametrize("name", TOLD)
def test_an_output_of_certbot_becomes_a_kind_and_a_sentence(name: str) -> None:
    kind, words = TOLD[name]
    told = reason((OUTPUTS / f"{name}.txt").read_text())
    assert told.kind == kind
    assert words in told.sentence and len(told.sentence) <= LONGEST and told.sentence.endswith(".")


def test_the_date_until_which_the_ca_refuses_is_told() -> None:
    told = reason((OUTPUTS / "boulder_rate-authz.txt").read_text())
    assert told.retry_at == datetime.datetime(2026, 11, 21, 8, 12, 33, tzinfo=datetime.UTC).timestamp()
    assert reason((OUTPUTS / "boulder_rate-service.txt").read_text()).retry_at is None


def test_the_other_names_that_failed_are_counted() -> None:
    assert "(and 1 more)" in reason((OUTPUTS / "wrong_answer.txt").read_text()).sentence


def test_a_name_of_many_problems_is_counted_once() -> None:
    block = "  Domain: {}\n  Type:   dns\n  Detail: no\n\n"
    told = reason(block.format("a.example") + block.format("a.example") + block.format("b.example"))
    assert "a.example (and 1 more)" in told.sentence


def test_a_long_answer_of_the_ca_leaves_room_for_what_to_do() -> None:
    told = reason("  Domain: a.example\n  Type:   connection\n  Detail: " + "x" * 5000 + "\n")
    assert len(told.sentence) == LONGEST and told.sentence.endswith("check the name's A and AAAA records.")


def test_what_another_server_answered_cannot_move_the_cursor_of_a_terminal() -> None:
    told = reason("  Domain: a.example\n  Type:   unauthorized\n  Detail: \x1b[2J\x1b]0;title\x07got \u202eevil\x00\x9b31m it\u2028\n")
    assert told.kind == "unauthorized" and "got evil31m it" in told.sentence
    assert told.sentence.isprintable()


def test_a_token_in_a_link_of_the_ca_is_not_repeated() -> None:
    text = (OUTPUTS / "boulder_paused.txt").read_text().replace("eyJhbGciOiJIUzI1NiJ9", "eyJ" + "h" * 300)
    told = reason(text)
    assert told.kind == "paused" and "jwt=" not in told.sentence


def test_what_never_reached_the_ca_s_limits_is_known() -> None:
    assert NOT_SPENT < KINDS


@given(st.text(max_size=3000) | st.lists(st.sampled_from(["  Domain: a\n", "  Type: dns\n", "  Detail: x\n", "\n", "y\n", "\x1b"])).map("".join))
@settings(max_examples=100, deadline=None)
def test_no_output_is_too_odd_for_a_sentence(output: str) -> None:
    told = reason(output)
    assert told.kind in KINDS | {"unknown"} and len(told.sentence) <= LONGEST
    assert "\x1b" not in told.sentence and "\n" not in told.sentence


@pytest.mark.parametrize("piece", ["profile ", "CAA record ", "  Domain: a\n  Type: b\n  Detail: c\n", "x" * 50, "Requesting a:", "\x1b[", "\x1b]"])
def test_a_megabyte_of_output_is_read_at_once(piece: str) -> None:
    started = time.process_time()
    reason(piece * (1_000_000 // len(piece)))
    assert time.process_time() - started < 2
