# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A service that does its work once and ends: started now, and what it said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

Run = Callable[[Sequence[str]], tuple[int, str]]
"""Runs a command: exit code, and its output."""

MOST_LINES = 20


@dataclass(frozen=True)
class Ended:
    """How a unit's run ended: the exit code of its program, and the lines that it wrote."""

    unit: str
    code: int
    said: tuple[str, ...]


def start(unit: str, run: Run) -> Ended:
    """Start a unit of type oneshot and wait for its end (systemctl(1)); the journal tells what this very run said."""
    run(["systemctl", "start", unit])
    _, shown = run(["systemctl", "show", "--property", "ExecMainStatus,InvocationID,Result", unit])
    found = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
    status = found.get("ExecMainStatus", "")
    code = int(status) if status.isdigit() else 1
    if found.get("Result", "success") != "success" and not code:
        code = 1
    said: list[str] = []
    if invocation := found.get("InvocationID", ""):
        _, journal = run(["journalctl", "--no-pager", "-o", "cat", f"_SYSTEMD_INVOCATION_ID={invocation}"])
        said = [line for line in journal.splitlines() if line.strip()]
    return Ended(unit, code, tuple(said[-MOST_LINES:]))
