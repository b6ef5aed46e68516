# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What was asked of the router, kept from run to run: in router.json, which `exposure status` shows too."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping as Table
from pathlib import Path
from typing import Any

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
    """Whole or not at all, and for the folder's owner also where root writes: systemd does not give the file to the unit's user. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = folder / f".{FILE}.{os.getpid()}"
    try:
        new.unlink(missing_ok=True)
        # The folder may belong to another than root, who must not lead root elsewhere by a link.
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "w") as file:
            if os.geteuid() == 0:
                owner = folder.stat()
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
            file.write(json.dumps(state, indent=1) + "\n")
            file.flush()
            os.fsync(file.fileno())
        new.replace(folder / FILE)
    finally:
        new.unlink(missing_ok=True)
