# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a file of the catalogue says about an app. docs/catalogue.md describes each line for a person who adds one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from . import values
from .answers import check_answers
from .app_lines import check_lines
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


def inside(value: object) -> str:
    """A file or folder below the data of the app."""
    return values.file_path(f"/{values.text(value)}").removeprefix("/")


def argv(value: object) -> list[str]:
    """A command as a list of texts; no shell reads it."""
    if not isinstance(value, list) or not value or not all(isinstance(word, str) and word.isprintable() for word in value):
        raise Refused("it is not a command", "a command as a list of texts, such as [php, occ, status]")
    return value


def mapping(value: object) -> dict[Any, Any]:
    if not isinstance(value, dict):
        raise Refused("it is not a mapping", "names and their values")
    return value


REFUSED_LINE = re.compile(r"(image|version|(environment|options)\.[A-Za-z_][A-Za-z0-9_]*|site\.(tls|hosts|hsts|app_port|proxy)|ports\.https)\Z")
"""The lines of an inventory that an entry can refuse: those of its app, of a site that shows it, and the port by which that is reached."""

IMAGE = re.compile(r"[a-z0-9][a-z0-9._/:-]*[a-z0-9](:[A-Za-z0-9_][A-Za-z0-9._-]*)?(@sha256:[0-9a-f]{64})?\Z")
MOVING = re.compile(r"([a-z]+|(latest|stable|edge|nightly|beta|dev|lts|main|master|release|rolling)[.-].*)\Z")
"""Tags that are another image tomorrow: words alone, and what begins with one that says so."""
OWN_IMAGE = ("${EXPOSURE_IMAGE}", ":${EXPOSURE_VERSION}")

OPTION_KINDS = ("text", "word", "locale", "folder", "device", "host_name", "number", "port")
"""What a value of an option may be; plan/options.py checks it."""

HEALTH = {**PROOF, "wait": Field(values.duration, 120), "here": Field(values.many(values.status), [])}
WEBSOCKET = {"path": Field(values.path, required=True), "expects": Field(values.text, ""), "log_in": Field(values.boolean, False)}
ECHO = {"path": Field(values.path, required=True), "header": Field(values.text, "X-Forwarded-For")}
PROXY = {
    "tls": Field(values.one_of("passthrough"), ""),
    "only": Field(values.many(values.location), []),
    "answers": Field(anything, []),
    "http_paths": Field(values.many(values.location), []),
    "max_body": Field(values.size, None),
    "read_timeout": Field(values.duration, None),
    "keep_streams": Field(values.duration, None),
    "buffering": Field(values.boolean, None),
    "compress": Field(values.boolean, None),
    "log_queries": Field(values.boolean, None),
}
TRUST = {"writer": Field(values.one_of("home_assistant"), required=True), "folder": Field(values.slug, required=True)}
BACKUP = {"dumps": Field(anything, []), "leave_out": Field(values.many(inside), [])}

ANSWER = {
    "path": Field(values.location, required=True),
    "exact": Field(values.boolean, False),
    "status": Field(values.status, None),
    "redirect": Field(values.path, ""),
    "json": Field(anything, None),
    "headers": Field(values.mapping_of(values.word), {}),
}
SETTING = {
    "file": Field(inside, required=True),
    "format": Field(values.one_of("xml", "yaml", "json", "ini", "python"), required=True),
    "set": Field(mapping, required=True),
    "root": Field(values.text, ""),
    "missing": Field(values.one_of("make", "wait"), "make"),
}
COMMAND = {
    "service": Field(values.slug, required=True),
    "user": Field(values.user_name, ""),
    "look": Field(argv, required=True),
    "want": Field(values.text, required=True),
    "do": Field(argv, required=True),
    "environment": Field(mapping, {}),
}
ACCOUNT = {
    "user": Field(values.text, required=True),
    "password": Field(values.text, ""),
    "path": Field(values.path, ""),
    "json": Field(mapping, None),
    "form": Field(mapping, None),
    "granted": Field(values.many(values.status), [200]),
    "refused": Field(values.many(values.status), [400, 401, 422]),
    "contains": Field(values.text, ""),
    "location": Field(values.path, ""),
    "cookie": Field(values.word, ""),
    "replace": Field(values.text, required=True),
}
UNCLAIMED = {
    "path": Field(values.path, required=True),
    "status": Field(values.many(values.status), [200]),
    "contains": Field(values.text, ""),
    "location": Field(values.path, ""),
}
DUMP = {
    "service": Field(values.slug, required=True),
    "command": Field(argv, required=True),
    "restore": Field(argv, required=True),
    "file": Field(inside, required=True),
}
PORT = {
    "service": Field(values.slug, required=True),
    "port": Field(values.port, required=True),
    "publish": Field(values.port, 0),
    "path": Field(values.path, "/"),
    "status": Field(values.many(values.status), []),
}
OPTION = {"default": Field(values.text, ""), "kind": Field(values.one_of(*OPTION_KINDS), "text"), "say": Field(values.text, "")}
REFUSAL = {
    "line": Field(values.matching(REFUSED_LINE, "it is no line that can be refused", "image, environment.NAME, site.tls or ports.https"), required=True),
    "like": Field(values.text, "*"),
    "unlike": Field(values.text, ""),
    "most": Field(values.port, 0),
    "admits_proxy": Field(values.boolean, False),
    "why": Field(values.text, required=True),
    "write": Field(values.text, required=True),
}

