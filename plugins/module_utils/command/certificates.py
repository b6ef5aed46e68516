# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`exposure certificates renew|deploy|status`: what the timer runs, what installs what certbot renewed, and how all of them are."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from ..certificates.deploy import FOLLOWING, deploy, mark, marked, remembered
from ..certificates.settle import Settlement
from ..certificates.store import Store
from ..host.execute import execute as run_to_its_end
from ..host.lock import alone
from .failure import forget

AUTHORITY = Path("/etc/exposure/local_ca")
PATIENCE = 900
"""Seconds that a command may take: certbot waits for DNS records."""


def add_to(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("renew", help="order and renew what is due").set_defaults(run=renew)
    actions.add_parser("deploy", help="install what was renewed, and reload what serves it").set_defaults(run=install)
    look = actions.add_parser("status", help="show every site's certificate, as it is served and as it is stored")
    look.add_argument("--json", action="store_true", help="print it for a program")
    look.add_argument("--settings", metavar="FILE", type=Path, default=None)
    look.set_defaults(run=status)


def execute(command: Sequence[str], environment: Mapping[str, str] | None = None) -> tuple[int, str]:
    ended = run_to_its_end(command, PATIENCE, {**os.environ, **(environment or {})})
    return ended.code, ended.said


def tell(text: str) -> None:
    print(text, flush=True)


def renew(given: argparse.Namespace) -> int:
    """Everything of this host that is due, whoever it comes from. One failure keeps nothing else from being done."""
    from ..acme.budget import Budget
    from ..acme.order import LOCK, Orders  # it loads dnspython
    from ..acme.settings import read_settings

    troubles = []
    certificates = remembered()
    with alone(LOCK):
        store = Store(execute)
        try:
            orders = Orders(read_settings(), store, Budget(), execute, say=tell)
        except FileNotFoundError:
            orders = None
        if orders:
            for outcome in [*orders.carry_out(certificates), *orders.renew(certificates)]:
                if not outcome.good:
                    troubles.append(f"{outcome.name}: {outcome.message}")
        troubles += sign_local(store, [certificate for certificate in certificates if certificate["kind"] == "local"])
    code, output = execute(["systemctl", "start", "exposure-certificates-deploy.service"])
    if code:
        troubles.append(f"what was renewed could not be installed: {output.strip()}")
    for trouble in troubles:
        print(f"<3>{trouble}", file=sys.stderr)
    if not troubles:
        forget("exposure-certificates.service")
    return 1 if troubles else 0


def sign_local(store: Store, certificates: list[dict[str, object]]) -> list[str]:
    """Renew certificates of the local authority, where it lives on this host."""
    if not certificates or not (AUTHORITY / "rootCA-key.pem").exists():
        return []
    from ..certificates.authority import Authority, Refused

    # Copies, reloads and commands are the other unit's: this one may write to the store alone.
    bare = [{**certificate, "copies": [], "after": []} for certificate in certificates]
    try:
        requests = Settlement(store, datetime.now(UTC)).settle(bare).requests
        if requests:
            tell(f"signing {', '.join(request['name'] for request in requests)}")
            issued = {name: chain.decode() for name, chain in Authority(AUTHORITY).sign(requests, execute).items()}
            with alone(FOLLOWING):
                mark([*marked(), *issued])
            Settlement(store, datetime.now(UTC), issued=issued).settle(bare)
    except (ValueError, OSError, Refused) as reason:
        return [f"the local authority could not sign: {reason}"]
    return []


def install(given: argparse.Namespace) -> int:
    done = deploy(remembered(), Store(execute), execute, datetime.now(UTC), say=tell)
    for problem in done.problems:
        print(f"<3>{problem}", file=sys.stderr)
    for unit in done.reloaded:
        tell(f"reloaded {unit}")
    if not done.problems:
        forget("exposure-certificates-deploy.service")
    return 1 if done.problems else 0


def status(given: argparse.Namespace) -> int:
    """A line for each name. 0, or 1 where nothing could be looked at."""
    import json

    from ..ddns.settings import SettingsWrong
    from ..watch.model import NO_CERTIFICATE
    from ..watch.settings import read_settings

    try:
        settings = read_settings(given.settings)
        if not (settings.sites or settings.certificates):
            print("[]" if given.json else NO_CERTIFICATE)
            return 0
        from ..watch.certificates import look, table  # it loads the library cryptography

        found = look(settings, datetime.now(UTC))
    except FileNotFoundError:
        print("Nothing is watched here: the playbook makes it so, unless exposure_watch has state: absent.", file=sys.stderr)
        return 1
    except ModuleNotFoundError:
        print("This needs the Python library cryptography: apt-get install python3-cryptography", file=sys.stderr)
        return 1
    except (SettingsWrong, OSError) as wrong:
        print(str(wrong), file=sys.stderr)
        return 1
    print(json.dumps(found.certificates, indent=1) if given.json else "\n".join(table(found)))
    return 0
