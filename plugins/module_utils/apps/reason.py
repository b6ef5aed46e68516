# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Why a stack is not well, from what Docker and its containers say, fit to be shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..acme.problem import printable
from .engine import Container, Engine
from .project import Places, secrets_of

LONGEST = 600
LINES = 12
"""Lines of a container's log: the reason is among its last words."""


def shown(text: str) -> str:
    """What a command said: its last lines, as one."""
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return printable(" / ".join(lines[-4:]), LONGEST)


def last_words(engine: Engine, stack: Mapping[str, Any], containers: Sequence[Container], places: Places) -> str:
    """The last lines of the containers that are not well, else of the app's own. No secret of the stack is in them."""
    unwell = [one for one in containers if not one.ended_well and (one.state != "running" or one.health == "unhealthy")]
    asked = unwell[:2] or [one for one in containers if one.service == stack["app"]][:1]
    hidden = secrets_of(stack, places)
    found = []
    for container in asked:
        for line in engine.logs(container.id, LINES):
            for value in hidden:
                line = line.replace(value, "(secret)")
            if line := printable(line, 200):
                found.append(f"  {container.service} | {line}")
    return "\n".join(found)


def versions(images: Mapping[str, str]) -> str:
    """Images for a person: each once, without their registry."""
    return " and ".join(dict.fromkeys(image.rpartition("/")[2] for image in images.values()))
