"""What is remembered of orders, across runs: each call below opens the file anew, as a new run does."""

from __future__ import annotations

import json
import os
import stat
import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.module_utils.acme.budget import HOUR, WEEK, Budget, Verdict
from plugins.module_utils.acme.ledger import Order

PRODUCTION = "https://acme-v02.api.letsencrypt.org/directory"
STAGING = "https://acme-staging-v02.api.letsencrypt.org/directory"
OWN = "https://acme.isp.example:14000/dir"
START = 1_795_000_000.0
NAMES = ["home.casa.example", "www.casa.example"]


class Runs:
    """Runs of the product on one machine, whose clock the test sets."""

    def __init__(self, folder: Path) -> None:
        self.path, self.now = folder / "budget.json", START

    def budget(self) -> Budget:
        return Budget(self.path, lambda: self.now)

    def may(self, names: list[str] = NAMES, directory: str = PRODUCTION, challenge: str = "http-01", **others: bool) -> Verdict:
        return self.budget().may_order(directory, names, challenge, **others)

    def fail(self, names: list[str] = NAMES, directory: str = PRODUCTION, challenge: str = "http-01", retry_after: float | None = None) -> None:
        self.budget().failed(directory, names, challenge, "The CA could not reach home.casa.example.", retry_after)

    def succeed(self, names: list[str] = NAMES, directory: str = PRODUCTION) -> None:
        self.budget().succeeded(directory, names, "http-01")

    def wait(self) -> float:
        """Hours until the next order is allowed."""
        verdict = self.may()
        return 0.0 if verdict.allowed else (verdict.until - self.now) / HOUR


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path)


def test_the_first_order_is_allowed(runs: Runs) -> None:
    assert runs.may() == Verdict(True, 0.0, "")


@pytest.mark.proves("B09")
def test_after_each_failure_in_a_row_the_wait_grows_up_to_a_day(runs: Runs) -> None:
    waits = []
    for _ in range(7):
        runs.fail()
        waits.append(runs.wait())
        runs.now += waits[-1] * HOUR
        assert runs.may().allowed
    assert waits == [0, 1, 3, 9, 24, 24, 24]


def test_it_says_until_when_and_why(runs: Runs) -> None:
    runs.fail()
    runs.fail()
    verdict = runs.may()
    assert verdict.reason == (
        "The last 2 orders for home.casa.example and 1 more failed (at last: The CA could not reach home.casa.example). Next try after 2026-11-18 12:07 UTC."
    )


def test_a_success_ends_the_row(runs: Runs) -> None:
    runs.fail()
    runs.fail()
    runs.now += HOUR
    runs.succeed()
    runs.fail()
    assert runs.may().allowed


@pytest.mark.parametrize("change", [{"names": ["home.casa.example"]}, {"challenge": "dns-01"}, {"force": True}, {"directory": STAGING}])
def test_a_change_or_force_ends_the_wait(runs: Runs, change: dict[str, Any]) -> None:
    runs.fail()
    runs.fail()
    assert not runs.may().allowed
    assert runs.may(**change).allowed


@pytest.mark.parametrize("change", [{"names": ["home.casa.example"]}, {"challenge": "dns-01"}, {"force": True}])
def test_nothing_lifts_the_cap_on_failures_of_a_name_within_an_hour(runs: Runs, change: dict[str, Any]) -> None:
    for _ in range(4):
        runs.fail()
        runs.now += 60
    verdict = runs.may(**change)
    assert not verdict.allowed and verdict.until == START + HOUR
    assert "casa.example failed 4 times within an hour" in verdict.reason
    runs.now = START + HOUR
    assert runs.may(**change).allowed


def test_the_order_and_spelling_of_names_do_not_matter(runs: Runs) -> None:
    runs.fail()
    runs.fail(["WWW.casa.example.", "home.casa.example"])
    assert runs.wait() == 1


def test_the_ca_s_own_wish_is_kept_even_when_forced(runs: Runs) -> None:
    runs.fail(retry_after=5 * HOUR)
    verdict = runs.may(force=True)
    assert verdict.until == START + 5 * HOUR and "The CA asked to wait" in verdict.reason
    runs.now += 5 * HOUR
    assert runs.may().allowed


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), -5.0, 1e300])
def test_an_odd_wish_of_the_ca_never_locks_for_ever(runs: Runs, odd: float) -> None:
    runs.fail(retry_after=odd)
    runs.now += 8 * 24 * HOUR + 1
    assert runs.may().allowed


