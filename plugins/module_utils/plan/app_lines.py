# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a catalogue file sets in an app's own files and by its commands: whether each line can be written, and whether a secret could leak from it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from .filling import OPEN
from .mistakes import Mistakes

if TYPE_CHECKING:
    from .declaration import Place

KNOWN = {f"EXPOSURE_{name}" for name in ("DATA", "URL", "HOST", "HOSTS", "PROXIES", "PROXIES_SPACED", "TIMEZONE")}
XML_NAME = re.compile(r"@?[A-Za-z_][A-Za-z0-9._:-]*\Z", re.ASCII)
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def check_lines(entry: Mapping[str, Any], place: Place, mistakes: Mistakes) -> None:
    """Settings and commands of an entry name what there is, can be written, and put no secret where others can read it."""
    secrets = set(entry["secrets"] or ())
    known = KNOWN | secrets | set(entry["options"] or ())

    def wrong(where: str, value: object, problem: str, write: str) -> None:
        mistakes.add(place.host, place.entry, where, value, problem, write)

    for number, row in enumerate(entry["settings"], 1):
        where = f"settings[{number}]"
        if not isinstance(row["set"], dict):
            continue  # reported already
        for text, is_key in texts(row["set"]):
            for name in OPEN.findall(text):
                if name not in known:
                    wrong(where, name, "no secret, option or variable of the Plan has this name", ", ".join(sorted(known)))
                elif is_key and name in secrets:
                    wrong(where, name, "a secret would stand in the name of a line, which is shown", "secrets in values only")
        for problem, write in shape(row):
            wrong(where, row["file"], problem, write)
    for number, row in enumerate(entry["commands"], 1):
        where = f"commands[{number}]"
        for line in ("look", "want", "do"):
            for name in OPEN.findall(" ".join(row[line]) if isinstance(row[line], list) else str(row[line] or "")):
                if name in secrets:
                    problem = "every user of the host can read the arguments of a command, and what it is compared with is shown"
                    wrong(f"{where}.{line}", name, problem, f"environment: {{NAME: ${{{name}}}}}, and a command that reads NAME there")
                elif name not in known:
                    wrong(f"{where}.{line}", name, "no option or variable of the Plan has this name", ", ".join(sorted(known - secrets)))
        for variable, value in (row["environment"] or {}).items():
            if not isinstance(variable, str) or not VARIABLE.match(variable) or not isinstance(value, str):
                wrong(f"{where}.environment", variable, "it is not a variable with a text", "environment: {NAME: text}")
            elif not set(OPEN.findall(value)) <= known:
                wrong(f"{where}.environment", value, "no secret, option or variable of the Plan has this name", ", ".join(sorted(known)))
    for name in entry["fixed"] or ():
        if name not in known - secrets:
            wrong("fixed", name, "no option or variable of the Plan has this name", ", ".join(sorted(known - secrets)))


def texts(value: Any, is_key: bool = False) -> Iterator[tuple[str, bool]]:
    """Every text in a value, and whether it is a name."""
    if isinstance(value, Mapping):
        for key, entry in value.items():
            yield str(key), True
            yield from texts(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from texts(entry)
    elif isinstance(value, str):
        yield value, is_key


def shape(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What the format of a file cannot hold: (problem, what to write)."""
    kind, wanted = row["format"], row["set"]
    if not wanted:
        yield "nothing is set in it", "set: {name: value}"
    if not all(isinstance(key, str) for key in wanted):
        yield "a name in it is no text", "names in quotes"
    elif kind == "xml" and not row["root"]:
        yield "an XML file has one element around all others", "root: and the name of that element"
    elif kind == "xml" and not all(XML_NAME.match(key) for key, is_key in texts(wanted) if is_key):
        yield "a name in it is not one of an element or, with @, of an attribute", "names such as KnownProxies or @lang"
    elif kind == "ini" and not all(isinstance(value, Mapping) for value in wanted.values()):
        yield "lines of an INI file belong to sections", 'set: {"": {name: value}, section: {name: value}}; "" is what stands before the first section'
    elif kind == "python" and not all(key.isidentifier() for key in wanted):
        yield "a name in it is none of Python", "set: {NAME: value}"
