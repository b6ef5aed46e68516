# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the catalogue sets in an app's own files: each format by a writer that keeps what it does not own."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..plan.filling import OPEN, fill
from . import ini_file, json_file, python_file, xml_file, yaml_file
from .files import Edit, read_below

FORMATS: Mapping[str, Callable[[str, Mapping[str, Any], str, str], str]] = {
    "xml": xml_file.edited,
    "yaml": yaml_file.edited,
    "json": json_file.edited,
    "ini": ini_file.edited,
    "python": python_file.edited,
}
"""(the text of a file, what to set, its name for a message, its root element) -> its new text."""
HIDDEN = "hidden"


@dataclass(frozen=True)
class Change:
    """A file to be written, and what a person may see of that: the lines that change, and no secret in them."""

    edit: Edit
    diff: dict[str, str]


def changes(stack: Mapping[str, Any], secrets: Mapping[str, str]) -> tuple[list[Change], list[Path]]:
    """What has to be written below the folder of a stopped app, and the files that it must make first.

    secrets: the generated ones of the stack by name; one that is not there yet is as if it was hidden. Raises `Unknown` for what is not understood.
    """
    folder = Path(stack["directory"])
    hide = dict.fromkeys(stack["secrets"], HIDDEN)
    texts: dict[Path, str | None] = {}
    before: dict[Path, str | None] = {}
    shown: dict[Path, tuple[str, str]] = {}
    waiting = []
    for row in stack.get("settings", ()):
        path = Path(row["file"])
        if path not in texts:
            before[path] = texts[path] = read_below(folder, path)
        text = texts[path]
        if text is None and row["missing"] == "wait":
            waiting += [path] if path not in waiting else []
            continue
        write = FORMATS[row["format"]]
        old, new = shown.get(path, (text or "", text or ""))
        masked = fill(row["set"], hide)
        hidden = only_open(row["set"], set(stack["secrets"]))
        if hidden:  # what stands there now may be a secret from before
            old = write(old, fill(hidden, hide), str(path), row["root"]) if text is not None else old
        shown[path] = old, write(new, masked, str(path), row["root"])
        texts[path] = write(text or "", fill(row["set"], {**hide, **secrets}), str(path), row["root"])
    made = [path for path, text in texts.items() if text is not None and text != before[path]]
    return [Change(Edit(path, texts[path] or "", 0o640), difference(path, *shown[path])) for path in made], waiting


def only_open(wanted: Any, names: set[str]) -> dict[str, Any]:
    """The part of what is set that holds secrets."""
    found = {}
    for key, value in wanted.items():
        if isinstance(value, Mapping) and (inner := only_open(value, names)):
            found[key] = inner
        elif not isinstance(value, Mapping) and holds(value, names):
            found[key] = value
    return found


def holds(value: Any, names: set[str]) -> bool:
    if isinstance(value, (list, Mapping)):
        return any(holds(one, names) for one in (value.values() if isinstance(value, Mapping) else value))
    return isinstance(value, str) and any(name in names for name in OPEN.findall(value))


def difference(path: Path, before: str, after: str) -> dict[str, str]:
    """The lines that change, without those around them: an app's file may hold passwords of its own."""
    rows = list(difflib.unified_diff(before.splitlines(), after.splitlines(), str(path), str(path), n=0, lineterm=""))
    return {"prepared": "".join(f"{row}\n" for row in rows) or f"--- {path}\n+++ {path}\n (a generated secret changes, hidden)\n"}
