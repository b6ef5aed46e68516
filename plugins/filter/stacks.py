# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Stacks of the Plan, as the tasks of role `apps` take them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

SECRETS = "/etc/exposure/secrets"


def env_files(stack: Mapping[str, Any], projects: str) -> list[str]:
    """The files that Compose reads variables from: the project's own, and the generated secrets."""
    own = [f"{projects}/{stack['name']}/current/.env"]
    return own + ([f"{SECRETS}/{stack['name']}.env"] if stack["secrets"] else [])


def env_line(name: str, value: str) -> str:
    """A variable for Compose, in single quotes, in which nothing is expanded (Compose, Interpolation: .env file syntax)."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"{name}='{escaped}'\n"


def stack_trees(stacks: Sequence[Mapping[str, Any]], projects: str) -> list[dict[str, Any]]:
    """A release tree for each stack. The compose file is JSON, which is YAML without a way to break out of a value."""
    trees = []
    for stack in stacks:
        tree: dict[str, Any] = {"root": f"{projects}/{stack['name']}", "state": stack["state"]}
        if stack["state"] == "present":
            tree["validate"] = ["docker", "compose", "--project-directory", "{tree}", "-f", "{tree}/compose.json", "config", "-q", "--no-interpolate"]
            tree["files"] = [
                {"path": "compose.json", "content": json.dumps(stack["compose"], indent=2) + "\n"},
                {"path": ".env", "content": "".join(env_line(name, value) for name, value in stack["env"].items())},
            ]
        trees.append(tree)
    return trees


def stacks_to_stop(stacks: Sequence[Mapping[str, Any]], containers: Sequence[Mapping[str, str]]) -> list[Mapping[str, Any]]:
    """Stacks that are to be absent and have containers."""
    projects = {container["project"] for container in containers}
    return [stack for stack in stacks if stack["state"] == "absent" and stack["name"] in projects]


def stacks_to_start(
    stacks: Sequence[Mapping[str, Any]], containers: Sequence[Mapping[str, str]], released: Mapping[str, Any], settled: Mapping[str, Any]
) -> list[Mapping[str, Any]]:
    """Stacks that changed, or of which a service does not run."""
    changed = {PurePosixPath(root).name for root in released.get("trees", ())} | set(settled.get("changed_stacks", ()))
    running = {(c["project"], c["service"], c["image"]) for c in containers if c["state"] == "running"}

    def runs(stack: Mapping[str, Any]) -> bool:
        return all((stack["name"], name, service["image"]) in running for name, service in stack["compose"]["services"].items())

    return [stack for stack in stacks if stack["state"] == "present" and (stack["name"] in changed or not runs(stack))]


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"env_files": env_files, "stack_trees": stack_trees, "stacks_to_start": stacks_to_start, "stacks_to_stop": stacks_to_stop}
