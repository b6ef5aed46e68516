"""What the controller keeps of each host: as little as the next run needs, whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from plugins.module_utils.host import last_look

LOOK = {"release": "trixie", "addresses": ["192.168.1.12"], "caddy": "2.11.2", "listening": [{"port": 22}], "containers": [{"project": "x"}]}
KEPT = {"release": "trixie", "addresses": ["192.168.1.12"], "caddy": "2.11.2"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return last_look.place(tmp_path, ["/home/me/inventory"])


def test_what_lasts_is_kept_and_what_runs_is_not(path: Path) -> None:
    last_look.keep(path, {"nas": LOOK}, ["nas"])
    assert last_look.recall(path) == {"nas": KEPT} and path.stat().st_mode & 0o777 == 0o600


def test_a_host_that_was_not_looked_at_is_remembered_and_one_that_left_the_inventory_is_not(path: Path) -> None:
    last_look.keep(path, {"nas": LOOK, "pi": LOOK}, ["nas", "pi"])
    last_look.keep(path, {"gate": LOOK}, ["gate", "nas"])
    assert last_look.recall(path) == {"gate": KEPT, "nas": KEPT}


def test_a_host_that_moved_is_remembered_where_it_is_now(path: Path) -> None:
    last_look.keep(path, {"nas": LOOK}, ["nas"])
    last_look.keep(path, {"nas": {**LOOK, "addresses": ["192.168.1.99"]}}, ["nas"])
    assert last_look.recall(path)["nas"]["addresses"] == ["192.168.1.99"]


def test_where_nothing_changed_nothing_is_written(path: Path) -> None:
    last_look.keep(path, {"nas": LOOK}, ["nas"])
    before = path.stat()
    last_look.keep(path, {"nas": LOOK}, ["nas"])
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"nas": 3}', '{"nas": {"listening": []}}'])
def test_a_spoiled_file_is_as_good_as_none(text: str, path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert not any(last_look.recall(path).values())
    last_look.keep(path, {"nas": LOOK}, ["nas"])
    assert last_look.recall(path) == {"nas": KEPT}


def test_where_nothing_can_be_written_the_run_goes_on(tmp_path: Path) -> None:
    (tmp_path / "exposure").write_text("a file where the folder would be")
    last_look.keep(last_look.place(tmp_path, []), {"nas": LOOK}, ["nas"])


def test_two_inventories_with_hosts_of_the_same_name_are_kept_apart(tmp_path: Path) -> None:
    assert last_look.place(tmp_path, ["/home/me/a"]) != last_look.place(tmp_path, ["/home/me/b"])
