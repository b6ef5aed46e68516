"""`exposure apps`: what runs, and where data and passwords lie."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from plugins.module_utils.apps.project import Places, tree_of
from plugins.module_utils.command.apps import apps, lines
from plugins.module_utils.command.main import main

HUSH = "hush-hush"


@pytest.fixture
def server(tmp_path: Path) -> Path:
    """The folders of a server with two apps, their files as role apps writes them."""
    shop = {"npm": {"image": "docker.io/jc21/nginx-proxy-manager:2.13"}, "db": {"image": "docker.io/library/mariadb:11.8"}}
    env = {"EXPOSURE_DATA": "/srv/it's \\ here", "EXPOSURE_URL": "https://npm.example.org"}
    who = {"whoami": {"image": "docker.io/traefik/whoami:v1.11.0"}}
    stacks: list[dict[str, Any]] = [
        {"name": "npm", "state": "present", "compose": {"services": shop}, "env": env, "secrets": ["ADMIN_PASSWORD", "DB_PASSWORD"]},
        {"name": "whoami", "state": "present", "compose": {"services": who}, "env": {"EXPOSURE_DATA": "/srv/exposure/whoami"}, "secrets": []},
    ]
    for tree in (tree_of(stack, Places(projects=tmp_path / "stacks")) for stack in stacks):
        for file in tree.files:
            path = Path(tree.root, "current", file.path)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.content)
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "npm.env").write_text(f"ADMIN_PASSWORD={HUSH}1\nDB_PASSWORD={HUSH}2\n")
    return tmp_path


def running(path: str) -> list[dict[str, Any]]:
    labels = {"com.docker.compose.service": "npm"}
    once = {"com.docker.compose.service": "db", "com.docker.compose.oneoff": "True"}
    states = [{"Labels": labels, "State": "running", "Status": "Up 3 hours (healthy)"}, {"Labels": once, "State": "exited", "Status": "Exited (1)"}]
    return states if "%3Dnpm" in path else []


def silent(_: str) -> object:
    raise OSError("No such file or directory")


@pytest.mark.proves("R54")
def test_a_person_finds_the_first_password_and_nobody_sees_it(server: Path) -> None:
    found = apps(server / "stacks", server / "secrets", running)
    shown = [line for app in found for line in lines(app)]
    assert shown == [
        "",
        "npm  https://npm.example.org",
        "  npm  docker.io/jc21/nginx-proxy-manager:2.13  running, Up 3 hours (healthy)",
        "  db  docker.io/library/mariadb:11.8  no container",
        "  data: /srv/it's \\ here",
        f"  first log-in: sudo grep ADMIN_PASSWORD {server}/secrets/npm.env",
        f"  generated: DB_PASSWORD in {server}/secrets/npm.env",
        "",
        "whoami",
        "  whoami  docker.io/traefik/whoami:v1.11.0  no container",
        "  data: /srv/exposure/whoami",
    ]
    assert HUSH not in json.dumps(found)


def test_without_docker_it_tells_the_rest(server: Path) -> None:
    assert "  whoami  docker.io/traefik/whoami:v1.11.0  (the Docker engine does not answer)" in lines(apps(server / "stacks", server / "secrets", silent)[1])


def test_it_says_where_there_is_no_app_or_one_that_cannot_be_read(server: Path, capsys: pytest.CaptureFixture[str]) -> None:
    places = ["--stacks", str(server / "stacks"), "--secrets", str(server / "secrets")]
    assert main(["apps", "--json", *places]) == 0 and [one["app"] for one in json.loads(capsys.readouterr().out)] == ["npm", "whoami"]
    assert main(["apps", "--stacks", str(server / "nothing")]) == 3 and "No app is kept here" in capsys.readouterr().err
    (server / "stacks/npm/current/compose.json").write_text("{")
    assert main(["apps", *places]) == 3 and "cannot be read" in capsys.readouterr().err
