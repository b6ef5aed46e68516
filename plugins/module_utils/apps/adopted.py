# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Apps of compose files that are a person's own: told of their proxies, and put on loopback where that is asked for.

What a person has may be all that they have. Only that one service is stopped and started, a copy from before is kept, an app that answered before
has to answer again, and where it does not, the files are put back and it is started with them.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..acme.problem import printable
from ..host.compose_files import flags, without_values
from . import commands
from .adopted_ports import by_hand, on_loopback
from .files import Edit, Unknown, apply, differences, read
from .settings import Outcome, Run, containers, settle, trust_edits

Answers = Callable[[Mapping[str, Any]], bool]
"""Whether an app answers as its `health` says."""
NO_SECRETS = Path("/nonexistent")


def settle_adopted(apps: Sequence[Mapping[str, Any]], run: Run, check: bool, answers: Answers | None = None, pause: float = 1) -> Outcome:
    """Bring all of them to what the Plan says; nothing is written when `check`. Raises `Unknown` with the cure; what was done to the app of it by then is
    undone."""
    outcome = Outcome()
    for app in apps:
        for step in (publish, tell, command):
            step(app, run, check, outcome, answers or answering, pause)
    return outcome


def changed(app: Mapping[str, Any], outcome: Outcome) -> None:
    if app["name"] not in outcome.changed:
        outcome.changed.append(str(app["name"]))


def tell(app: Mapping[str, Any], run: Run, check: bool, outcome: Outcome, answers: Answers, pause: float) -> None:
    """Trust and settings: the service is stopped where something has to be written, and started again where it ran."""
    parts = by_folder(app)
    wanted = [settle([part], NO_SECRETS, run, check=True) for part in parts]
    for part, one in zip(parts, wanted, strict=True):
        if one.waiting:
            raise Unknown(not_there(app, part))
    if not any(one.changed for one in wanted):
        return
    changed(app, outcome)
    outcome.diff += [row for one in wanted for row in one.diff]
    if check:
        return
    before = {path: path.read_bytes() if path.is_file() else None for part in parts for path in files_of(part)}
    running, well = containers(app, run), bool(app["health"]) and answers(app["health"])
    try:
        for part in parts:
            outcome.backups += settle([part], NO_SECRETS, run, check=False).backups
    except Exception:
        put_back(before)
        started(app, running, run)
        raise
    started(app, running, run)
    if well and running and not waited(app["health"], answers, pause):
        run(["docker", "stop", "--time", "120", *running])
        put_back(before)
        started(app, running, run)
        raise Unknown(
            f"{app['name']} did not answer at {app['health']['url']} after it was told of its proxies, so its files are as they were and it was started "
            f"with them. See docker logs {running[0]}."
        )


