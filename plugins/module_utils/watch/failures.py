# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Units of ours that failed and did not succeed since (command/failure.py)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .model import Look

AREA = "failures"
FOLDER = Path("/var/lib/exposure/failures")
NAMES, ROUTER = "exposure-ddns.service", "exposure-router.service"
"""They are tried again within minutes, and judged by what they left (names.py, router.py)."""
PURPOSE = {
    "exposure-certificates.service": "the renewal of certificates",
    "exposure-certificates-deploy.service": "installing what was renewed",
}


@dataclass(frozen=True)
class Failure:
    """`since` is that of the first in a row, in seconds of Unix time; `said` the last lines of the journal."""

    unit: str
    since: float
    said: tuple[str, ...]


def kept(folder: Path = FOLDER) -> Iterator[Failure]:
    """Raises OSError where the folder cannot be read. A file that is gone or half written by now is no failure."""
    try:
        paths = sorted(folder.glob("*.json")) if folder.stat() else []
    except FileNotFoundError:
        return
    for path in paths:
        try:
            found = json.loads(path.read_text(encoding="utf-8", errors="replace"))
            yield Failure(path.stem, float(found["since"]), tuple(line for line in str(found.get("said", "")).splitlines() if line.strip()))
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            continue


def look(folder: Path = FOLDER) -> Look:
    found = Look(AREA)
    for one in kept(folder):
        if one.unit in (NAMES, ROUTER):
            continue
        purpose = f" ({PURPOSE[one.unit]})" if one.unit in PURPOSE else ""
        found.add("unit_failed", one.unit, f"{one.unit}{purpose} failed{last(one)}.", f"See 'journalctl -u {one.unit}'; it is tried again by its timer.")
    return found


def last(failure: Failure) -> str:
    """The last line that tells something, for a sentence."""
    own = [line for line in failure.said if not line.startswith(("Failed to start", failure.unit)) and f"{failure.unit}: " not in line]
    text = (own or [""])[-1].strip().rstrip(".")
    return f": {text[:240]}" if text else ""
