# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a person is told, in one message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .model import ERROR, Finding, in_order
from .state import Changes

MOST = 10
"""Findings of one sort that are told one by one."""
LONGEST = 6000
"""Letters of a message; receivers with less room cut it."""
GOOD, BAD, WORST = "success", "warning", "failure"
"""Kinds of notices, as apprise calls them."""
LOST = "What was told before is not known any more, so this is everything that is to be seen now."


@dataclass(frozen=True)
class Notice:
    title: str
    text: str
    kind: str = BAD

    def plain(self) -> dict[str, str]:
        return {"title": self.title, "text": self.text, "kind": self.kind}


def notice(host: str, changes: Changes, left: int, lost: bool = False) -> Notice:
    """`left`: how many findings there are now, told or not."""
    parts = [LOST] if lost else []
    parts += part("New", changes.new) + part("Worse", changes.worse) + part("Still there", changes.still)
    if changes.gone:
        lines = [f"- {known.what}" for known in changes.gone[:MOST]]
        parts.append("\n".join(["Well again, what was told before:", *lines, *more(len(changes.gone))]))
    trouble = [*changes.new, *changes.worse, *changes.still]
    rest = left - len(trouble)
    if rest > 0:
        parts.append(f"{rest} more {'was' if rest == 1 else 'were'} told before; 'exposure watch --check' on the server shows all.")
    elif not left:
        parts.append("Nothing else is wrong.")
    kind = GOOD if not trouble else WORST if any(one.severity == ERROR for one in trouble) else BAD
    return Notice(title(host, changes, left), "\n\n".join(parts)[:LONGEST], kind)


def title(host: str, changes: Changes, left: int) -> str:
    trouble = [*changes.new, *changes.worse, *changes.still]
    name = host or "Home server"
    if not trouble:
        return f"{name}: all well again" if not left else f"{name}: {things(len(changes.gone))} well again, {left} left"
    about = in_order(trouble)[0]
    urgent = any(one.severity == ERROR for one in trouble)
    return f"{name}: {about.about} {'needs' if urgent else 'may need'} you" if len(trouble) == 1 else f"{name}: {things(len(trouble))} need you"


def things(count: int) -> str:
    return "one thing" if count == 1 else f"{count} things"


def part(head: str, findings: Sequence[Finding]) -> list[str]:
    if not findings:
        return []
    shown = in_order(findings)[:MOST]
    return ["\n".join([f"{head}:", *(f"- {'' if one.severity == ERROR else '(not urgent) '}{one}" for one in shown), *more(len(findings))])]


def more(count: int) -> list[str]:
    return [f"- and {count - MOST} more"] if count > MOST else []


def trial(host: str) -> Notice:
    name = host or "home server"
    return Notice(f"{name}: a test", f"This is a test of the watch of {name}. When something needs you, it is told here.", GOOD)


def joined(notices: Sequence[dict[str, str]]) -> Notice:
    """What waited for a receiver and what is new, as one: the last one's title, the gravest kind."""
    weights = [GOOD, BAD, WORST]
    kind = max((one["kind"] for one in notices), key=lambda kind: weights.index(kind) if kind in weights else 1)
    if len(notices) == 1:
        return Notice(notices[0]["title"], notices[0]["text"], kind)
    text = "\n\n".join(f"{one['title']}\n{one['text']}" for one in notices[:-1])
    return Notice(notices[-1]["title"], f"{notices[-1]['text']}\n\nThis could not be sent before:\n\n{text}"[:LONGEST], kind)
