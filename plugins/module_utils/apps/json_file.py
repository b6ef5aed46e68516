# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lines of an app's JSON are set, and every other byte of the file stays: order, indentation, the way numbers are written.

The file is read for where things stand and never written back from a parse. What results is read again and compared.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any

from .files import Unknown

BOM = "\ufeff"
MOST_STEPS = 1000
INDENT = re.compile(r"^([ \t]+)\S", re.MULTILINE)


@dataclass(frozen=True)
class Member:
    """A line of an object: where its name begins, and where its value stands."""

    key: str
    begin: int
    start: int
    end: int


def edited(text: str, wanted: Mapping[str, Any], name: str, root: str = "") -> str:
    """The text of the file `name` with `wanted` in it; a mapping of a mapping is an object in an object, all else a value. Raises `Unknown`."""
    mark, body = text[: text.startswith(BOM)], text.removeprefix(BOM)
    if not body.strip():
        return mark + json.dumps(wanted, indent=2, ensure_ascii=False) + "\n"
    before = body
    try:
        check(before, name)
        for _ in range(MOST_STEPS):
            following = step(body, skip(body, 0), wanted, name)
            if following is None:
                break
            body = following
        check(body, name)
        kept = only_wanted_differs(before, skip(before, 0), body, skip(body, 0), wanted)
    except RecursionError as error:
        raise Unknown(f"{name} is nested deeper than anyone would, and is left as it is.") from error
    if not kept:
        raise Unknown(f"{name} cannot be changed safely, and is left as it is. Set {', '.join(wanted)} in the app itself.")
    return mark + body


def check(text: str, name: str) -> None:
    """It is JSON (RFC 8259), and an object."""

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no value of JSON")

    try:
        found = json.loads(text, parse_constant=refuse)
    except ValueError as error:
        raise Unknown(f"{name} is not JSON ({error}), and is left as it is. Restore it, or move it away to have it written anew.") from error
    if not isinstance(found, dict):
        raise Unknown(f"{name} is not an object ({{...}}) at its top, and is left as it is.")


def members(text: str, at: int) -> tuple[list[Member], int]:
    """The lines of the object that begins at `at`, and where its closing brace stands. The text is known to be JSON."""
    found: list[Member] = []
    at = skip(text, at + 1)
    while text[at] != "}":
        begin = at
        key, at = scanstring(text, at + 1, True)
        start = skip(text, skip(text, at) + 1)
        _, at = json.JSONDecoder().raw_decode(text, start)
        found.append(Member(key, begin, start, at))
        at = skip(text, at)
        if text[at] == ",":
            at = skip(text, at + 1)
    return found, at


def skip(text: str, at: int) -> int:
    """The next place that is not white space."""
    while text[at : at + 1] in (" ", "\t", "\r", "\n"):
        at += 1
    return at


def step(text: str, at: int, wanted: Mapping[str, Any], name: str) -> str | None:
    """The text after the first change that is missing; None where it says everything."""
    found, closing = members(text, at)
    keys = [member.key for member in found]
    for key in wanted:
        if keys.count(key) > 1:
            raise Unknown(f"{name} has {key} twice. It is left as it is: keep one of them.")
    for member in found:
        if member.key not in wanted:
            continue
        value = wanted[member.key]
        old = json.loads(text[member.start : member.end])
        if isinstance(value, Mapping) and isinstance(old, dict):
            changed = step(text, member.start, value, name)
            if changed is not None:
                return changed
        elif isinstance(value, Mapping) and old is not None:
            raise Unknown(f"{name} has a value in {member.key}, where an object ({{...}}) belongs. It is left as it is: set it in the app itself.")
        elif not same(old, value):
            return text[: member.start] + shown(text, value, margin(text, member.begin)) + text[member.end :]
    missing = {key: value for key, value in wanted.items() if key not in keys}
    return with_members(text, at, found, closing, missing) if missing else None


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same JSON: 1, 1.0 and true are three values."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def margin(text: str, at: int) -> str | None:
    """The white space before what stands first on its line; None where something else does."""
    start = text.rfind("\n", 0, at) + 1
    return text[start:at] if start and not text[start:at].strip() else None


def shown(text: str, value: Any, indent: str | None) -> str:
    """A value as it would stand in this text at an indentation, or on one line."""
    if indent is None:
        return json.dumps(value, ensure_ascii=False)
    ending = "\r\n" if "\r\n" in text else "\n"
    lines = json.dumps(value, indent=unit(text), ensure_ascii=False).split("\n")
    return f"{ending}{indent}".join(lines)


def unit(text: str) -> str:
    found = INDENT.search(text)
    return found[1] if found else "  "


def with_members(text: str, at: int, found: list[Member], closing: int, missing: Mapping[str, Any]) -> str:
    """The text with further lines at the end of an object."""
    ending = "\r\n" if "\r\n" in text else "\n"
    if found:
        indent = margin(text, found[0].begin)
        between = ", " if indent is None else f",{ending}{indent}"
        last = found[-1].end
        new = "".join(f"{between}{json.dumps(key, ensure_ascii=False)}: {shown(text, value, indent)}" for key, value in missing.items())
        return text[:last] + new + text[last:]
    if "\n" not in text.strip() and at:
        return text[: at + 1] + json.dumps(missing, ensure_ascii=False)[1:-1] + text[closing:]
    line = text[text.rfind("\n", 0, at) + 1 : at]
    outer = line[: len(line) - len(line.lstrip())]
    return text[:at] + shown(text, missing, outer) + text[closing + 1 :]


def only_wanted_differs(before: str, old: int, after: str, new: int, wanted: Mapping[str, Any]) -> bool:
    """Whether an edit says what is wanted, and else the very text that was there before."""
    was, now = (members(text, at)[0] if text[at] == "{" else [] for text, at in ((before, old), (after, new)))
    others = [[(m.key, text[m.start : m.end]) for m in side if m.key not in wanted] for text, side in ((before, was), (after, now))]
    places = {member.key: member for member in was}
    for member in now:
        value = wanted.get(member.key)
        if isinstance(value, Mapping):
            place = places.get(member.key)
            if place and before[place.start] == "{" and not only_wanted_differs(before, place.start, after, member.start, value):
                return False
        elif member.key in wanted and not same(json.loads(after[member.start : member.end]), value):
            return False
    return others[0] == others[1] and set(wanted) <= {member.key for member in now}
