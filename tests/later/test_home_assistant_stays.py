"""A Home Assistant that was told of its proxy keeps what it was told."""

from __future__ import annotations

import json
import time
from datetime import datetime

import pytest

from tests.bed import STARTS, curl, starts

REVERT_AFTER = 300
"""Seconds after which 2026.8 and later drop a setting that was staged and not confirmed (AUTO_REVERT_DELAY in http/config.py)."""

NAMES = ("home.casa.example", "classic.casa.example")


@pytest.mark.proves("R42")
def test_it_still_answers_past_the_time_at_which_a_staged_setting_would_be_reverted() -> None:
    before = json.loads(STARTS.read_text())
    last = max(datetime.fromisoformat(began).timestamp() for began in before.values())
    time.sleep(max(0.0, last + REVERT_AFTER + 20 - time.time()))
    for name in NAMES:
        assert curl("phone", f"https://{name}/manifest.json", "-o", "/dev/null", "-w", "%{http_code}").stdout == "200"
    assert starts(before) == before, "it was started again, as it is where a setting is reverted"
