# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether what was served through a proxy before a change still is: an app that is well at its port may refuse its proxy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .health import Clock
from .project import services

PATIENCE = 30.0
"""Seconds: a proxy that saw the app away asks again after ten."""

Asks = Callable[[Mapping[str, Any], str], str]


def served(stack: Mapping[str, Any], answers: Asks) -> list[str]:
    """The public names of an app whose page answers as it should, through its proxy, now."""
    return [page["host"] for page in stack.get("through") or () if not answers(page, page["host"])]


def lost(stack: Mapping[str, Any], names: Sequence[str], answers: Asks, clock: Clock) -> str:
    """Which of these names do not answer any more, and how: '' when all do within the patience."""
    until = clock.monotonic() + PATIENCE
    pages = [page for page in stack.get("through") or () if page["host"] in names]
    while True:
        wrong = [f"{page['host']}: {trouble}" for page in pages if (trouble := answers(page, page["host"]))]
        if not wrong or clock.monotonic() >= until:
            return "; ".join(wrong)
        clock.sleep(1)


def led_elsewhere(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether ports that compose files publish differ: then the proxy leads to where the app was until it is told, and proves nothing."""
    ports = [{name: service.get("ports") for name, service in services(compose).items() if service.get("ports")} for compose in (before, after)]
    return ports[0] != ports[1]
