"""What is kept of an app before it is updated, as its owner says."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.filter.stacks import backups_text, restore_refused
from plugins.module_utils.plan.make import Inventory, make
from plugins.module_utils.plan.mistakes import InventoryRefused

CATALOGUE = {"tiny": {"title": "Tiny", "image": "tiny", "version": "v1", "port": 8080, "backup": {"leave_out": ["cache"]}}}


def backup(**more: Any) -> dict[str, Any]:
    given = {"exposure_domain": "example.duckdns.org", "exposure_apps": [{"name": "tiny", **more}]}
    return make({"server": Inventory(given, ("proxy",), {"release": "trixie"})}, CATALOGUE).hosts["server"].stacks[0].backup


def test_all_but_what_the_catalogue_leaves_out_is_kept_and_an_owner_can_leave_out_more_or_all() -> None:
    assert backup() == {"make": True, "dumps": [], "leave_out": ["cache"]}
    assert backup(backup=True) == backup()
    assert backup(backup=False)["make"] is False
    assert backup(backup={"leave_out": ["media/films", "cache"]})["leave_out"] == ["cache", "media/films"]


@pytest.mark.parametrize("wrong", ["never", {"dumps": []}, {"leave_out": ["../other"]}, {"leave_out": []}])
def test_what_cannot_be_left_out_is_a_mistake(wrong: Any) -> None:
    with pytest.raises(InventoryRefused, match="backup"):
        backup(backup=wrong)


@pytest.mark.parametrize("wrong", [{"keep": 0}, {"keep": "3"}, {"directory": "here"}, {"folder": "/mnt"}])
def test_where_backups_are_kept_is_checked(wrong: Any) -> None:
    given = {"exposure_domain": "example.duckdns.org", "exposure_apps": [{"name": "tiny"}], "exposure_backups": wrong}
    with pytest.raises(InventoryRefused, match="exposure_backups"):
        make({"server": Inventory(given, ("proxy",), {})}, CATALOGUE)


def test_an_app_that_several_hosts_have_is_brought_back_only_where_it_is_said() -> None:
    rows = [{"app": "cloud", "name": "2-v2"}, {"app": "cloud", "name": "1-v1"}, {"app": "media", "name": "1-v1"}]
    having = {"apps_found": {"backups": rows}}
    assert restore_refused({"home": having, "attic": {}}, ["home", "attic"], "cloud") == ""
    assert "--limit home" in restore_refused({"home": having, "attic": having}, ["home", "attic"], "cloud")
    assert "no backup of cloud on attic" in restore_refused({"attic": {}}, ["attic"], "cloud")
    assert backups_text(rows) == "Backups here:\ncloud: 2-v2, 1-v1\nmedia: 1-v1"
    assert backups_text([]) == "There is no backup on this host yet."
