# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`exposure apps`: what runs here, for a person who looks, and where data and generated passwords lie. No password is shown."""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..acme.problem import printable
from ..watch.apps import ONE_OFF, PROJECT, SERVICE, Engine, engine

STACKS, SECRETS = "/etc/exposure/stacks", "/etc/exposure/secrets"
FIRST = re.compile(r"ADMIN|OWNER|INITIAL|SUPERUSER")
"""What the variable of the first log-in's password is called by."""


def add_to(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--stacks", metavar="DIR", type=Path, default=Path(STACKS), help=argparse.SUPPRESS)
    parser.add_argument("--secrets", metavar="DIR", type=Path, default=Path(SECRETS), help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true", help="print it for a program")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """0, or 3 where there is nothing that could be told."""
    try:
        found = apps(given.stacks, given.secrets, engine())
    except (OSError, ValueError) as error:
        print(f"This cannot be read: {error}. Run it as root.", file=sys.stderr)
        return 3
    if not found:
        print("No app is kept here: exposure_apps in the inventory and the playbook make it so.", file=sys.stderr)
        return 3
    print(json.dumps(found, indent=1) if given.json else "\n".join(line for app in found for line in lines(app)).strip())
    return 0


def apps(stacks: Path, secrets: Path, ask: Engine) -> list[dict[str, Any]]:
    """Each app as data: `services` with image and state, '' where the Docker engine does not answer. Raises OSError or ValueError."""
    if not stacks.is_dir():
        return []
    found = []
    for folder in sorted(one for one in stacks.iterdir() if (one / "current" / "compose.json").exists()):
        compose = json.loads((folder / "current" / "compose.json").read_text(encoding="utf-8"))
        env = variables(folder / "current" / ".env")
        kept = secrets / f"{folder.name}.env"
        seen = states(folder.name, ask)
        unseen = "" if seen is None else "no container"
        found.append(
            {
                "app": folder.name,
                "url": env.get("EXPOSURE_URL", ""),
                "data": env.get("EXPOSURE_DATA", ""),
                "services": [
                    {"name": name, "image": str(one.get("image", "")), "state": (seen or {}).get(name, unseen)} for name, one in compose["services"].items()
                ],
                "secrets": str(kept) if kept.exists() else "",
                "passwords": list(variables(kept)),
            }
        )
    return found


def variables(path: Path) -> dict[str, str]:
    """A file that Compose reads variables from, as filter stack_trees writes it."""
    rows = [line.partition("=") for line in path.read_text(encoding="utf-8").splitlines() if "=" in line] if path.exists() else []
    return {name: re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith("'") else value for name, _, value in rows}


def states(project: str, ask: Engine) -> dict[str, str] | None:
    """Service -> how its container is, as `docker ps` says it. None where the engine does not answer."""
    try:
        listed = ask("/containers/json?all=1&filters=" + quote(json.dumps({"label": [f"{PROJECT}={project}"]})))
    except OSError:
        return None
    own = [(one, labels) for one in listed if (labels := one.get("Labels") or {}).get(ONE_OFF) != "True"]
    return {str(labels.get(SERVICE, "")): printable(f"{one.get('State', '')}, {one.get('Status', '')}") for one, labels in own}


def lines(app: dict[str, Any]) -> list[str]:
    shown = ["", f"{app['app']}  {app['url']}".rstrip()]
    shown += [f"  {one['name']}  {one['image']}  {one['state'] or '(the Docker engine does not answer)'}" for one in app["services"]]
    shown += [f"  data: {app['data']}"] if app["data"] else []
    first = [name for name in app["passwords"] if FIRST.search(name)]
    shown += [f"  first log-in: sudo grep {name} {app['secrets']}" for name in first]
    rest = [name for name in app["passwords"] if name not in first]
    return shown + ([f"  generated: {', '.join(rest)} in {app['secrets']}"] if rest else [])
