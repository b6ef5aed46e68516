# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What must be on the disk before an app starts: its folders, its generated secrets, whom it is to trust, and the lines of its own files."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import home_assistant
from .files import Edit, Missing, Unknown, apply, differences
from .first_start import RECORDS, file_of, record
from .lines import changes

WRITERS: Mapping[str, Callable[[Path, Sequence[str], str, str], list[Edit]]] = {"home_assistant": home_assistant.edits}
HIDDEN = "(generated secret, hidden)\n"

Run = Callable[[Sequence[str]], tuple[int, str]]


@dataclass
class Outcome:
    """What was (or in check mode would be) done: the stacks that need a start, the diffs, and the stacks that must first make a file themselves."""

    changed: list[str] = field(default_factory=list)
    diff: list[dict[str, str]] = field(default_factory=list)
    backups: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    recorded: list[str] = field(default_factory=list)


def settle(stacks: Sequence[Mapping[str, Any]], secrets_directory: Path, run: Run, check: bool, records: Path = RECORDS) -> Outcome:
    """Bring the folders, secrets, trust and settings of all stacks to what the Plan says; nothing is written when `check`. What must not change
    after the first start is kept in `records`, and refused before anything of a stack is touched.

    A stack whose files must change while it runs is stopped first, because apps write their settings when they stop; the caller starts it.
    """
    outcome = Outcome()
    for stack in stacks:  # each may refuse, and then nothing of any was touched
        if stack["state"] != "absent":
            record(stack, records, True)
    for stack in stacks:
        name = str(stack["name"])
        if stack["state"] == "absent":
            if stack["purge"]:
                purge(stack, secrets_directory, records, outcome, check)
            continue
        shown = record(stack, records, check)
        outcome.diff += shown
        done = [make_folders(stack, outcome, check), make_secrets(stack, secrets_directory, outcome, check)]
        done.append(make_files(stack, secrets_directory, run, outcome, check))
        if any(done):
            outcome.changed.append(name)
        elif shown:
            outcome.recorded.append(name)
    return outcome


def make_folders(stack: Mapping[str, Any], outcome: Outcome, check: bool) -> bool:
    """Folders that are missing. An existing one keeps its owner and mode: they may be the app's own doing."""
    missing = [folder for folder in stack["folders"] if not Path(folder["path"]).exists()]
    for folder in missing:
        path = Path(folder["path"])
        outcome.diff.append({"before_header": str(path), "after_header": str(path), "before": "(absent)\n", "after": f"folder, mode {folder['mode']}\n"})
        if check:
            continue
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        path.mkdir(mode=int(folder["mode"], 8))
        path.chmod(int(folder["mode"], 8))
        os.chown(path, folder["owner"], folder["group"])
    return bool(missing)


def make_secrets(stack: Mapping[str, Any], directory: Path, outcome: Outcome, check: bool) -> bool:
    """`<directory>/<stack>.env`, 0600: a secret that is there is never changed, a missing one is generated once."""
    path = directory / f"{stack['name']}.env"
    present = read_secrets(path)
    missing = [name for name in stack["secrets"] if name not in present]
    if not missing:
        return False
    outcome.diff.append(
        {"before_header": str(path), "after_header": str(path), "before": HIDDEN * len(present), "after": HIDDEN * (len(present) + len(missing))}
    )
    if not check:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        present.update((name, secrets.token_urlsafe(32)) for name in missing)
        apply_secret(path, "".join(f"{name}={value}\n" for name, value in present.items()))
    return True


def read_secrets(path: Path) -> dict[str, str]:
    """The generated secrets of a stack by name."""
    return dict(line.split("=", 1) for line in path.read_text().splitlines() if "=" in line) if path.exists() else {}


def apply_secret(path: Path, content: str) -> None:
    temporary = path.with_name(f".{path.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    temporary.replace(path)


def make_files(stack: Mapping[str, Any], secrets_directory: Path, run: Run, outcome: Outcome, check: bool) -> bool:
    """The files of the app: whom it trusts, and its settings. It is stopped once for all of them."""
    secrets_file = secrets_directory / f"{stack['name']}.env"
    try:
        trust, (rows, waiting) = trust_edits(stack), changes(stack, read_secrets(secrets_file))
    except Missing as missing:
        if not check:
            raise
        place = stack["directory"]
        outcome.diff.append({"before_header": place, "after_header": place, "before": "", "after": f"(not shown: {missing})\n"})
        return True
    outcome.waiting += [str(stack["name"])] if waiting else []
    if not trust and not rows:
        return False
    outcome.diff += differences(trust) + [row.diff for row in rows]
    if not check:
        # An app writes its settings when it stops: stop it first, and look again at what it left.
        stop(stack, run)
        rows, _ = changes(stack, read_secrets(secrets_file))
        outcome.backups += apply([*trust_edits(stack), *(row.edit for row in rows)], Path(stack["directory"]))
    return True


def trust_edits(stack: Mapping[str, Any]) -> list[Edit]:
    trust = stack["trust"]
    if not trust:
        return []
    return WRITERS[trust["writer"]](Path(trust["directory"]), trust["trusted_proxies"], trust["version"], trust["external_url"])


def stop(stack: Mapping[str, Any], run: Run) -> None:
    """Stop what runs of a compose project, and wait for it; of one that is a person's own (`project`, `service`), that service alone."""
    running = containers(stack, run)
    if running:
        code, output = run(["docker", "stop", "--time", "120", *running])
        if code:
            raise Unknown(f"{stack['name']} could not be stopped, so its settings are left as they are: {output.strip()}")


def containers(stack: Mapping[str, Any], run: Run) -> list[str]:
    """What runs of it."""
    labels = {"project": stack.get("project") or stack["name"], "service": stack.get("service", "")}
    filters = [word for name, value in labels.items() if value for word in ("--filter", f"label=com.docker.compose.{name}={value}")]
    code, output = run(["docker", "ps", "--quiet", *filters])
    return output.split() if not code else []


def purge(stack: Mapping[str, Any], secrets_directory: Path, records: Path, outcome: Outcome, check: bool) -> None:
    """The data of a stack that was named to be wiped. Its containers are gone by now."""
    directory = Path(stack["directory"])
    if directory.name != stack["name"] or len(directory.parts) < 3:
        raise Unknown(f"{directory} is not the folder of {stack['name']}; nothing was wiped.")
    secret = secrets_directory / f"{stack['name']}.env"
    for path in (directory, secret, file_of(records, stack["name"])):
        if path.exists():
            outcome.diff.append({"before_header": str(path), "after_header": str(path), "before": "its data\n", "after": "(absent)\n"})
            outcome.changed += [stack["name"]] if stack["name"] not in outcome.changed else []
            if not check:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
