"""A run over some of the hosts: what it proves and what it leaves to do, as the playbooks ask."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from plugins.module_utils.proof import words

UTILS = "ansible_collections.homeserver.exposure.plugins.module_utils"
PLAN = {
    "probes": [
        {"site": "files", "proxy": "gate", "declared_on": "nas"},
        {"site": "files", "proxy": "gate", "declared_on": "nas"},
        {"site": "weather", "proxy": "gate", "declared_on": "pi"},
        {"site": "club", "proxy": "north", "declared_on": "north"},
    ],
    "left_to_do": {"gate": "gate was not in this run", "pi": "pi did not answer"},
}


@pytest.fixture
def rollout(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The filters, with the collection under its own name as Ansible has it."""
    path = f"{UTILS}.proof.words".split(".")
    for number in range(1, len(path)):
        name = ".".join(path[:number])
        monkeypatch.setitem(sys.modules, name, sys.modules.get(name) or ModuleType(name))
    monkeypatch.setitem(sys.modules, ".".join(path), words)
    spec = importlib.util.spec_from_file_location("rollout_filters", Path(__file__).parents[3] / "plugins/filter/rollout.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("hosts", "sites"),
    [
        (["nas"], ["files", "files"]),
        (["gate"], ["files", "files", "weather"]),
        (["north", "pi"], ["weather", "club"]),
        (["vps"], ["files", "files", "weather", "club"]),
    ],
    ids=["an app host", "a proxy", "both", "one that only looks"],
)
def test_a_run_proves_the_sites_of_its_hosts_and_one_of_machines_that_only_look_all(rollout: ModuleType, hosts: list[str], sites: list[str]) -> None:
    assert [probe["site"] for probe in rollout.probes_of_run(PLAN, hosts)] == sites


def test_what_is_left_is_told_of_hosts_that_are_not_in_the_run_and_sites_that_nobody_looked_at_are_counted(rollout: ModuleType) -> None:
    probes = rollout.probes_of_run(PLAN, ["nas"])
    assert rollout.left_to_do(PLAN, ["nas", "pi"], probes) == ["gate was not in this run", "2 sites of hosts that were not in this run were not looked at."]
    assert rollout.left_to_do(PLAN, ["gate", "pi"], rollout.probes_of_run(PLAN, ["gate"])) == ["1 site of hosts that were not in this run was not looked at."]
    assert rollout.left_to_do(PLAN, ["gate", "pi"]) == []
