# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Services and timers that are to run, as systemd tells (systemctl(1), show)."""

from __future__ import annotations

from .model import Look, Run, Settings

AREA = "units"
PROPERTIES = "Id,LoadState,ActiveState,SubState,UnitFileState,NextElapseUSecRealtime,NextElapseUSecMonotonic"
ALIVE = ("active", "activating", "reloading", "refreshing")
ENDED = "auto-restart"
"""Between two starts of a service that ends again and again, it is "activating" for systemd; a sound one is not there for two looks."""
NEVER = ("", "n/a", "infinity", "0")


def look(settings: Settings, run: Run) -> Look:
    """Raises OSError where systemd does not answer."""
    found = Look(AREA)
    if not settings.units:
        return found
    code, shown = run(["systemctl", "show", "--no-pager", f"--property={PROPERTIES}", "--", *settings.units])
    if code:
        raise OSError(f"systemctl ended with {code}")
    blocks = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in shown.strip().split("\n\n")]
    states = dict(zip(settings.units, blocks, strict=False))
    for unit in settings.units:
        judge(unit, states.get(unit, {}), found)
    return found


def judge(unit: str, state: dict[str, str], found: Look) -> None:
    if not state:
        found.unseen.add(unit)
    elif state.get("LoadState") != "loaded":
        found.add("unit_missing", unit, f"{unit} is not there any more.", "Run the playbook again, which writes it.")
    elif unit.endswith(".timer"):
        judge_timer(unit, state, found)
    elif state.get("SubState", "").startswith(ENDED):
        what = f"{unit} ends as soon as it is started, or is just started again ({state['SubState']})."
        found.add("service_down", unit, what, f"See what it says: 'journalctl -u {unit}'; then 'systemctl restart {unit}'.")
    elif state.get("ActiveState") not in ALIVE:
        what = f"{unit} does not run ({state.get('ActiveState', 'nobody knows')})."
        found.add("service_down", unit, what, f"See 'systemctl status {unit}' and 'journalctl -u {unit}'; then 'systemctl restart {unit}'.")


def judge_timer(unit: str, state: dict[str, str], found: Look) -> None:
    coming = any(state.get(name, "") not in NEVER for name in ("NextElapseUSecRealtime", "NextElapseUSecMonotonic"))
    # While its service runs, a timer has no next time.
    if state.get("ActiveState") != "active" or not (coming or state.get("SubState") == "running"):
        what = f"{unit} is stopped: what it starts is not done any more." if not coming else f"{unit} is {state.get('ActiveState')}."
        found.add("timer_stopped", unit, what, f"Start it: systemctl enable --now {unit}")
    elif state.get("UnitFileState") not in ("enabled", "enabled-runtime", "static", "generated", "linked"):
        found.add("timer_not_enabled", unit, f"{unit} will not run after the next start of this server.", f"Enable it: systemctl enable {unit}")
