# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names at DNS providers: stopped until a person has looked, or failing for longer than a passing trouble lasts."""

from __future__ import annotations

from pathlib import Path

from ..command.status import told
from ..ddns.settings import FOLDER, SettingsWrong, read_settings
from ..ddns.state import State
from .failures import FOLDER as FAILURES
from .failures import NAMES, kept, last
from .model import LATER, Look

AREA = "names"
STATE = Path("/var/lib/exposure-ddns")


def look(now: float, settings: Path = FOLDER / "settings.json", state: Path = STATE, failures: Path = FAILURES) -> Look:
    """Reads what the last run left, and asks nobody. Raises OSError."""
    found = Look(AREA)
    try:
        accounts = read_settings(settings).accounts
    except FileNotFoundError:
        return found  # no names are kept here
    except SettingsWrong as wrong:
        raise OSError(str(wrong)) from None
    memory = State(state, lambda: now)
    views = [told(entry, memory, now) for entry in accounts]
    for view in views:
        if view["stopped"]:
            name = view["account"]
            said = next((one["stopped"] for one in view["names"] if one["stopped"]), view["error"])
            advice = f"Put exposure_ddns right and run the playbook; or, where it was the provider's fault: exposure ddns --reset {name}"
            found.add("names_stopped", name, f"The names of {name} are not kept any more: {view['provider']} said '{said}'.", advice)
    failure = next((one for one in kept(failures) if one.unit == NAMES), None)
    if failure and now - failure.since >= LATER and not found.findings:
        errors = [f": {view['account']}: {view['error']}" for view in views if view["error"]]
        why = errors[0] if errors else last(failure)
        advice = "The home may not be found by its names when its address changes. 'exposure status' and 'journalctl -u exposure-ddns' tell more."
        found.add("names_failing", NAMES, f"The names could not be kept for {hours(now - failure.since)}{why.rstrip('.')}.", advice)
    return found


def hours(seconds: float) -> str:
    count = int(seconds // 3600)
    return "an hour" if count <= 1 else f"{count} hours" if count < 48 else f"{count // 24} days"
