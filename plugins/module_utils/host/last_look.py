# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What was last seen of each host, kept on the controller for a run in which one is left out or does not answer."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from . import memory

LASTING = ("release", "addresses", "caddy", "nginx", "certbot", "caddy_released", "nginx_released", "sni_router_released")
"""Of what the module `host_info` sees, that which is likely still so the next time. What listens or runs is not."""


def place(home: Path, inventories: Sequence[str]) -> Path:
    """The file for these inventories, in Ansible's own folder of the person who runs it."""
    return home / "exposure" / f"hosts-{hashlib.sha256(json.dumps(list(inventories)).encode()).hexdigest()[:16]}.json"


def lasting(look: Mapping[str, Any]) -> dict[str, Any]:
    return {name: look[name] for name in LASTING if name in look}


def recall(path: Path) -> dict[str, dict[str, Any]]:
    """Host -> what was last seen of it; nothing where no run kept anything, or where it cannot be read."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(host): lasting(look) for host, look in kept.items() if isinstance(look, dict)} if isinstance(kept, dict) else {}


def keep(path: Path, looks: Mapping[str, Mapping[str, Any]], hosts: Sequence[str]) -> None:
    """Keep the looks of this run, and of the other hosts of the inventory what was known. Where it cannot be written, the next run knows less."""
    known = recall(path)
    told = {host: lasting(looks.get(host) or known[host]) for host in hosts if looks.get(host) or host in known}
    if told != known:
        with contextlib.suppress(OSError):
            memory.write(path, json.dumps(told, indent=1, sort_keys=True) + "\n")
