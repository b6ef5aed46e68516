# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The containers of the apps, as the Docker engine tells."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from ..host.look import DOCKER_SOCKET, DockerConnection
from .model import Look, Settings

AREA = "apps"
PROJECT, SERVICE, ONE_OFF = "com.docker.compose.project", "com.docker.compose.service", "com.docker.compose.oneoff"
"""Labels of compose; the last is "True" for a container of `docker compose run`, which somebody ran once."""
ENDED = re.compile(r"Exited \((\d+)\)")
MOST = 16 << 20
"""Bytes of an answer that are read."""

Engine = Callable[[str], Any]
"""What the engine answers to GET of a path. Raises OSError where it does not answer."""


def engine(path: str = DOCKER_SOCKET) -> Engine:
    def ask(target: str) -> Any:
        connection = DockerConnection(path)
        try:
            connection.request("GET", target)
            answer = connection.getresponse()
            if answer.status != 200:
                raise OSError(f"it answers {answer.status}")
            return json.loads(answer.read(MOST))
        except (http.client.HTTPException, ValueError) as error:
            raise OSError(f"it gives no answer that can be read ({type(error).__name__})") from None
        finally:
            connection.close()

    return ask


def look(settings: Settings, ask: Engine) -> Look:
    found = Look(AREA)
    if not settings.apps:
        return found
    try:
        listed = ask("/containers/json?all=1&filters=" + quote(json.dumps({"label": [PROJECT]})))
    except OSError as error:
        found.unseen.add("")
        what = f"The Docker engine does not answer ({error.strerror or error}), so nobody knows how the apps are."
        found.add("docker_silent", "docker", what, "See 'systemctl status docker' and 'journalctl -u docker'; then 'systemctl restart docker'.")
        return found
    for app in settings.apps:
        own = [one for one in listed if (its := one.get("Labels") or {}).get(PROJECT) == app and its.get(ONE_OFF) != "True"]
        if not own:
            found.add("app_missing", app, f"{app} has no container.", "Run the playbook again, which makes it.")
        for one in own:
            judge(app, one, ask, found)
    return found


def judge(app: str, container: dict[str, Any], ask: Engine, found: Look) -> None:
    service = str(container.get("Labels", {}).get(SERVICE, ""))
    about = app if service in ("", app) else f"{app} ({service})"
    state, status = str(container.get("State", "")), str(container.get("Status", ""))
    log = f"docker logs --tail 50 {str((container.get('Names') or ['?'])[0]).lstrip('/')}"
    if state == "running":
        if "(unhealthy)" in status:
            found.add("app_unhealthy", about, f"{about} runs, and is not well by its own check.", f"See '{log}'; then restart it.")
    elif state != "removing" and not finished(container, status, ask):
        found.add("app_stopped", about, f"{about} does not run ({status or state}).", f"See '{log}'; the playbook starts it again.")


def finished(container: dict[str, Any], status: str, ask: Engine) -> bool:
    """Whether it did its work and is not meant to run again, as one that only prepares another."""
    ended = ENDED.match(status)
    if not ended or ended[1] != "0":
        return False
    try:
        policy = ask(f"/containers/{quote(str(container.get('Id', '')), safe='')}/json")["HostConfig"]["RestartPolicy"]["Name"]
    except (OSError, KeyError, TypeError):
        return False
    return policy in ("", "no", "on-failure")
