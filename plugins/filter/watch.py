# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who is told, as role watch takes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def watch_secrets(declared: Mapping[str, Any]) -> dict[str, Any]:
    """The secret lines of `exposure_watch`."""
    notify = declared.get("notify") or []
    return {"notify": [str(one) for one in ([notify] if isinstance(notify, str) else notify)], "ping": str(declared.get("ping") or "")}


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"watch_secrets": watch_secrets}
