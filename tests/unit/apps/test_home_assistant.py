"""Home Assistant is told of its proxies in the way that its release reads, and of nothing else."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from plugins.module_utils.apps.files import Unknown, apply, differences
from plugins.module_utils.apps.home_assistant import DEFAULT_YAML, edits, release, same_networks

TRUSTED = ["172.30.4.17"]
URL = "https://home.example.org"
BLOCK = "http:\n  use_x_forwarded_for: true\n  trusted_proxies:\n    - 172.30.4.17\n"
NEW, OLD = "2026.11.0", "2026.7.4"

STABLE: dict[str, Any] = {
    "server_port": 8123,
    "use_x_forwarded_for": True,
    "trusted_proxies": ["172.30.4.17/32"],
    "cors_allowed_origins": ["https://cast.home-assistant.io"],
    "login_attempts_threshold": 7,
    "ip_ban_enabled": True,
    "ssl_profile": "intermediate_v6",
    "created_at": "2026-11-21T00:36:10+00:00",
    "error": None,
    "error_message": None,
}


def store(version: int, **changes: Any) -> dict[str, Any]:
    """A store as Home Assistant leaves it (facts read in `.storage/http` of 2026.11.0)."""
    data = {"stable": {**STABLE, **changes}, "pending": None, "yaml_migration_done": True} if version > 1 else {**STABLE, **changes}
    return {"version": version, "minor_version": 1, "key": "http", "data": data}


def put(folder: Path, name: str, content: Any) -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def written(folder: Path, tag: str = NEW, trusted: list[str] | None = None, url: str = URL) -> dict[str, str]:
    """What would be written, by file name below the folder; it is written too, and then nothing is left to write."""
    wanted = TRUSTED if trusted is None else trusted
    made = edits(folder, wanted, tag, url)
    apply(made)
    assert edits(folder, wanted, tag, url) == []
    return {str(edit.path.relative_to(folder)): edit.content for edit in made}


def stored(folder: Path) -> dict[str, Any]:
    found = json.loads((folder / ".storage" / "http").read_text())
    assert isinstance(found, dict)
    return found


# Which release


@pytest.mark.parametrize(
    ("tag", "known"),
    [
        ("2026.11.0", (2026, 11)),
        ("2026.8", (2026, 8)),
        ("2026.8.0b3", (2026, 8)),
        ("2024.3.3", (2024, 3)),
        ("stable", None),
        ("latest", None),
        ("20260.1", None),
        ("", None),
    ],
)
def test_the_tag_of_the_image_tells_the_release(tmp_path: Path, tag: str, known: tuple[int, int] | None) -> None:
    assert release(tag, tmp_path) == known


def test_where_the_tag_does_not_tell_the_release_what_ran_last_does(tmp_path: Path) -> None:
    put(tmp_path, ".HA_VERSION", "2026.7.4\n")
    assert release("stable", tmp_path) == (2026, 7)
    assert release("2026.11.0", tmp_path) == (2026, 11)


# From 2026.8 on: the store


def test_a_fresh_folder_gets_the_store_that_every_release_takes_and_the_public_address(tmp_path: Path) -> None:
    made = written(tmp_path)
    assert set(made) == {".storage/http", ".storage/core.config"}
    assert stored(tmp_path) == {"version": 1, "minor_version": 1, "key": "http", "data": {"use_x_forwarded_for": True, "trusted_proxies": TRUSTED}}
    assert json.loads(made[".storage/core.config"])["data"] == {"external_url": URL, "radius": 100}


def test_the_store_is_for_its_owner_s_eyes_alone(tmp_path: Path) -> None:
    written(tmp_path)
    assert all(stat.S_IMODE((tmp_path / ".storage" / name).stat().st_mode) == 0o600 for name in ("http", "core.config"))


@pytest.mark.parametrize("there", [".HA_VERSION", ".storage/core.config"])
def test_the_public_address_of_a_folder_that_ran_is_its_owner_s(tmp_path: Path, there: str) -> None:
    path = put(tmp_path, there, "2026.11.0")
    assert set(written(tmp_path)) == {".storage/http"}
    assert path.read_text() == "2026.11.0"


@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_store_is_changed_in_place_and_keeps_everything_else(tmp_path: Path, version: int) -> None:
    put(tmp_path, ".storage/http", store(version, trusted_proxies=["10.0.0.0/8"], use_x_forwarded_for=False))
    written(tmp_path)
    assert stored(tmp_path) == store(version, trusted_proxies=TRUSTED)


@pytest.mark.parametrize("version", [2, 3])
def test_a_trial_that_waits_is_ended(tmp_path: Path, version: int) -> None:
    waiting = store(version)
    waiting["data"].update(pending={**STABLE, "trusted_proxies": ["10.9.9.0/24"], "error": "not_promoted"}, yaml_migration_done=False)
    put(tmp_path, ".storage/http", waiting)
    written(tmp_path)
    assert stored(tmp_path) == store(version, trusted_proxies=TRUSTED)


@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_store_that_means_the_same_networks_is_left_alone(tmp_path: Path, version: int) -> None:
    path = put(tmp_path, ".storage/http", store(version))
    put(tmp_path, ".HA_VERSION", NEW)
    before = path.read_bytes()
    assert written(tmp_path) == {} and path.read_bytes() == before


def test_the_order_of_proxies_counts_as_it_does_for_home_assistant(tmp_path: Path) -> None:
    put(tmp_path, ".storage/http", store(3, trusted_proxies=["fd00::1", "172.30.4.17"]))
    written(tmp_path, trusted=["172.30.4.17", "fd00::1"])
    assert stored(tmp_path)["data"]["stable"]["trusted_proxies"] == ["172.30.4.17", "fd00::1"]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (["10.0.0.1"], ["10.0.0.1/32"], True),
        (["fd00::1"], ["FD00:0::1/128"], True),
        (["10.0.0.1", "10.0.0.2"], ["10.0.0.2", "10.0.0.1"], False),
        (["10.0.0.0/24"], ["10.0.0.0/16"], False),
        (["10.0.0.1"], [], False),
        (["10.0.0.1/24"], ["10.0.0.1/24"], False),
        (["10.0.0.1"], ["nonsense"], False),
    ],
)
def test_an_address_equals_its_network_of_one_and_nothing_else(one: list[str], other: list[str], same: bool) -> None:
    assert same_networks(one, other) is same


@pytest.mark.parametrize("proxies", [None, 5, "172.30.4.17", {"a": 1}, [None], [[1]], [5]])
def test_proxies_that_make_no_sense_are_written_anew(tmp_path: Path, proxies: object) -> None:
    put(tmp_path, ".storage/http", store(3, trusted_proxies=proxies))
    written(tmp_path)
    assert stored(tmp_path) == store(3, trusted_proxies=TRUSTED)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is not JSON"),
        ('{"version": 1, ', "is not JSON"),
        (store(4), "has version 4"),
        ({**store(3), "version": "3"}, "has version '3'"),
        ({**store(3), "version": None}, "has version None"),
        ([], "does not look like a store"),
        ({"version": 3}, "does not look like a store"),
        ({"version": 3, "data": []}, "does not look like a store"),
        ({"version": 3, "data": {"pending": None}}, "no settings under data.stable"),
        ({"version": 0, "data": {}}, "no settings under data.stable"),
    ],
)
def test_a_store_that_is_not_understood_is_refused_with_its_path_and_left_alone(tmp_path: Path, content: object, said: str) -> None:
    path = put(tmp_path, ".storage/http", content)
    before = path.read_bytes()
    with pytest.raises(Unknown) as refused:
        edits(tmp_path, TRUSTED, NEW, URL)
    assert said in str(refused.value) and str(path) in str(refused.value) and path.read_bytes() == before


def test_a_store_that_is_not_text_is_refused(tmp_path: Path) -> None:
    put(tmp_path, ".storage/http", "").write_bytes(b"\xff\xfe{")
    with pytest.raises(Unknown):
        edits(tmp_path, TRUSTED, NEW, URL)


@pytest.mark.parametrize("before", [None, 1])
def test_a_block_in_the_yaml_that_a_new_release_would_still_take_over_is_made_to_agree(tmp_path: Path, before: int | None) -> None:
    """It counts for five minutes otherwise (facts of 2026.8.0 and 2026.11.0: a seed with a block that differs)."""
    if before:
        put(tmp_path, ".storage/http", store(before))
    put(tmp_path, "configuration.yaml", "a: 1\nhttp:\n  trusted_proxies: [10.0.0.0/8]\n  use_x_forwarded_for: true\n")
    written(tmp_path)
    assert (tmp_path / "configuration.yaml").read_text() == "a: 1\nhttp:\n  trusted_proxies: [172.30.4.17]\n  use_x_forwarded_for: true\n"


@pytest.mark.parametrize("version", [2, 3])
def test_a_block_in_the_yaml_that_was_taken_over_long_ago_is_left_alone(tmp_path: Path, version: int) -> None:
    put(tmp_path, ".storage/http", store(version, trusted_proxies=["10.0.0.1"]))
    put(tmp_path, "configuration.yaml", "http: !include elsewhere.yaml\n")
    assert set(written(tmp_path)) == {".storage/http", ".storage/core.config"}


def test_yaml_without_a_block_is_not_touched_for_a_new_release(tmp_path: Path) -> None:
    put(tmp_path, "configuration.yaml", "# http: no\nhttps: 1\nother:\n  http:\n    a: 1\n")
    assert "configuration.yaml" not in written(tmp_path)


# Up to 2026.7: the YAML


def test_a_fresh_folder_of_an_old_release_gets_the_yaml_it_would_have_made_and_the_block(tmp_path: Path) -> None:
    made = written(tmp_path, OLD)
    assert made == {"automations.yaml": "", "scripts.yaml": "", "scenes.yaml": "", "configuration.yaml": DEFAULT_YAML + "\n" + BLOCK}


def test_files_that_the_yaml_includes_are_never_emptied(tmp_path: Path) -> None:
    put(tmp_path, "scripts.yaml", "mine: 1\n")
    assert "scripts.yaml" not in written(tmp_path, OLD)
    assert (tmp_path / "scripts.yaml").read_text() == "mine: 1\n"


@pytest.mark.parametrize("before", ["é: 1 # ☕\r\nhttp:\r\n  server_port: 80\r\n", "a: !include b.yaml\n# end", "\ufeffa: 1\n"])
def test_the_yaml_keeps_its_bytes_but_for_the_block(tmp_path: Path, before: str) -> None:
    path = tmp_path / "configuration.yaml"
    path.write_bytes(before.encode())
    path.chmod(0o640)
    assert set(written(tmp_path, OLD)) == {"configuration.yaml"}
    after = path.read_bytes().decode()
    assert [line for line in before.split("\n") if line not in after.split("\n")] == []
    assert ("\r\n" in before) == ("\r\n" in after) and stat.S_IMODE(path.stat().st_mode) == 0o640


def test_yaml_that_is_not_utf_8_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "configuration.yaml"
    path.write_bytes(b"name: caf\xe9\n")
    for tag in (OLD, NEW):
        with pytest.raises(Unknown, match=r"configuration\.yaml is not UTF-8"):
            edits(tmp_path, TRUSTED, tag, URL)


def test_a_release_that_nothing_tells_gets_both_with_one_list(tmp_path: Path) -> None:
    made = written(tmp_path, "stable")
    assert set(made) == {".storage/http", ".storage/core.config", "automations.yaml", "scripts.yaml", "scenes.yaml", "configuration.yaml"}
    assert stored(tmp_path)["data"]["trusted_proxies"] == TRUSTED and made["configuration.yaml"].endswith(BLOCK)


def test_without_a_proxy_nothing_is_written(tmp_path: Path) -> None:
    assert edits(tmp_path, [], "stable", "") == []


# Writing


def test_a_file_that_was_there_is_kept_beside_it(tmp_path: Path) -> None:
    path = put(tmp_path, "configuration.yaml", "a: 1\n")
    (backup,) = apply(edits(tmp_path, TRUSTED, OLD, URL))
    assert Path(backup).read_text() == "a: 1\n" and path.read_text() == "a: 1\n\n" + BLOCK
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["configuration.yaml", Path(backup).name]


def test_a_diff_shows_the_file_as_it_is_and_as_it_will_be(tmp_path: Path) -> None:
    (tmp_path / "configuration.yaml").write_bytes(b"a: 1\r\n")
    (shown,) = differences(edits(tmp_path, TRUSTED, OLD, URL))
    assert shown["before"] == "a: 1\r\n" and shown["after"] == "a: 1\r\n\r\n" + BLOCK.replace("\n", "\r\n")


@pytest.mark.parametrize("link", ["configuration.yaml", ".storage", ".storage/http"])
def test_a_link_that_an_app_put_into_its_folder_is_not_followed(tmp_path: Path, link: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "http").write_text(json.dumps(store(3, trusted_proxies=[])))
    folder = tmp_path / "config"
    folder.mkdir()
    if link == "configuration.yaml":
        put(outside, link, "a: 1\n")
        (folder / link).symlink_to(outside / link)
    elif link == ".storage":
        (folder / link).symlink_to(outside)
    else:
        (folder / ".storage").mkdir()
        (folder / link).symlink_to(outside / "http")
    before = {path.name: path.read_bytes() for path in outside.iterdir()}
    with pytest.raises(Unknown, match="is a link"):
        apply(edits(folder, TRUSTED, "stable", URL))
    assert {path.name: path.read_bytes() for path in outside.iterdir()} == before


def test_a_link_in_the_place_of_the_temporary_file_is_replaced_and_not_written_through(tmp_path: Path) -> None:
    put(tmp_path, "configuration.yaml", "a: 1\n")
    victim = put(tmp_path, "victim", "precious")
    (tmp_path / ".configuration.yaml.exposure").symlink_to(victim)
    apply(edits(tmp_path, TRUSTED, OLD, URL))
    assert victim.read_text() == "precious" and (tmp_path / "configuration.yaml").read_text().endswith(BLOCK)
