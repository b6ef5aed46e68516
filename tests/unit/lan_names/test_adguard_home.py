"""AdGuard Home's file: the parts of it that rewrites touch, as its versions write them (testdata of its internal/configmigrate)."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from plugins.module_utils.lan_names.adguard_home import AdGuardHome, edited
from plugins.module_utils.lan_names.records import Record, Refused

HOME = ("home.example.org", "192.168.1.10")
SIX = ("home.example.org", "fd00::10")
PERSONS = ("nas.lan", "192.168.1.30")

NEW = """\
http:
  address: 127.0.0.1:3000
users:
- name: testuser
  password: $2y$05$cEOh52jIMsMy2QCyCjgUSO
dns:
  bind_hosts:
  - 127.0.0.1
  port: 53
filtering:
  filtering_enabled: true
  rewrites:
    - domain: nas.lan
      answer: 192.168.1.30
      enabled: true
  safe_fs_patterns: []
  blocked_response_ttl: 10
schema_version: 34
"""
OLD = NEW.replace("  port: 53\n", "  port: 53\n  rewrites:\n  - domain: nas.lan\n    answer: 192.168.1.30\n").replace("34", "20")
OLD = OLD[: OLD.index("filtering:")] + OLD[OLD.index("schema_version") :]
EMPTY = NEW.replace("  rewrites:\n    - domain: nas.lan\n      answer: 192.168.1.30\n      enabled: true\n", "  rewrites: []\n")
NULL = EMPTY.replace("rewrites: []", "rewrites:")
NONE = EMPTY.replace("  rewrites: []\n", "")
LAST = (
    NONE.replace("schema_version: 34\n", "").replace("http:", "schema_version: 34\nhttp:", 1) + "  rewrites:\n    - domain: nas.lan\n      answer: 192.168.1.30"
)
LAYOUTS = {"new": NEW, "old": OLD, "empty": EMPTY, "null": NULL, "none": NONE, "last": LAST}


def pairs(text: str) -> list[tuple[str, str]]:
    whole = yaml.safe_load(text)
    section = whole["filtering"] if whole["schema_version"] >= 26 else whole["dns"]
    return [(entry["domain"], entry["answer"]) for entry in section.get("rewrites") or []]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_rewrites_are_added_changed_and_taken_out_and_a_person_s_stay(layout: str) -> None:
    text = LAYOUTS[layout]
    before = pairs(text)
    one, ours = edited(text, [HOME, SIX], [], "x")
    assert pairs(one) == [*before, HOME, SIX] and ours == [HOME, SIX]
    assert edited(one, [HOME, SIX], ours, "x") == (one, ours)
    moved = ("home.example.org", "192.168.1.99")
    two, later = edited(one, [moved], ours, "x")
    assert pairs(two) == [*before, moved] and later == [moved]
    gone, none = edited(two, [], later, "x")
    assert pairs(gone) == before and none == []
    assert yaml.safe_load(gone) == {**yaml.safe_load(text), **({"filtering": yaml.safe_load(gone)["filtering"]} if "filtering" in text else {})}


def test_new_entries_are_switched_on() -> None:
    added, _ = edited(NEW, [SIX], [], "x")
    assert yaml.safe_load(added)["filtering"]["rewrites"][1] == {"domain": SIX[0], "answer": SIX[1], "enabled": True}


def test_a_rewrite_that_a_person_made_before_us_is_not_ours_to_remove() -> None:
    text, ours = edited(NEW, [PERSONS, HOME], [], "x")
    assert ours == [HOME]
    assert pairs(edited(text, [], ours, "x")[0]) == [PERSONS]


@pytest.mark.parametrize(
    "text",
    [
        NEW.replace("rewrites:\n    - domain: nas.lan\n      answer: 192.168.1.30\n      enabled: true", "rewrites: [{domain: nas.lan, answer: 192.168.1.30}]"),
        NEW.replace("filtering:", "other:"),
        NEW + "\tnot yaml: [",
    ],
)
def test_what_cannot_be_changed_safely_is_left_with_what_to_type(text: str) -> None:
    with pytest.raises(Refused, match=r"(?s)left as it is.*home.example.org -> 192.168.1.10"):
        edited(text, [HOME], [], "AdGuardHome.yaml")


def test_a_machine_on_which_nothing_of_ours_is_left_is_not_touched_when_names_go(tmp_path: Path) -> None:
    place = AdGuardHome(tmp_path)
    assert not place.present() and place.files([]) == []
    place.file.parent.mkdir(parents=True)
    place.file.write_text(NEW)
    assert place.present() and place.files([]) == []
    assert [file.path for file in place.files([Record("home.example.org", ("192.168.1.10",))])] == [place.file, place.note]
