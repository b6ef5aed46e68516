# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Docker on this host: what runs is asked of the engine's socket, what is to be done is told to its own command line."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol
from urllib.parse import quote

from ..host.execute import execute
from ..host.look import DOCKER_SOCKET, DockerConnection
from ..release.disk import Failure
from .project import Project

PROJECT, SERVICE = "com.docker.compose.project", "com.docker.compose.service"
PULLING = 3600
"""Seconds that an image may take: 2 GB over a slow line."""
STARTING = 900
"""Seconds that `up` may take: it waits for what others depend on."""
STOPPING = 120
"""Seconds that a container has to stop in, before it is killed."""


@dataclass(frozen=True)
class Container:
    """A container of a compose project. `state` is Docker's (running, exited, restarting), `status` its sentence, such as `Up 3 minutes (healthy)`."""

    id: str
    project: str
    service: str
    image: str
    state: str
    status: str = ""

    @property
    def health(self) -> str:
        """healthy, unhealthy or starting; '' where the image has no check."""
        found = re.search(r"\((?:health: )?(healthy|unhealthy|starting)\)", self.status)
        return found[1] if found else ""

    @property
    def ended_well(self) -> bool:
        return self.state == "exited" and self.status.startswith("Exited (0)")


@dataclass(frozen=True)
class Volume:
    """A named volume of a project, and its folder on this host; none where its content is elsewhere (a driver of its own, an NFS mount)."""

    name: str
    folder: Path | None


class Engine(Protocol):
    """What stacks need of Docker. Texts that are returned say what went wrong, '' for nothing."""

    def there(self) -> bool: ...
    def containers(self) -> list[Container]: ...
    def volumes(self, project: str) -> list[Volume]: ...
    def has(self, image: str) -> bool: ...
    def pull(self, image: str) -> str: ...
    def up(self, project: Project, start: bool = True) -> str: ...
    def stop(self, project: str) -> str: ...
    def start(self, project: str) -> str: ...
    def down(self, project: str, volumes: bool) -> str: ...
    def logs(self, container: str, lines: int) -> list[str]: ...
    def send(self, container: str, command: Sequence[str], out: Path | None, given: Path | None) -> str: ...
    def run(self, command: Sequence[str]) -> tuple[int, str]: ...
    def listening(self) -> list[int]: ...


class Docker:
    """An `Engine` that is this host's."""

    def __init__(self, socket: str = DOCKER_SOCKET) -> None:
        self.socket = socket

    def there(self) -> bool:
        return bool(shutil.which("docker"))

    def containers(self) -> list[Container]:
        """The containers of compose projects (Docker Engine API, GET /containers/json). Raises `Failure` where nothing answers."""
        return [
            Container(one["Id"], one["Labels"][PROJECT], one["Labels"].get(SERVICE, ""), one["Image"], one["State"], one["Status"])
            for one in self.ask("/containers/json?all=1&filters=" + quote(json.dumps({"label": [PROJECT]})))
        ]

    def volumes(self, project: str) -> list[Volume]:
        """The named volumes of a project (GET /volumes)."""
        found = self.ask("/volumes?filters=" + quote(json.dumps({"label": [f"{PROJECT}={project}"]}))).get("Volumes") or []
        return [Volume(one["Name"], Path(one["Mountpoint"]) if one["Driver"] == "local" and not one.get("Options") else None) for one in found]

    def ask(self, path: str) -> Any:
        connection = DockerConnection(self.socket)
        connection.timeout = 30
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            said = answer.read()
            if answer.status == 200:
                return json.loads(said)
            trouble = f"it answers {answer.status}"
        except (OSError, http.client.HTTPException, ValueError) as error:
            trouble = str(error)
        finally:
            connection.close()
        raise Failure(f"Docker does not answer on {self.socket} ({trouble}). Look at 'systemctl status docker', and run again.")

    def has(self, image: str) -> bool:
        return self.run(["docker", "image", "inspect", "--format", "{{.Id}}", image])[0] == 0

    def pull(self, image: str) -> str:
        return said(self.run(["docker", "pull", "--quiet", image], PULLING))

    def up(self, project: Project, start: bool = True) -> str:
        """Create what differs and start it, in the order of depends_on; what is no longer in the project goes."""
        verb = ["up", "--detach", "--remove-orphans", "--quiet-pull", "--timeout", str(STOPPING), *([] if start else ["--no-start"])]
        return said(self.run(["docker", "compose", *project.words(), *verb], STARTING))

    def stop(self, project: str) -> str:
        return said(self.run(["docker", "compose", "--project-name", project, "stop", "--timeout", str(STOPPING)], STARTING))

    def start(self, project: str) -> str:
        """Start the containers that are there, as they are."""
        return said(self.run(["docker", "compose", "--project-name", project, "start"], STARTING))

    def down(self, project: str, volumes: bool) -> str:
        """Containers and networks go, and named volumes where their data was named to be wiped."""
        verb = ["down", "--remove-orphans", "--timeout", str(STOPPING), *(["--volumes"] if volumes else [])]
        return said(self.run(["docker", "compose", "--project-name", project, *verb], STARTING))

    def logs(self, container: str, lines: int) -> list[str]:
        return self.run(["docker", "logs", "--tail", str(lines), container])[1].splitlines()[-lines:]

    def send(self, container: str, command: Sequence[str], out: Path | None, given: Path | None) -> str:
        """Run a command in a container, with its output into a file or its input from one."""
        with contextlib.ExitStack() as files:
            written: IO[bytes] | None = files.enter_context(out.open("wb")) if out else None
            read: IO[bytes] | None = files.enter_context(given.open("rb")) if given else None
            words = ["docker", "exec", *(["--interactive"] if given else []), container, *command]
            done = subprocess.run(words, stdin=read or subprocess.DEVNULL, stdout=written or subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
            if written:
                written.flush()
                os.fsync(written.fileno())
        return said((done.returncode, done.stderr.decode(errors="replace")))

    def run(self, command: Sequence[str], patience: int = STARTING) -> tuple[int, str]:
        """(exit code, output and errors together)."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("COMPOSE_")} | {"LC_ALL": "C"}
        ended = execute(command, patience, environment)
        return ended.code, ended.said

    def listening(self) -> list[int]:
        """Ports belong to containers; a release of theirs names none."""
        return []


def said(ended: tuple[int, str]) -> str:
    code, output = ended
    return (output.strip() or f"it ended with {code}") if code else ""
