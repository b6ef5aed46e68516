# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`exposure failure UNIT`: what systemd starts where a unit of ours failed. It is kept until the unit succeeds, and stands in the log."""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from pathlib import Path

FAILURES = Path("/var/lib/exposure/failures")


def add_to(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("unit")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    unit = re.sub(r"[^A-Za-z0-9@:._-]", "_", given.unit)
    said = subprocess.run(["journalctl", "--no-pager", "-q", "-o", "cat", "-n", "8", "-u", unit], capture_output=True, text=True, check=False).stdout
    note(unit, said)
    print(f"<3>{unit} failed: see 'journalctl -u {unit}'", file=sys.stderr)
    return 0


def note(unit: str, said: str, folder: Path = FAILURES) -> None:
    """Keep a failure. `since` is that of the first in a row, in seconds of Unix time."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{unit}.json"
    now = int(time.time())
    try:
        since = int(json.loads(path.read_text())["since"])
    except (OSError, ValueError, KeyError, TypeError):
        since = now
    path.write_text(json.dumps({"unit": unit, "since": since, "last": now, "said": said[-2000:]}) + "\n")


def forget(unit: str, folder: Path = FAILURES) -> None:
    (folder / f"{unit}.json").unlink(missing_ok=True)
