"""Every app of the catalogue as Debian's Compose reads it: the very project that a server gets, with its .env and its secrets."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import tarfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from plugins.module_utils.apps.project import Places, tree_of
from tests.unit.catalogue.golden import DEPLOYED, stack

BED = Path(__file__).resolve().parents[2] / "molecule" / "internet"
RECIPE = """\
ARG BASE
FROM ${BASE}
RUN apt-get update -q && apt-get install -qy --no-install-recommends docker-cli docker-compose && rm -rf /var/lib/apt/lists/*
"""
SECRET = "k3-_Y"
READ = "cd /projects && for app in *; do cd /projects/$app; docker compose --env-file .env --env-file secrets.env -f compose.json config --format json \
> /read/$app.json 2> /read/$app.err || true; done; cd /read && tar c ."


def image(suite: str = "trixie") -> str:
    """The bed's Debian with the Compose that the collection installs, built where its recipe is new."""
    if subprocess.run(["docker", "image", "inspect", f"exposure-bed/{suite}:current"], capture_output=True, check=False).returncode:
        subprocess.run([BED / "engine.sh"], check=True)
        subprocess.run([sys.executable, BED / "images.py", suite], check=True)
    found = subprocess.run(
        ["docker", "image", "inspect", "--format", "{{.Id}}", f"exposure-bed/{suite}:current"], check=True, capture_output=True, text=True
    ).stdout.strip()
    tag = f"catalogue-{suite}:{hashlib.sha256((found + RECIPE).encode()).hexdigest()[:12]}"
    if subprocess.run(["docker", "image", "inspect", tag], capture_output=True, check=False).returncode:
        build = ["docker", "build", "-q", "--force-rm", "--network", "host", "-t", tag, "--build-arg", f"BASE=exposure-bed/{suite}:current", "-"]
        done = subprocess.run(build, input=RECIPE, capture_output=True, text=True, timeout=600, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    return tag


def archive() -> bytes:
    """The projects of all apps, as the role lays them on a server."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for app in DEPLOYED:
            made = stack(app)
            files = {file.path: file.content for file in tree_of(asdict(made), Places(Path("/projects"))).files}
            files["secrets.env"] = "".join(f"{name}={SECRET}\n" for name in made.secrets).encode()
            for name, content in files.items():
                entry = tarfile.TarInfo(f"{app}/{name}")
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
    return out.getvalue()


@pytest.fixture(scope="module")
def read() -> dict[str, dict[str, Any] | str]:
    """What Compose makes of each app, all in one container without a network: the project, or why it refused it."""
    script = f"mkdir /projects /read && tar x -C /projects && {READ}"
    command = ["docker", "run", "--rm", "-i", "--network", "none", "--name", "catalogue-compose", image(), "sh", "-c", script]
    done = subprocess.run(command, input=archive(), capture_output=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr.decode()
    found: dict[str, dict[str, Any] | str] = {}
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
        for app in DEPLOYED:
            told, errors = (tar.extractfile(f"./{app}.{end}") for end in ("json", "err"))
            assert told and errors
            text = told.read().decode()
            warned = errors.read().decode()
            found[app] = json.loads(text) if text and not warned else warned or "nothing was said"
    return found


@pytest.mark.proves("B13")
@pytest.mark.parametrize("app", DEPLOYED)
def test_compose_takes_the_project_and_knows_every_name_in_it(app: str, read: dict[str, dict[str, Any] | str]) -> None:
    project = read[app]
    assert isinstance(project, dict), project
    made = stack(app)
    assert {*project["services"]} == {*made.compose["services"]}
    # `config` prints a literal dollar sign doubled, as it stands in the file.
    assert "${" not in json.dumps(project).replace("$$", "")


@pytest.mark.proves("R56")
@pytest.mark.parametrize("app", DEPLOYED)
def test_every_port_that_compose_publishes_is_one_of_loopback(app: str, read: dict[str, dict[str, Any] | str]) -> None:
    project = read[app]
    assert isinstance(project, dict), project
    ports = [port for service in project["services"].values() for port in service.get("ports", [])]
    assert ports and all(port["host_ip"] == "127.0.0.1" for port in ports)


@pytest.mark.proves("R47")
def test_tao_s_file_has_its_name_and_language(read: dict[str, dict[str, Any] | str]) -> None:
    project = read["tao"]
    assert isinstance(project, dict), project
    content = project["configs"]["tao_config"]["content"]
    assert "publicDomain: tao.casa.example\n" in content and "defaultLocale: en-US\n" in content


def test_the_cron_of_nextcloud_runs_the_image_of_nextcloud(read: dict[str, dict[str, Any] | str]) -> None:
    project = read["nextcloud"]
    assert isinstance(project, dict), project
    assert project["services"]["cron"]["image"] == project["services"]["nextcloud"]["image"]


def test_the_names_in_a_shell_s_words_are_left_to_the_shell(read: dict[str, dict[str, Any] | str]) -> None:
    for app, service, name in (("zigbee2mqtt", "mqtt", "MQTT_PASSWORD"), ("sregistry", "sregistry", "PROXIES")):
        project = read[app]
        assert isinstance(project, dict), project
        assert f"$${name}" in json.dumps(project["services"][service]["command"])


def test_generated_secrets_reach_the_programs_that_need_them(read: dict[str, dict[str, Any] | str]) -> None:
    for app in DEPLOYED:
        project = read[app]
        assert isinstance(project, dict), project
        assert not stack(app).secrets or SECRET in json.dumps(project), app
