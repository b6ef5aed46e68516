# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One top-level block of a person's YAML is set, and every other byte of the file stays: comments, tags, order, quotes.

The file is parsed for where things stand, never written back from the parse. What results is parsed again and compared.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from .files import Missing, Unknown

ADDRESS = re.compile(r"(\d{1,3}\.){3}\d{1,3}(/\d{1,2})?\Z", re.ASCII)


class Misplaced(Exception):
    """Something does not stand where an edit could reach it."""


class Elsewhere(Unknown):
    """The block is kept in another file or on one line."""


def compose(text: str, name: str) -> Any:
    """The tree of nodes with their places; tags such as `!include` and `!secret` are nodes like others."""
    try:
        import yaml
    except ImportError as error:
        raise Missing(f"{name} cannot be read without the Python package yaml: install python3-yaml on this host.") from error
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:  # ValueError: an escape beyond Unicode
        raise Unknown(f"{name} is not valid YAML, and is left as it is:\n{error}") from error


def outline(node: Any) -> Any:
    """A tree of nodes as plain data with tags, for comparison."""
    if isinstance(node.value, list):
        return [node.tag, [tuple(map(outline, pair)) if isinstance(pair, tuple) else outline(pair) for pair in node.value]]
    return [node.tag, node.value]


def rows(root: Any, name: str) -> list[tuple[Any, Any]]:
    if root is None or (root.id == "scalar" and root.value == "" and root.tag.endswith(":null")):
        return []
    if root.id != "mapping" or root.flow_style:
        raise Unknown(f"{name} is not a block of `name: value` lines at its top, and is left as it is.")
    return list(root.value)


def with_mapping(text: str, key: str, wanted: Mapping[str, Any], name: str) -> str:
    """The text with `wanted` under the top-level `key`. Other lines of an existing block stay, and so do line ends and comments."""
    before = rows(compose(text, name), name)
    present = [(k, v) for k, v in before if k.value == key]
    if len(present) > 1:
        raise Unknown(f"{name} has the block {key}: twice. Keep one of them.")
    ending = "\r\n" if "\r\n" in text else "\n"
    try:
        if not present:
            after = text + ("" if not text or text.endswith("\n") else ending) + (ending if text.strip() else "") + block(key, wanted).replace("\n", ending)
        else:
            after = replaced(text, key, present[0][1], wanted, name, ending)
        kept = only_wanted_differs(before, rows(compose(after, name), name), key, wanted)
    except Elsewhere:
        raise
    except (Misplaced, Unknown, RecursionError):
        kept = False
    if not kept:
        raise Unknown(f"{name} is laid out in a way that cannot be changed safely, and is left as it is. Put this there:\n{block(key, wanted)}")
    return after


def block(key: str, wanted: Mapping[str, Any]) -> str:
    return f"{key}:\n" + "".join(lines(entry, value, "  ") for entry, value in wanted.items())


def lines(entry: str, value: Any, indent: str) -> str:
    if isinstance(value, list):
        return f"{indent}{entry}:\n" + "".join(f"{indent}  - {scalar(one)}\n" for one in value)
    return f"{indent}{entry}: {scalar(value)}\n"


def scalar(value: Any) -> str:
    """JSON is YAML; an address needs no quotes."""
    return value if isinstance(value, str) and ADDRESS.match(value) else json.dumps(value, ensure_ascii=False)


def replaced(text: str, key: str, node: Any, wanted: Mapping[str, Any], name: str, ending: str) -> str:
    """The text with the entries of an existing block replaced or added."""
    if node.id == "scalar" and node.tag.endswith(":null"):
        return filled(text, node, "".join(lines(e, v, "  ") for e, v in wanted.items()), ending)
    if node.id != "mapping" or node.flow_style:
        shown = "".join(lines(entry, value, "  ") for entry, value in wanted.items())
        raise Elsewhere(f"{name} keeps {key} elsewhere or on one line, and is left as it is. Put these lines there:\n{shown}")
    if any(k.id != "scalar" for k, _ in node.value):
        raise Misplaced
    places = {k.value: (k, v) for k, v in node.value}
    first = node.value[0][0].start_mark
    spans = [span(text, *places[e], v, ending) for e, v in wanted.items() if e in places and not equal(places[e][1], v)]
    added = "".join(lines(entry, value, " " * first.column) for entry, value in wanted.items() if entry not in places)
    top = line_start(text, first.index)
    if added and text[top : first.index].strip():
        raise Misplaced
    for start, end, new in sorted([*spans, (top, top, added.replace("\n", ending))], reverse=True):
        text = text[:start] + new + text[end:]
    return text


