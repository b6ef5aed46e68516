"""What the Plan makes of each app of the catalogue, kept in golden/<app>.json. To renew the files after a change that is meant:

    python -m tests.unit.catalogue.golden

and read the diff: every line of it is something that an owner's server will do differently.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from plugins.module_utils.plan.filling import fill
from plugins.module_utils.plan.make import Inventory
from plugins.module_utils.plan.model import Plan, Stack
from tests.unit.plan.declarations import catalogue, host, plan

FOLDER = Path(__file__).parent / "golden"
NEEDED: dict[str, dict[str, Any]] = {
    "expfactory": {"image": "registry.casa.example:5000/study", "version": "1.4"},
    "npm": {"options": {"ADMIN_EMAIL": "me@example.org"}},
    "sregistry": {"options": {"FILES_HOST": "files.casa.example"}},
    "zigbee2mqtt": {"options": {"ADAPTER": "/dev/serial/by-id/usb-adapter", "CHIP": "ember"}},
}
"""What a person has to say of an app beyond its name."""

SITES: dict[str, list[dict[str, Any]]] = {
    "npm": [{"name": "npm", "app": "npm", "app_port": "web"}],
    "sregistry": [{"name": "files", "app": "sregistry", "app_port": "files"}, {"name": "sregistry", "app": "sregistry"}],
}
"""The sites of an app, where it is not one of its own name."""

ALL = sorted(catalogue())
DEPLOYED = [app for app in ALL if catalogue()[app].get("port")]


def server(app: str, sites: list[dict[str, Any]] | None = None, **lines: Any) -> Inventory:
    """A home server with this app alone; `lines` go into its entry of `exposure_apps`."""
    own = {"name": app, **NEEDED.get(app, {}), **lines}
    shown = SITES.get(app, [{"name": app.replace("_", "-"), "app": app}]) if sites is None else sites
    return host(domain="casa.example", sites=shown, apps=[own])


def planned(app: str, sites: list[dict[str, Any]] | None = None, **lines: Any) -> Plan:
    return plan(home=server(app, sites, **lines))


def stack(app: str, sites: list[dict[str, Any]] | None = None, **lines: Any) -> Stack:
    (made,) = planned(app, sites, **lines).hosts["home"].stacks
    return made


def told(app: str) -> dict[str, Any]:
    """All that the server, the app and the proxy are told."""
    made = stack(app)
    answers = fill(catalogue()[app].get("proxy", {}).get("answers", []), made.env)
    return {
        "compose": made.compose,
        "env": made.env,
        "folders": made.folders,
        "secrets": made.secrets,
        "settings": made.settings,
        "commands": made.commands,
        "answers": answers,
        "health": made.health,
    }


def text(app: str) -> str:
    return json.dumps(told(app), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.iterdir():
        old.unlink()
    for app in DEPLOYED:
        (FOLDER / f"{app}.json").write_text(text(app))
