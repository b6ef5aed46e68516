"""What an app finds on the disk when it starts: folders, secrets, and whom it is to trust."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from plugins.module_utils.apps import settings
from plugins.module_utils.apps.files import Edit, Missing, Unknown
from plugins.module_utils.apps.settings import Outcome, settle


class Docker:
    """A `run` that answers as the command line of Docker does, and remembers what it was asked."""

    def __init__(self, running: str = "", refuses: bool = False, folder: Path | None = None) -> None:
        self.running, self.refuses, self.folder = running, refuses, folder
        self.asked: list[list[str]] = []
        self.files_at_stop: set[str] = set()

    def __call__(self, command: Sequence[str]) -> tuple[int, str]:
        self.asked.append(list(command))
        if command[1] == "ps":
            return 0, self.running
        if self.folder:
            self.files_at_stop = files(self.folder)
        return (1, "permission denied") if self.refuses else (0, "")

    def stopped(self) -> list[str]:
        return [name for command in self.asked if command[1] == "stop" for name in command[4:]]


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")} if folder.exists() else set()


def app(folder: Path, **changes: Any) -> dict[str, Any]:
    """A stack as the Plan makes it, below a folder of the test."""
    directory = folder / "srv" / "home"
    mine = {"owner": os.getuid(), "group": os.getgid()}
    return {
        "name": "home",
        "state": "present",
        "purge": False,
        "directory": str(directory),
        "folders": [{"path": str(directory / "config"), "mode": "0755", **mine}, {"path": str(directory / "data"), "mode": "0700", **mine}],
        "secrets": [],
        "trust": None,
        **changes,
    }


def trust(folder: Path) -> dict[str, Any]:
    return {
        "writer": "home_assistant",
        "directory": str(folder / "srv/home/config"),
        "trusted_proxies": ["172.30.4.17"],
        "version": "2026.11.0",
        "external_url": "https://home.example.org",
    }


def done(folder: Path, stack: dict[str, Any], run: Docker | None = None, check: bool = False) -> Outcome:
    return settle([stack], folder / "secrets", run or Docker(), check)


def test_folders_that_are_missing_are_made_with_their_modes(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        outcome = done(tmp_path, app(tmp_path))
    finally:
        os.umask(before)
    assert outcome.changed == ["home"]
    assert [stat.S_IMODE((tmp_path / "srv/home" / name).stat().st_mode) for name in ("config", "data")] == [0o755, 0o700]
    assert done(tmp_path, app(tmp_path)) == Outcome()


def test_a_folder_that_is_there_keeps_its_mode_and_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "srv/home/data"
    folder.mkdir(parents=True)
    (folder / "x").write_text("mine")
    folder.chmod(0o777)
    done(tmp_path, app(tmp_path))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o777 and (folder / "x").read_text() == "mine"


def test_a_secret_is_generated_once_and_for_its_owner_s_eyes_alone(tmp_path: Path) -> None:
    stack = app(tmp_path, secrets=["KEY", "PASSWORD"], folders=[])
    assert done(tmp_path, stack).changed == ["home"]
    path = tmp_path / "secrets/home.env"
    made = path.read_text()
    values = dict(line.split("=", 1) for line in made.splitlines())
    assert set(values) == {"KEY", "PASSWORD"} and len(set(values.values())) == 2 and all(len(value) >= 40 for value in values.values())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert done(tmp_path, stack) == Outcome() and path.read_text() == made


def test_a_secret_more_leaves_the_others_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    path = tmp_path / "secrets/home.env"
    path.write_text("KEY=mine=with=equals\n")
    done(tmp_path, app(tmp_path, secrets=["KEY", "PASSWORD"]))
    assert path.read_text().startswith("KEY=mine=with=equals\nPASSWORD=") and stat.S_IMODE(path.stat().st_mode) == 0o600


def test_two_apps_have_secrets_of_their_own(tmp_path: Path) -> None:
    settle([app(tmp_path, secrets=["KEY"]), app(tmp_path, name="other", secrets=["KEY"])], tmp_path / "secrets", Docker(), False)
    assert (tmp_path / "secrets/home.env").read_text() != (tmp_path / "secrets/other.env").read_text()


@pytest.mark.parametrize("check", [True, False])
def test_a_secret_is_never_in_a_diff(tmp_path: Path, check: bool) -> None:
    (tmp_path / "secrets").mkdir()
    path = tmp_path / "secrets/home.env"
    path.write_text("KEY=precious\n")
    outcome = done(tmp_path, app(tmp_path, secrets=["KEY", "PASSWORD"]), check=check)
    shown = json.dumps(outcome.diff)
    assert outcome.diff and not any(line.partition("=")[2] in shown for line in path.read_text().splitlines())


def test_check_mode_tells_everything_and_writes_and_stops_nothing(tmp_path: Path) -> None:
    docker = Docker("c0ffee")
    stack = app(tmp_path, secrets=["KEY"], trust=trust(tmp_path))
    before = files(tmp_path)
    outcome = done(tmp_path, stack, docker, check=True)
    assert files(tmp_path) == before and not docker.stopped()
    assert outcome.changed == ["home"]
    real = done(tmp_path, stack, docker)
    assert [entry["after_header"] for entry in outcome.diff] == [entry["after_header"] for entry in real.diff]


def test_an_app_that_runs_is_stopped_before_its_files_change(tmp_path: Path) -> None:
    docker = Docker("c0ffee\nbeef\n", folder=tmp_path / "srv")
    done(tmp_path, app(tmp_path, trust=trust(tmp_path)), docker)
    assert docker.asked[0] == ["docker", "ps", "--quiet", "--filter", "label=com.docker.compose.project=home"]
    assert docker.stopped() == ["c0ffee", "beef"]
    assert not {name for name in docker.files_at_stop if "http" in name}
    assert (tmp_path / "srv/home/config/.storage/http").exists()


def test_what_an_app_wrote_when_it_stopped_is_read_before_it_is_changed(tmp_path: Path) -> None:
    path = tmp_path / "srv/home/config/.storage/http"
    left = {"version": 3, "minor_version": 1, "key": "http", "data": {"stable": {"server_port": 8123}, "pending": None, "yaml_migration_done": True}}

    def run(command: Sequence[str]) -> tuple[int, str]:
        if command[1] == "stop":
            path.parent.mkdir()
            path.write_text(json.dumps(left))
        return 0, "c0ffee" if command[1] == "ps" else ""

    settle([app(tmp_path, trust=trust(tmp_path))], tmp_path / "secrets", run, False)
    assert json.loads(path.read_text())["data"]["stable"] == {"server_port": 8123, "use_x_forwarded_for": True, "trusted_proxies": ["172.30.4.17"]}


def test_an_app_that_is_told_already_is_not_stopped(tmp_path: Path) -> None:
    stack = app(tmp_path, trust=trust(tmp_path))
    done(tmp_path, stack)
    docker = Docker("c0ffee")
    assert done(tmp_path, stack, docker) == Outcome() and docker.asked == []


def test_an_app_that_does_not_stop_keeps_its_files_and_is_named(tmp_path: Path) -> None:
    done(tmp_path, app(tmp_path))
    before = files(tmp_path)
    with pytest.raises(Unknown, match=r"home could not be stopped.*permission denied"):
        done(tmp_path, app(tmp_path, trust=trust(tmp_path)), Docker("c0ffee", refuses=True))
    assert files(tmp_path) == before


def test_a_change_of_settings_leaves_a_backup_that_is_named(tmp_path: Path) -> None:
    stack = app(tmp_path, trust=trust(tmp_path))
    assert done(tmp_path, stack).backups == []
    (backup,) = done(tmp_path, {**stack, "trust": {**trust(tmp_path), "trusted_proxies": ["172.30.4.33"]}}).backups
    assert json.loads(Path(backup).read_text())["data"]["trusted_proxies"] == ["172.30.4.17"]


def test_what_cannot_be_read_yet_is_said_in_check_mode_and_stops_a_real_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: Any) -> list[Edit]:
        raise Missing("python3-yaml is missing")

    monkeypatch.setattr(settings, "WRITERS", {"home_assistant": missing})
    outcome = done(tmp_path, app(tmp_path, folders=[], trust=trust(tmp_path)), check=True)
    assert outcome.changed == ["home"] and "python3-yaml is missing" in outcome.diff[0]["after"]
    with pytest.raises(Missing):
        done(tmp_path, app(tmp_path, folders=[], trust=trust(tmp_path)))


def wiped(folder: Path, **changes: Any) -> dict[str, Any]:
    return app(folder, state="absent", **changes)


def filled(folder: Path) -> None:
    done(folder, app(folder, secrets=["KEY"]))
    (folder / "srv/home/config/x").write_text("mine")
    (folder / "srv/other").mkdir()


def test_an_app_that_is_absent_keeps_its_data_and_secrets(tmp_path: Path) -> None:
    filled(tmp_path)
    before = files(tmp_path)
    assert done(tmp_path, wiped(tmp_path)) == Outcome() and files(tmp_path) == before


@pytest.mark.proves("R59")
def test_an_app_that_is_named_for_it_loses_its_data_and_secrets_and_no_other_does(tmp_path: Path) -> None:
    filled(tmp_path)
    assert done(tmp_path, wiped(tmp_path, purge=True)).changed == ["home"]
    assert files(tmp_path) == {"srv", "srv/other", "secrets"}
    assert done(tmp_path, wiped(tmp_path, purge=True)) == Outcome()


def test_check_mode_names_what_would_be_wiped_and_wipes_nothing(tmp_path: Path) -> None:
    filled(tmp_path)
    before = files(tmp_path)
    outcome = done(tmp_path, wiped(tmp_path, purge=True), check=True)
    assert outcome.changed == ["home"] and files(tmp_path) == before
    assert [entry["before_header"] for entry in outcome.diff] == [str(tmp_path / "srv/home"), str(tmp_path / "secrets/home.env")]


@pytest.mark.parametrize("directory", ["srv", "srv/other", "srv/home/..", "srv/home/config", ""])
def test_a_folder_that_is_not_the_app_s_is_never_wiped(tmp_path: Path, directory: str) -> None:
    filled(tmp_path)
    before = files(tmp_path)
    with pytest.raises(Unknown, match="nothing was wiped"):
        done(tmp_path, wiped(tmp_path, purge=True, directory=str(tmp_path / directory)))
    assert files(tmp_path) == before


@pytest.mark.parametrize("directory", ["/home", "home", "srv/home"])
def test_a_folder_of_the_machine_or_a_relative_one_is_never_wiped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, directory: str) -> None:
    monkeypatch.setattr(settings.shutil, "rmtree", lambda path: pytest.fail(f"{path} was wiped"))
    filled(tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Unknown, match="nothing was wiped"):
        done(tmp_path, wiped(tmp_path, purge=True, directory=directory), check=True)


def test_a_link_in_the_place_of_an_app_s_folder_wipes_nothing_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious/x").write_text("mine")
    (tmp_path / "srv").mkdir()
    (tmp_path / "srv/home").symlink_to(tmp_path / "precious")
    with pytest.raises((Unknown, OSError)):
        done(tmp_path, wiped(tmp_path, purge=True))
    assert (tmp_path / "precious/x").read_text() == "mine"
