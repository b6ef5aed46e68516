# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a file of the catalogue says about an app. docs/catalogue.md describes each line for a person who adds one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import values
from .declaration import PROOF, Field, Place, anything, read
from .mistakes import Mistakes, Refused


def compose_service(value: object) -> dict[str, Any]:
    """A service in Compose's own words, without what the Plan sets itself."""
    if not isinstance(value, dict):
        raise Refused("it is not a mapping", "a service as in a compose file")
    for own in ("image", "ports", "networks", "restart", "container_name"):
        if own in value:
            raise Refused(f"{own} is set by the Plan", f"the service without {own}")
    if not isinstance(value.get("environment", {}), dict):
        raise Refused("its environment is not a mapping", "environment: {NAME: value}")
    return value


def companions(value: object) -> dict[str, dict[str, Any]]:
    """The other services of an app, such as its database: name -> a service as in a compose file, image included."""
    if not isinstance(value, dict) or not all(isinstance(service, dict) for service in value.values()):
        raise Refused("it is not a mapping of services", "names of services, each with a service as in a compose file")
    for own in ("ports", "networks", "container_name"):
        if any(own in service for service in value.values()):
            raise Refused(f"{own} is set by the Plan, and for the app alone", f"services without {own}")
    return {values.slug(name): service for name, service in value.items()}


def number_of_user(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 31:
        raise Refused("an owner or group is not a number", "the number of the user in the image, such as 1000")
    return value


def folders(value: object) -> dict[str, dict[str, Any]]:
    """Folders of the app's data directory: name -> {owner, group, mode}."""
    if not isinstance(value, dict):
        raise Refused("it is not a mapping", "folder names with their owner and mode")
    taken = {}
    for name, given in value.items():
        rights = {"owner": 0, "group": 0, "mode": "0750", **(given or {})} if isinstance(given, (dict, type(None))) else {}
        if set(rights) != {"owner", "group", "mode"}:
            raise Refused(f"the rights of {name!r} are not owner, group and mode", '{owner: 1000, group: 1000, mode: "0750"}, or {} for those of root')
        taken[values.slug(name)] = {"owner": number_of_user(rights["owner"]), "group": number_of_user(rights["group"]), "mode": values.mode(rights["mode"])}
    return taken


HEALTH = {**PROOF, "wait": Field(values.duration, 120)}
WEBSOCKET = {"path": Field(values.path, required=True), "expects": Field(values.text, "")}
ECHO = {"path": Field(values.path, required=True), "header": Field(values.text, "X-Forwarded-For")}
PROXY = {
    "max_body": Field(values.size, None),
    "read_timeout": Field(values.duration, None),
    "keep_streams": Field(values.duration, None),
    "buffering": Field(values.boolean, None),
    "compress": Field(values.boolean, None),
    "log_queries": Field(values.boolean, None),
}
TRUST = {"writer": Field(values.one_of("home_assistant"), required=True), "folder": Field(values.slug, required=True)}

ENTRY = {
    "title": Field(values.text, required=True),
    "image": Field(values.image, required=True),
    "version": Field(values.image_tag, required=True),
    "port": Field(values.port, required=True),
    "service": Field(compose_service, {}),
    "services": Field(companions, {}),
    "folders": Field(folders, {}),
    "secrets": Field(values.many(values.environment_name), []),
    "health": Field(anything, {}),
    "websocket": Field(anything, None),
    "echo": Field(anything, None),
    "proxy": Field(anything, {}),
    "trust": Field(anything, None),
}

PARTS = {"health": HEALTH, "websocket": WEBSOCKET, "echo": ECHO, "proxy": PROXY, "trust": TRUST}


def read_catalogue(entries: Mapping[str, object], mistakes: Mistakes) -> dict[str, dict[str, Any]]:
    """All catalogue files, checked: app name -> its entry with defaults."""
    found = {}
    for name, entry in entries.items():
        place = Place("(catalogue)", f"app {name}")
        taken = read(ENTRY, entry, place, mistakes)
        for part, table in PARTS.items():
            if taken[part] is not None:
                taken[part] = read(table, taken[part], Place(place.host, place.entry, f"{part}."), mistakes)
        if name in taken["services"]:
            mistakes.add(place.host, place.entry, "services", name, "a service has the name of the app", "another name, such as database")
        found[name] = taken
    return found
