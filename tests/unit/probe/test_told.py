"""What all vantages saw, as text for a person."""

from __future__ import annotations

import importlib.util
import platform
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import ClassVar

import pytest
import yaml

from plugins.module_utils.probe import site
from plugins.module_utils.proof import vantages

UTILS = "ansible_collections.homeserver.exposure.plugins.module_utils"
USED = {"probe.site": site, "proof.vantages": vantages}


@pytest.fixture
def proof(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The filters, with the collection under its own name as Ansible has it."""
    for path, used in USED.items():
        words = f"{UTILS}.{path}".split(".")
        for number in range(1, len(words)):
            name = ".".join(words[:number])
            monkeypatch.setitem(sys.modules, name, sys.modules.get(name) or ModuleType(name))
        monkeypatch.setitem(sys.modules, ".".join(words), used)
    spec = importlib.util.spec_from_file_location("proof_filters", Path(__file__).parents[3] / "plugins/filter/proof.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module


BAD = {"host": "who", "check": "page", "address": "", "ok": False, "detail": "502"}


def test_every_failure_is_told_with_the_vantage_that_saw_it_and_who_could_not_look_too(proof: ModuleType) -> None:
    seen = {
        "phone": {"verify_outside": {"outcomes": [BAD]}, "verify_lan": {"skipped": True}},
        "laptop": {"verify_lan": {"msg": "unreachable", "unreachable": True}},
        "home": {"verify_server": {"outcomes": [BAD]}, "verify_lan": {"outcomes": []}},
        "attic": {},
    }
    results = proof.vantage_results(seen, list(seen), {"outcomes": [{**BAD, "ok": None}]})
    assert {name: one["kind"] for name, one in results.items()} == {
        "phone": "outside", "laptop": "lan", "home": "lan", "home (server)": "server", "the controller": "controller"
    }  # fmt: skip
    assert proof.vantage_failures(results) == [
        "from phone: who: page: 502",
        "from laptop: could not look: unreachable",
        "from home (server): who: page: 502",
    ]
    assert proof.vantage_failures(proof.vantage_results({}, [], {"outcomes": [BAD]})) == ["from the controller: who: page: 502"]


def test_who_was_to_look_and_dropped_out_is_told_and_not_passed_over(proof: ModuleType) -> None:
    fine = {"outcomes": [{**BAD, "ok": True}]}
    seen = {"phone": {}, "home": {"verify_server": {"skipped": True}}, "laptop": {"verify_lan": fine}, "attic": {}}
    expected = {"outside": ["phone"], "server": ["home"], "lan": ["laptop"], "controller": ["the controller"]}
    told = proof.vantage_failures(proof.vantage_results(seen, list(seen), {}, expected, ["phone"]))
    assert [one.partition(": could not look")[0] for one in told] == ["from phone", "from home", "from the controller"]
    assert "failed earlier in this run" in told[0]
    assert not proof.vantage_results(seen, ["phone", "home", "attic"], {}), "in the middle of a run nobody is late"
    assert proof.vantage_failures(proof.vantage_results({}, ["phone"], fine, {"outside": ["phone"]})), "nor does one without any variable vanish"
    assert proof.lost_hosts(["attic"])[0].startswith("attic: it failed earlier")


def test_the_role_reads_every_host_of_the_run_and_none_of_its_looks_ends_it(proof: ModuleType) -> None:
    role = Path(__file__).parents[3] / "roles/verify"
    texts = (role / "tasks/main.yml").read_text() + (role / "vars/main.yml").read_text().replace("difference(ansible_play_hosts)", "")
    assert "ansible_play_hosts_all" in texts and not re.search(r"ansible_play_hosts\b", texts)
    looks = [task for task in yaml.safe_load((role / "tasks/main.yml").read_text()) if "homeserver.exposure.exposure_probe" in task]
    assert len(looks) == 4 and all(task["failed_when"] is False and task["ignore_unreachable"] is True for task in looks)
    assert [task["become"] for task in looks if task.get("delegate_to")] == [False]


def test_what_a_task_saw_on_each_host_is_put_together_and_who_failed_says_why(proof: ModuleType) -> None:
    seen = {
        "a": {"look": {"picture": {"x": 1}}},
        "b": {"look": {"failed": True, "msg": "no root"}},
        "c": {"look": {"skipped": True}},
        "d": {},
        "e": {"look": {}},
    }
    assert proof.host_results(seen, list(seen), "look", "picture") == {"a": {"x": 1}, "b": {"message": "no root"}}


def test_a_site_is_told_with_the_port_by_which_it_is_reached(proof: ModuleType) -> None:
    told = proof.success_report([{"host": "a.example.org", "https_port": 443}, {"host": "b.example.org", "https_port": 8443, "passthrough": True}])
    assert told.startswith("Served as declared:\n  https://a.example.org/\n  https://b.example.org:8443/  (its TLS")


def test_the_page_is_put_where_the_run_was_started_and_never_into_an_inventory(proof: ModuleType, tmp_path: Path) -> None:
    inventory, home = tmp_path / "inventory", tmp_path / "home"
    (inventory / "group_vars").mkdir(parents=True)
    home.mkdir()
    page, sources = str(home / "exposure-report.html"), [str(inventory), "host,"]
    assert proof.report_place([str(tmp_path), str(home)], sources) == str(tmp_path / "exposure-report.html")
    for folder in ("", str(inventory), str(inventory / "group_vars"), "/no/such/folder"):
        assert proof.report_place([folder, str(home)], sources) == page
    assert proof.report_place(["", ""], []) == ""


def test_a_host_with_an_older_python_is_told_so_in_a_plain_sentence(proof: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, f"{UTILS}.probe.every", None)
    spec = importlib.util.spec_from_file_location("probe_module", Path(__file__).parents[3] / "plugins/modules/exposure_probe.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    with pytest.raises(ImportError):
        spec.loader.exec_module(module)
    monkeypatch.setattr(platform, "python_version_tuple", lambda: ("3", "9", "18"))
    spec.loader.exec_module(module)

    class Failed(Exception):
        pass

    class Called:
        params: ClassVar[dict[str, object]] = {}

        def fail_json(self, msg: str) -> None:
            raise Failed(msg)

    monkeypatch.setattr(module, "AnsibleModule", lambda *_, **__: Called())
    with pytest.raises(Failed, match=r"takes Python 3\.11 or newer"):
        module.main()
