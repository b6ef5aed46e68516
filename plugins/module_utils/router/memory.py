# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What was asked of the router, kept from run to run: in router.json, which `exposure status` shows too."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping as Table
from pathlib import Path
from typing import Any

from ..host import memory
from .mapping import Remembered
from .model import TAG, Mapping

FILE = "router.json"
FIELDS = ("external_port", "protocol", "address", "port", "description")


def read(folder: Path) -> dict[str, Any]:
    """What the last run wrote, empty where there is nothing that can be read: mappings are then recognised by their description alone."""
    try:
        found = json.loads((folder / FILE).read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def remembered(state: Table[str, Any]) -> list[Remembered]:
    found = []
    with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError):
        for one in state.get("remembered", []):
            found.append(Remembered(mapping_of(one), float(one["made"]), int(one["lease"]), int(one["since"])))
    return found


def mapping_of(one: Table[str, Any]) -> Mapping:
    """A mapping from JSON. Raises KeyError, TypeError or ValueError."""
    return Mapping(int(one["external_port"]), str(one["protocol"]).lower(), str(one["address"]), int(one["port"]), str(one.get("description") or TAG))


def plain(mapping: Mapping) -> dict[str, Any]:
    return {name: getattr(mapping, name) for name in FIELDS}


def write(folder: Path, state: Table[str, Any]) -> None:
    """Raises OSError."""
    memory.write(folder / FILE, json.dumps(state, indent=1) + "\n")
