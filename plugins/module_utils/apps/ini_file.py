# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lines of an app's INI file are set, and every other line stays: comments, blank lines, the spaces around `=`.

Read as PHP's parse_ini_file() reads it (emoncms): lines before the first section are a section of their own, `;` and `#` begin comments, values
may be quoted with " or '. What other readers take for more (a value that goes on in the next line) is refused where it stands in the way.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .files import Unknown

BOM = "\ufeff"
SECTION = re.compile(r"\s*\[([^\]]*)\]\s*([;#].*)?\Z")
LINE = re.compile(r"(\s*([^\s=;#\[][^=]*?)\s*=[ \t]*)(.*)\Z")
VALUE = re.compile(r"""("[^"]*"|'[^']*'|[^;"']*?)(\s*(?:;.*|\s#.*)?)\Z""")
NAME = re.compile(r"[^\s=;#\[\]\"'](?:[^=;#\"'\r\n]*[^\s=;#\"'])?\Z")
PLAIN = re.compile(r"[A-Za-z0-9_./:@,+-]+\Z")
WORDS = {"true", "false", "yes", "no", "on", "off", "null", "none"}


@dataclass(frozen=True)
class Row:
    """A line with a value: its section, its name, what stands before the value, the value as it is written, and what follows."""

    number: int
    section: str
    key: str
    head: str
    value: str
    tail: str


def edited(text: str, wanted: Mapping[str, Any], name: str, root: str = "") -> str:
    """The text of the file `name` with `wanted`, `{section: {name: value}}`; the section "" is what stands before the first. Raises `Unknown`."""
    mark, body = text[: text.startswith(BOM)], text.removeprefix(BOM)
    ending = "\r\n" if "\r\n" in body else "\n"
    lines = body.split("\n")
    before = rows(lines, name)
    for section, entries in wanted.items():
        if not isinstance(entries, Mapping):
            raise Unknown(f"{name} cannot be set: its lines belong to sections, and {section!r} is none.")
        for key, value in entries.items():
            lines = with_line(lines, section, key, value, name, ending)
    after = rows(lines, name)
    others = [[(row.section, row.key, row.value) for row in side if row.key not in wanted.get(row.section, {})] for side in (before, after)]
    said = {(row.section, row.key): row.value for row in after}
    complete = all(says(said.get((section, key)), value) for section, entries in wanted.items() for key, value in entries.items())
    if others[0] != others[1] or not complete:
        raise Unknown(f"{name} is laid out in a way that cannot be changed safely, and is left as it is. Set it there by hand.")
    return mark + "\n".join(lines)


def rows(lines: list[str], name: str) -> list[Row]:
    """All lines with a value."""
    found: list[Row] = []
    section = ""
    for number, line in enumerate(lines):
        plain = line.rstrip("\r")
        header, entry = SECTION.match(plain), LINE.match(plain)
        if header:
            section = header[1].strip()
        elif entry:
            value = VALUE.match(entry[3])
            if not value and entry[3][:1] in ('"', "'") and entry[3].count(entry[3][0]) == 1:
                raise Unknown(f"{name} has a text in line {number + 1} that does not end there, and is left as it is. Put its value on one line.")
            shown, tail = (value[1], value[2]) if value else (entry[3], "")
            found.append(Row(number, section, entry[2], entry[1], shown, tail))
    return found


def with_line(lines: list[str], section: str, key: str, value: Any, name: str, ending: str) -> list[str]:
    """The lines with one value."""
    if not NAME.match(key) or re.search(r"[\[\]\r\n]", section):
        raise Unknown(f"{name} cannot hold {key!r}: an INI file has no way to write it.")
    every = rows(lines, name)
    present = [row for row in every if (row.section, row.key) == (section, key)]
    if len(present) > 1:
        raise Unknown(f"{name} has {key} twice in {f'[{section}]' if section else 'its first lines'}. It is left as it is: keep one of them.")
    end = ending.removesuffix("\n")
    if present:
        row = present[0]
        if says(row.value, value):
            return lines
        below = lines[row.number + 1] if row.number + 1 < len(lines) else ""
        if below[:1] in (" ", "\t") and below.strip() and not below.strip().startswith((";", "#")) and not LINE.match(below.rstrip("\r")):
            raise Unknown(f"{name} goes on with {key} in line {row.number + 2}, and is left as it is. Put its value on one line.")
        kept = end if lines[row.number].endswith("\r") else ""
        head = row.head if row.value or row.head.endswith((" ", "\t")) else f"{row.head} " if row.head.endswith(" =") else row.head
        return [*lines[: row.number], f"{head}{written(value, row.value, name)}{row.tail}{kept}", *lines[row.number + 1 :]]
    new = f"{key} = {written(value, '', name)}{end}"
    at = place(lines, every, section)
    if at is not None:
        return with_lines(lines, at, [new], end)
    gap = [] if not "".join(lines).strip() else [end]
    return with_lines(lines, len(lines) - (lines[-1] == ""), [*gap, f"[{section}]{end}", new], end)


def with_lines(lines: list[str], at: int, new: list[str], end: str) -> list[str]:
    """The lines with further ones at a place; the last line of a file ends as it should."""
    if at == len(lines):  # no line feed at the end of the file
        return [*lines[:-1], lines[-1] + end, *new, ""]
    return [*lines[:at], *new, *lines[at:]]


def place(lines: list[str], every: list[Row], section: str) -> int | None:
    """Where a further line of a section goes: below its last one, else below its header; None without such a section."""
    own = [row.number for row in every if row.section == section]
    if own:
        return own[-1] + 1
    if section:
        headers = [number for number, line in enumerate(lines) if (found := SECTION.match(line.rstrip("\r"))) and found[1].strip() == section]
        return headers[-1] + 1 if headers else None
    number = 0
    while number < len(lines) and lines[number].lstrip().startswith((";", "#")):
        number += 1
    return number


def unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" else value


def says(present: str | None, value: Any) -> bool:
    """Whether a value as it is written says what is wanted."""
    if present is None:
        return False
    if isinstance(value, bool):
        return present.lower() in (("true", "yes", "on", "1") if value else ("false", "no", "off", "0", "none"))
    if isinstance(value, str):
        return unquoted(present) == value and (present != value or value.lower() not in WORDS)
    return present == str(value)


def written(value: Any, present: str, name: str) -> str:
    """A value as an INI file has it: in the quotes that are there, bare where it was bare and may be so, else in double quotes."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if not isinstance(value, str) or not value.isprintable() or re.search(r"[\"\\$]", value):
        raise Unknown(f"{name} cannot hold what is to be set there: in an INI file, a text has no quotes, backslashes or dollar signs.")
    if present and present[0] not in "\"'" and PLAIN.match(value) and value.lower() not in WORDS:
        return value
    return f"'{value}'" if present.startswith("'") and "'" not in value else f'"{value}"'
