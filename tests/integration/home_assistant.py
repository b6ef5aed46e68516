"""A real Home Assistant in a container of a test, from the image of the test bed."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

IMAGE = "ghcr.io/home-assistant/home-assistant:2026.11.0"


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
