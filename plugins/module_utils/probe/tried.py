# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which accounts were tried on an app, and how that ended. Apps count failed log-ins and lock out whom they come from, and from their own host they
come from the address of the proxy: of everybody. So a log-in that failed is not tried again before there is a reason to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..host import memory
from ..watch.apps import ONE_OFF, PROJECT
from .log_in import GRANTED, REFUSED, UNCLEAR

FOLDER = "/var/lib/exposure/accounts"
DAY = 86400.0
KEPT = {REFUSED: 30 * DAY, UNCLEAR: DAY, GRANTED: 30 * DAY}
"""For how long it is remembered how a log-in ended, in seconds; one that was granted is tried again all the same."""


def mark(app: Mapping[str, Any], account: Mapping[str, Any], containers: str) -> str:
    """Changes where the account may be back: with another version or container of the app, and where it is tried in another way."""
    known = [app.get("version"), containers, app.get("address"), app.get("port"), {line: value for line, value in account.items() if line != "replace"}]
    return hashlib.sha256(json.dumps(known, sort_keys=True, default=str).encode()).hexdigest()[:16]


def containers_of(project: str, ask: Callable[[str], Any]) -> str:
    """The containers of a compose project, by their ids; '' where there are none, or nobody knows. `ask` as watch.apps.engine gives it."""
    if not project:
        return ""
    try:
        listed = ask("/containers/json?all=1&filters=" + quote(json.dumps({"label": [f"{PROJECT}={project}"]})))
        return " ".join(sorted(str(one["Id"])[:16] for one in listed if (one.get("Labels") or {}).get(ONE_OFF) != "True"))
    except (OSError, KeyError, TypeError, AttributeError):
        return ""


class Tried:
    """What is remembered of one app, by the marks of its accounts. Times are seconds since 1970."""

    def __init__(self, folder: Path, name: str, now: float) -> None:
        self.path, self.now = folder / f"{name}.json", now
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            found = {}
        self.kept: dict[str, Any] = found if isinstance(found, dict) else {}

    def of(self, key: str) -> tuple[str, float] | None:
        """How a log-in ended, and when. None where that was too long ago, in a time to come, or never."""
        one = self.kept.get(key)
        if not isinstance(one, dict) or not isinstance(one.get("at"), int | float) or one.get("ended") not in KEPT:
            return None
        return (one["ended"], one["at"]) if abs(self.now - one["at"]) < KEPT[one["ended"]] else None

    def keep(self, key: str, ended: str) -> None:
        """Raises OSError."""
        self.kept[key] = {"ended": ended, "at": self.now}
        self.write()

    def put_back(self, key: str, before: Any) -> None:
        """As if nothing had been tried. Raises OSError."""
        self.kept[key] = before
        self.write()

    def write(self) -> None:
        """What is not remembered any more is left out."""
        memory.write(self.path, json.dumps({key: one for key, one in self.kept.items() if self.of(key)}, indent=1) + "\n")


def day(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}"
