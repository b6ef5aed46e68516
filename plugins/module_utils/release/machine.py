# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The machine that a transaction runs on: its commands and its listening ports."""

from __future__ import annotations

from collections.abc import Sequence

from ..host.execute import execute
from ..host.sockets import listeners

PATIENCE = 120
"""Seconds that a validator or a reload may take."""


class Machine:
    """A `Host` of a transaction that is this machine."""

    def run(self, command: Sequence[str]) -> tuple[int, str]:
        ended = execute(command, PATIENCE)
        return ended.code, ended.said

    def listening(self) -> list[int]:
        return [listener.port for listener in listeners(with_process=False)]
