# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""AdGuard Home, as its own installer puts it on a machine: its file AdGuardHome.yaml.

Rewrites stand in `filtering.rewrites`, before schema 26 in `dns.rewrites` (its internal/configmigrate/v26.go), as {domain, answer}; newer ones have
`enabled` too (testdata of v34 there), which older ones pass over. They have no place for a remark, so what we added is noted in a file beside.
It writes the file itself while it runs: it is stopped for the moment of the change, as its documentation asks.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..apps.files import Unknown
from ..apps.yaml_block import Misplaced, compose, line_start, outline, rows
from .place import File, Place, Run, text_of
from .records import Record, Refused

Pair = tuple[str, str]
MOVED = 26
"""The schema with which rewrites came from `dns` into `filtering`."""


class AdGuardHome(Place):
    name, title, process, unit = "adguard_home", "AdGuard Home", "AdGuardHome", "AdGuardHome.service"

    def __init__(self, top: Path = Path("/"), file: str = "/opt/AdGuardHome/AdGuardHome.yaml") -> None:
        super().__init__(top)
        self.file = top / file.lstrip("/")
        self.mark = top / "run/exposure-adguard-held"
        self.note = top / "var/lib/exposure/lan_names/adguard_home.json"

    def present(self) -> bool:
        return self.file.exists()

    def files(self, wanted: Sequence[Record]) -> list[File]:
        noted = noted_in(self.note)
        before = text_of(self.file)
        if before is None:
            return [File(self.note, None)] if noted else []
        if not wanted and not noted:
            return []
        after, ours = edited(before, pairs_of(wanted), noted, str(self.file))
        return [File(self.file, after, 0o600), note_file(self.note, ours)]

    def complaint(self, run: Run) -> str:
        code, output = run([str(self.file.with_name("AdGuardHome")), "--check-config", "--config", str(self.file)])
        return output.strip() or f"its check ended with {code}" if code else ""

    def hold(self, run: Run) -> str:
        self.mark.parent.mkdir(parents=True, exist_ok=True)
        self.mark.touch()
        code, output = run(["systemctl", "stop", self.unit])
        return output.strip() or f"systemctl ended with {code}" if code else ""

    def load(self, run: Run) -> str:
        code, output = run(["systemctl", "restart", self.unit])
        if code:
            return output.strip() or f"systemctl ended with {code}"
        self.mark.unlink(missing_ok=True)
        return ""

    def held(self) -> bool:
        return self.mark.exists()

    def advice(self) -> str:
        return "Look under Filters, DNS rewrites, for another address of the name, and whether rewrites are switched on."


def pairs_of(wanted: Sequence[Record]) -> list[Pair]:
    return [(record.name, one) for record in wanted for one in record.addresses]


def noted_in(path: Path) -> list[Pair]:
    """What earlier runs added."""
    try:
        return [(str(domain), str(answer)) for domain, answer in json.loads(text_of(path) or "[]")]
    except (ValueError, TypeError) as error:
        raise Refused(f"{path}, which says which rewrites are ours, cannot be read ({error}). Remove it; then remove what is ours by hand.") from error


def note_file(path: Path, ours: Sequence[Pair]) -> File:
    return File(path, json.dumps(sorted(ours), indent=1) + "\n" if ours else None, 0o600)


def entries(text: str, name: str) -> tuple[Any, Any, Any]:
    """(the section's mapping, the key `rewrites`, its value), nodes with their places; None for what is not there."""
    top = {key.value: node for key, node in rows(compose(text, name), name)}
    schema = top["schema_version"].value if "schema_version" in top else ""
    section = top.get("filtering" if not schema.isdigit() or int(schema) >= MOVED else "dns")
    if section is None or section.id != "mapping" or section.flow_style or not section.value:
        raise Misplaced
    return section, *next(((key, node) for key, node in section.value if key.value == "rewrites"), (None, None))


def listed(node: Any) -> list[Pair]:
    """The rewrites as they stand there, each as (domain, answer)."""
    if node is None or (node.id == "scalar" and node.tag.endswith(":null")):
        return []
    if node.id != "sequence" or any(entry.id != "mapping" for entry in node.value):
        raise Misplaced
    found = [{key.value: value.value for key, value in entry.value} for entry in node.value]
    return [(str(entry.get("domain")), str(entry.get("answer"))) for entry in found]


def edited(text: str, wanted: Sequence[Pair], noted: Sequence[Pair], name: str) -> tuple[str, list[Pair]]:
    """The text with the wanted rewrites, without those noted ones that are wanted no longer, and which of them are ours."""
    try:
        section, key, node = entries(text, name)
        held = listed(node)
        gone = [pair in noted and pair not in wanted for pair in held]
        added = [pair for pair in wanted if pair not in held]
        ours = [pair for pair in wanted if pair in added or pair in noted]
        if not added and not any(gone):
            return text, ours
        after = changed(text, section, key, node, gone, added)
        _, _, result = entries(after, name)
        expected = [pair for pair, out in zip(held, gone, strict=True) if not out] + added
        if listed(result) != expected or without_rewrites(after, name) != without_rewrites(text, name):
            raise Misplaced
    except (Misplaced, Unknown, RecursionError) as error:
        lines = "\n".join(f"  {domain} -> {answer}" for domain, answer in wanted)
        raise Refused(f"{name} is laid out in a way that cannot be changed safely, and is left as it is. Add these under DNS rewrites:\n{lines}") from error
    return after, ours


def changed(text: str, section: Any, key: Any, node: Any, gone: Sequence[bool], added: Sequence[Pair]) -> str:
    if node is not None and node.id == "sequence" and not node.flow_style:
        starts = [line_start(text, entry.start_mark.index) for entry in node.value]
        end = line_start(text, node.end_mark.index) if node.end_mark.index < len(text) else len(text)
        body = text[starts[0] : end]
        kept = [text[a:b] for a, b, out in zip(starts, [*starts[1:], end], gone, strict=True) if not out]
        indent = " " * (len(body) - len(body.lstrip(" ")))
        if kept and not kept[-1].endswith("\n"):
            kept[-1] += "\n"
        lines = "".join(kept) + items(added, indent)
        if lines:
            return text[: starts[0]] + lines + text[end:]
        head = text[: starts[0]].rstrip()
        return f"{head} []\n" + text[end:]
    margin = " " * section.value[0][0].start_mark.column
    if key is None:
        place = line_start(text, section.value[0][0].start_mark.index)
        return text[:place] + f"{margin}rewrites:\n{items(added, margin + '  ')}" + text[place:]
    if node.value not in ([], "", "null", "~"):
        raise Misplaced
    place = line_start(text, key.start_mark.index)
    end = text.find("\n", node.end_mark.index)
    return text[:place] + f"{margin}rewrites:\n{items(added, margin + '  ')}" + ("" if end < 0 else text[end + 1 :])


def items(added: Sequence[Pair], indent: str) -> str:
    """New entries; an IPv6 address needs quotes."""
    return "".join(f"{indent}- domain: {domain}\n{indent}  answer: {json.dumps(answer)}\n{indent}  enabled: true\n" for domain, answer in added)


def without_rewrites(text: str, name: str) -> list[Any]:
    """All else that the file says."""
    return [
        [outline(key), [[outline(k), outline(v)] for k, v in node.value if k.value != "rewrites"] if node.id == "mapping" else outline(node)]
        for key, node in rows(compose(text, name), name)
    ]
