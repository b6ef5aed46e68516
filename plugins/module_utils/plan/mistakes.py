# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is wrong with an inventory: collected first, reported once."""

from __future__ import annotations

from dataclasses import dataclass, field

LONGEST_VALUE = 80
LONGEST_REASON = 600


class Refused(ValueError):
    """A value that cannot be taken. `problem` says why, `write` what to write instead."""

    def __init__(self, problem: str, write: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.write = write


@dataclass(frozen=True)
class Mistake:
    """One mistake: where it stands (`host`, `site`, `field`), the `value` found, why it is wrong, what to write instead."""

    host: str
    site: str
    field: str
    value: object
    problem: str
    write: str

    def __str__(self) -> str:
        place = ", ".join(printable(part) for part in (f"host {self.host}", self.site, self.field) if part)
        return f"{place} = {printable(self.value)}: {printable(self.problem, LONGEST_REASON)}\n     write: {printable(self.write, LONGEST_REASON)}"


def printable(value: object, longest: int = LONGEST_VALUE) -> str:
    """A value of the inventory for a terminal or log: one line, no control characters, not too long."""
    text = value if isinstance(value, str) else repr(value)
    safe = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text[: longest + 1])
    return safe if len(safe) <= longest else safe[: longest - 3] + "..."


@dataclass
class Mistakes:
    """The collector that every stage of the Plan adds to."""

    found: list[Mistake] = field(default_factory=list)

    def add(self, host: str, site: str, place: str, value: object, problem: str, write: str) -> None:
        mistake = Mistake(host, site, place, value, problem, write)
        if mistake not in self.found:
            self.found.append(mistake)

    def about(self, host: str, site: str, *places: str) -> bool:
        """Whether one of these lines, or a part of it, is reported already, so that what follows from it is not reported too."""
        return any(mistake.host == host and mistake.site == site and {mistake.field, mistake.field.partition("[")[0]} & {*places} for mistake in self.found)

    def report(self) -> str:
        """All mistakes as one text for a person, in the order of hosts and sites."""
        ordered = sorted(self.found, key=lambda mistake: (mistake.host, mistake.site, mistake.field))
        count = f"{len(ordered)} mistake{'s' if len(ordered) != 1 else ''}"
        return f"The inventory has {count}. Nothing was changed.\n" + "\n".join(f"{n:3}. {mistake}" for n, mistake in enumerate(ordered, 1))


class InventoryRefused(Exception):
    """Raised when a Plan cannot be made; carries every mistake of the inventory."""

    def __init__(self, mistakes: Mistakes) -> None:
        super().__init__(mistakes.report())
        self.mistakes = tuple(mistakes.found)
