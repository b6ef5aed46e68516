"""A real Home Assistant in a container of a test, from the image of the test bed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
IMAGE = "ghcr.io/home-assistant/home-assistant:2026.11.0"


def playbook(folder: Path, play: str, given: Mapping[str, Any], *words: str) -> subprocess.CompletedProcess[str]:
    """A run of a play of this collection, in a folder and with settings of its own."""
    collection = folder / "collections" / "ansible_collections" / "homeserver"
    collection.mkdir(parents=True, exist_ok=True)
    (collection / "exposure").unlink(missing_ok=True)
    (collection / "exposure").symlink_to(ROOT)
    (folder / "play.yml").write_text(play)
    (folder / "ansible.cfg").touch()
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(folder / "collections"), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_CONFIG": str(folder / "ansible.cfg")}
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "play.yml", "-e", json.dumps(given), *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=400, check=False)


def docker(*words: str) -> str:
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=True, timeout=120).stdout.strip()


def onboarding(address: str) -> int:
    """The status of the page that is there until somebody owns it; 0 without an answer."""
    try:
        with urllib.request.urlopen(f"http://{address}:8123/api/onboarding", timeout=3) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def wait(address: str, name: str) -> None:
    until = time.monotonic() + 180
    while not onboarding(address):
        assert time.monotonic() < until, docker("logs", name)
        time.sleep(1)


@contextmanager
def running(name: str, folder: Path) -> Iterator[str]:
    """Its address, once it answers."""
    subprocess.run(["docker", "rm", "-f", name], capture_output=True, check=False)
    docker("run", "-d", "--init", "--restart", "unless-stopped", "--name", name, "-v", f"{folder}:/config", IMAGE)
    try:
        address = docker("inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", name)
        wait(address, name)
        yield address
    finally:
        docker("rm", "-f", name)


def own(address: str) -> str:
    """Make the first account. What its owner exchanges for a token."""
    owner = {"client_id": f"http://{address}:8123/", "name": "Owner", "username": "owner", "password": "long and unlikely", "language": "en"}
    ask = urllib.request.Request(f"http://{address}:8123/api/onboarding/users", json.dumps(owner).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(ask, timeout=10) as answer:
        assert answer.status == 200
        return str(json.load(answer)["auth_code"])


def token(address: str) -> str:
    """The first account's token, as its app would get it."""
    form = {"grant_type": "authorization_code", "code": own(address), "client_id": f"http://{address}:8123/"}
    with urllib.request.urlopen(f"http://{address}:8123/auth/token", urllib.parse.urlencode(form).encode(), timeout=10) as answer:
        return str(json.load(answer)["access_token"])
