# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The router's rules, as the last run left them: refused, or not to be had for longer than a passing trouble lasts."""

from __future__ import annotations

from pathlib import Path

from ..router.keep import PERSON
from ..router.memory import read
from .failures import FOLDER as FAILURES
from .failures import ROUTER, kept, last
from .model import LATER, Look
from .names import hours

AREA = "router"
STATE = Path("/var/lib/exposure-router")
SETTINGS = Path("/etc/exposure/router/current/settings.json")


def look(now: float, settings: Path = SETTINGS, state: Path = STATE, failures: Path = FAILURES) -> Look:
    """Raises OSError."""
    found = Look(AREA)
    try:
        settings.stat()
    except (FileNotFoundError, NotADirectoryError):
        return found  # nothing is kept in the router
    left = read(state)
    failure = next((one for one in kept(failures) if one.unit == ROUTER), None)
    reasons = [str(one.get("message", "")) for one in (*left.get("mappings", []), *left.get("lan", [])) if one.get("message")]
    reasons = [str(left["trouble"]), *reasons] if left.get("trouble") else reasons
    why = f": {reasons[0]}" if reasons else last(failure) if failure else ""
    if left.get("code") == PERSON:
        what = f"The router does not send visitors here as it should{why.rstrip('.')}."
        found.add("router_refuses", "router", what, "'exposure status' tells what is to be changed there.")
    elif failure and now - failure.since >= LATER:
        what = f"The router's rules could not be kept for {hours(now - failure.since)}{why.rstrip('.')}."
        found.add("router_failing", "router", what, "See whether UPnP or NAT-PMP is still on in the router, or type in what 'exposure status' shows.")
    return found
