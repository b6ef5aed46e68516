# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`exposure watch`: looks after everything of this server once, and tells a person what has changed. What the timer runs."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..ddns.settings import SettingsWrong
from ..host.execute import execute as run_to_its_end
from ..host.memory import write
from ..watch import apps, disk, failures, names, router, state, tell, textfile, units
from ..watch.gather import Looks, Seen, gather
from ..watch.model import ERROR, Look, Settings, worst
from ..watch.notice import notice, trial
from ..watch.settings import Secrets, read_secrets, read_settings

STATE, MEMORY = Path("/var/lib/exposure-watch"), Path("/run/exposure-watch")
LAST = "last.json"
"""What the last look found, for the report of a playbook's run."""
LOOKED, TROUBLE = 0, 1
PATIENCE = 30
"""Seconds that systemd may take for an answer."""


def add_to(parser: argparse.ArgumentParser) -> None:
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--check", action="store_true", help="show everything that is wrong; tell nobody, and remember nothing")
    how.add_argument("--test", action="store_true", help="send a test notice to each receiver, and the ping")
    parser.add_argument("--json", action="store_true", help="print it for a program")
    parser.add_argument("--settings", metavar="FILE", type=Path, default=None)
    parser.add_argument("--secrets", metavar="FILE", type=Path, default=None)
    parser.add_argument("--state", metavar="DIR", type=Path, default=None)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """0: it was looked, whatever was found. 1: it could not look, or not tell."""
    try:
        settings = read_settings(given.settings)
        secrets = Secrets() if given.check else read_secrets(given.secrets)
    except FileNotFoundError:
        return complain("Nothing is watched here: the playbook makes it so, for a host with sites or apps.")
    except (SettingsWrong, OSError) as wrong:
        return complain(str(wrong))
    if given.test:
        return test(settings, secrets)
    folders = [given.state] if given.state else [Path(os.environ.get("STATE_DIRECTORY", "").partition(":")[0] or STATE), MEMORY]
    return watch(settings, secrets, folders, looks_of(settings, str(folders[0] / "ari.json")), given.check, given.json)


def looks_of(settings: Settings, cache: str = "") -> Looks:
    def certificates() -> Look:
        if not (settings.sites or settings.certificates):
            return Look("certificates")
        from ..watch.certificates import look  # it loads the library cryptography

        return look(settings, datetime.now(UTC), cache=cache)

    return {
        "units": lambda: units.look(settings, execute),
        "failures": failures.look,
        "certificates": certificates,
        "names": lambda: names.look(time.time()),
        "router": lambda: router.look(time.time()),
        "apps": lambda: apps.look(settings, apps.engine()),
        "disk": disk.look,
    }


def watch(
    settings: Settings,
    secrets: Secrets,
    folders: Sequence[Path],
    looks: Looks,
    check: bool = False,
    as_json: bool = False,
    send: tell.Send = tell.by_apprise,
    pause: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.time,
) -> int:
    memory = state.read(folders)
    seen = gather(looks, memory.known, pause)
    seen.findings = [tell.clean(one, secrets) for one in seen.findings]
    now = clock()
    troubles = ["Nothing could be looked at."] if seen.blind else []
    changes = memory.step(seen.findings, seen.unseen, now, settings.remind)
    if not check:
        told = notice(settings.host, changes, len(memory.known), memory.lost) if changes else None
        tell.queue(memory, secrets, told)
        troubles += keep(memory, folders, now)  # before anything is sent: a run that is cut short neither loses it nor says it for ever
        if memory.waiting:
            troubles += tell.pass_on(memory, secrets, send, lambda: keep(memory, folders, now))
        if secrets.ping and not troubles:
            troubles += [why for why in (tell.ping(secrets.ping),) if why]
        troubles += measured(settings, seen, now)  # last, as it says nothing of whether it could look and tell
    found = told_of(settings, seen, memory, now, troubles)
    if not check:
        with contextlib.suppress(OSError):  # a full disk is a finding already
            write(folders[0] / LAST, json.dumps(found, indent=1) + "\n")
    show(settings, seen, troubles, {**found, "certificates": seen.certificates} if as_json else {})
    return TROUBLE if troubles else LOOKED


def keep(memory: state.State, folders: Sequence[Path], now: float) -> list[str]:
    try:
        state.write(memory, folders, now)
    except OSError as error:
        return [f"What was found could not be remembered in {folders[0]}: {error.strerror or error}."]
    return []


def measured(settings: Settings, seen: Seen, now: float) -> list[str]:
    if not settings.textfile:
        return []
    try:
        textfile.write(Path(settings.textfile), seen.findings, seen.certificates, now)
    except OSError as error:
        return [f"{settings.textfile} could not be written: {error.strerror or error}. See exposure_watch.textfile."]
    return []


def told_of(settings: Settings, seen: Seen, memory: state.State, now: float, troubles: Sequence[str]) -> dict[str, Any]:
    """A look as JSON. `at` and `since` are seconds of Unix time."""
    findings = [{**asdict(one), "since": memory.known[one.key].since} for one in seen.findings]
    return {"host": settings.host, "at": now, "worst": worst(seen.findings), "findings": findings, "troubles": list(troubles)}


def show(settings: Settings, seen: Seen, troubles: Sequence[str], as_json: dict[str, Any]) -> None:
    """To a person, or to the journal with its weights; or as JSON, where that is given."""
    if as_json:
        print(json.dumps(as_json, indent=1))
        return
    for one in seen.findings:
        say(f"{one.severity}: {one}", "3" if one.severity == ERROR else "4")
    for trouble in troubles:
        say(trouble, "3")
    if not seen.findings:
        sites = f"{len(settings.sites)} names, {len(settings.apps)} apps, {len(settings.units)} units"
        print(f"All is well: {sites}.", flush=True)


def test(settings: Settings, secrets: Secrets) -> int:
    if not secrets.notify and not secrets.ping:
        return complain("There is nobody to tell: add exposure_watch with notify to the inventory, and run the playbook.")
    bad = False
    for name, url in tell.receivers(secrets).items():
        why = tell.by_apprise(url, trial(settings.host))
        bad = bad or bool(why)
        print(f"Receiver {name}: {why or 'sent.'}", flush=True)
    if secrets.ping:
        why = tell.ping(secrets.ping)
        bad = bad or bool(why)
        print(why or "Ping: answered.", flush=True)
    return TROUBLE if bad else LOOKED


def execute(command: Sequence[str]) -> tuple[int, str]:
    ended = run_to_its_end(command, PATIENCE)
    return ended.code, ended.output


def say(text: str, level: str) -> None:
    print(text if sys.stderr.isatty() else f"<{level}>{text}", file=sys.stderr, flush=True)


def complain(text: str) -> int:
    say(text, "3")
    return TROUBLE