def test_four_certificates_of_the_same_names_in_a_week_are_enough(runs: Runs) -> None:
    for _ in range(4):
        assert runs.may(force=True).allowed
        runs.succeed()
        runs.now += HOUR
    verdict = runs.may(force=True)
    assert verdict.until == START + WEEK and "use the one that is there" in verdict.reason
    assert runs.may([*NAMES, "cloud.casa.example"]).allowed
    runs.now = START + WEEK
    assert runs.may().allowed


def test_a_domain_gets_45_certificates_a_week_but_renewals_go_on(runs: Runs) -> None:
    for number in range(45):
        assert runs.may([f"n{number}.casa.example"]).allowed
        runs.succeed([f"n{number}.casa.example"])
    verdict = runs.may(["one.more.casa.example"])
    assert not verdict.allowed and "below casa.example" in verdict.reason
    assert runs.may(["one.more.casa.example"], renewal=True).allowed
    assert runs.may(["other.example"]).allowed


def test_the_count_of_orders_in_three_hours_is_kept(runs: Runs) -> None:
    for number in range(295):
        runs.succeed([f"n{number}.d{number}.example"])
    assert "295 orders" in runs.may().reason
    runs.now += 3 * HOUR
    assert runs.may().allowed


@pytest.mark.parametrize("directory", [STAGING, OWN])
def test_a_ca_without_limits_is_not_held_to_them(runs: Runs, directory: str) -> None:
    for _ in range(60):
        runs.succeed(directory=directory)
    assert runs.may(directory=directory).allowed


def test_directories_have_a_budget_each(runs: Runs) -> None:
    runs.fail(directory=STAGING)
    runs.fail(directory=STAGING)
    assert runs.may().allowed and not runs.may(directory=STAGING).allowed


def test_what_is_older_than_eight_days_is_forgotten(runs: Runs) -> None:
    runs.fail()
    runs.now += 8 * 24 * HOUR + 1
    runs.may()
    assert json.loads(runs.path.read_text()) == {"orders": []}


@pytest.mark.parametrize("back", [60, HOUR, 400 * 24 * HOUR])
def test_a_clock_that_was_put_back_lengthens_a_wait_by_no_more_than_the_wait(runs: Runs, back: float) -> None:
    runs.fail()
    runs.fail(retry_after=2 * HOUR)
    runs.now -= back
    assert runs.wait() == pytest.approx(2)
    runs.now += 2 * HOUR + 1
    assert runs.may().allowed


def test_the_file_is_for_root_alone_and_nothing_is_left_beside_it(runs: Runs) -> None:
    runs.fail()
    assert stat.S_IMODE(runs.path.stat().st_mode) == 0o600
    assert {path.name for path in runs.path.parent.iterdir()} == {"budget.json", "budget.json.lock"}


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"{", b"[]", b"null", b'{"orders": 5}', b"[" * 100_000, b'{"orders": [' + b"9" * 5000 + b"]}"])
def test_a_damaged_file_is_set_aside_and_a_fresh_one_begun(runs: Runs, content: bytes) -> None:
    runs.path.write_bytes(content)
    assert runs.may().allowed
    assert runs.path.with_name("budget.json.damaged").read_bytes() == content
    assert json.loads(runs.path.read_text()) == {"orders": []}


def test_damage_to_one_entry_does_not_end_the_wait_of_the_others(runs: Runs) -> None:
    runs.fail()
    runs.fail()
    state = json.loads(runs.path.read_text())
    state["orders"].insert(0, {"directory": PRODUCTION})
    runs.path.write_text(json.dumps(state))
    assert runs.wait() == 1
    assert runs.path.with_name("budget.json.damaged").exists()


def test_without_a_memory_nothing_is_ordered(runs: Runs) -> None:
    runs.path.mkdir()
    verdict = runs.may()
    assert not verdict.allowed and "root must be able to write to" in verdict.reason


