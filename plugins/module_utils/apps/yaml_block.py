# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One top-level block of a person's YAML is set, and every other byte of the file stays: comments, tags, order, quotes.

The file is parsed for where things stand, never written back from the parse. What results is parsed again and compared.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .files import Missing, Unknown


def compose(text: str, name: str) -> Any:
    """The tree of nodes with their places; tags such as `!include` and `!secret` are nodes like others."""
    try:
        import yaml
    except ImportError as error:
        raise Missing(f"{name} cannot be read without the Python package yaml: install python3-yaml on this host.") from error
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise Unknown(f"{name} is not valid YAML, and is left as it is:\n{error}") from error


def outline(node: Any) -> Any:
    """A tree of nodes as plain data with tags, for comparison."""
    if isinstance(node.value, list):
        return [node.tag, [tuple(map(outline, pair)) if isinstance(pair, tuple) else outline(pair) for pair in node.value]]
    return [node.tag, node.value]


def rows(root: Any, name: str) -> list[tuple[Any, Any]]:
    if root is None:
        return []
    if root.id != "mapping" or root.flow_style:
        raise Unknown(f"{name} is not a block of `name: value` lines at its top, and is left as it is.")
    return list(root.value)


def with_mapping(text: str, key: str, wanted: Mapping[str, Any], name: str) -> str:
    """The text with `wanted` under the top-level `key`. Other lines of an existing block stay."""
    before = rows(compose(text, name), name)
    present = [(k, v) for k, v in before if k.value == key]
    if len(present) > 1:
        raise Unknown(f"{name} has the block {key}: twice. Keep one of them.")
    if not present:
        after = text + ("" if not text or text.endswith("\n") else "\n") + ("\n" if text.strip() else "") + block(key, wanted)
    else:
        after = replaced(text, key, present[0][1], wanted, name)
    check(before, rows(compose(after, name), name), key, wanted, name)
    return after


def block(key: str, wanted: Mapping[str, Any]) -> str:
    return f"{key}:\n" + "".join(lines(entry, value, "  ") for entry, value in wanted.items())


def lines(entry: str, value: Any, indent: str) -> str:
    if isinstance(value, list):
        return f"{indent}{entry}:\n" + "".join(f"{indent}  - {scalar(one)}\n" for one in value)
    return f"{indent}{entry}: {scalar(value)}\n"


def scalar(value: Any) -> str:
    """JSON scalars are YAML scalars; a plain word or address needs no quotes."""
    plain = isinstance(value, str) and value and all(c.isalnum() or c in "./" for c in value) and not value[0].isalpha()
    return str(value) if plain else json.dumps(value)


def replaced(text: str, key: str, node: Any, wanted: Mapping[str, Any], name: str) -> str:
    """The text with the entries of an existing block replaced or added."""
    if node.id == "scalar" and node.tag.endswith(":null"):
        head, tail = text[: node.start_mark.index], text[node.end_mark.index :]
        return head.rstrip(" ") + "\n" + "".join(lines(e, v, "  ") for e, v in wanted.items()).rstrip("\n") + (tail if tail.startswith("\n") else "\n" + tail)
    if node.id != "mapping" or node.flow_style:
        shown = "".join(lines(entry, value, "  ") for entry, value in wanted.items())
        raise Unknown(f"{name} keeps {key} elsewhere or on one line, and is left as it is. Put these lines there:\n{shown}")
    places = {k.value: (k, v) for k, v in node.value}
    indent = " " * node.value[0][0].start_mark.column
    spans = [
        (places[e][0].start_mark.index, end_of(text, places[e][1]), lines(e, v, indent))
        for e, v in wanted.items()
        if e in places and not equal(places[e][1], v)
    ]
    added = "".join(lines(entry, value, indent) for entry, value in wanted.items() if entry not in places)
    if added:
        start = line_start(text, node.value[0][0].start_mark.index)
        spans.append((start, start, added))
    for start, end, new in sorted(spans, reverse=True):
        text = text[:start] + (new.lstrip(" ") if not text[line_start(text, start) : start].strip() and start != line_start(text, start) else new) + text[end:]
    return text


def line_start(text: str, index: int) -> int:
    return text.rfind("\n", 0, index) + 1


def end_of(text: str, node: Any) -> int:
    """The end of the line on which a value ends; block sequences report the start of what follows, so step back over white space."""
    end = node.end_mark.index
    body = text[:end] if node.id == "scalar" or node.flow_style else text[: last_leaf(node).end_mark.index]
    newline = text.find("\n", len(body))
    return len(text) if newline < 0 else newline + 1


def last_leaf(node: Any) -> Any:
    while isinstance(node.value, list) and node.value and not node.flow_style:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    return node


def equal(node: Any, value: Any) -> bool:
    """Whether a node already says what is wanted."""
    if isinstance(value, list):
        return node.id == "sequence" and [child.value for child in node.value] == [str(one) for one in value]
    if isinstance(value, bool):
        return node.id == "scalar" and node.tag.endswith(":bool") and (node.value.lower() in ("true", "yes", "on")) is value
    return bool(node.id == "scalar" and node.value == str(value))


def check(before: list[tuple[Any, Any]], after: list[tuple[Any, Any]], key: str, wanted: Mapping[str, Any], name: str) -> None:
    """Nothing but the wanted lines differs, or the edit is not made."""
    others = [[(outline(k), outline(v)) for k, v in side if k.value != key] for side in (before, after)]
    old = {k.value: outline(v) for top, node in before if top.value == key and node.id == "mapping" for k, v in node.value}
    new = {k.value: v for top, node in after if top.value == key for k, v in node.value}
    kept = all(outline(new[entry]) == value for entry, value in old.items() if entry not in wanted and entry in new)
    complete = set(new) == {*old, *wanted} and all(equal(new[entry], value) for entry, value in wanted.items())
    if others[0] != others[1] or not kept or not complete:
        raise Unknown(f"{name} is laid out in a way that cannot be changed safely, and is left as it is. Put this there:\n{block(key, wanted)}")
