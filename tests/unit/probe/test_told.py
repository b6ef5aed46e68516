"""What all vantages saw, as text for a person."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from plugins.module_utils.probe import site

PACKAGE = "ansible_collections.homeserver.exposure.plugins.module_utils.probe"


@pytest.fixture
def proof(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The filters, with the collection under its own name as Ansible has it."""
    for number in range(1, len(PACKAGE.split(".")) + 1):
        name = ".".join(PACKAGE.split(".")[:number])
        monkeypatch.setitem(sys.modules, name, sys.modules.get(name) or ModuleType(name))
    monkeypatch.setitem(sys.modules, f"{PACKAGE}.site", site)
    spec = importlib.util.spec_from_file_location("proof_filters", Path(__file__).parents[3] / "plugins/filter/proof.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module


def test_every_failure_is_told_with_the_vantage_that_saw_it_and_who_could_not_look_too(proof: ModuleType) -> None:
    seen = {
        "phone": {"verify_outside": {"failures": ["who: page: 502"]}, "verify_lan": {"skipped": True}},
        "laptop": {"verify_lan": {"msg": "unreachable", "unreachable": True}},
        "home": {"verify_server": {"failures": ["who: page: 502"]}},
        "attic": {},
    }
    assert proof.vantage_failures(seen, list(seen), {"failures": []}) == [
        "from phone: who: page: 502",
        "from laptop: could not look: unreachable",
        "from home: who: page: 502",
    ]
    assert proof.vantage_failures({}, [], {"failures": ["who: name: x"]}) == ["from the controller: who: name: x"]


def test_a_site_is_told_with_the_port_by_which_it_is_reached(proof: ModuleType) -> None:
    told = proof.success_report([{"host": "a.example.org", "https_port": 443}, {"host": "b.example.org", "https_port": 8443, "passthrough": True}])
    assert told.startswith("Served as declared:\n  https://a.example.org/\n  https://b.example.org:8443/  (its TLS")
