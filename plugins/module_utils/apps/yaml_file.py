# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lines of an app's YAML are set at any depth, and every other byte of the file stays: comments, tags, anchors, quotes, order.

The file is parsed for where things stand, never written back from the parse. A round trip through ruamel.yaml keeps comments, yet writes all of
the file anew (indentation, line ends, the spaces before comments, long lines), and would be one package more on a host than PyYAML, which
tells the place of every value. What results is parsed again and compared.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from .files import Unknown
from .yaml_block import Elsewhere, Misplaced, compose, filled, line_start, rows, scalar, span

PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*\Z")
RESERVED = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}
MOST_STEPS = 1000


def edited(text: str, wanted: Mapping[str, Any], name: str, root: str = "") -> str:
    """The text of the file `name` with `wanted` in it; a mapping of a mapping is a block in a block, all else a value. Raises `Unknown`."""
    before = compose(text, name)
    if not blank(before):
        rows(before, name)  # a block at its top
    ending = "\r\n" if "\r\n" in text else "\n"
    after = text
    try:
        for _ in range(MOST_STEPS):
            node = compose(after, name)
            entries = [] if blank(node) else node.value
            following = step(after, node, entries, wanted, name, ending, 0)
            if following is None:
                break
            after = following
        kept = only_wanted_differs(before, compose(after, name), wanted, {})
    except Elsewhere:
        raise
    except (Misplaced, Unknown, RecursionError):
        kept = False
    if not kept:
        raise Unknown(f"{name} is laid out in a way that cannot be changed safely, and is left as it is. Put this there:\n{lines(wanted, '')}")
    return after


def blank(node: Any) -> bool:
    """Whether nothing stands there yet: no value, null, or {}."""
    return node is None or (node.id == "scalar" and node.tag.endswith(":null")) or (node.id == "mapping" and not node.value)


def step(text: str, node: Any, entries: list[tuple[Any, Any]], wanted: Mapping[str, Any], name: str, ending: str, depth: int) -> str | None:
    """The text after the first change that is missing in a block; None where it says everything."""
    if any(key.id != "scalar" for key, _ in entries):
        raise Misplaced
    names = [key.value for key, _ in entries]
    for key in wanted:
        if names.count(key) > 1:
            raise Elsewhere(f"{name} has {key}: twice. It is left as it is: keep one of them.")
    for key, value in entries:
        if key.value not in wanted:
            continue
        want = wanted[key.value]
        if not isinstance(want, Mapping):
            if not says(value, want):
                return replaced(text, key, value, want, ending)
        elif not want and value.id == "mapping":
            continue
        elif blank(value):
            if value.start_mark.index < key.end_mark.index:
                raise Misplaced  # an alias
            return filled(text, value, lines(want, " " * (key.start_mark.column + 2)) if want else " {}", ending)
        elif value.id != "mapping" or value.flow_style:
            raise Elsewhere(f"{name} keeps {key.value} elsewhere or on one line, and is left as it is. Put these lines there:\n{lines(want, '  ')}")
        elif value.start_mark.index < key.end_mark.index:
            raise Misplaced
        else:
            changed = step(text, value, value.value, want, name, ending, depth + 1)
            if changed is not None:
                return changed
    missing = {key: value for key, value in wanted.items() if key not in names}
    if not missing:
        return None
    if depth:
        first = entries[0][0].start_mark
        top = line_start(text, first.index)
        if text[top : first.index].strip():
            raise Misplaced
        return text[:top] + lines(missing, " " * first.column).replace("\n", ending) + text[top:]
    if node is not None and node.id == "mapping" and not node.value:  # {} as the whole file
        return text[: node.start_mark.index] + lines(missing, "").replace("\n", ending).removesuffix(ending) + text[node.end_mark.index :]
    joint = ("" if not text or text.endswith("\n") else ending) + (ending if text.strip("\ufeff \r\n\t") and blank(node) else "")
    return text + joint + lines(missing, "").replace("\n", ending)


def lines(wanted: Mapping[str, Any], indent: str) -> str:
    """A block as a person would write it."""
    written = ""
    for key, value in wanted.items():
        head = f"{indent}{named(str(key))}:"
        if isinstance(value, Mapping) and value:
            written += f"{head}\n{lines(value, indent + '  ')}"
        elif isinstance(value, list) and value:
            written += f"{head}\n" + "".join(f"{indent}  - {scalar(one)}\n" for one in value)
        else:
            written += f"{head} {scalar(value)}\n"
    return written


def named(key: str) -> str:
    return key if PLAIN.match(key) and key.lower() not in RESERVED else json.dumps(key, ensure_ascii=False)


def replaced(text: str, key: Any, node: Any, value: Any, ending: str) -> str:
    """The text with a value in another's place."""
    if node.id == "mapping" and node.value:
        raise Misplaced  # a person's lines stand where a value belongs
    if value == [] and node.id == "sequence" and not node.flow_style and node.start_mark.index >= key.end_mark.index:
        start, end, _ = span(text, key, node, [""], ending)
        return f"{text[:start]}{' ' * (key.start_mark.column + 2)}[]{ending}{text[end:]}"
    start, end, new = span(text, key, node, value, ending)
    return f"{text[:start]}{new}{text[end:]}"


def says(node: Any, value: Any) -> bool:
    """Whether a node says just this. A text that YAML takes for a number is none."""
    kind = node.tag.rpartition(":")[2]
    if isinstance(value, Mapping):
        same = node.id == "mapping" and len(node.value) == len(value) and all(key.id == "scalar" and key.value in value for key, _ in node.value)
        return same and all(says(one, value[key.value]) for key, one in node.value)
    if isinstance(value, list):
        return node.id == "sequence" and len(node.value) == len(value) and all(map(says, node.value, value))
    if node.id != "scalar":
        return False
    if value is None:
        return bool(kind == "null")
    if isinstance(value, bool):
        return kind == "bool" and (node.value.lower() in ("true", "yes", "on")) is value
    if isinstance(value, str):
        return bool(kind == "str" and node.value == value)
    return kind in ("int", "float") and bool(node.value == str(value))


def digest(node: Any, known: dict[int, str]) -> str:
    """What a tree says, tags included, in a few letters: a file in which aliases multiply costs no more than it is long."""
    if id(node) not in known:
        mark = hashlib.sha256(f"{node.id} {node.tag}\n".encode())
        if isinstance(node.value, list):
            for child in node.value:
                for one in child if isinstance(child, tuple) else (child,):
                    mark.update(digest(one, known).encode())
        else:
            mark.update(node.value.encode("utf-8", "surrogatepass"))
        known[id(node)] = mark.hexdigest()
    return known[id(node)]


def only_wanted_differs(before: Any, after: Any, wanted: Mapping[str, Any], known: dict[int, str]) -> bool:
    """Whether an edit says what is wanted, and else what was said before, in the same order. `known` holds what `digest` found."""
    if after is None or after.id != "mapping":
        return blank(after) and not wanted
    old = [] if blank(before) else before.value
    others = [[(digest(k, known), digest(v, known)) for k, v in side if k.id != "scalar" or k.value not in wanted] for side in (old, after.value)]
    places = {key.value: value for key, value in old if key.id == "scalar"}
    new = {key.value: value for key, value in after.value if key.id == "scalar"}
    if others[0] != others[1] or not set(wanted) <= set(new):
        return False
    return all(
        only_wanted_differs(places.get(key), new[key], value, known) if isinstance(value, Mapping) else says(new[key], value) for key, value in wanted.items()
    )
