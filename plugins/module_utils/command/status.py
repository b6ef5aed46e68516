# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`exposure status`: how the names are, for a person who looks. It reads what the last runs left, and asks nobody."""

from __future__ import annotations

import argparse
import datetime
import json
import sys
import time
from pathlib import Path
from typing import Any

from ..ddns.engine import account_key, names_of, record_key
from ..ddns.model import RECORD
from ..ddns.settings import FOLDER, AccountSettings, SettingsWrong, read_settings
from ..ddns.state import NAME, State
from ..router.memory import FILE, read
from .ddns import places, state_folder
from .router import STATE


def add_to(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--router-state", metavar="DIR", type=Path, default=Path(STATE), help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true", help="print it for a program")
    places(parser)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """0, or 3 where there is nothing that could be told."""
    folder = state_folder(given.state)
    accounts: list[dict[str, Any]] = []
    looked = 0.0
    try:
        # Not `exists`, to which a folder that only root may enter is none.
        rules = read(given.router_state) if found(given.router_state / FILE) else {}
        names = given.settings is not None or found(FOLDER / "settings.json")
        if names:
            settings = read_settings(given.settings or FOLDER / "settings.json")
            state = State(folder)
            looked = (folder / NAME).stat().st_mtime if found(folder / NAME) else 0.0
            accounts = [told(entry, state, time.time()) for entry in settings.accounts]
    except (SettingsWrong, OSError) as wrong:
        print(f"{wrong}" if isinstance(wrong, SettingsWrong) else f"This cannot be read: {wrong}. Run it as root.", file=sys.stderr)
        return 3
    if not names and not rules:
        print("Neither names nor the router are kept here: exposure_ddns or exposure_router in the inventory and the playbook make it so.", file=sys.stderr)
        return 3
    if given.json:
        print(json.dumps({"looked": looked, "accounts": accounts, "router": rules}, indent=1))
    else:
        head = [f"Last look at the addresses: {moment(looked)}"] if names else ["No names are kept here."]
        print("\n".join([*head, *(line for account in accounts for line in lines(account)), *router_lines(rules)]))
    return 0


def found(path: Path) -> bool:
    """Whether a file is there. Raises PermissionError where that is not for everybody to know."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def told(entry: AccountSettings, state: State, now: float) -> dict[str, Any]:
    """An account as data. Times are seconds since 1970, 0 for never."""
    at = state.accounts.get(account_key(entry))
    names = []
    for host, family in names_of(entry):
        record = state.records.get(record_key(entry, host, family))
        latch = (at.latches.get(host) or at.latches.get("")) if at else None
        names.append(
            {
                "host": host,
                "family": family,
                "address": record.address if record else "",
                "published": record.at if record else 0.0,
                "changed": record.changed if record else 0.0,
                "before": record.before if record else "",
                "confirmed": bool(record and record.verified),
                "differs": bool(record and record.differs),
                "elsewhere": record.elsewhere if record else "",
                "stopped": f"{latch.said or latch.kind}" if latch else "",
                "stopped_since": latch.since if latch else 0.0,
            }
        )
    return {
        "account": entry.name,
        "provider": entry.provider,
        "names": names,
        "error": at.error if at else "",
        "error_at": at.error_at if at else 0.0,
        "next_try": at.next_try if at and at.next_try > now else 0.0,
        "stopped": bool(at and at.latches),
    }


def lines(account: dict[str, Any]) -> list[str]:
    shown = ["", f"{account['account']} ({account['provider']})"]
    for name in account["names"]:
        place = name["address"] or ("none" if name["published"] else "not published yet")
        shown.append(f"  {name['host']}  {RECORD[name['family']]:4}  {place}{state_of(name)}")
        if name["stopped"]:
            shown.append(f"    stopped since {moment(name['stopped_since'])}: {name['stopped']}")
    if account["error"]:
        shown.append(f"  last error, {moment(account['error_at'])}: {account['error']}")
    if account["next_try"]:
        shown.append(f"  next try: {moment(account['next_try'])}")
    if account["stopped"]:
        shown.append(f"  When it is put right, go on with: exposure ddns --reset {account['account']}")
    return shown


def router_lines(rules: dict[str, Any]) -> list[str]:
    """The rules of the router as the last run left them (router/keep.py, Report.state); nothing where none is kept."""
    if not rules:
        return []
    by = f" by {rules['protocol'].upper()}" if rules["protocol"] else ""
    at = f", whose address outside is {rules['external_address']}" if rules["external_address"] else ""
    shown = ["", f"Router {rules['router']}{by}{at}"]
    for rule in rules["mappings"]:
        ends = f", until {moment(rule['ends'])}" if rule["ends"] else ""
        shown.append(f"  {rule['external_port']}/{rule['protocol']} to {rule['address']}:{rule['port']}  {rule['outcome']}{ends}")
        shown += [f"    {rule['message']}"] if rule["message"] else []
    shown += [f"  {rules['trouble']}"] if rules["trouble"] else []
    return shown + [f"  {lease['message']}" for lease in rules["lan"] if lease["message"]]


def state_of(name: dict[str, Any]) -> str:
    if not name["published"]:
        return ""
    before = f", before {name['before']}" if name["before"] else ""
    since = f"  since {moment(name['changed'])}{before}" if name["changed"] else ""
    if name["differs"]:
        return f"{since}  (its name servers show {name['elsewhere'] or 'something else'})"
    return since + ("" if name["confirmed"] else "  (not seen at its name servers yet)")


def moment(seconds: float) -> str:
    return f"{datetime.datetime.fromtimestamp(seconds).astimezone():%Y-%m-%d %H:%M:%S %Z}" if seconds else "never"
