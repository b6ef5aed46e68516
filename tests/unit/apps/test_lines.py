"""An app's files on the disk: set once while it is stopped, without a secret shown, without a link followed."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from plugins.module_utils.apps import files
from plugins.module_utils.apps.files import Unknown, copy_beside
from plugins.module_utils.apps.settings import Outcome, settle


def row(folder: Path, name: str, kind: str, wanted: dict[str, Any], missing: str = "make", root: str = "") -> dict[str, Any]:
    return {"file": str(folder / "srv/home" / name), "format": kind, "set": wanted, "missing": missing, "root": root}


def app(folder: Path, *rows: dict[str, Any], **changes: Any) -> dict[str, Any]:
    (folder / "srv/home").mkdir(parents=True, exist_ok=True)
    return {
        "name": "home",
        "state": "present",
        "purge": False,
        "directory": str(folder / "srv/home"),
        "folders": [],
        "secrets": [],
        "trust": None,
        "settings": list(rows),
        **changes,
    }


class Docker:
    """The command line of Docker with one running container."""

    def __init__(self) -> None:
        self.stops = 0

    def __call__(self, command: Sequence[str]) -> tuple[int, str]:
        self.stops += command[1] == "stop"
        return 0, "c0ffee" if command[1] == "ps" else ""


def done(folder: Path, stack: dict[str, Any], run: Any = None, check: bool = False) -> Outcome:
    return settle([stack], folder / "secrets", run or Docker(), check, folder / "records")


def test_all_files_of_an_app_are_set_in_one_stop_and_a_second_run_stops_nothing(tmp_path: Path) -> None:
    trust = {
        "writer": "home_assistant",
        "directory": str(tmp_path / "srv/home"),
        "trusted_proxies": ["172.30.4.17"],
        "version": "2026.11.0",
        "external_url": "",
    }
    rows = [row(tmp_path, "a/b/c.json", "json", {"x": 1}), row(tmp_path, "d.ini", "ini", {"": {"y": "z"}}), row(tmp_path, "d.ini", "ini", {"s": {"y": "z"}})]
    docker = Docker()
    stack = app(tmp_path, *rows, trust=trust)
    assert done(tmp_path, stack, docker).changed == ["home"] and docker.stops == 1
    assert json.loads((tmp_path / "srv/home/a/b/c.json").read_text()) == {"x": 1}
    assert (tmp_path / "srv/home/d.ini").read_text() == 'y = "z"\n\n[s]\ny = "z"\n'
    assert done(tmp_path, stack, docker) == Outcome() and docker.stops == 1


def test_a_new_file_is_for_its_app_alone_and_an_old_one_keeps_its_mode_and_a_copy(tmp_path: Path) -> None:
    stack = app(tmp_path, row(tmp_path, "new.json", "json", {"x": 1}), row(tmp_path, "old.json", "json", {"x": 1}))
    old = tmp_path / "srv/home/old.json"
    old.write_text("{}")
    old.chmod(0o604)
    (backup,) = done(tmp_path, stack).backups
    assert Path(backup).read_text() == "{}"
    assert [stat.S_IMODE((tmp_path / "srv/home" / name).stat().st_mode) for name in ("new.json", "old.json")] == [0o640, 0o604]


def test_check_mode_shows_the_lines_that_would_change_and_writes_and_stops_nothing(tmp_path: Path) -> None:
    path = tmp_path / "srv/home/a.yaml"
    stack = app(tmp_path, row(tmp_path, "a.yaml", "yaml", {"port": 80}))
    path.write_text("password: precious\na: 1\nb: 2\nport: 79\n")
    docker = Docker()
    outcome = done(tmp_path, stack, docker, check=True)
    assert outcome.changed == ["home"] and not docker.stops and "port: 79" in path.read_text()
    (shown,) = outcome.diff
    assert "-port: 79\n+port: 80\n" in shown["prepared"] and "precious" not in json.dumps(outcome.diff)
    assert done(tmp_path, stack).diff == outcome.diff


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("yaml", {"a": {"key": "x-${KEY}"}, "b": 1}),
        ("json", {"a": ["${KEY}"]}),
        ("ini", {"": {"a": "${KEY}"}}),
        ("xml", {"A": "${KEY}", "@k": "${KEY}"}),
        ("python", {"A": "${KEY}", "B": 1}),
    ],
)
def test_a_generated_secret_is_in_the_file_and_never_in_a_diff(tmp_path: Path, kind: str, wanted: dict[str, Any]) -> None:
    stack = app(tmp_path, row(tmp_path, "f", kind, wanted, root="R"), secrets=["KEY"])
    first = done(tmp_path, stack)
    secret = (tmp_path / "secrets/home.env").read_text().partition("=")[2].strip()
    assert secret in (tmp_path / "srv/home/f").read_text() and secret not in json.dumps(first.diff) and "hidden" in json.dumps(first.diff)
    assert done(tmp_path, stack) == Outcome()
    (tmp_path / "secrets/home.env").write_text("KEY=another-secret\n")
    second = done(tmp_path, stack)
    assert "another-secret" in (tmp_path / "srv/home/f").read_text()
    assert second.diff and not any(one in json.dumps(second.diff) for one in (secret, "another-secret"))


def test_check_mode_on_a_bare_host_shows_a_secret_that_is_not_there_yet_as_hidden(tmp_path: Path) -> None:
    outcome = done(tmp_path, app(tmp_path, row(tmp_path, "f", "ini", {"": {"a": "${KEY}"}}), secrets=["KEY"]), check=True)
    assert '+a = "hidden"' in outcome.diff[1]["prepared"]


def test_a_file_that_its_app_makes_first_is_waited_for_and_then_set(tmp_path: Path) -> None:
    stack = app(tmp_path, row(tmp_path, "f.json", "json", {"x": 1}, missing="wait"))
    first = done(tmp_path, stack)
    assert first.waiting == ["home"] and not first.changed and not first.diff and not (tmp_path / "srv/home/f.json").exists()
    (tmp_path / "srv/home/f.json").write_text('{"y": 2}')
    second = done(tmp_path, stack)
    assert second.changed == ["home"] and second.waiting == [] and json.loads((tmp_path / "srv/home/f.json").read_text()) == {"y": 2, "x": 1}


@pytest.mark.parametrize("link", ["a", "a/b", "a/b/f.json"])
def test_a_link_anywhere_on_the_way_is_neither_read_nor_written_through(tmp_path: Path, link: str) -> None:
    stack = app(tmp_path, row(tmp_path, "a/b/f.json", "json", {"x": 1}))
    outside = tmp_path / "outside"
    (outside / "b").mkdir(parents=True)
    (outside / "f.json").write_text('{"precious": 1}')
    (outside / "b/f.json").write_text('{"precious": 1}')
    place = tmp_path / "srv/home" / link
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(outside / "f.json" if link.endswith("json") else outside)
    for check in (True, False):
        with pytest.raises(Unknown, match="is a link") as refused:
            done(tmp_path, stack, check=check)
        assert "precious" not in str(refused.value)
    assert (outside / "f.json").read_text() == (outside / "b/f.json").read_text() == '{"precious": 1}'


def test_what_is_no_plain_file_is_refused_and_nobody_waits_for_it(tmp_path: Path) -> None:
    stack = app(tmp_path, row(tmp_path, "f.json", "json", {"x": 1}))
    path = tmp_path / "srv/home/f.json"
    os.mkfifo(path)
    with pytest.raises(Unknown, match="not a file of settings"):
        done(tmp_path, stack)
    path.unlink()
    path.mkdir()
    with pytest.raises(Unknown, match="not a file of settings"):
        done(tmp_path, stack)


def test_a_file_that_is_too_long_or_not_utf_8_is_refused(tmp_path: Path) -> None:
    stack = app(tmp_path, row(tmp_path, "f.json", "json", {"x": 1}))
    path = tmp_path / "srv/home/f.json"
    path.write_bytes(b"{}" + b" " * files.MOST_BYTES)
    with pytest.raises(Unknown, match="at most 4 MiB"):
        done(tmp_path, stack)
    path.write_bytes(b'{"a": "\xe9"}')
    with pytest.raises(Unknown, match="not UTF-8"):
        done(tmp_path, stack)


def test_what_is_refused_leaves_an_app_running(tmp_path: Path) -> None:
    stack = app(tmp_path, row(tmp_path, "a.json", "json", {"x": 1}), row(tmp_path, "f.json", "json", {"x": 1}))
    (tmp_path / "srv/home/f.json").write_text("{")
    docker = Docker()
    with pytest.raises(Unknown, match="not JSON"):
        done(tmp_path, stack, docker)
    assert not docker.stops and not (tmp_path / "srv/home/a.json").exists()


def test_a_run_that_is_killed_between_two_files_is_ended_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stack = app(tmp_path, *(row(tmp_path, f"{name}.json", "json", {"x": 1}) for name in "ab"))
    for name in "ab":
        (tmp_path / f"srv/home/{name}.json").write_text('{"kept": true}')
    replace = Path.replace

    def killed(self: Path, target: Path) -> Path:
        if target.name == "b.json":
            raise KeyboardInterrupt
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        done(tmp_path, stack)
    assert json.loads((tmp_path / "srv/home/b.json").read_text()) == {"kept": True}
    monkeypatch.undo()
    assert done(tmp_path, stack).changed == ["home"]
    assert all(json.loads((tmp_path / f"srv/home/{name}.json").read_text()) == {"kept": True, "x": 1} for name in "ab")
    assert done(tmp_path, stack) == Outcome()


def test_a_full_disk_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stack = app(tmp_path, row(tmp_path, "a.json", "json", {"x": 1}))
    path = tmp_path / "srv/home/a.json"
    path.write_text('{"kept": true}')

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        done(tmp_path, stack)
    assert path.read_text() == '{"kept": true}'


def test_a_copy_is_its_owner_s_alone_from_the_start_and_goes_through_no_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files.time, "strftime", lambda _: "now")
    path, victim = tmp_path / "f", tmp_path / "victim"
    path.write_text("new")
    victim.write_text("precious")
    (tmp_path / "f.now.bak").symlink_to(victim)
    monkeypatch.setattr(files.shutil, "copy2", lambda one, other: pytest.fail("open to all") if stat.S_IMODE(other.stat().st_mode) != 0o600 else None)
    before = os.umask(0)
    try:
        assert copy_beside(path).name == "f.now-1.bak" and victim.read_text() == "precious"
    finally:
        os.umask(before)


# What an app keeps from its first start


def test_what_an_app_was_first_started_with_is_kept_and_readable(tmp_path: Path) -> None:
    stack = app(tmp_path, app="tao", fixed={"EXPOSURE_HOST": "tao.example.org"}, confirmed=False)
    assert done(tmp_path, stack, check=True).recorded == ["home"] and not (tmp_path / "records").exists()
    first = done(tmp_path, stack)
    path = tmp_path / "records/home.json"
    assert first.recorded == ["home"] and first.changed == []
    assert json.loads(path.read_text()) == {"app": "tao", "fixed": {"EXPOSURE_HOST": "tao.example.org"}} and stat.S_IMODE(path.stat().st_mode) == 0o644
    assert done(tmp_path, stack) == Outcome()


@pytest.mark.proves("R47")
def test_a_host_refuses_another_value_before_it_touches_anything_of_any_app(tmp_path: Path) -> None:
    fixed = {"EXPOSURE_HOST": "tao.example.org", "LOCALE": "en-US"}
    stack = app(tmp_path, app="tao", fixed=fixed, confirmed=False)
    done(tmp_path, stack)
    other = {**app(tmp_path, row(tmp_path, "a.json", "json", {"x": 1})), "name": "other"}
    later = {**stack, "fixed": {**fixed, "EXPOSURE_HOST": "new.example.org"}}
    for check in (True, False):
        with pytest.raises(Unknown, match=r"first started with EXPOSURE_HOST tao\.example\.org \(now new\.example\.org\).*exposure_confirm: \[home\]"):
            settle([other, later], tmp_path / "secrets", Docker(), check, tmp_path / "records")
    assert not (tmp_path / "srv/home/a.json").exists()
    assert json.loads((tmp_path / "records/home.json").read_text())["fixed"] == fixed
    done(tmp_path, {**later, "confirmed": True})
    assert json.loads((tmp_path / "records/home.json").read_text())["fixed"] == {**fixed, "EXPOSURE_HOST": "new.example.org"}


def test_a_record_stays_with_the_data_and_goes_with_them(tmp_path: Path) -> None:
    stack = app(tmp_path, app="tao", fixed={"EXPOSURE_HOST": "tao.example.org"}, confirmed=False)
    done(tmp_path, stack)
    done(tmp_path, {**stack, "state": "absent"})
    assert (tmp_path / "records/home.json").exists()
    done(tmp_path, {**stack, "state": "absent", "purge": True})
    assert not (tmp_path / "records/home.json").exists()


def test_a_record_that_cannot_be_read_is_not_taken_for_none(tmp_path: Path) -> None:
    stack = app(tmp_path, app="tao", fixed={"EXPOSURE_HOST": "tao.example.org"}, confirmed=False)
    (tmp_path / "records").mkdir()
    (tmp_path / "records/home.json").write_text("{")
    with pytest.raises(Unknown, match="cannot be read"):
        done(tmp_path, stack)
