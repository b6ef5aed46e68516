# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`exposure router`: what the timer runs so that the router keeps sending visitors here, and a person is told where it does not."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Mapping as Table
from pathlib import Path
from typing import Any

from ..address.interface import Unreadable, look
from ..router.keep import FINE, PROTOCOLS, TROUBLE, Report, Wish, keep
from ..router.mapping import CHANGED
from ..router.memory import mapping_of, read, remembered, write
from ..router.model import LEASE, TAG, TCP, UDP

SETTINGS = "/etc/exposure/router/current/settings.json"
STATE = "/var/lib/exposure-router"
WRONG = 3
"""The exit code for settings that cannot be."""


def add_to(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--settings", type=Path, default=Path(SETTINGS), help="JSON, as role router writes it")
    parser.add_argument("--state", type=Path, default=Path(os.environ.get("STATE_DIRECTORY", STATE)), help="folder for router.json")
    parser.add_argument("--check", action="store_true", help="tell what would be done, and do nothing")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    try:
        wish = wish_of(json.loads(given.settings.read_text()))
    except (OSError, ValueError) as error:
        print(f"<3>The settings in {given.settings} cannot be used: {error}", file=sys.stderr)
        return WRONG
    now = time.time()
    try:
        seen = look(families=("ipv4",))
    except Unreadable as error:
        print(f"<3>{error}", file=sys.stderr)
        return TROUBLE
    report = keep(wish, seen, remembered(read(given.state)), now, given.check)
    if not given.check:
        write(given.state, report.state(now))
    tell(report)
    return report.exit_code


def wish_of(settings: Table[str, Any]) -> Wish:
    """Raises ValueError, with what is wrong."""
    try:
        mappings = tuple(mapping_of(one) for one in settings.get("mappings", []))
        wish = Wish(
            mappings,
            int(settings.get("lease", LEASE)),
            str(settings.get("router", "")),
            tuple(settings.get("protocols", PROTOCOLS)),
            str(settings.get("tag", TAG)),
            follow=bool(settings.get("follow", True)),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from None
    ports = [port for mapping in mappings for port in (mapping.external_port, mapping.port)]
    if not all(1 <= port <= 65535 for port in ports) or {mapping.protocol for mapping in mappings} - {TCP, UDP}:
        raise ValueError("a mapping needs ports from 1 to 65535, and tcp or udp as its protocol.")
    if unknown := set(wish.protocols) - set(PROTOCOLS):
        raise ValueError(f"{', '.join(sorted(unknown))} is no protocol of routers: {' and '.join(PROTOCOLS)} are.")
    return wish


def tell(report: Report) -> None:
    """For the log: what changed, and what a person should know."""
    for one in report.settled:
        if one.kept in CHANGED:
            print(f"{one.kept}: {one.mapping}{f', which led to {one.was} before' if one.was and one.was not in str(one.mapping) else ''}", flush=True)
    for sentence in report.sentences():
        print(f"<{4 if report.exit_code == FINE else 3}>{sentence}", file=sys.stderr)
    for lease in report.lan:
        if lease.message and not lease.moved:
            print(f"<5>{lease.message}", file=sys.stderr)
