# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Home Assistant is told which proxies to trust, in the way that its release reads.

Up to 2026.7 the block `http:` of configuration.yaml counts. From 2026.8 on the store `.storage/http` does; a block in the YAML is then
taken for five minutes only, unless an administrator confirms it, and is reverted with a restart. A store of version 1 is valid input for
every release since, and a stopped release takes an edited store (read in the wheels 2026.7.4, 2026.8.0, 2026.9.4 and 2026.11.0, and run).
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .files import Edit, Unknown, read
from .yaml_block import block, with_mapping

STORE_SINCE = (2026, 8)
NEWEST_STORE = 3
DEFAULT_YAML = """
# Loads default set of integrations. Do not remove.
default_config:

# Load frontend themes from the themes folder
frontend:
  themes: !include_dir_merge_named themes

automation: !include automations.yaml
script: !include scripts.yaml
scene: !include scenes.yaml
"""
"""What Home Assistant itself writes where it finds no configuration.yaml (homeassistant/config.py, DEFAULT_CONFIG)."""


def release(tag: str, folder: Path) -> tuple[int, int] | None:
    """(year, month) of a release: from its image tag, else from what ran last in this folder; None where neither tells."""
    texts = [tag]
    if (folder / ".HA_VERSION").exists():
        texts.append((folder / ".HA_VERSION").read_text())
    for text in texts:
        found = re.match(r"(20\d\d)\.(\d{1,2})(\.|\Z)", text.strip())
        if found:
            return int(found[1]), int(found[2])
    return None


def edits(folder: Path, trusted: Sequence[str], tag: str, external_url: str) -> list[Edit]:
    """What has to be written below a stopped Home Assistant's configuration folder; empty when it is told already.

    trusted: addresses or networks, exactly as the app sees its proxies. Raises `Unknown` for a file it does not understand.
    """
    if not trusted:
        return []
    known = release(tag, folder)
    found: list[Edit] = []
    if known is None or known >= STORE_SINCE:
        found += store_edits(folder, trusted) + address_edits(folder, external_url)
    if known is None or known < STORE_SINCE or (has_block(folder) and not migrated(folder)):
        # A block that differs from the store would be taken for five minutes at the first start of a release with a store.
        found += yaml_edits(folder, trusted)
    return found


def same_networks(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether two lists of proxies mean the same (an address equals its /32 or /128)."""
    try:
        return [ipaddress.ip_network(n) for n in one] == [ipaddress.ip_network(n) for n in other]
    except (ValueError, TypeError):
        return False


def migrated(folder: Path) -> bool:
    """Whether a release with a store has taken over what the YAML said; it does not look at the block `http:` again."""
    path = folder / ".storage" / "http"
    return path.exists() and read_store(path)["data"].get("yaml_migration_done") is True


def store_edits(folder: Path, trusted: Sequence[str]) -> list[Edit]:
    path = folder / ".storage" / "http"
    seed = {"version": 1, "minor_version": 1, "key": "http", "data": {"use_x_forwarded_for": True, "trusted_proxies": list(trusted)}}
    if not path.exists():
        return [Edit(path, json.dumps(seed, indent=2) + "\n", 0o600)]
    store = read_store(path)
    version = store.get("version")
    if not isinstance(version, int) or version > NEWEST_STORE:
        raise Unknown(
            f"{path} has version {version!r}, and versions up to {NEWEST_STORE} are known. "
            "Set the trusted proxies in Home Assistant under Settings, System, Network."
        )
    slot = store["data"] if version == 1 else store["data"].get("stable")
    if not isinstance(slot, dict):
        raise Unknown(f"{path} has no settings under data.stable. Look at it, or move it away to have it written anew.")
    settled = version == 1 or store["data"].get("pending") is None
    if settled and slot.get("use_x_forwarded_for") is True and same_networks(slot.get("trusted_proxies") or [], trusted):
        return []
    slot.update(use_x_forwarded_for=True, trusted_proxies=list(trusted))
    if version > 1:
        store["data"].update(pending=None, yaml_migration_done=True)
    return [Edit(path, json.dumps(store, indent=2) + "\n", 0o600)]


def read_store(path: Path) -> dict[str, Any]:
    try:
        store = json.loads(read(path))
    except ValueError as error:
        raise Unknown(f"{path} is not JSON ({error}). Home Assistant would set it aside at its next start: move it away, or restore it.") from error
    if not isinstance(store, dict) or not isinstance(store.get("data"), dict):
        raise Unknown(f"{path} does not look like a store of Home Assistant. Move it away to have it written anew.")
    return store


def address_edits(folder: Path, external_url: str) -> list[Edit]:
    """The public address, in a folder that never ran; later it is the owner's, in the user interface."""
    path = folder / ".storage" / "core.config"
    if path.exists() or (folder / ".HA_VERSION").exists() or not external_url:
        return []
    core = {"version": 1, "minor_version": 4, "key": "core.config", "data": {"external_url": external_url, "radius": 100}}
    return [Edit(path, json.dumps(core, indent=2) + "\n", 0o600)]


def has_block(folder: Path) -> bool:
    path = folder / "configuration.yaml"
    return path.exists() and re.search(r"^[\"']?http[\"']?\s*:", read(path), re.MULTILINE) is not None


def yaml_edits(folder: Path, trusted: Sequence[str]) -> list[Edit]:
    path = folder / "configuration.yaml"
    wanted: Mapping[str, Any] = {"use_x_forwarded_for": True, "trusted_proxies": list(trusted)}
    if not path.exists():
        made = [Edit(folder / name, "", 0o644) for name in ("automations.yaml", "scripts.yaml", "scenes.yaml") if not (folder / name).exists()]
        return [*made, Edit(path, DEFAULT_YAML + "\n" + block("http", wanted), 0o644)]
    before = read(path)
    after = with_mapping(before, "http", wanted, str(path))
    return [Edit(path, after, 0o644)] if after != before else []
