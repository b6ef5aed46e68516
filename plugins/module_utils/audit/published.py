# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which ports Docker sends to containers: of every container, whoever started it, and of a swarm's services (Docker Engine API)."""

from __future__ import annotations

import http.client
import json
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..acme.problem import printable
from ..host.look import DOCKER_SOCKET, DockerConnection
from .model import Published

MOST = 16_000_000
"""Bytes of one answer."""


@dataclass(frozen=True)
class Engine:
    """What Docker says. `names`: full number -> name, of every container that runs. `trouble`: why nothing, or not all, is known; '' without Docker."""

    published: tuple[Published, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    trouble: str = ""


def ask(root: Path = Path("/")) -> Engine:
    """All that runs. Never raises."""
    path = root / DOCKER_SOCKET.lstrip("/")
    if not path.exists():
        return Engine((), {}, "")
    if not os.access(path, os.R_OK | os.W_OK):
        return Engine((), {}, "Docker may not be asked by this user, so what it publishes is not known: run this as root (become).")
    try:
        status, listed = get(path, "/containers/json")
        if status != 200:
            return Engine((), {}, f"Docker's answer was {status}, so what it publishes is not known.")
        _, swarm = get(path, "/services")  # 503 where there is no swarm
        rows = [*of_containers(listed), *of_services(swarm if isinstance(swarm, list) else [])]
        names = {str(one["Id"]): name_of(one) for one in listed}
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError, AttributeError) as error:
        return Engine((), {}, f"Docker did not answer as it should ({printable(str(error))}), so what it publishes is not known.")
    return Engine(tuple(merged(rows)), names, "")


def get(path: Path, what: str) -> tuple[int, Any]:
    connection = DockerConnection(str(path))
    try:
        connection.request("GET", what)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read(MOST) or b"null")
    finally:
        connection.close()


def name_of(container: Mapping[str, Any]) -> str:
    return printable(str((container.get("Names") or [container["Id"][:12]])[0]).lstrip("/"))


def of_containers(listed: Iterable[Mapping[str, Any]]) -> list[Published]:
    """A row for each published port and address (GET /containers/json, `Ports`)."""
    found = []
    for one in listed:
        labels = one.get("Labels") or {}
        project, service, file = (printable(str(labels.get(f"com.docker.compose.{key}", "")), 200) for key in ("project", "service", "project.config_files"))
        for port in one.get("Ports") or ():
            if port.get("PublicPort"):
                address = str(port.get("IP") or "0.0.0.0")
                row = Published((address,), int(port["PublicPort"]), str(port.get("Type") or "tcp"), int(port["PrivatePort"]), name_of(one))
                found.append(replace(row, image=printable(str(one.get("Image", "")), 200), project=project, service=service, file=file))
    return found


def of_services(listed: Iterable[Mapping[str, Any]]) -> list[Published]:
    """The ports at which every machine of a swarm takes connections for a service (GET /services, `Endpoint`): always on all addresses."""
    found = []
    for one in listed:
        spec = one.get("Spec") or {}
        for port in (one.get("Endpoint") or {}).get("Ports") or ():
            if port.get("PublishedPort") and port.get("PublishMode", "ingress") == "ingress":
                image = str(((spec.get("TaskTemplate") or {}).get("ContainerSpec") or {}).get("Image", "")).partition("@")[0]
                project = printable(str((spec.get("Labels") or {}).get("com.docker.stack.namespace", "")))
                name, target = printable(str(spec.get("Name", ""))), int(port.get("TargetPort", 0))
                protocol = str(port.get("Protocol") or "tcp")
                found.append(Published(("0.0.0.0", "::"), int(port["PublishedPort"]), protocol, target, name, printable(image, 200), project, name, swarm=True))
    return found


def merged(rows: Iterable[Published]) -> list[Published]:
    """One row for a port of a container, with all its addresses."""
    addresses: dict[Published, dict[str, None]] = defaultdict(dict)
    for row in rows:
        addresses[replace(row, addresses=())] |= dict.fromkeys(row.addresses)
    found = [replace(row, addresses=tuple(sorted(its, key=lambda one: (":" in one, one)))) for row, its in addresses.items()]
    return sorted(found, key=lambda one: (one.port, one.protocol, one.container))
