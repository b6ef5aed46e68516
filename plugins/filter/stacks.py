# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Stacks and their backups, as the tasks of role `apps` ask and tell of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def backups_text(backups: Sequence[Mapping[str, str]]) -> str:
    """The backups of a host, for a person: one line for each app, the newest first."""
    names = list(dict.fromkeys(backup["app"] for backup in backups))
    lines = [f"{name}: {', '.join(backup['name'] for backup in backups if backup['app'] == name)}" for name in names]
    return "\n".join(["Backups here:", *lines]) if lines else "There is no backup on this host yet."


def restore_refused(hostvars: Mapping[str, Any], hosts: Sequence[str], name: str) -> str:
    """Why an app cannot be brought back: its backups are on no host, or on several; '' where they are on one."""
    having = [host for host in hosts if hostvars[host].get("apps_found", {}).get("backups")]
    if not having:
        return f"There is no backup of {name} on {', '.join(hosts)}. Run it without restore_app to see what there is."
    return f"There are backups of {name} on {', '.join(having)}: say which one is meant, such as --limit {having[0]}." if len(having) > 1 else ""


def have_yaml(stacks: Sequence[Mapping[str, Any]]) -> bool:
    """Whether an app of these is told something in a file of YAML."""
    return any(stack["trust"] or any(row["format"] == "yaml" for row in stack["settings"]) for stack in stacks if stack["state"] == "present")


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"backups_text": backups_text, "restore_refused": restore_refused, "have_yaml": have_yaml}
