"""The house is in order: what roles say of their options is what they take, and every file of the catalogue is right."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from plugins.module_utils.plan.audit import LISTENING
from plugins.module_utils.plan.catalogue import read_catalogue
from plugins.module_utils.plan.declaration import ACME, APP, BACKUPS, CERTIFICATE, COPY, EAB, HOST, LOCAL_CA, PATH, SITE, VERIFY
from plugins.module_utils.plan.make import Inventory, make
from plugins.module_utils.plan.mistakes import Mistakes
from plugins.module_utils.plan.published import DDNS, PUBLIC_ADDRESS
from plugins.module_utils.plan.watch import WATCH

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
    sections = {section.partition("\n")[0]: section for section in re.split(r"^##+ ", (ROOT / "docs/declaration.md").read_text(), flags=re.MULTILINE)}
    general, certificate = sections["For a host or a group"], sections["An entry of `exposure_certificates`"]
    for name in HOST:
        assert f"`exposure_{name}`" in general, name
    places = [
        (general, EAB),
        (general, LOCAL_CA),
        (general, VERIFY),
        (general, BACKUPS),
        (general, LISTENING),
        (sections["An entry of `exposure_ddns`"], DDNS),
        (sections["`exposure_public_address`"], PUBLIC_ADDRESS),
        (sections["`exposure_watch`"], WATCH),
        (sections["A site"], SITE),
        (sections["An entry of `paths`"], PATH),
        (sections["`exposure_acme`"], ACME),
        (certificate, CERTIFICATE),
        (certificate, COPY),
        (sections["An entry of `exposure_apps`"], APP),
    ]
    for text, table in places:
        for name in table:
            assert f"`{name}`" in text, name


def examples() -> list[dict[str, Any]]:
    """The variables of each example in the documentation, as a host of it would have them."""
    blocks = re.findall(r"^```yaml\n(.*?)^```", (ROOT / "docs/declaration.md").read_text(), re.MULTILINE | re.DOTALL)
    return [yaml.safe_load(block) for block in blocks]


@pytest.mark.parametrize("variables", examples(), ids=lambda variables: ", ".join(variables))
@pytest.mark.parametrize("engine", ["caddy", "nginx"])
def test_every_example_of_the_documentation_makes_a_plan(variables: dict[str, Any], engine: str) -> None:
    catalogue = {path.stem: yaml.safe_load(path.read_text()) for path in (ROOT / "roles/apps/catalogue").iterdir()}
    given = {"exposure_domain": "example.duckdns.org", "exposure_proxy": engine, **variables}
    made = make({"server": Inventory(given, ("proxy",), {"release": "trixie"})}, catalogue)
    published = made.hosts["server"].ddns
    accounts = published.accounts if published else []
    assert [account.provider for account in accounts] == [entry["provider"] for entry in variables.get("exposure_ddns", [])]
    assert {site["name"] for site in variables.get("exposure_sites", [])} == {probe.site for probe in made.probes}


def test_what_a_module_says_of_itself_is_one_text() -> None:
    """A comma in an unquoted description would make lines of its end."""
    for path in sorted((ROOT / "plugins/modules").glob("*.py")):
        found = re.search(r'DOCUMENTATION = r?"""(.*?)"""', path.read_text(), re.DOTALL)
        assert found, path
        for name, said in yaml.safe_load(found[1])["attributes"].items():
            assert set(said) <= {"support", "description", "details", "platforms"} and said["description"], (path.name, name)
