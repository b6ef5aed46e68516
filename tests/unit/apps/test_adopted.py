"""An app of a person's compose file is told what the catalogue says, in files that it may have elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from plugins.module_utils.apps.adopted import settle_adopted
from plugins.module_utils.apps.files import Unknown

XML = "<NetworkConfiguration>\n  <EnableIPv6>false</EnableIPv6>\n  <KnownProxies />\n</NetworkConfiguration>\n"


class Docker:
    """A `run` that answers as the command line of Docker does, and remembers what it was asked."""

    def __init__(self, running: str = "", starts: bool = True) -> None:
        self.running, self.starts = running, starts
        self.asked: list[list[str]] = []

    def __call__(self, command: Sequence[str]) -> tuple[int, str]:
        self.asked.append(list(command))
        if command[1] == "ps":
            return 0, self.running
        return (0, "") if command[1] != "start" or self.starts else (1, "no such container")

    def words(self) -> list[str]:
        return [" ".join(command[1:]) for command in self.asked if command[1] != "ps"]


def app(folder: Path, **lines: Any) -> dict[str, Any]:
    rows = [
        {
            "file": str(folder / "config/network.xml"),
            "inside": "config/config/network.xml",
            "below": str(folder),
            "format": "xml",
            "root": "NetworkConfiguration",
        }
    ]
    settings = [{**row, "missing": "wait", "set": {"KnownProxies": {"string": ["172.23.0.1"]}}} for row in rows]
    left_out = {"name": "media", "state": "present", "purge": False, "directory": str(folder), "folders": [], "secrets": [], "trust": None, "fixed": {}}
    own = {"project": "films", "service": "jellyfin", "publish": [], "health": {}, "commands": [], "settings": settings}
    return {**left_out, **own, **lines}


HEALTH = {"url": "http://127.0.0.1:1/", "status": [200], "contains": "", "wait": 0}


def test_the_one_service_is_stopped_told_and_started_again(tmp_path: Path) -> None:
    file = tmp_path / "config/network.xml"
    file.parent.mkdir()
    file.write_text(XML)
    docker = Docker("abc")
    outcome = settle_adopted([app(tmp_path)], docker, False)
    assert outcome.changed == ["media"] and "<string>172.23.0.1</string>" in file.read_text() and "<EnableIPv6>false</EnableIPv6>" in file.read_text()
    assert docker.words() == ["stop --time 120 abc", "start abc"]
    assert {"label=com.docker.compose.project=films", "label=com.docker.compose.service=jellyfin"} <= set(docker.asked[0])
    (backup,) = outcome.backups
    assert Path(backup).read_text() == XML
    again = Docker("abc")
    assert settle_adopted([app(tmp_path)], again, False).changed == [] and again.words() == []


def test_in_check_mode_nothing_is_written_and_nothing_stopped(tmp_path: Path) -> None:
    file = tmp_path / "config/network.xml"
    file.parent.mkdir()
    file.write_text(XML)
    docker = Docker("abc")
    outcome = settle_adopted([app(tmp_path)], docker, True)
    assert outcome.changed == ["media"] and outcome.diff and file.read_text() == XML and docker.words() == []


def test_a_file_that_another_image_has_elsewhere_is_found_and_named(tmp_path: Path) -> None:
    (tmp_path / "network.xml").write_text(XML)
    with pytest.raises(Unknown, match=rf"there is {tmp_path}/network.xml; if that is it, write data: {{config/config: {tmp_path}}}"):
        settle_adopted([app(tmp_path)], Docker("abc"), False)
    assert (tmp_path / "network.xml").read_text() == XML


def test_a_file_that_the_app_never_made_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(Unknown, match="start jellyfin once"):
        settle_adopted([app(tmp_path)], Docker(), False)


def test_an_app_that_does_not_answer_any_more_gets_its_file_back(tmp_path: Path) -> None:
    file = tmp_path / "config/network.xml"
    file.parent.mkdir()
    file.write_text(XML)
    docker, answers = Docker("abc"), iter([True, False, False])
    with pytest.raises(Unknown, match="did not answer"):
        settle_adopted([app(tmp_path, health=HEALTH)], docker, False, answers=lambda health: next(answers), pause=0)
    assert file.read_text() == XML
    assert docker.words() == ["stop --time 120 abc", "start abc", "stop --time 120 abc", "start abc"]


def test_an_app_that_did_not_answer_before_is_not_judged_by_that(tmp_path: Path) -> None:
    file = tmp_path / "config/network.xml"
    file.parent.mkdir()
    file.write_text(XML)
    assert settle_adopted([app(tmp_path, health=HEALTH)], Docker("abc"), False, answers=lambda health: False, pause=0).changed == ["media"]


def test_a_writer_that_refuses_leaves_the_app_running_with_its_files(tmp_path: Path) -> None:
    file = tmp_path / "config/network.xml"
    file.parent.mkdir()
    file.write_text("<Something/>")
    docker = Docker("abc")
    with pytest.raises(Unknown):
        settle_adopted([app(tmp_path)], docker, False)
    assert file.read_text() == "<Something/>" and docker.words() == []


def test_a_container_that_does_not_start_again_is_said_with_the_command(tmp_path: Path) -> None:
    file = tmp_path / "config/network.xml"
    file.parent.mkdir()
    file.write_text(XML)
    with pytest.raises(Unknown, match="docker start abc"):
        settle_adopted([app(tmp_path)], Docker("abc", starts=False), False)
