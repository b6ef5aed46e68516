"""A line for each name at a terminal, and files that are whole and private."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from plugins.module_utils.proof import files
from plugins.module_utils.proof.terminal import WIDTH, text

from . import houses
from .houses import proof


@pytest.mark.parametrize("variant", houses.VARIANTS)
def test_no_line_of_the_table_is_longer_than_the_terminal(variant: str) -> None:
    found = proof(houses.VARIANTS[variant]())
    lines = text(found, "/home/me/report.html").splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert sum(line.startswith(("  ok ", "  FAIL ", "  ? ")) for line in lines) == len(found.sites)


def test_a_name_that_is_too_long_keeps_both_ends() -> None:
    long = "a" * 60 + "." + "b" * 60 + ".example.org"
    sites = {"home": long}
    home = houses.Given(houses.probes(sites), houses.results(sites, {long: houses.told(long, houses.issued("a.example.org"))}))
    told = text(proof(home))
    assert max(map(len, told.splitlines())) <= WIDTH and "  ok   aaa" in told and "...b" in told and ".example.org " in told


def test_the_table_tells_life_and_vantages_in_one_line() -> None:
    told = text(proof(houses.spoilt()), "/home/me/report.html")
    lines = {line.split()[1]: line.split() for line in told.splitlines() if ".example.org" in line}
    assert lines["media.example.org"] == ["FAIL", "media.example.org", "61/90", "days", "2", "fail", "no", "look", "1", "fail", "2", "fail"]
    assert lines["home.example.org"][:6] == ["ok", "home.example.org", "110/160", "hours", "ok", "13"]
    assert told.splitlines()[0] == "1 of 4 sites is not served as declared:"
    assert "Also found: 1 problem, 2 warnings:\n  - server: port 5432/tcp on every address (0.0.0.0): Docker publishes port 5432 of" in told and told.endswith(
        "/home/me/report.html"
    )


def test_page_and_json_are_for_their_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "kept" / "report.html"
    found = proof(houses.well())
    assert files.write(found, path) == [path, path.with_suffix(".json")]
    assert [stat.S_IMODE(one.stat().st_mode) for one in (path, path.with_suffix(".json"))] == [0o600, 0o600]
    assert json.loads(path.with_suffix(".json").read_text())["headline"] == found.headline and found.headline in path.read_text()


def test_a_page_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report.html"
    path.write_text("old")

    def full(self: Path, target: object) -> Path:
        raise OSError("No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        files.write(proof(houses.well()), path)
    assert path.read_text() == "old" and [one.name for one in tmp_path.iterdir()] == ["report.html"]


def test_a_page_in_the_place_of_its_json_is_refused_with_words(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"end in \.html"):
        files.write(proof(houses.well()), tmp_path / "report.json")
