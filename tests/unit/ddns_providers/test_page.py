"""The page for owners says of every provider what its class does."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from plugins.module_utils.ddns.model import FAMILIES
from plugins.module_utils.ddns.providers import registry
from plugins.module_utils.plan.mistakes import Mistakes
from plugins.module_utils.plan.published import DDNS, OPTION_CHECKS, read_ddns

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs/ddns.md").read_text()
SECTIONS = {match[1]: match[2] for match in re.finditer(r"^## [^\n]*\(`(\w+)`\)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)}


def examples(text: str) -> list[dict[str, Any]]:
    blocks = re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [entry for block in blocks for entry in yaml.safe_load(block)["exposure_ddns"]]


def test_every_provider_has_its_section_and_no_other_has_one() -> None:
    assert set(SECTIONS) == set(registry.NAMES)


@pytest.mark.parametrize("name", registry.NAMES)
def test_a_provider_goes_by_its_name_and_the_lines_of_its_entry_can_be_checked(name: str) -> None:
    kind = registry.provider(name)
    assert name == kind.NAME and not set(kind.OPTIONS) & set(DDNS)
    for option in kind.OPTIONS.values():
        assert option.check in OPTION_CHECKS or "|" in option.check
    assert any(option.secret for option in kind.OPTIONS.values())
    can = kind.CAPABILITIES
    assert can.families and set(can.families) <= set(FAMILIES) and set(can.clear) <= set(can.families)


@pytest.mark.parametrize("name", registry.NAMES)
def test_each_line_of_an_entry_is_on_the_page(name: str) -> None:
    text = re.sub(r"^```.*?^```", "", SECTIONS[name], flags=re.MULTILINE | re.DOTALL)
    written = {word for code in re.findall(r"`([^`\n]*)`", text) for word in re.findall(r"\w+", code)}
    written |= {key for entry in examples(SECTIONS[name]) for key in entry}
    assert set(registry.provider(name).OPTIONS) <= written


@pytest.mark.parametrize("name", registry.NAMES)
def test_each_example_is_an_entry_without_a_mistake_and_without_a_secret(name: str) -> None:
    found = examples(SECTIONS[name])
    mistakes = Mistakes()
    taken = read_ddns(found, "server", mistakes)
    assert found and len(taken) == len(found) and not mistakes.found, mistakes.report()
    for entry in taken:
        assert entry["provider"] == name
        assert entry["secrets"] and all(value.startswith("{{ vault_") for value in entry["secrets"].values())
        assert not any(host.startswith("*.") for host in entry["hosts"]) or registry.provider(name).CAPABILITIES.wildcard


def test_the_table_of_the_page_is_that_of_the_classes() -> None:
    said = subprocess.run([sys.executable, "docs/tables.py", "--check"], cwd=ROOT, capture_output=True, text=True).stderr
    assert "docs/ddns.md" not in said
    rows = {match[1] for match in re.finditer(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)}
    assert rows == set(registry.NAMES)
