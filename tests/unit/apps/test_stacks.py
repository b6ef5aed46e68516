"""A stack's change: what is pulled, backed up, started, and what is put back where it does not get well."""

from __future__ import annotations

import json
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from plugins.module_utils.apps.restore import Restore
from plugins.module_utils.release.disk import Failure

from .docker import House


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A host on which `cloud` v1 runs, with a letter in its data."""
    found = House(tmp_path)
    assert found.bring(found.stack())[0].trouble == ""
    found.write("dear all")
    assert found.serves()
    return found


def test_a_first_start_makes_folders_secrets_and_release_and_a_second_run_does_nothing(tmp_path: Path) -> None:
    house = House(tmp_path)
    first = house.bring(house.stack())[0]
    assert first.changed and not first.trouble and house.serves() and house.backups() == []
    assert (house.places.secrets / "cloud.env").stat().st_mode & 0o777 == 0o600
    asked = house.docker.asked()
    again = house.bring(house.stack())[0]
    assert not again.changed and again.diff == [] and house.docker.asked() == asked and house.unfinished() == []


def test_an_update_is_pulled_backed_up_and_started_in_this_order(house: House) -> None:
    seen = len(house.docker.asked())
    done = house.bring(house.stack("v2"))[0]
    assert done.trouble == "" and house.runs() == "app:v2" and house.serves() and house.data("letters") == "dear all"
    assert house.docker.asked()[seen:] == ["pull app:v2", "stop cloud", "up cloud"]
    backup = Path(done.backup)
    told = json.loads((backup / "manifest.json").read_text())
    assert backup.name.endswith("-v1") and told["images"] == {"app": "app:v1"} and told["to"] == {"app": "app:v2"}
    assert [path.stat().st_mode & 0o777 for path in (backup, backup.parent, backup.parent.parent)] == [0o700] * 3
    with tarfile.open(backup / "data.tar.gz") as archive:
        assert archive.extractfile("data/version").read() == b"v1"  # type: ignore[union-attr]
    assert (backup / "secrets.env").read_text() == (house.places.secrets / "cloud.env").read_text()
    assert "app:v1" in (backup / "release/compose.json").read_text()
    assert not house.bring(house.stack("v2"))[0].changed


def test_what_is_not_well_after_an_update_is_put_back_with_its_data(house: House) -> None:
    failed = house.bring(house.stack("sick"))[0]
    assert house.runs() == "app:v1" and house.serves() and house.data("letters") == "dear all" and house.unfinished() == []
    assert failed.trouble.startswith("cloud: app:sick is not well after 5 s: it does not answer")
    assert "app | database is too new" in failed.trouble and "app:v1 serves again, with its data as it was." in failed.trouble
    assert "hunter22" not in failed.trouble and "\x1b" not in failed.trouble
    assert not house.bring(house.stack("v1"))[0].changed
    assert house.bring(house.stack("v2"))[0].trouble == "" and house.runs() == "app:v2"


def test_tries_that_failed_do_not_push_older_backups_out(house: House) -> None:
    house.bring(house.stack("v2"))
    first = house.backups()
    for _ in range(4):
        assert house.bring(house.stack("sick"))[0].trouble
    assert set(first) <= set(house.backups()) and len(house.backups()) == 2


def test_an_image_that_cannot_be_pulled_changes_nothing(house: House) -> None:
    seen = len(house.docker.asked())
    failed = house.bring(house.stack("v9"))[0]
    assert "the image app:v9 cannot be pulled: Error response" in failed.trouble and "Nothing was changed: app:v1 goes on serving." in failed.trouble
    assert house.docker.asked()[seen:] == ["pull app:v9"] and house.serves() and house.unfinished() == [] and house.backups() == []
    assert not house.bring(house.stack("v1"))[0].changed


def test_one_that_fails_keeps_no_other_back(house: House) -> None:
    results = house.bring(house.stack("sick"), house.stack("v1", "media"), house.stack("v9", "photos"))
    assert [bool(result.trouble) for result in results] == [True, False, True]
    assert house.serves("media") and house.serves("cloud") and "Nothing was started." in results[2].trouble


def test_a_first_start_that_does_not_get_well_is_left_to_be_looked_at_and_the_next_run_looks_again(tmp_path: Path) -> None:
    house = House(tmp_path)
    for _ in range(2):
        failed = house.bring(house.stack("sick"))[0]
        assert "left as they are, for you to look: docker compose -p cloud logs" in failed.trouble and house.runs() == "app:sick"
    (tmp_path / "srv/cloud/data/version").write_text("v1")
    assert house.bring(house.stack("v1"))[0].trouble == "" and house.serves() and house.unfinished() == []


def test_settings_are_written_while_the_app_is_stopped_and_come_back_where_it_does_not_like_them(house: House) -> None:
    assert house.bring(house.stack(conf="good"))[0].trouble == "" and house.data("app.conf") == "good"
    answers = house.docker.answers
    house.docker.answers = lambda health, name: "bad settings" if house.data("app.conf") == "bad" else answers(health, name)  # type: ignore[method-assign]
    failed = house.bring(house.stack(conf="bad"))[0]
    assert "bad settings" in failed.trouble and "app:v1 serves again, as it was." in failed.trouble
    assert house.data("app.conf") == "good" and house.runs() == "app:v1" and house.backups() == [] and house.unfinished() == []


def test_a_stack_that_was_stopped_by_hand_is_started_without_a_backup(house: House) -> None:
    house.docker.stop("cloud")
    assert house.bring(house.stack())[0].trouble == "" and house.serves() and house.backups() == []


def test_a_changed_variable_needs_no_backup_and_is_put_back_too(house: House) -> None:
    changed = house.stack()
    environment = changed["compose"]["services"]["app"]["environment"]
    environment["LEVEL"] = "debug"
    assert house.bring(changed)[0].trouble == "" and house.backups() == []
    environment["LEVEL"] = "too loud"
    failed = house.bring(changed)[0]
    assert "it is too loud" in failed.trouble and "app:v1 serves again, as it was." in failed.trouble
    assert house.serves() and house.backups() == [] and house.unfinished() == []
    environment["LEVEL"] = "debug"
    assert not house.bring(changed)[0].changed


def test_an_app_without_backup_is_updated_without_one(house: House) -> None:
    wish = {"make": False, "dumps": [], "leave_out": []}
    failed = house.bring(house.stack("sick", backup=wish))[0]
    assert house.runs() == "app:v1" and house.backups() == [] and "is put back, and is not well either" in failed.trouble


def test_dumps_are_made_while_the_database_runs_and_one_that_fails_ends_the_update(house: House) -> None:
    dump = {"service": "app", "command": ["dump", "all"], "restore": ["load"], "file": "db.sql"}
    failed = house.bring(house.stack("v2", backup={"make": True, "dumps": [{**dump, "command": ["fails"]}], "leave_out": []}))[0]
    assert "The dump of its service app failed: access denied" in failed.trouble and house.serves() and house.runs() == "app:v1" and house.unfinished() == []
    seen = len(house.docker.asked())
    done = house.bring(house.stack("v2", backup={"make": True, "dumps": [dump], "leave_out": []}))[0]
    assert (Path(done.backup) / "dumps/db.sql").read_text() == "dump of cloud-app"
    assert house.docker.asked()[seen:] == ["send cloud-app dump all", "stop cloud", "up cloud"]


def test_what_is_left_out_is_not_in_the_backup_and_stays_when_data_is_put_back(house: House) -> None:
    (house.folder / "srv/cloud/data/media").mkdir()
    house.write("a film", "media/film")
    failed = house.bring(house.stack("sick", backup={"make": True, "dumps": [], "leave_out": ["data/media"]}))[0]
    assert house.serves() and house.data("media/film") == "a film"
    with tarfile.open(Path(failed.backup) / "data.tar.gz") as archive:
        assert "data/media" in archive.getnames() and "data/media/film" not in archive.getnames()


def test_named_volumes_are_backed_up_and_put_back(house: House) -> None:
    volume = house.folder / "volumes" / "cloud_db"
    volume.mkdir(parents=True)
    (volume / "rows").write_text("one")
    up = house.docker.up

    def spoil(project: Any, start: bool = True) -> str:
        done = up(project, start)
        if house.runs() == "app:sick":
            (volume / "rows").write_text("spoilt")
        return done

    house.docker.up = spoil  # type: ignore[method-assign]
    house.bring(house.stack("sick"))
    assert (volume / "rows").read_text() == "one" and house.serves()


def test_without_docker_a_foretold_run_works_and_a_real_one_says_so(tmp_path: Path) -> None:
    house = House(tmp_path)
    (tmp_path / "no docker").touch()
    before = sorted(tmp_path.rglob("*"))
    foretold = house.bring(house.stack(), check=True)[0]
    assert foretold.changed and not foretold.trouble and sorted(tmp_path.rglob("*")) == before
    with pytest.raises(Failure, match="There is no Docker on this host"):
        house.bring(house.stack())


def test_a_foretold_update_says_what_is_pulled_backed_up_and_started_and_why(house: House) -> None:
    asked = house.docker.asked()
    shown = house.bring(house.stack("v2"), check=True)[0].diff[-1]
    assert shown["before"] == "app: app:v1 running\n"
    assert shown["after"] == (
        "app: app:v2 running\n(pull app:v2)\n(stop, and back up its data)\n(start, because app runs app:v1 instead of app:v2; its compose project changed)\n"
    )
    assert house.docker.asked() == asked and house.runs() == "app:v1"


def test_a_stack_that_goes_keeps_its_data_its_secrets_and_its_backups_unless_it_is_named(house: House) -> None:
    house.bring(house.stack("v2"))
    gone = {**house.stack(), "state": "absent", "compose": {}, "env": {}, "folders": [], "secrets": []}
    assert house.bring(gone)[0].changed and house.runs() == "" and not (house.places.projects / "cloud").exists()
    assert house.data("letters") == "dear all" and house.backups() and (house.places.secrets / "cloud.env").exists()
    assert not house.bring(gone)[0].changed
    assert house.bring({**gone, "purge": True})[0].changed
    assert not (house.folder / "srv/cloud").exists() and not (house.places.secrets / "cloud.env").exists() and house.backups()


def test_one_shot_services_may_end_and_services_with_a_profile_are_a_person_s(house: House) -> None:
    stack = house.stack()
    services = stack["compose"]["services"]
    services["setup"] = {**services["app"], "restart": "no"}
    services["tool"] = {**services["app"], "profiles": ["tools"]}
    assert house.bring(stack)[0].trouble == ""
    state = house.docker.state()
    assert set(state["containers"]["cloud"]) == {"app", "setup"}


def letters(archive: Path) -> str:
    with tarfile.open(archive) as backup:
        return backup.extractfile("data/letters").read().decode()  # type: ignore[union-attr]


def killed(house: House, stack: dict[str, Any], at: int) -> bool:
    """A run in a process of its own, which ends at a step as if its power were cut. Whether it came so far."""
    child = os.fork()
    if not child:
        count = [0]

        def step(name: str) -> None:
            count[0] += 1
            if count[0] > at:
                os._exit(9)

        try:
            house.bring(stack, step=step)
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


@pytest.mark.parametrize("next_version", ["v2", "v1", "sick"])
@pytest.mark.parametrize("version", ["v2", "sick"])
def test_a_run_that_is_killed_at_any_step_is_completed_or_undone_by_the_next(tmp_path: Path, version: str, next_version: str) -> None:
    wish = {"make": True, "dumps": [], "leave_out": []}
    for at in range(100):
        (tmp_path / str(at)).mkdir()
        house = House(tmp_path / str(at))
        house.bring(house.stack())
        house.write("dear all")
        if not killed(house, house.stack(version, conf="new", backup=wish), at):
            break
        result = house.bring(house.stack(next_version, conf="new" if next_version != "v1" else "", backup=wish))[0]
        assert house.serves(), (at, result.trouble, house.docker.asked())
        # Once it served, there is no way back by the version alone: that is what restore.yml is for.
        too_late = next_version == "v1" and house.runs() == "app:v2"
        assert bool(result.trouble) is (next_version == "sick" or too_late), (at, result.trouble)
        assert too_late or house.runs() in ([f"app:{next_version}"] if next_version != "sick" else ["app:v1", f"app:{version}"]), at
        assert house.data("letters") == "dear all" and house.unfinished() == [], (at, house.unfinished())
        assert not house.bring(house.stack(house.runs().partition(":")[2], conf="new" if house.runs() == "app:v2" else ""))[0].changed, at
    assert at > 10


def test_a_backup_brings_an_app_back_and_keeps_what_was_there(house: House) -> None:
    house.bring(house.stack("v2"))
    house.write("written with v2")
    restore = Restore(house.stacks())
    assert [row["version"] for row in restore.listed()] == ["v1"]
    done = restore.bring("cloud", "", False, False)
    assert house.runs() == "app:v1" and house.serves() and house.data("letters") == "dear all"
    assert 'version: "v1"' in done.said[0]
    assert [row["why"] for row in restore.listed("cloud")] == ["restore", "update"]
    assert not house.bring(house.stack("v1"))[0].changed
    back = restore.bring("cloud", Path(done.kept).name, False, False)
    assert house.runs() == "app:v2" and house.data("letters") == "written with v2" and house.serves() and back.version == "v2"


def test_a_backup_that_is_damaged_or_not_there_changes_nothing(house: House) -> None:
    backup = Path(house.bring(house.stack("v2"))[0].backup)
    restore = Restore(house.stacks())
    with pytest.raises(Failure, match=r"There is no backup of cloud with the name '1999'\. There is \d{8}T\d{6}-v1"):
        restore.bring("cloud", "1999", False, False)
    whole = (backup / "data.tar.gz").read_bytes()
    (backup / "data.tar.gz").write_bytes(whole[:-20])
    with pytest.raises(Failure, match="is damaged"):
        restore.bring("cloud", "", False, False)
    assert house.runs() == "app:v2" and house.serves() and len(house.backups()) == 1


def test_a_restore_that_is_killed_is_completed_by_the_next_and_not_overrun_by_a_run(tmp_path: Path) -> None:
    for at in range(100):
        (tmp_path / str(at)).mkdir()
        house = House(tmp_path / str(at))
        house.bring(house.stack())
        house.write("dear all")
        house.bring(house.stack("v2"))
        child = os.fork()
        if not child:
            count = [0]

            def step(name: str, at: int = at, count: list[int] = count) -> None:
                count[0] += 1
                if count[0] > at:
                    os._exit(9)

            try:
                Restore(house.stacks(step)).bring("cloud", "", False, False)
            finally:
                os._exit(0)
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 9:
            break
        run = house.bring(house.stack("v2"))[0]
        assert house.serves() or "restore.yml -e restore_app=cloud" in run.trouble, (at, run.trouble)
        Restore(house.stacks()).bring("cloud", sorted(b for b in house.backups() if b[0] != ".")[0] if not run.trouble else "", False, False)
        assert house.serves() and house.runs() == "app:v1" and house.data("letters") == "dear all" and house.unfinished() == [], at
    assert at > 5


def test_dumps_are_loaded_only_when_asked_for(house: House) -> None:
    dump = {"service": "app", "command": ["dump"], "restore": ["load", "it"], "file": "db.sql"}
    house.bring(house.stack("v2", backup={"make": True, "dumps": [dump], "leave_out": []}))
    seen = len(house.docker.asked())
    Restore(house.stacks()).bring("cloud", "", False, False)
    assert not [line for line in house.docker.asked()[seen:] if "load" in line]
    Restore(house.stacks()).bring("cloud", house.backups()[0], True, False)
    assert "send cloud-app load it" in house.docker.asked()


@pytest.mark.parametrize("next_version", ["v2", "v1", "sick"])
def test_what_was_written_after_a_killed_run_is_never_thrown_away(tmp_path: Path, next_version: str) -> None:
    for at in range(100):
        (tmp_path / str(at)).mkdir()
        house = House(tmp_path / str(at))
        house.bring(house.stack())
        house.write("dear all")
        if not killed(house, house.stack("v2"), at):
            break
        house.write("a week later")
        result = house.bring(house.stack(next_version))[0]
        texts = [house.data("letters"), *map(letters, house.places.backups.glob("cloud/*/data.tar.gz"))]
        assert "a week later" in texts and house.serves(), (at, result.trouble)
    assert at > 10


def test_a_file_that_the_app_makes_at_its_first_start_is_set_once_it_is_there_and_the_app_is_started_again(tmp_path: Path) -> None:
    house = House(tmp_path)
    file, plain = tmp_path / "srv/cloud/data/made", house.settle

    def settle(stack: Any, check: bool) -> Any:
        outcome = plain(stack, check)
        if not file.exists():
            outcome.waiting = ["cloud"]
        elif file.read_text() != "ours":
            outcome.changed = ["cloud"]
            outcome.diff.append({"before_header": str(file), "after_header": str(file), "before": "", "after": "ours"})
            if not check:
                file.write_text("ours")
        return outcome

    def answers(health: Any, name: str) -> str:
        file.touch()
        return ""

    house.settle, house.docker.answers = settle, answers  # type: ignore[method-assign]
    assert house.bring(house.stack())[0].trouble == "" and file.read_text() == "ours" and house.runs()
    assert house.docker.asked() == ["up cloud", "stop cloud", "up cloud"]
    assert not house.bring(house.stack())[0].changed


def test_what_is_only_written_down_starts_nothing(house: House) -> None:
    record, plain, asked = house.folder / "record", house.settle, house.docker.asked()

    def settle(stack: Any, check: bool) -> Any:
        outcome = plain(stack, check)
        outcome.recorded = [] if record.exists() else ["cloud"]
        if not check:
            record.touch()
        return outcome

    house.settle = settle  # type: ignore[method-assign]
    assert house.bring(house.stack(), check=True)[0].changed and not record.exists()
    assert house.bring(house.stack())[0].changed and record.exists()
    assert not house.bring(house.stack())[0].changed and house.docker.asked() == asked


def test_no_value_of_a_variable_with_the_name_of_a_secret_is_in_a_difference(house: House) -> None:
    changed = house.stack()
    environment = changed["compose"]["services"]["app"]["environment"]
    environment |= {"ADMIN_PASSWORD": 'new " $$ \\ pass', "SMTP_TOKEN": "${TOKEN}", "LEVEL": "debug", "API_KEY": "an old one\\"}
    (entry,) = [one for one in house.bring(changed, check=True)[0].diff if "compose.json" in one["after_header"]]
    assert '"ADMIN_PASSWORD": "(not shown)"' in entry["before"] and '"ADMIN_PASSWORD": "(not shown, new)",' in entry["after"]
    assert '"SMTP_TOKEN": "${TOKEN}"' in entry["after"] and '"LEVEL": "debug"' in entry["after"] and '"API_KEY": "(not shown, new)"' in entry["after"]
    assert not any(secret in entry["before"] + entry["after"] for secret in ("hunter22", 'pass"', "old one"))
    house.bring(changed)
    environment["LEVEL"] = "info"
    (entry,) = [one for one in house.bring(changed, check=True)[0].diff if "compose.json" in one["after_header"]]
    assert entry["after"].count("(not shown)") == 2 == entry["before"].count("(not shown)") and "new" not in entry["after"]


def test_a_first_difference_shows_no_secret_either(tmp_path: Path) -> None:
    house = House(tmp_path)
    shown = json.dumps(house.bring(house.stack(), check=True)[0].diff)
    assert "hunter22" not in shown and "(not shown)" in shown
