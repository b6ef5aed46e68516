"""What is told, when: each change once, nothing twice, and nothing is forgotten."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from plugins.module_utils.watch import state
from plugins.module_utils.watch.model import ERROR, WARNING, Finding
from plugins.module_utils.watch.notice import BAD, GOOD, MOST, WORST, notice
from plugins.module_utils.watch.state import Changes, State

DAY = 86400.0
HOUR = 3600.0


def trouble(name: str = "disk_low", about: str = "/", severity: str = WARNING, stage: int = 0, area: str = "disk") -> Finding:
    return Finding(area, name, about, severity, f"{about} is bad.", "Mend it.", stage)


def steps(memory: State, *looks: list[Finding], start: float = 1e9, every: float = HOUR) -> list[Changes]:
    return [memory.step(found, (), start + number * every, DAY) for number, found in enumerate(looks)]


@pytest.mark.proves("R40")
def test_a_finding_is_told_once_and_again_when_it_is_over() -> None:
    one = [trouble()]
    told = steps(State(), one, one, one, [], [], [])
    assert [(len(change.new), len(change.gone)) for change in told] == [(1, 0), (0, 0), (0, 0), (0, 0), (0, 1), (0, 0)]
    assert not any(change.worse or change.still for change in told)


def test_what_comes_and_goes_at_every_look_is_told_once() -> None:
    told = steps(State(), *([[trouble(severity=ERROR)], []] * 10), every=60)
    assert [bool(change) for change in told] == [True, *[False] * 19]


def test_what_is_urgent_is_told_again_each_day_and_what_is_not_is_not() -> None:
    both = [trouble(severity=ERROR), trouble(about="/var/lib")]
    told = steps(State(), *[both] * 50)
    assert [number for number, change in enumerate(told) if change.still] == [24, 48]
    assert all([one.about for one in change.still] == ["/"] for change in told if change.still)


def test_what_gets_worse_is_told_and_a_swing_between_two_weights_is_not() -> None:
    mild, grave = [trouble()], [trouble(severity=ERROR)]
    told = steps(State(), mild, grave, mild, grave, mild, grave)
    assert [bool(change.worse) for change in told] == [False, True, False, False, False, False]
    told = steps(State(), grave, mild, mild, grave)
    assert [bool(change) for change in told] == [True, False, False, True]


def test_a_further_stage_of_the_same_weight_is_told() -> None:
    assert [bool(change.worse) for change in steps(State(), [trouble(stage=1)], [trouble(stage=1)], [trouble(stage=2)])] == [False, False, True]


@pytest.mark.parametrize("unseen", [("disk", ""), ("disk", "/")])
def test_what_could_not_be_looked_at_is_not_taken_for_well(unseen: tuple[str, str]) -> None:
    memory = State()
    memory.step([trouble()], (), 1e9, DAY)
    for hour in range(1, 6):
        assert not memory.step([], {unseen}, 1e9 + hour * HOUR, DAY)
    assert not memory.step([trouble()], (), 1e9 + 6 * HOUR, DAY)


def test_a_name_with_a_slash_is_one_name() -> None:
    memory = State()
    memory.step([trouble(about="/var/lib")], (), 1e9, DAY)
    assert not memory.step([], {("disk", "/var/lib")}, 1e9 + HOUR, DAY)
    assert not memory.step([], {("disk", "/")}, 1e9 + HOUR, DAY) and memory.known["disk/disk_low//var/lib"].missed == 1


def test_a_clock_that_was_set_back_does_not_silence_what_is_urgent() -> None:
    memory = State()
    memory.step([trouble(severity=ERROR)], (), 2e9, DAY)
    assert memory.step([trouble(severity=ERROR)], (), 1e9, DAY).still
    assert not memory.step([trouble(severity=ERROR)], (), 1e9 + HOUR, DAY)


def test_it_is_remembered_from_run_to_run(tmp_path: Path) -> None:
    memory = State()
    memory.step([trouble(severity=ERROR)], (), 1e9, DAY)
    memory.waiting["1 (ntfy)"] = [{"title": "a", "text": "b", "kind": BAD}]
    state.write(memory, [tmp_path], 1e9)
    again = state.read([tmp_path])
    assert (again.known, again.waiting, again.lost) == (memory.known, memory.waiting, False)
    assert (tmp_path / state.NAME).stat().st_mode & 0o777 == 0o600


WRONG = [
    *("", "[]", "{}", "nonsense", "\ud800", '{"known": 1, "waiting": {}, "at": 1}', '{"known": {"a": {}}, "waiting": {}, "at": 1}'),
    '{"known": {}, "waiting": {"a": [1]}, "at": 1}',
    "[" * 100_000,
    '{"known": {"a": {"severity": "bad", "what": "b", "stage": 0, "since": 0, "told": 0, "missed": 0, "milder": 0}}, "waiting": {}, "at": 1}',
]


@pytest.mark.parametrize("content", WRONG, ids=lambda text: text[:20].encode("utf-8", "replace").decode())
def test_a_memory_that_was_damaged_makes_one_message_that_says_so(content: str, tmp_path: Path) -> None:
    (tmp_path / state.NAME).write_bytes(content.encode("utf-8", "surrogatepass"))
    memory = state.read([tmp_path])
    assert memory.lost and not memory.known
    found = [trouble(about=f"/{number}") for number in range(30)]
    first, second = steps(memory, found, found)
    text = notice("home", first, len(memory.known), memory.lost).text
    assert "not known any more" in text and not second


def test_on_a_full_disk_it_is_remembered_in_memory(tmp_path: Path) -> None:
    full, memory = tmp_path / "full", tmp_path / "memory"
    full.write_text("a file where the folder should be")
    kept = State()
    kept.step([trouble(severity=ERROR)], (), 1e9, DAY)
    state.write(kept, [full, memory], 1e9)
    assert not state.read([full, memory]).step([trouble(severity=ERROR)], (), 1e9 + HOUR, DAY)
    with pytest.raises(OSError, match=r"."):
        state.write(kept, [full], 1e9)


def test_the_newest_of_two_memories_counts(tmp_path: Path) -> None:
    old, new = tmp_path / "disk", tmp_path / "memory"
    state.write(State(), [old], 1.0)
    kept = State()
    kept.step([trouble()], (), 2.0, DAY)
    state.write(kept, [new], 2.0)
    assert state.read([old, new]).known and state.read([new, old]).known


def test_several_changes_are_one_message_whose_title_says_how_many() -> None:
    changes = Changes([trouble(severity=ERROR), trouble(about="/var/lib")], [], [], [])
    told = notice("home", changes, 3)
    assert told.title == "home: 2 things need you" and told.kind == WORST
    assert told.text.index("- / is bad. Mend it.") < told.text.index("- (not urgent) /var/lib is bad.") and "1 more was told before" in told.text


def test_the_last_trouble_that_ends_is_told_as_all_well_again() -> None:
    memory = State()
    *_, last = steps(memory, [trouble()], [], [])
    told = notice("home", last, len(memory.known))
    assert (told.title, told.kind) == ("home: all well again", GOOD) and "/ is bad." in told.text


def test_a_message_has_an_end_however_much_is_wrong() -> None:
    many = [trouble(about=f"/{'x' * 200}{number}") for number in range(500)]
    told = notice("home", Changes(many), 500)
    assert f"and {500 - MOST} more" in told.text and len(told.text) < 6001


def test_the_memory_is_plain_json(tmp_path: Path) -> None:
    state.write(State(), [tmp_path], 5.0)
    assert json.loads((tmp_path / state.NAME).read_text()) == {"at": 5.0, "known": {}, "waiting": {}}