def by_folder(app: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What an app is told, one part for each folder of the host that is mounted into it: a writer stays below its folder."""
    folders = dict.fromkeys(row["below"] for row in app["settings"])
    parts = [{**app, "trust": None, "directory": folder, "settings": [row for row in app["settings"] if row["below"] == folder]} for folder in folders]
    return ([{**app, "directory": app["trust"]["directory"], "settings": []}] if app["trust"] else []) + parts


def files_of(part: Mapping[str, Any]) -> list[Path]:
    return [edit.path for edit in trust_edits(part)] + [Path(row["file"]) for row in part["settings"]]


def not_there(app: Mapping[str, Any], part: Mapping[str, Any]) -> str:
    """A file that the app must make itself: it never ran, or has it elsewhere, as images of others do."""
    row = next(row for row in part["settings"] if not Path(row["file"]).exists())
    name, folder = Path(row["file"]).name, Path(part["directory"])
    others = [path for depth in ("", "*/", "*/*/") for path in folder.glob(f"{depth}{name}") if path.is_file()]
    cure = f"start {app['service']} once, or say where it is: data: {{{Path(row['inside']).parent}: /its/folder}}"
    if len(others) == 1:
        cure = f"there is {others[0]}; if that is it, write data: {{{Path(row['inside']).parent}: {others[0].parent}}} in the entry of {app['name']}"
    return f"{app['name']} is told of its proxies in {row['file']}, which is not there: {cure}."


def command(app: Mapping[str, Any], run: Run, check: bool, outcome: Outcome, answers: Answers, pause: float) -> None:
    """What the app is told by its own commands, while it runs."""
    if not app["commands"] or not containers(app, run):
        return
    if app["health"] and not check:
        waited(app["health"], answers, pause)
    done = commands.tell([app], NO_SECRETS, commands.execute, check)
    if done.changed:
        changed(app, outcome)
        outcome.diff += done.diff


def started(app: Mapping[str, Any], running: Sequence[str], run: Run) -> None:
    if running:
        code, output = run(["docker", "start", *running])
        if code:
            raise Unknown(f"{app['name']} could not be started again: {printable(output.strip(), 300)}. Try docker start {' '.join(running)}")


def put_back(before: Mapping[Path, bytes | None]) -> None:
    """The content of files as it was; their owner and mode never changed."""
    for path, content in before.items():
        if content is None:
            path.unlink(missing_ok=True)
        else:
            path.write_bytes(content)


def publish(app: Mapping[str, Any], run: Run, check: bool, outcome: Outcome, answers: Answers, pause: float) -> None:
    """The compose file's ports on loopback: accepted by Compose and compared before it takes the file's place."""
    if not app["publish"]:
        return
    edits = [
        Edit(Path(name), after, 0o644)
        for name in app["files"]
        if (after := on_loopback(before := read(Path(name)), app["service"], app["publish"], name)) != before
    ]
    if not edits:
        asked = config(app, app["files"], run)
        if still := wide(asked, app):
            raise Unknown(f"{app['service']} publishes {still} beyond loopback, and no line of {app['files'][0]} says so. {by_hand(app['publish'])}")
        return
    changed(app, outcome)
    outcome.diff += differences(edits)
    was, will = config(app, app["files"], run), tried(app, edits, run)
    if without_ports(was, app) != without_ports(will, app) or wide(will, app):
        raise Unknown(f"{app['files'][0]} would say something else too, and is left as it is. {by_hand(app['publish'])}")
    running = containers(app, run)
    if running:
        check_unedited(app, running, run)
    if check:
        return
    kept = {edit.path: edit.path.read_bytes() for edit in edits}
    well = bool(app["health"]) and answers(app["health"])
    outcome.backups += apply(edits)
    if not running:
        return
    code, output = up(app, run)
    if code or (well and not waited(app["health"], answers, pause)):
        put_back(kept)
        up(app, run)
        why = without_values(output) if code else f"it did not answer at {app['health']['url']}"
        raise Unknown(f"{app['name']} could not be started on loopback ({why}), so {app['files'][0]} is as it was and {app['service']} was started with it.")


def compose(app: Mapping[str, Any], files: Sequence[str]) -> list[str]:
    return [*app["engine"], "-p", app["project"], "--project-directory", app["folder"], *flags(files)]


def up(app: Mapping[str, Any], run: Run) -> tuple[int, str]:
    """That service alone, from the image that is there."""
    return run([*compose(app, app["files"]), "up", "-d", "--no-deps", "--no-build", "--pull", "never", app["service"]])


def config(app: Mapping[str, Any], files: Sequence[str], run: Run) -> dict[str, Any]:
    code, output = run([*compose(app, files), "config", "--format", "json"])
    start = 0 if output.startswith("{") else output.find("\n{") + 1  # warnings come before it
    try:
        found = json.loads(output[start : output.rindex("}") + 1]) if not code else None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Unknown(f"docker compose does not accept {files[0]}: {without_values(output)}")
    return found


def tried(app: Mapping[str, Any], edits: Sequence[Edit], run: Run) -> dict[str, Any]:
    """What Compose makes of the edits, from files beside the real ones."""
    places = {str(edit.path): edit.path.with_name(f".{edit.path.name}.exposure-tried") for edit in edits}
    try:
        for edit in edits:
            place = places[str(edit.path)]
            place.unlink(missing_ok=True)
            place.touch(mode=0o600, exist_ok=False)
            place.write_text(edit.content, newline="")
        return config(app, [str(places.get(name, name)) for name in app["files"]], run)
    finally:
        for place in places.values():
            place.unlink(missing_ok=True)


def without_ports(found: Mapping[str, Any], app: Mapping[str, Any]) -> dict[str, Any]:
    services = {name: {**its} for name, its in found.get("services", {}).items()}
    services.get(app["service"], {}).pop("ports", None)
    return {**found, "services": services}


def wide(found: Mapping[str, Any], app: Mapping[str, Any]) -> str:
    """The first of the ports that is not on loopback."""
    for one in found.get("services", {}).get(app["service"], {}).get("ports", []):
        if one.get("target") in app["publish"] and one.get("protocol", "tcp") == "tcp" and one.get("host_ip") not in ("127.0.0.1", "::1"):
            return str(one.get("published") or one["target"])
    return ""


def check_unedited(app: Mapping[str, Any], running: Sequence[str], run: Run) -> None:
    """What its owner wrote since it was started is theirs to start."""
    code, output = run([*compose(app, app["files"]), "config", "--hash", app["service"]])
    said = output.split()[-1] if not code and output.split() else ""
    code, output = run(["docker", "inspect", "--format", '{{index .Config.Labels "com.docker.compose.config-hash"}}', *running])
    if said and not code and said not in output.split():
        command = " ".join([*app["engine"], *flags(app["files"]), "up", "-d", app["service"]])
        raise Unknown(
            f"{app['files'][0]} says something else of {app['service']} than what runs: it was changed since, or an older Compose started it. Start it as it "
            f"is, and run this again: {command}"
        )


def answering(health: Mapping[str, Any]) -> bool:
    try:
        with urllib.request.urlopen(health["url"], timeout=3) as answer:
            status, text = answer.status, answer.read(1 << 20).decode(errors="replace")
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read(1 << 20).decode(errors="replace")
    except (OSError, ValueError):
        return False
    return status in (health["status"] or [200]) and health["contains"] in text


def waited(health: Mapping[str, Any], answers: Answers, pause: float) -> bool:
    end = time.monotonic() + health["wait"]
    while not answers(health):
        if time.monotonic() > end:
            return False
        time.sleep(pause)
    return True
