# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`exposure ddns`: keep the names at the home's addresses. What the timer runs, and a person who looks or releases."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

STATE = Path("/var/lib/exposure-ddns")


def add_to(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--check", action="store_true", help="tell what would be sent, and send nothing")
    parser.add_argument("--force", action="store_true", help="send also what has not changed, where the provider admits it")
    parser.add_argument("--reset", metavar="ACCOUNT", default="", help="go on with an account that was stopped")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    places(parser)
    parser.set_defaults(run=run)


def places(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--settings", metavar="FILE", type=Path, default=None)
    parser.add_argument("--secrets", metavar="FILE", type=Path, default=None)
    parser.add_argument("--state", metavar="DIR", type=Path, default=None)


def state_folder(given: Path | None) -> Path:
    """Where the state is. systemd gives its services a list of folders; the first is ours."""
    return given or Path(os.environ.get("STATE_DIRECTORY", "").partition(":")[0] or STATE)


def run(given: argparse.Namespace) -> int:
    """The report's exit code: 0 fine, 3 settings wrong, 10 no address, 11 a person is needed, 12 tried again later, 13 written but not confirmed."""
    from ..ddns.report import SETTINGS_WRONG, TROUBLE
    from ..ddns.settings import FOLDER, SettingsWrong, read_secrets, read_settings

    try:
        settings = read_settings(given.settings or FOLDER / "settings.json")
        secrets = read_secrets(given.secrets)
    except (SettingsWrong, OSError) as wrong:
        return say(str(wrong), SETTINGS_WRONG)
    from ..address.detect import detect
    from ..ddns.confirm import Authorities
    from ..ddns.engine import release
    from ..ddns.engine import run as bring
    from ..ddns.model import Account
    from ..ddns.state import State
    from ..ddns.transport import Transport

    def transport_of(account: Account) -> Transport:
        from ..ddns.http import Https

        return Https(settings.contact, interface=settings.address.interface)

    released = [account for account in settings.accounts if account.name == given.reset]
    if given.reset and not released:
        return say(f"There is no account {given.reset}. There are {', '.join(account.name for account in settings.accounts)}.", SETTINGS_WRONG)
    try:
        state = State(state_folder(given.state))
        if given.check:
            report = bring(settings, secrets, detect, Authorities(settings.nameservers), transport_of, state, time.time, check=True, force=given.force)
        else:
            with state.alone():
                for account in released:
                    release(state, account)
                report = bring(settings, secrets, detect, Authorities(settings.nameservers), transport_of, state, time.time, force=given.force)
    except OSError as error:
        return say(f"The state in {state_folder(given.state)} cannot be read or kept ({error}), so nothing is sent.", TROUBLE)
    if given.json:
        import json

        print(json.dumps({"changed": report.changed, "exit_code": report.exit_code, "entries": report.plain()}, indent=1))
    else:
        for entry in report.entries:
            if entry.code:
                say(str(entry), 0, "3" if entry.news or given.check else "6")
            elif entry.action != "none" or entry.news:
                print(f"{entry}{'' if entry.message or entry.action == 'updated' else ': as it should be'}", flush=True)
    return report.exit_code


def say(text: str, code: int, level: str = "3") -> int:
    """To the journal as an error, or as a mere notice of what it was told before; to a person as it is."""
    print(text if sys.stderr.isatty() else f"<{level}>{text}", file=sys.stderr)
    return code
