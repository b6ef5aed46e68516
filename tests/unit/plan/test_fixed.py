"""What an app was first started with is kept, and what its catalogue file sets can be written and leaks nothing."""

from __future__ import annotations

from typing import Any

import pytest

from .declarations import catalogue, host, mistakes, places, plan

TAO: dict[str, Any] = {
    "title": "TAO",
    "image": "quay.io/tao-ce/tao-ce",
    "version": "2025.10-v1.5",
    "port": 8443,
    "options": {"LOCALE": {"kind": "locale", "default": "en-US"}},
    "fixed": ["EXPOSURE_HOST", "LOCALE"],
    "notes": ["Its name is in every address that it keeps: another one means to install it anew, and to lose its data."],
}
APPS = {**catalogue(), "tao": TAO}
BEFORE = {"fixed": {"tao": {"EXPOSURE_HOST": "tao.example.org", "LOCALE": "en-US"}}}


def school(name: str, found: dict[str, Any] | None = None, **changes: Any) -> Any:
    sites = [{"name": "tao", "hosts": [name], "app": "tao"}] if name else []
    given = {"domain": "example.org", "sites": sites, "apps": [{"name": "tao", **changes.pop("app", {})}], **changes}
    return host(groups=("proxy",), found={"release": "trixie", **(found or {})}, **given)


@pytest.mark.proves("R47")
def test_a_public_name_that_was_fixed_at_the_first_start_is_refused_later_and_says_what_it_means() -> None:
    (mistake,) = mistakes(APPS, server=school("new.example.org", BEFORE))
    assert (mistake.site, mistake.field, mistake.value) == ("app tao", "hosts of its site", "new.example.org")
    assert "first started with EXPOSURE_HOST 'tao.example.org'" in mistake.problem and "lose its data" in mistake.problem
    assert "'tao.example.org' again" in mistake.write and "exposure_confirm: [tao]" in mistake.write


@pytest.mark.proves("R47")
def test_a_locale_that_was_fixed_is_refused_too_and_its_line_is_named() -> None:
    assert places(APPS, server=school("tao.example.org", BEFORE, app={"options": {"LOCALE": "fr-FR"}})) == {("server", "app tao", "options.LOCALE")}


@pytest.mark.proves("R47")
def test_a_change_that_is_confirmed_by_name_is_made() -> None:
    (stack,) = plan(APPS, server=school("new.example.org", BEFORE, confirm=["tao"])).hosts["server"].stacks
    assert stack.confirmed and stack.fixed == {"EXPOSURE_HOST": "new.example.org", "LOCALE": "en-US"}
    assert places(APPS, server=school("new.example.org", BEFORE, confirm=["other"]))


def test_what_is_as_it_was_or_has_no_record_is_let_through() -> None:
    for found in (BEFORE, {}, {"fixed": {"other": {"EXPOSURE_HOST": "x.example.org"}}}):
        (stack,) = plan(APPS, server=school("tao.example.org", found)).hosts["server"].stacks
        assert stack.fixed["EXPOSURE_HOST"] == "tao.example.org" and not stack.confirmed


def test_an_app_that_keeps_its_name_needs_one_before_its_first_start() -> None:
    (mistake,) = mistakes(APPS, server=school(""))
    assert mistake.field == "hosts of its site" and "no site leads to it yet" in mistake.problem


def test_an_app_that_goes_is_not_asked_what_it_was_started_with() -> None:
    assert plan(APPS, server=school("", BEFORE, app={"state": "absent"})).hosts["server"].stacks[0].state == "absent"


SETTING = {"file": "config/a.yaml", "format": "yaml", "set": {"a": "${EXPOSURE_HOST}"}}
COMMAND = {"service": "tao", "look": ["get"], "want": "${LOCALE}", "do": ["set", "--value=${LOCALE}"]}


def wrong(**lines: Any) -> set[str]:
    """The fields that a catalogue file with these lines is refused for."""
    return {mistake.field for mistake in mistakes({"tao": {**TAO, "secrets": ["KEY"], **lines}}, server=school("tao.example.org"))}


def test_settings_and_commands_are_filled_by_the_plan_but_for_secrets() -> None:
    entry = {**TAO, "secrets": ["KEY"], "settings": [{**SETTING, "set": {"a": "${EXPOSURE_HOST}", "k": "${KEY}", "p": ["${EXPOSURE_PROXIES}"]}}]}
    entry["commands"] = [{**COMMAND, "environment": {"PASS": "${KEY}"}}]
    (stack,) = plan({"tao": entry}, server=school("tao.example.org")).hosts["server"].stacks
    assert stack.settings[0]["set"] == {"a": "tao.example.org", "k": "${KEY}", "p": stack.peers}
    assert stack.commands[0]["do"] == ["set", "--value=en-US"] and stack.commands[0]["environment"] == {"PASS": "${KEY}"}


@pytest.mark.parametrize("line", ["look", "want", "do"])
def test_a_secret_in_the_arguments_of_a_command_is_refused(line: str) -> None:
    value = "${KEY}" if line == "want" else ["set", "--password=${KEY}"]
    assert wrong(commands=[{**COMMAND, line: value}]) == {f"commands[1].{line}"}


@pytest.mark.parametrize(
    ("lines", "field"),
    [
        ({"settings": [{**SETTING, "set": {"a": "${NOBODY}"}}]}, "settings[1]"),
        ({"settings": [{**SETTING, "set": {"${KEY}": "a"}}]}, "settings[1]"),
        ({"settings": [{**SETTING, "set": {}}]}, "settings[1]"),
        ({"settings": [{**SETTING, "format": "xml"}]}, "settings[1]"),
        ({"settings": [{**SETTING, "format": "xml", "root": "R", "set": {"a b": 1}}]}, "settings[1]"),
        ({"settings": [{**SETTING, "format": "ini"}]}, "settings[1]"),
        ({"settings": [{**SETTING, "format": "python", "set": {"a-b": 1}}]}, "settings[1]"),
        ({"settings": [{**SETTING, "set": {1: 2}}]}, "settings[1]"),
        ({"commands": [{**COMMAND, "want": "${NOBODY}"}]}, "commands[1].want"),
        ({"commands": [{**COMMAND, "environment": {"A": "${NOBODY}"}}]}, "commands[1].environment"),
        ({"commands": [{**COMMAND, "environment": {"A=B": "c"}}]}, "commands[1].environment"),
        ({"fixed": ["NOBODY"]}, "fixed"),
        ({"fixed": ["KEY"]}, "fixed"),
    ],
)
def test_a_line_of_the_catalogue_that_cannot_be_written_is_refused(lines: dict[str, Any], field: str) -> None:
    assert wrong(**lines) == {field}