def test_a_power_loss_while_writing_leaves_the_old_file(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    runs.fail()
    before = runs.path.read_bytes()

    def power_loss(_: int) -> None:
        raise OSError("power loss")

    monkeypatch.setattr(os, "fsync", power_loss)
    with pytest.raises(OSError, match="power loss"):
        runs.fail()
    assert runs.path.read_bytes() == before
    assert {path.name for path in runs.path.parent.iterdir()} == {"budget.json", "budget.json.lock"}


def test_runs_at_the_same_time_wait_for_each_other(runs: Runs) -> None:
    other = threading.Thread(target=runs.fail)
    with runs.budget().ledger.opened(runs.now) as orders:
        other.start()
        other.join(0.3)
        assert other.is_alive()
        orders.append(Order(PRODUCTION, tuple(NAMES), "http-01", runs.now, False, "no", 0.0))
    other.join()
    assert runs.wait() == 1, "both failures are remembered"


SETS = st.sampled_from([["a.example"], ["b.example"], ["a.example", "b.example"], ["a.example", "b.example", "c.example"]])
STEPS = st.one_of(
    st.tuples(st.just("pass"), st.sampled_from([1.0, 600.0, 1800.0, 3599.0, 3600.0, 40_000.0])),
    st.tuples(st.just("clock back"), st.sampled_from([1.0, 1800.0, 3600.0, 1e6])),
    st.tuples(st.just("order"), SETS, st.sampled_from(["http-01", "dns-01"]), st.booleans(), st.sampled_from([True, False, False, False])),
    st.tuples(st.just("damage"), st.sampled_from(["entry", "nothing"])),
)


@pytest.mark.proves("B09")
@given(st.lists(STEPS, max_size=60), st.sampled_from([PRODUCTION, STAGING]))
@settings(max_examples=60, deadline=None)
def test_a_name_never_fails_more_than_four_times_within_an_hour_whatever_happens(steps: list[tuple[Any, ...]], directory: str) -> None:
    with TemporaryDirectory() as folder:
        runs, real = Runs(Path(folder)), 0.0
        failures: list[tuple[float, str]] = []
        for kind, *how in steps:
            if kind == "pass":
                real, runs.now = real + how[0], runs.now + how[0]
            elif kind == "clock back":
                runs.now -= how[0]
            elif kind == "damage" and runs.path.exists() and how[0] == "entry":
                state = json.loads(runs.path.read_text())
                runs.path.write_text(json.dumps({"orders": [*state["orders"], 5]}))
            elif kind == "order":
                names, challenge, force, success = how
                # the property is about every way round the wait, so a sequence presses as often as it is let
                for _ in range(3):
                    verdict = runs.may(names, directory, challenge, force=force)
                    assert verdict.allowed or verdict.until > runs.now
                    if verdict.allowed and success:
                        runs.succeed(names, directory)
                    elif verdict.allowed:
                        runs.fail(names, directory, challenge)
                        failures += [(real, name) for name in names]
        for end, name in failures:
            assert sum(other == name and end - HOUR < moment <= end for moment, other in failures) <= 4


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from([PRODUCTION, "http-01", "a.example", START]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["orders", "directory", "names", "challenge", "at"]), inner, max_size=5),
    max_leaves=10,
)
ENTRY = st.fixed_dictionaries(
    {
        "directory": JSON | st.just(PRODUCTION),
        "names": JSON | st.just(["a.example"]),
        "challenge": JSON | st.just("http-01"),
        "at": JSON | st.floats(0, 2e11) | st.just(START),
        "succeeded": JSON | st.booleans(),
        "reason": JSON | st.just("no"),
        "retry_at": JSON | st.just(0),
    }
)


@given(JSON | st.fixed_dictionaries({"orders": st.lists(ENTRY, max_size=4)}) | st.binary(max_size=20))
@settings(max_examples=200, deadline=None)
def test_no_content_of_the_file_is_a_reason_to_crash_or_to_lock_for_ever(content: Any) -> None:
    with TemporaryDirectory() as folder:
        runs = Runs(Path(folder))
        runs.path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        runs.may(["a.example"])
        runs.fail(["a.example"])
        runs.now += 8 * 24 * HOUR + 1
        assert runs.may(["a.example"]).allowed


@given(st.lists(st.text(max_size=10), max_size=3), st.text(max_size=10), st.text(max_size=10), st.text(max_size=10), st.booleans())
@settings(max_examples=60, deadline=None)
def test_no_question_is_a_reason_to_crash(names: list[str], directory: str, challenge: str, reason: str, force: bool) -> None:
    with TemporaryDirectory() as folder:
        runs = Runs(Path(folder))
        runs.budget().failed(directory, names, challenge, reason)
        runs.budget().failed(f"https://{directory}", names, challenge, reason)
        runs.may(names, directory, challenge, force=force)
        runs.may(names, f"https://{directory}", challenge, force=force)
