# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A stack of the Plan as a compose project on the disk: its release tree, its files, its images."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..release.tree import File, Tree

SECRET_NAME = re.compile(r"PASS|SECRET|TOKEN|KEY|CREDENTIAL|AUTH|CLAIM|SALT|DSN|_URI", re.IGNORECASE)
LINE = re.compile(r'(?P<name>\s*"(?P<key>[^"\\]+)": )"(?!\$\{\w+\}",?\Z).*"(?P<end>,?)\Z')
"""A line of a compose.json of ours that gives something a text, and not that of a variable alone."""
ONE_SHOT = ("no", "on-failure")
"""Restart policies of a service that may end and be done (Compose, `restart`); YAML reads a bare `no` as false."""


@dataclass(frozen=True)
class Places:
    """Where things are kept on a host. `projects`: a release tree for each stack; `secrets`: a file for each; `records`: what is unfinished;
    `backups`: a folder for each, with `keep` backups in it."""

    projects: Path = Path("/etc/exposure/stacks")
    secrets: Path = Path("/etc/exposure/secrets")
    records: Path = Path("/etc/exposure/apps/unfinished")
    backups: Path = Path("/var/backups/exposure")
    keep: int = 3

    def secret(self, name: str) -> Path:
        return self.secrets / f"{name}.env"


@dataclass(frozen=True)
class Project:
    """What Compose needs to know: the project's name, the folder with its compose.json and .env, and the file of its secrets."""

    name: str
    folder: Path
    secret: Path

    def words(self) -> list[str]:
        """How `docker compose` is told of it. The secrets come last: where a variable is in both files, they win."""
        files = [f"{self.folder}/.env", *([str(self.secret)] if self.secret.exists() else [])]
        named = [word for file in files for word in ("--env-file", file)]
        return ["--project-name", self.name, "--project-directory", str(self.folder), "-f", f"{self.folder}/compose.json", *named]


def env_line(name: str, value: str) -> str:
    """A variable for Compose, in single quotes, in which nothing is expanded (Compose, Interpolation: .env file syntax)."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"{name}='{escaped}'\n"


def tree_of(stack: Mapping[str, Any], places: Places) -> Tree:
    """The release tree of a stack. The compose file is JSON, which is YAML without a way to break out of a value."""
    root = str(places.projects / str(stack["name"]))
    if stack["state"] != "present":
        return Tree(root, state="absent")
    return Tree(
        root,
        (
            File("compose.json", (json.dumps(stack["compose"], indent=2) + "\n").encode()),
            File(".env", "".join(env_line(name, value) for name, value in stack["env"].items()).encode()),
        ),
        validate=("docker", "compose", "--project-directory", "{tree}", "-f", "{tree}/compose.json", "config", "-q", "--no-interpolate"),
    )


def without_secrets(diff: Mapping[str, str]) -> dict[str, str]:
    """A difference of a compose.json as it may be shown: who reads it does not see what a variable with the name of a secret is set to."""
    old = {line.rstrip(",") for line in diff["before"].splitlines()}

    def shown(line: str, known: bool) -> str:
        found = LINE.match(line)
        if not found or not SECRET_NAME.search(found["key"]):
            return f"{line}\n"
        return f'{found["name"]}"(not shown{"" if known else ", new"})"{found["end"]}\n'

    before = "".join(shown(line, True) for line in diff["before"].splitlines())
    after = "".join(shown(line, not old or line.rstrip(",") in old) for line in diff["after"].splitlines())
    return {**diff, "before": before, "after": after}


def services(compose: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The services that `up` starts: one with a profile is started by a person."""
    return {name: service for name, service in compose.get("services", {}).items() if not service.get("profiles")}


def images(compose: Mapping[str, Any]) -> dict[str, str]:
    """The image of each service."""
    return {name: str(service["image"]) for name, service in services(compose).items() if service.get("image")}


def may_end(service: Mapping[str, Any]) -> bool:
    """Whether a service does something once, and is well when it has ended well."""
    return str(service.get("restart") or "no").partition(":")[0] in ONE_SHOT


def compose_of(folder: Path) -> dict[str, Any]:
    """The compose file of a release; nothing where there is none that can be read."""
    try:
        found = json.loads((folder / "compose.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def secrets_of(stack: Mapping[str, Any], places: Places) -> list[str]:
    """Every value of a stack that no one may see, the longest first."""
    file = places.secret(str(stack["name"]))
    rows = file.read_text(encoding="utf-8", errors="replace").splitlines() if file.exists() else []
    found = {row.partition("=")[2] for row in rows}
    for service in services(stack.get("compose", {})).values():
        environment = service.get("environment") or {}
        pairs = environment.items() if isinstance(environment, Mapping) else [str(row).partition("=")[::2] for row in environment]
        found |= {str(value) for name, value in pairs if SECRET_NAME.search(str(name))}
    return sorted((value for value in found if len(value) >= 4), key=len, reverse=True)
