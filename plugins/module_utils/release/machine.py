# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The machine that a transaction runs on: its commands and its listening ports."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from ..host.sockets import listeners

PATIENCE = 120
"""Seconds that a validator or a reload may take."""


class Machine:
    """A `Host` of a transaction that is this machine."""

    def run(self, command: Sequence[str]) -> tuple[int, str]:
        try:
            done = subprocess.run(list(command), stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=PATIENCE, check=False)
        except FileNotFoundError:
            return 127, f"there is no command {command[0]} on this host"
        except subprocess.TimeoutExpired:
            return 124, f"{command[0]} did not end within {PATIENCE} s"
        except OSError as error:
            return 126, f"{command[0]} cannot be run on this host: {error}"
        return done.returncode, done.stdout + done.stderr

    def listening(self) -> list[int]:
        return [listener.port for listener in listeners(with_process=False)]
