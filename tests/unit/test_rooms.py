"""The house is in order: what roles say of their options is what they take, and every file of the catalogue is right."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from plugins.module_utils.plan.catalogue import read_catalogue
from plugins.module_utils.plan.declaration import ACME, APP, HOST, SITE, VERIFY
from plugins.module_utils.plan.mistakes import Mistakes

ROOT = Path(__file__).resolve().parents[2]
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir())


@pytest.mark.parametrize("role", ROLES)
def test_a_role_s_defaults_and_its_argument_spec_name_the_same_options(role: str) -> None:
    defaults = yaml.safe_load((ROOT / "roles" / role / "defaults/main.yml").read_text())
    spec = yaml.safe_load((ROOT / "roles" / role / "meta/argument_specs.yml").read_text())
    assert set(defaults) == set(spec["argument_specs"]["main"]["options"])


@pytest.mark.parametrize("role", ROLES)
def test_a_role_s_public_options_begin_with_its_name(role: str) -> None:
    defaults = yaml.safe_load((ROOT / "roles" / role / "defaults/main.yml").read_text())
    assert all(name.startswith(f"{role}_") for name in defaults)


@pytest.mark.proves("B13")
def test_an_app_is_one_file_and_each_is_right() -> None:
    entries = {path.stem: yaml.safe_load(path.read_text()) for path in (ROOT / "roles/apps/catalogue").iterdir()}
    mistakes = Mistakes()
    read_catalogue(entries, mistakes)
    assert not mistakes.found, mistakes.report()
    assert {"home_assistant", "whoami"} <= set(entries)


def test_every_line_that_can_be_declared_is_documented() -> None:
    text = (ROOT / "docs/declaration.md").read_text()
    for name in HOST:
        assert f"`exposure_{name}`" in text, name
    for table in (SITE, APP, ACME, VERIFY):
        for name in table:
            assert f"`{name}`" in text, name