def filled(text: str, node: Any, new: str, ending: str) -> str:
    """A block that is there without a value (`http:`, `http: null`) with its lines; a comment on its line stays there."""
    head, tail = text[: node.start_mark.index], text[node.end_mark.index :]
    rest, newline, below = tail.partition("\n")
    line = head + rest if rest.strip() else head.rstrip(" ") + rest
    return line + (newline or ending) + new.replace("\n", ending) + below


def span(text: str, key: Any, node: Any, value: Any, ending: str) -> tuple[int, int, str]:
    """Where a value stands that has to change, and what to put there."""
    start, end = node.start_mark.index, end_of(text, node)
    if start < key.end_mark.index or end < start:
        raise Misplaced  # an alias: the value stands elsewhere
    if node.id == "sequence" and not node.flow_style and isinstance(value, list):
        start, newline = line_start(text, start), text.find("\n", end)
        end = len(text) if newline < 0 else newline + 1
        return start, end, items(text[start:end], node, value, ending)
    shown = f"[{', '.join(map(scalar, value))}]" if isinstance(value, list) else scalar(value)
    return start, end, shown if text[start - 1].isspace() else f" {shown}"


def items(old: str, node: Any, value: list[Any], ending: str) -> str:
    """The lines of a list. Comments between its entries stay above it, and an entry that stays keeps its line."""
    dash = " " * node.start_mark.column + "- "
    present = {line.strip().removeprefix("- ").split(" #")[0].strip("\"' "): line for line in old.splitlines(keepends=True) if line.startswith(dash)}
    comments = "".join(line for line in old.splitlines(keepends=True) if line.lstrip().startswith("#"))
    return comments + "".join(present.get(str(one), f"{dash}{scalar(one)}{ending}").rstrip("\r\n") + ending for one in value)


def line_start(text: str, index: int) -> int:
    return text.rfind("\n", 0, index) + 1


def end_of(text: str, node: Any) -> int:
    """Where a value ends. A block reports the start of what follows, so step back to its last leaf and over white space."""
    end = (node if node.id == "scalar" or node.flow_style else last_leaf(node)).end_mark.index
    return len(text[:end].rstrip()) if end > node.start_mark.index else int(end)


def last_leaf(node: Any) -> Any:
    while isinstance(node.value, list) and node.value and not node.flow_style:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    return node


def equal(node: Any, value: Any) -> bool:
    """Whether a node already says what is wanted."""
    if isinstance(value, list):
        return node.id == "sequence" and [(child.id, child.value) for child in node.value] == [("scalar", str(one)) for one in value]
    if isinstance(value, bool):
        return node.id == "scalar" and node.tag.endswith(":bool") and (node.value.lower() in ("true", "yes", "on")) is value
    return bool(node.id == "scalar" and node.value == str(value))


def only_wanted_differs(before: list[tuple[Any, Any]], after: list[tuple[Any, Any]], key: str, wanted: Mapping[str, Any]) -> bool:
    """Whether an edit says what is wanted, and else what was said before."""
    others = [[(outline(k), outline(v)) for k, v in side if k.value != key] for side in (before, after)]
    old = {k.value: outline(v) for top, node in before if top.value == key and node.id == "mapping" for k, v in node.value}
    new = {k.value: v for top, node in after if top.value == key and node.id == "mapping" for k, v in node.value}
    kept = all(outline(new[entry]) == value for entry, value in old.items() if entry not in wanted and entry in new)
    complete = set(new) == {*old, *wanted} and all(equal(new[entry], value) for entry, value in wanted.items())
    return others[0] == others[1] and kept and complete
