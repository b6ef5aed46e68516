# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether the containers of a stack are well: they run, their own checks say so, and the app's page answers."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import urlsplit

from .engine import Container
from .project import may_end, services

ANSWER = 3.0
"""Seconds for one request."""
MOST = 1 << 20
"""Bytes of a page in which a text is looked for."""
STEADY = 5.0
"""Seconds that containers without a page or a check of their own must run: one that falls over does so at once."""


class Clock(Protocol):
    """Seconds that never go back, and waiting."""

    def monotonic(self) -> float: ...
    def sleep(self, seconds: float, /) -> None: ...


def missing(stack: Mapping[str, Any], containers: Sequence[Container]) -> list[str]:
    """What of a stack does not run as wanted, a sentence each; [] where all does. `containers` are the project's."""
    said = []
    for name, service in services(stack["compose"]).items():
        own = [one for one in containers if one.service == name]
        image = str(service.get("image", ""))
        right = [one for one in own if image in ("", one.image)]
        if any(one.state == "running" or (one.ended_well and may_end(service)) for one in right):
            continue
        if not own:
            said.append(f"{name} has no container")
        elif not right:
            said.append(f"{name} runs {own[0].image} instead of {image}")
        else:
            said.append(f"{name} is {right[0].state} ({right[0].status})" if right[0].status else f"{name} is {right[0].state}")
    return said


def unwell(containers: Sequence[Container]) -> list[str]:
    """Containers whose own check does not say that they are healthy."""
    return [f"{one.service} is {one.health}" for one in containers if one.health in ("starting", "unhealthy") and one.state == "running"]


def ask(health: Mapping[str, Any], name: str) -> str:
    """One request to the app's page: '' when it answers as it should, else what is wrong. `name`: the app's public name, for TLS."""
    url = str(health["url"])
    parts = urlsplit(url)
    path = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
    connection: http.client.HTTPConnection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=ANSWER)
    headers = {}
    try:
        if parts.scheme == "https":  # on this host: who it is was never in doubt
            context = ssl._create_unverified_context()
            connection.sock = context.wrap_socket(socket.create_connection((parts.hostname or "", parts.port or 443), ANSWER), server_hostname=name or None)
            headers = {"Host": name} if name else {}
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        body = answer.read(MOST).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return f"{url} does not answer ({error or type(error).__name__})"
    finally:
        connection.close()
    wanted = health.get("status") or []
    if answer.status not in wanted if wanted else answer.status >= 400:
        return f"{url} answers {answer.status} instead of {' or '.join(map(str, wanted)) or 'a page'}"
    if health.get("contains", "") not in body:
        return f"{url} answers without the text {health['contains']!r}"
    return ""


def wait(stack: Mapping[str, Any], look: Callable[[], list[Container]], answers: Callable[[Mapping[str, Any], str], str], clock: Clock) -> str:
    """Wait until a stack is well: '' when it is, else what is wrong when `health.wait` seconds are over. `look` gives the project's containers."""
    health = stack["health"]
    begun = clock.monotonic()
    well_since: float | None = None
    while True:
        containers = look()
        trouble = missing(stack, containers) or unwell(containers)
        checked = any(one.health for one in containers)
        if not trouble and health.get("url"):
            trouble = [wrong] if (wrong := answers(health, stack["env"].get("EXPOSURE_HOST", ""))) else []
        now = clock.monotonic()
        well_since = None if trouble else now if well_since is None else well_since
        if well_since is not None and (health.get("url") or checked or now - well_since >= STEADY):
            return ""
        if trouble and now - begun >= float(health.get("wait", 120)):
            return "; ".join(trouble)
        clock.sleep(1)
