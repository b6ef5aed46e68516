# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names of systemd units."""

from __future__ import annotations

from typing import Any

UNITS = {"caddy": "caddy.service", "nginx": "nginx.service", "sni_router": "exposure-sni-router.service"}


def unit_of(part: str) -> str:
    """The unit of an engine, or of the splitter."""
    return UNITS[part]


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"unit_of": unit_of}
