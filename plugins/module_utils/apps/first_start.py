# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an app was first started with and must keep, such as a domain that is in all its data: remembered on its host.

The Plan refuses another value before anything is touched (plan/fixed.py); this is the memory, and the last line of defence where the Plan had
no look at the host. A record outlives its app as long as the data do.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .files import Unknown

RECORDS = Path("/etc/exposure/apps")


def file_of(records: Path, stack: str) -> Path:
    return records / f"{stack}.json"


def read_record(path: Path) -> dict[str, str]:
    """The values by name; none where nothing is kept. Raises `Unknown` for a record that cannot be read, as what it says is not known then."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["fixed"]
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise Unknown(f"{path} cannot be read ({error}). It says what an app was first started with: restore it, or remove it if you know that.") from error
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}


def record(stack: Mapping[str, Any], records: Path, check: bool) -> list[dict[str, str]]:
    """Keep what the app is started with now; the diff of that. Raises `Unknown` where it was started with something else, unless `confirmed`."""
    wished: Mapping[str, str] = stack.get("fixed") or {}
    if not wished:
        return []
    path = file_of(records, stack["name"])
    known = read_record(path)
    changed = [name for name, value in wished.items() if known.get(name, value) != value]
    if changed and not stack.get("confirmed"):
        told = ", ".join(f"{name} {known[name]} (now {wished[name] or 'nothing'})" for name in changed)
        raise Unknown(
            f"{stack['name']} was first started with {told}, which is in its data by now. Nothing of it was changed: write what it was, or "
            f"exposure_confirm: [{stack['name']}] if you know what becomes of its data."
        )
    if all(name in known for name in wished) and not changed:
        return []
    before, after = content(stack, known) if known else "", content(stack, {**known, **wished})
    if not check:
        records.mkdir(parents=True, exist_ok=True, mode=0o755)
        write(path, after)
    return [{"before_header": str(path), "after_header": str(path), "before": before, "after": after}]


def content(stack: Mapping[str, Any], values: Mapping[str, str]) -> str:
    return json.dumps({"app": stack.get("app", ""), "fixed": dict(values)}, indent=2, sort_keys=True) + "\n"


def write(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        os.fchmod(descriptor, 0o644)
        out.write(text)
        out.flush()
        os.fsync(descriptor)
    temporary.replace(path)