ENTRY = {
    "title": Field(values.text, required=True),
    "image": Field(values.image, ""),
    "version": Field(values.image_tag, ""),
    "port": Field(values.port, 0),
    "publish": Field(values.port, 0),
    "service": Field(compose_service, {}),
    "services": Field(companions, {}),
    "configs": Field(mapping, {}),
    "folders": Field(folders, {}),
    "secrets": Field(values.many(values.environment_name), []),
    "options": Field(anything, {}),
    "ports": Field(anything, {}),
    "environment_for": Field(values.many(values.slug), []),
    "fixed": Field(values.many(values.environment_name), []),
    "health": Field(anything, {}),
    "websocket": Field(anything, None),
    "echo": Field(anything, None),
    "proxy": Field(anything, {}),
    "trust": Field(anything, None),
    "settings": Field(anything, []),
    "commands": Field(anything, []),
    "accounts": Field(anything, []),
    "unclaimed": Field(anything, None),
    "backup": Field(anything, {}),
    "privileged": Field(values.text, ""),
    "moving": Field(values.text, ""),
    "refuse": Field(anything, []),
    "notes": Field(values.many(values.text), []),
}

PARTS = {"health": HEALTH, "websocket": WEBSOCKET, "echo": ECHO, "proxy": PROXY, "trust": TRUST, "unclaimed": UNCLAIMED, "backup": BACKUP}
LISTS = {"settings": SETTING, "commands": COMMAND, "accounts": ACCOUNT, "refuse": REFUSAL}
NAMED = {"options": OPTION, "ports": PORT}


class Catalogue(Mapping[str, dict[str, Any]]):
    """All catalogue files: app name -> its entry, checked and with defaults. Each is read when it is first asked for: nobody waits for apps that they
    do not have."""

    def __init__(self, entries: Mapping[str, object], mistakes: Mistakes) -> None:
        self.entries, self.mistakes = entries, mistakes
        self.found: dict[str, dict[str, Any]] = {}

    def __getitem__(self, name: str) -> dict[str, Any]:
        if name not in self.found:
            self.found |= read_catalogue({name: self.entries[name]}, self.mistakes)
        return self.found[name]

    def __contains__(self, name: object) -> bool:
        return name in self.entries

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)


def read_catalogue(entries: Mapping[str, object], mistakes: Mistakes) -> dict[str, dict[str, Any]]:
    """Catalogue files, checked: app name -> its entry with defaults."""
    found = {}
    for name, entry in entries.items():
        place = Place("(catalogue)", f"app {name}")
        taken = read(ENTRY, entry, place, mistakes)
        for part, table in PARTS.items():
            if taken[part] is not None:
                taken[part] = read(table, taken[part], Place(place.host, place.entry, f"{part}."), mistakes)
        for part, table in LISTS.items():
            taken[part] = read_rows(table, taken[part], place, part, mistakes)
        for part, table in NAMED.items():
            taken[part] = read_named(table, taken[part], place, part, mistakes)
        taken["proxy"]["answers"] = read_rows(ANSWER, taken["proxy"]["answers"], place, "proxy.answers", mistakes)
        taken["backup"]["dumps"] = read_rows(DUMP, taken["backup"]["dumps"], place, "backup.dumps", mistakes)
        check_answers(taken, place, mistakes)
        check(name, taken, place, mistakes)
        found[name] = taken
    return found


