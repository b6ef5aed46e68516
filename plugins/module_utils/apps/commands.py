# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Settings that an app takes by a command of its own alone: looked at inside its running container, and given where the answer differs.

No shell reads a command. A secret is handed over as an environment variable of the container's process (`docker exec -e NAME`, its value in the
environment of the docker command), never as an argument, which every user of a machine can read.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..acme.problem import printable
from ..host.execute import execute as run_to_its_end
from ..plan.filling import fill
from .files import Unknown
from .settings import read_secrets

PATIENCE = 300
"""Seconds that a command of an app may take."""
NOT_RUN = (125, 126, 127)
"""Exit codes of `docker exec` that are Docker's own, or say that there is no such program (docs.docker.com, docker container run, Exit status)."""

Exec = Callable[[Sequence[str], Mapping[str, str]], tuple[int, str, str]]
"""(command, further environment) -> exit code, output, errors."""


@dataclass
class Outcome:
    """What was (or in check mode would be) set: the stacks, the diffs, and what could not be looked at yet."""

    changed: list[str] = field(default_factory=list)
    diff: list[dict[str, str]] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)


def execute(command: Sequence[str], environment: Mapping[str, str]) -> tuple[int, str, str]:
    """(exit code, output, errors)."""
    return run_to_its_end(command, PATIENCE, {**os.environ, **environment})


def tell(stacks: Sequence[Mapping[str, Any]], secrets_directory: Path, run: Exec, check: bool) -> Outcome:
    """Bring what the commands of all stacks set to what the Plan says; when `check`, it is only looked at. Raises `Unknown` with the app's words."""
    outcome = Outcome()
    wanted = [stack for stack in stacks if stack["state"] == "present" and stack.get("commands")]
    running = containers(run) if wanted else {}
    for stack in wanted:
        secrets = read_secrets(secrets_directory / f"{stack['name']}.env")
        for row in stack["commands"]:
            if not row["want"]:  # nothing leads to the app, so there is nothing to tell it
                continue
            container = running.get((stack.get("project") or stack["name"], row["service"]))
            if container:
                told(stack["name"], row, container, secrets, run, outcome, check)
            elif check:
                outcome.unseen.append(f"{stack['name']}: its service {row['service']} does not run, so what it would be told was not looked at")
            else:
                raise Unknown(f"{stack['name']} was not told {row['want']}: its service {row['service']} does not run. Look at `docker logs` of it.")
    return outcome


def containers(run: Exec) -> dict[tuple[str, str], str]:
    """The running containers of compose projects: (project, service) -> id."""
    labels = "com.docker.compose."
    shown = "\t".join(["{{.ID}}", *(f'{{{{.Label "{labels}{name}"}}}}' for name in ("project", "service", "oneoff"))])
    code, output, errors = run(["docker", "ps", "--no-trunc", "--filter", f"label={labels}project", "--format", shown], {})
    if code:
        raise Unknown(f"Docker does not say which containers run: {printable(errors or output, 400)}")
    found = [line.split("\t") for line in output.splitlines()]
    return {(row[1], row[2]): row[0] for row in found if len(row) == 4 and row[3] != "True"}


def told(stack: str, row: Mapping[str, Any], container: str, secrets: Mapping[str, str], run: Exec, outcome: Outcome, check: bool) -> None:
    """One command: look, and where the answer differs, do and look again."""
    given = {name: str(fill(value, secrets)) for name, value in (row.get("environment") or {}).items()}

    def inside(command: Sequence[str], environment: Mapping[str, str]) -> tuple[int, str, str]:
        names = [word for name in environment for word in ("--env", name)]
        return run(["docker", "exec", *(["--user", row["user"]] if row["user"] else []), *names, container, *command], environment)

    def look() -> tuple[int, str, str]:
        code, output, errors = inside(row["look"], {})
        if code in NOT_RUN:
            raise Unknown(f"{stack} cannot be asked with `{' '.join(row['look'])}`: {words(output, errors, secrets)}")
        return code, output.strip(), errors

    code, before, _ = look()
    if not code and before == row["want"]:
        return
    place = f"{stack}: {' '.join(row['look'])}"
    shown = {"before": f"{words(before, '', secrets)}\n" if before else "", "after": f"{words(row['want'], '', secrets)}\n"}
    outcome.diff.append({"before_header": place, "after_header": place, **shown})
    outcome.changed += [stack] if stack not in outcome.changed else []
    if check:
        return
    done, output, errors = inside(row["do"], given)
    code, after, trouble = look()
    if code or after != row["want"]:
        reason = words(output, errors, secrets) if done else words(after, trouble, secrets)
        raise Unknown(f"{stack} was told {row['want']}, and still does not say so. `{' '.join(row['do'])}` ended with {done}: {reason or 'no word'}")


def words(output: str, errors: str, secrets: Mapping[str, str]) -> str:
    """What an app said, fit to be shown: no secret in it, one line, not too long."""
    said = f"{errors.strip()} {output.strip()}".strip()
    for value in sorted(secrets.values(), key=len, reverse=True):
        said = said.replace(value, "(hidden)") if value else said
    return printable(said, 400)
