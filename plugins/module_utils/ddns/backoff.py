# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How long to wait after a call that failed."""

from __future__ import annotations

from .model import Kind

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0

LONGEST = DAY
"""Seconds. No wait is longer, whatever a provider asks: what is further ahead was written by a wrong clock."""

STEPS = {
    Kind.NETWORK: (MINUTE, 15 * MINUTE),
    Kind.SERVER: (5 * MINUTE, 2 * HOUR),
    Kind.RATE_LIMITED: (15 * MINUTE, DAY),
    Kind.UNKNOWN: (10 * MINUTE, DAY),
}
"""Seconds after the first failure, doubled with each further one, up to the second figure."""

JITTER = 0.2
"""A wait is up to this part longer, so that homes which failed together do not come back together. Never shorter: providers name the least."""


def wait(kind: Kind, failures: int, retry_after: float | None, least: float, chance: float) -> float:
    """Seconds until the next call. `failures`: how many in a row, this one included. `retry_after`: what the provider asked for in its answer;
    `least`: what its documents ask for. `chance` is between 0 and 1."""
    first, most = STEPS.get(kind, STEPS[Kind.UNKNOWN])
    own = min(first * 2.0 ** min(max(failures, 1) - 1, 30), most)
    asked = min(max(retry_after, 0.0), LONGEST) if retry_after is not None and retry_after == retry_after else 0.0
    return min(max(own, asked, least) * (1 + JITTER * chance), LONGEST)
