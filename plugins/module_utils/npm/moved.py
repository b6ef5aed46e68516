# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a translation gathers: entries of the inventory, those that are written as comments, and what is left for a person."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from .left import CLOSED, DIFFERS, LOST, Left


@dataclass
class Entry:
    """An entry of `exposure_sites` or `exposure_certificates`. `where`: of what in NPM it comes. `closed`: why it is written as a comment, and what to do,
    a sentence each; none for one that counts."""

    lines: dict[str, Any]
    where: str
    closed: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return str(self.lines["name"])


@dataclass
class Moved:
    """The whole of it. `variables`: `exposure_*` besides the two lists. `needed`: what the module is to be asked for as secrets: `credentials-<id>` of a
    certificate, `files-<id>` of one of the owner's own."""

    variables: dict[str, Any] = field(default_factory=dict)
    sites: list[Entry] = field(default_factory=list)
    certificates: list[Entry] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    needed: list[str] = field(default_factory=list)

    def close(self, entry: Entry, why: str, do: str, what: str = "", lines: list[str] | None = None) -> None:
        """Write an entry as a comment, and say so."""
        entry.closed.append(f"{why} {do}")
        self.left.append(Left(CLOSED, what or f"site {entry.name}", entry.where, why, do, lines or []))

    def lose(self, what: str, where: str, why: str, do: str, lines: list[str] | None = None) -> None:
        self.left.append(Left(LOST, what, where, why, do, lines or []))

    def differ(self, what: str, where: str, why: str, do: str, lines: list[str] | None = None) -> None:
        self.left.append(Left(DIFFERS, what, where, why, do, lines or []))

    def declaration(self) -> dict[str, Any]:
        """The variables of the inventory that count."""
        certificates = [entry.lines for entry in self.certificates if not entry.closed]
        return {
            **self.variables,
            **({"exposure_certificates": certificates} if certificates else {}),
            "exposure_sites": [entry.lines for entry in self.sites if not entry.closed],
        }


def as_plain(moved: Moved) -> dict[str, Any]:
    """For a module's answer."""
    return {**asdict(moved)}


def from_plain(given: dict[str, Any]) -> Moved:
    """Back from a module's answer."""
    return Moved(
        given["variables"],
        [Entry(**entry) for entry in given["sites"]],
        [Entry(**entry) for entry in given["certificates"]],
        [Left(**left) for left in given["left"]],
        given["needed"],
    )
