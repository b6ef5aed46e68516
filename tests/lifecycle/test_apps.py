"""Apps as they live: one file adds one, a change touches that one alone, secrets are made once, and services start in their order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.bed import host, inventory_with, playbook, whoami

PAIR = {
    "title": "A front and its back",
    "image": "docker.io/traefik/whoami",
    "version": "v1.11.0",
    "port": 8095,
    "service": {
        "depends_on": {"back": {"condition": "service_started"}},
        "environment": {"WHOAMI_PORT_NUMBER": "8095", "WHOAMI_NAME": "${PAIR_TOKEN}"},
        "volumes": ["${EXPOSURE_DATA}/data:/data"],
    },
    "services": {"back": {"image": "docker.io/traefik/whoami:v1.11.0", "environment": {"WHOAMI_PORT_NUMBER": "8096"}}},
    "folders": {"data": {"mode": "0700"}},
    "secrets": ["PAIR_TOKEN"],
    "health": {"path": "/health", "status": 200},
}


def inspected(container: str) -> dict[str, Any]:
    return dict(json.loads(host("home").run(f"docker inspect {container}").stdout)[0])


def started() -> dict[str, str]:
    rows = host("home").run("docker ps -q | xargs docker inspect -f '{{.Name}} {{.State.StartedAt}}'").stdout.splitlines()
    return dict(row.split() for row in rows)


@pytest.mark.proves("B13", "R51", "R23", "R52")
def test_one_file_adds_an_app_with_its_services_folders_and_secrets(tmp_path: Path) -> None:
    def pair(variables: dict[str, Any]) -> None:
        variables["exposure_sites"].append({"name": "pair", "hosts": ["pair.bench.casa.example"], "app": "pair"})
        variables["exposure_catalogue"] = str(tmp_path / "catalogue")

    before = started()
    (tmp_path / "catalogue").mkdir()
    (tmp_path / "catalogue" / "pair.yml").write_text(yaml.safe_dump(PAIR))
    inventory = inventory_with(tmp_path, home=pair)
    run = playbook("site", inventory=inventory)
    assert run.code == 0, run.output
    home, token = host("home"), whoami("phone", "pair.bench.casa.example")["name"]
    assert home.run("stat -c '%U %a' /etc/exposure/secrets/pair.env").stdout.strip() == "root 600"
    assert home.file("/etc/exposure/secrets/pair.env").content_string == f"PAIR_TOKEN={token}\n"
    assert len(token) >= 32 and token not in run.output
    assert home.run("stat -c %a /srv/exposure/pair/data").stdout.strip() == "700"
    assert inspected("pair-back-1")["State"]["StartedAt"] <= inspected("pair-pair-1")["State"]["StartedAt"]
    assert float(home.run("stat -c %Y /etc/exposure/stacks/pair/current/compose.json").stdout) <= float(
        home.run("date -d \"$(docker inspect -f '{{.Created}}' pair-pair-1)\" +%s").stdout
    )
    assert {name: when for name, when in started().items() if "pair" not in name} == before
    again = playbook("site", "--diff", inventory=inventory)
    assert again.code == 0 and set(again.changed.values()) == {0}, again.output
    assert token not in again.output
    assert whoami("phone", "pair.bench.casa.example")["name"] == token


@pytest.mark.proves("R52", "R57")
def test_a_changed_app_is_the_only_one_that_restarts_and_its_old_project_is_kept(tmp_path: Path) -> None:
    def louder(variables: dict[str, Any]) -> None:
        variables["exposure_apps"].append({"name": "whoami", "environment": {"WHOAMI_NAME": "a $HOME {env.HOME} 'name'"}})

    before = started()
    run = playbook("site", inventory=inventory_with(tmp_path, home=louder))
    assert run.code == 0, run.output
    after = started()
    assert {name for name in after if after[name] != before.get(name)} == {"/whoami-whoami-1"}
    assert whoami("phone", "who.casa.example")["name"] == "a $HOME {env.HOME} 'name'"
    kept = host("home").run("cat /etc/exposure/stacks/whoami/releases/*/compose.json").stdout
    assert kept.count('"name": "whoami"') >= 2
    back = playbook("site")
    assert back.code == 0, back.output
    assert whoami("phone", "who.casa.example")["name"] == ""
    host("home").run("docker compose -p pair down")


@pytest.mark.proves("R57")
def test_a_version_that_cannot_be_had_leaves_the_old_one_serving(tmp_path: Path) -> None:
    def newer(variables: dict[str, Any]) -> None:
        variables["exposure_apps"].append({"name": "whoami", "version": "v9.9.9"})

    before = started()
    run = playbook("site", inventory=inventory_with(tmp_path, home=newer))
    assert run.code != 0 and "cannot be pulled" in run.output and "whoami:v1.11.0 goes on serving" in run.output, run.output
    assert started() == before and whoami("phone", "who.casa.example")["name"] == ""


@pytest.mark.proves("R53", "R57")
def test_an_app_that_does_not_get_well_is_put_back_and_the_next_run_changes_nothing(tmp_path: Path) -> None:
    def deaf(variables: dict[str, Any]) -> None:
        variables["exposure_apps"].append({"name": "whoami", "environment": {"WHOAMI_PORT_NUMBER": "9"}})

    before = {name: when for name, when in started().items() if "whoami" not in name}
    run = playbook("site", inventory=inventory_with(tmp_path, home=deaf))
    assert run.code != 0 and "is not well after 60 s" in run.output and "serves again" in run.output, run.output
    assert whoami("phone", "who.casa.example")["name"] == ""
    assert {name: when for name, when in started().items() if "whoami" not in name} == before
    again = playbook("site")
    assert again.code == 0 and set(again.changed.values()) == {0}, again.output
