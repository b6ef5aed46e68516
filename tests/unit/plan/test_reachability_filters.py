"""What the roles for names and router are handed from the inventory."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = "ansible_collections.homeserver.exposure"


@pytest.fixture(scope="module")
def filters() -> ModuleType:
    """The filters, with the collection under its own name as Ansible has it."""
    import plugins.module_utils.ddns.providers.registry as registry
    import plugins.module_utils.router.instruction as instruction
    import plugins.module_utils.router.model as model

    names = {"ddns.providers.registry": registry, "router.instruction": instruction, "router.model": model}
    known = {f"{PACKAGE}.plugins.module_utils.{name}": module for name, module in names.items()}
    packages = {name.rpartition(".")[0] for name in known}
    for name in {".".join(package.split(".")[:n]) for package in packages for n in range(1, 9)}:
        sys.modules.setdefault(name, ModuleType(name))
    sys.modules["ansible_collections.homeserver.exposure.plugins.module_utils.ddns.providers"].registry = registry  # type: ignore[attr-defined]
    sys.modules.update(known)
    spec = importlib.util.spec_from_file_location("reachability_filters", ROOT / "plugins/filter/reachability.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_secrets_go_by_the_name_of_their_account_and_nothing_else_goes_with_them(filters: ModuleType) -> None:
    entries = [
        {"provider": "duckdns", "token": "t1", "hosts": ["a.duckdns.org"]},
        {"provider": "rfc2136", "name": "own", "server": "ns.example.org", "zone": "example.org", "key_name": "k", "key": "s3"},
    ]
    assert filters.ddns_secrets(entries) == {"duckdns": {"token": "t1"}, "own": {"key": "s3"}}


def test_troubles_are_told_with_the_host_that_has_them(filters: ModuleType) -> None:
    seen = {"home": {"ddns_status": {"troubles": ["KO"]}, "router_status": {"skipped": True}}, "attic": {}}
    assert filters.troubles_of_run(seen, ["home", "attic"]) == ["home: KO"]
    unwell = {"home": {"apps_brought": {"msg": "cloud is not well after 60 s"}, "apps_told": {"changed": False}}, "attic": {"apps_told": {"msg": "no occ"}}}
    assert filters.troubles_of_run(unwell, ["home", "attic"]) == ["home: cloud is not well after 60 s", "attic: no occ"]


def test_the_instruction_names_port_protocol_and_address(filters: ModuleType) -> None:
    text = filters.router_instruction([{"external_port": 8443, "protocol": "tcp", "address": "192.168.1.10", "port": 8443, "description": "d"}])
    assert "8443" in text and "TCP" in text and "192.168.1.10" in text
