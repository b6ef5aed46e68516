# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What was carried over goes through the Plan before it is written: what the Plan refuses is written as a comment, with the Plan's own reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..plan.collection import Inventory
from ..plan.make import make
from ..plan.mistakes import InventoryRefused, Mistake
from .left import shown
from .moved import Entry, Moved
from .write import with_paths


def declared(moved: Moved, host: str, folder: str) -> dict[str, Any]:
    """The variables as a run would have them, where the inventory is in `folder`."""
    made = moved.declaration()
    if "exposure_certificates" in made:
        made["exposure_certificates"] = [with_paths(lines, f"{folder}/host_vars/{host}") for lines in made["exposure_certificates"]]
    return made


def settle(moved: Moved, host: str, folder: str, found: Mapping[str, Any]) -> None:
    """Close what the Plan refuses until it refuses no more; what it says of the host itself is left. `found`: what is known of the host (`addresses`,
    `release`); without what listens there, for NPM has the ports still."""
    known = {name: value for name, value in found.items() if name != "listening"}
    for _ in range(len(moved.sites) + len(moved.certificates) + 1):
        try:
            make({host: Inventory(declared(moved, host, folder), ("proxy",), known)}, {})
            return
        except InventoryRefused as refused:
            mistakes = refused.mistakes
        closed = [close(moved, mistake) for mistake in mistakes]
        if not any(closed):
            break
    for mistake in mistakes:
        moved.lose(f"a mistake in {shown(mistake.field)}", shown(mistake.site or host), shown(mistake.problem, 300), f"Write {shown(mistake.write, 300)}.")


def close(moved: Moved, mistake: Mistake) -> bool:
    """Close what a mistake is about; whether there is such a thing that counts."""
    kind, _, name = mistake.site.partition(" ")
    given = {"site": moved.sites, "certificate": moved.certificates}.get(kind, [])
    entry = next((one for one in given if one.name == name and not one.closed), None)
    if entry is None:
        return False
    value = shown(mistake.value, 100)
    why = f"{shown(mistake.field)}: {value}: {shown(mistake.problem, 300)}."
    moved.close(entry, why, f"Write {shown(mistake.write, 300)}.", f"{kind} {name}")
    if kind == "certificate":
        drop(moved.sites, name)
    return True


def drop(sites: list[Entry], certificate: str) -> None:
    """Sites of a certificate that does not count get their own."""
    for site in sites:
        if not site.closed and site.lines.get("certificate") == certificate:
            del site.lines["certificate"]
