# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The router's mappings before and after, as Ansible shows a difference."""

from __future__ import annotations

from .keep import Report
from .model import Kept

THERE_BEFORE = frozenset({Kept.KEPT, Kept.RENEWED, Kept.MOVED, Kept.REMOVED})
THERE_AFTER = frozenset({Kept.KEPT, Kept.RENEWED, Kept.MOVED, Kept.MADE})


def diff(report: Report) -> dict[str, str]:
    """One line for each mapping. A port that another has is the same on both sides."""
    before, after = [], []
    for one in sorted(report.settled, key=lambda one: one.mapping.key):
        port = f"{one.mapping.protocol.upper()} {one.mapping.external_port} to"
        here = f"{port} {one.mapping.address}:{one.mapping.port}"
        if one.kept in THERE_BEFORE or (one.kept == Kept.CONFLICT and one.was):
            before.append(f"{port} {one.was}" if one.was else here)
        if one.kept in THERE_AFTER:
            after.append(here)
        elif one.kept == Kept.CONFLICT and one.was:
            after.append(f"{port} {one.was}")
    name = f"port mappings of the router {report.router}"
    return {"before_header": name, "after_header": name, "before": lines(before), "after": lines(after)}


def lines(rows: list[str]) -> str:
    return "".join(f"{row}\n" for row in rows)