def read_rows(table: Mapping[str, Field], given: object, place: Place, what: str, mistakes: Mistakes) -> list[dict[str, Any]]:
    """A list of rows, each read by one table."""
    if not isinstance(given, list):
        mistakes.add(place.host, place.entry, what, given, "it is not a list", f"{what}: and entries that begin with -")
        return []
    return [read(table, row, Place(place.host, place.entry, f"{what}[{number}]."), mistakes) for number, row in enumerate(given, 1)]


def read_named(table: Mapping[str, Field], given: object, place: Place, what: str, mistakes: Mistakes) -> dict[str, dict[str, Any]]:
    """A mapping of names, each read by one table."""
    if not isinstance(given, dict):
        mistakes.add(place.host, place.entry, what, given, "it is not a mapping", f"{what}: and lines of the form NAME: {{...}}")
        return {}
    return {str(name): read(table, row, Place(place.host, place.entry, f"{what}.{name}."), mistakes) for name, row in given.items()}


def check(name: str, entry: Mapping[str, Any], place: Place, mistakes: Mistakes) -> None:
    """What the lines of an entry mean together."""
    if name in entry["services"]:
        mistakes.add(place.host, place.entry, "services", name, "a service has the name of the app", "another name, such as database")
    if entry["version"] and not entry["image"] and not mistakes.about(place.host, place.entry, "image"):
        mistakes.add(place.host, place.entry, "image", "(missing)", "there is a version, and no image that it could be of", "image: and its name without a tag")
    for line in ("version", "port"):
        if entry["image"] and not entry[line] and not mistakes.about(place.host, place.entry, line):
            mistakes.add(place.host, place.entry, line, "(missing)", "this line is needed", f"{line}: and its value")
    for number, account in enumerate(entry["accounts"], 1):
        ways = [line for line in ("json", "form") if account[line] is not None] or ["password"] * bool(account["password"])
        if account["path"] and len(ways) != 1:
            cure = "json: or form: with all that is sent to its path, or a password alone for HTTP Basic"
            mistakes.add(place.host, place.entry, f"accounts[{number}]", account["user"], "it is not said in one way how it logs in", cure)
    check_lines(entry, place, mistakes)
    services = {name, *entry["services"]}
    named = [{"service": service} for service in entry["environment_for"]]
    for where, rows in (
        ("commands", entry["commands"]),
        ("backup.dumps", entry["backup"]["dumps"]),
        ("ports", entry["ports"].values()),
        ("environment_for", named),
    ):
        for row in rows:
            if row["service"] and row["service"] not in services:
                mistakes.add(place.host, place.entry, where, row["service"], "the app has no such service", " or ".join(sorted(services)))
    if entry["proxy"]["http_paths"] and entry["proxy"]["tls"] != "passthrough":
        mistakes.add(place.host, place.entry, "proxy.http_paths", "", "they are for an app that ends TLS itself", "proxy: with tls: passthrough too")
    for name_of, service in {name: entry["service"], **entry["services"]}.items():
        if service.get("privileged") and not entry["privileged"]:
            mistakes.add(
                place.host, place.entry, f"services.{name_of}.privileged", True, "nothing says why it cannot run without", "privileged: and the reason"
            )
        problem = wrong_image(service.get("image", ""), entry["moving"]) if name_of != name else ""
        if problem:
            mistakes.add(place.host, place.entry, f"services.{name_of}.image", service.get("image", "(missing)"), problem, "an image with a fixed tag")
    if MOVING.match(entry["version"]):
        mistakes.add(place.host, place.entry, "version", entry["version"], "this tag is another image tomorrow", "a fixed version in quotes")


def wrong_image(image: object, moving: str) -> str:
    """Why an image of a companion cannot be taken; '' for a right one. `moving`: why it may have a tag that moves."""
    if not isinstance(image, str) or not image:
        return "the service has no image"
    if image == OWN_IMAGE[0] or image.endswith(OWN_IMAGE[1]):
        return ""
    if not IMAGE.match(image):
        return "it is not the name of an image"
    tag = image.partition("@")[0].rpartition("/")[2].rpartition(":")[2] if ":" in image.rpartition("/")[2] else ""
    if "@" not in image and (not tag or MOVING.match(tag)) and not moving:
        return "its tag is another image tomorrow" if tag else "it has no tag, and so is another image tomorrow"
    return ""
