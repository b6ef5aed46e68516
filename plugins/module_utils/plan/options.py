# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a person decides about an app beyond its name: the lines of `options`, each as the catalogue says it may be."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from . import values
from .mistakes import Mistakes, Refused

LOCALE = re.compile(r"[a-z]{2,3}([_-][A-Z]{2})?\Z")
DEVICE = re.compile(r"(?=.{1,200}\Z)/dev(/[A-Za-z0-9._:+-]+)+\Z")


def device(value: object) -> str:
    """A device of the host."""
    name = values.matching(DEVICE, "it is not a device", "a device such as /dev/serial/by-id/usb-adapter")(value)
    if {".", ".."} & set(name.split("/")):
        raise Refused("it is not a device", "a device such as /dev/serial/by-id/usb-adapter")
    return name


def one_line(value: object) -> str:
    return values.mapping_of(str)({"value": value})["value"]


CHECKS: Mapping[str, Callable[[Any], Any]] = {
    "text": one_line,
    "word": values.word,
    "locale": values.matching(LOCALE, "it is not a locale", "a locale such as en-US"),
    "folder": values.file_path,
    "device": device,
    "host_name": values.host_name,
    "number": lambda value: str(values.size(value)),
    "port": lambda value: str(values.port(value)),
}


def decided(app: Mapping[str, Any], entry: Mapping[str, Any], host: str, mistakes: Mistakes) -> dict[str, str]:
    """Each option of the app with its value as a text: what the person says, else the default. A wrong or missing one is a mistake."""
    where, found = f"app {app['name']}", {}
    for name in app["options"]:
        if name not in entry["options"]:
            known = ", ".join(sorted(entry["options"])) or "the app without options"
            mistakes.add(host, where, f"options.{name}", app["options"][name], f"{entry['title']} has no such option", known)
    for name, option in entry["options"].items():
        given = app["options"].get(name, option["default"])
        if given == "":
            mistakes.add(host, where, f"options.{name}", "(missing)", option["say"] or f"{entry['title']} needs it", f"options: {{{name}: and its value}}")
            continue
        try:
            found[name] = str(CHECKS[option["kind"]](given))
        except Refused as refusal:
            mistakes.add(host, where, f"options.{name}", given, refusal.problem, refusal.write)
    return found
