# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A command of this machine, run to its end or to the end of patience. No shell reads it, and it reads nothing."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Ended(NamedTuple):
    """How a command ended. `code` is 127 where there is no such command, 126 where it cannot be run, 124 where it took too long; `errors` then says so."""

    code: int
    output: str
    errors: str

    @property
    def said(self) -> str:
        return self.output + self.errors


def execute(command: Sequence[str], patience: float, environment: Mapping[str, str] | None = None) -> Ended:
    """`patience` in seconds; `environment` is all of it, None for that of this process."""
    try:
        done = subprocess.run(
            list(command), stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=patience, env=environment, check=False
        )
    except FileNotFoundError:
        return Ended(127, "", f"there is no command {command[0]} on this host")
    except subprocess.TimeoutExpired:
        return Ended(124, "", f"'{' '.join(command[:2])}' did not end within {patience:g} s")
    except OSError as error:
        return Ended(126, "", f"{command[0]} cannot be run on this host: {error}")
    return Ended(done.returncode, done.stdout, done.stderr)
