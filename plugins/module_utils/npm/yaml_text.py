# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Plain data as YAML of an inventory, which loads back to the same values whatever is in them. Without a library, so that it can be told from a template:
what only looks like one is marked `!unsafe`, and Ansible takes it as it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9._/@+-]*\Z")
WORDS = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}
"""What YAML 1.1 reads as something else than a text."""

DURATION = re.compile(r"[0-9]{1,10}(s|m|h|d)\Z|[0-9]{1,12}[KMGT]i\Z")
"""Durations and sizes, which no YAML takes for numbers."""

LONGEST = 140


class Template(str):
    """A text that Ansible is to fill in."""


def quoted(value: str) -> str:
    """A double-quoted scalar (yaml.org/spec/1.2.2, 7.3.1), all of it on one line. Half a letter (RFC 8259, 8.2) becomes U+FFFD."""
    escapes = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
    made = []
    for letter in value:
        code = ord(letter)
        if letter in escapes:
            made.append(escapes[letter])
        elif letter.isprintable():
            made.append(letter)
        elif 0xD800 <= code < 0xE000:  # half a letter, which JSON can hold and YAML cannot
            made.append("\ufffd")
        else:
            made.append(f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}")
    return f'"{"".join(made)}"'


def scalar(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} has no place in an inventory")
    if (PLAIN.match(value) and value.lower() not in WORDS) or DURATION.match(value):
        return str(value)
    if not isinstance(value, Template) and re.search(r"\{[{%#]", value):
        return f"!unsafe {quoted(value)}"
    return quoted(value)


def flow(value: object) -> str:
    """A value on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(str(key))}: {flow(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(flow(entry) for entry in value) + "]"
    return scalar(value)


def item(entry: Mapping[str, Any], indent: str = "  ") -> list[str]:
    """An entry of a list, on one line where it fits and holds no mappings, else a line for each of its lines."""
    line = f"{indent}- {flow(entry)}"
    if len(line) <= LONGEST and not any(isinstance(value, list) and any(isinstance(one, Mapping) for one in value) for value in entry.values()):
        return [line]
    made = []
    for key, value in entry.items():
        long = len(f"{indent}  {key}: {flow(value)}") > LONGEST
        if isinstance(value, list) and value and (long or isinstance(value[0], Mapping)):
            made.append(f"{indent}  {key}:")
            made += [f"{indent}    - {flow(one)}" for one in value]
        else:
            made.append(f"{indent}  {key}: {flow(value)}")
    return [f"{indent}- {made[0].strip()}", *made[1:]]


def variable(name: str, value: object) -> list[str]:
    """A variable of an inventory: a mapping in a line where it fits, else a line for each of its lines."""
    line = f"{name}: {flow(value)}"
    if len(line) <= LONGEST or not isinstance(value, Mapping):
        return [line]
    return [f"{name}:", *(f"  {scalar(str(key))}: {flow(entry)}" for key, entry in value.items())]
