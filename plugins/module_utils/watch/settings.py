# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the server keeps of the inventory for its watch, as role watch writes it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..ddns.settings import HANDED_OVER, SettingsWrong, read_json
from .model import Settings, Site

FOLDER = Path("/etc/exposure/watch/current")


@dataclass(frozen=True)
class Secrets:
    """Where notices go, as apprise's URLs, and the URL that is called after each look. They stand in no text."""

    notify: tuple[str, ...] = field(default=(), repr=False)
    ping: str = field(default="", repr=False)

    @property
    def all(self) -> tuple[str, ...]:
        return (*self.notify, self.ping)


def read_settings(path: Path | None = None) -> Settings:
    """Raises FileNotFoundError where role watch has not been here, OSError, and SettingsWrong."""
    place = path or FOLDER / "settings.json"
    return settings_of(read_json(place), place)


def settings_of(given: Mapping[str, Any], place: object = "the settings") -> Settings:
    """Raises SettingsWrong."""
    values = dict(given)
    try:
        values["sites"] = tuple(Site(**site) for site in values.get("sites", ()))
        for name in ("certificates", "apps", "units", "days"):
            values[name] = tuple(values.get(name, ()))
        return Settings(**values)
    except (TypeError, ValueError) as wrong:
        raise SettingsWrong(f"{place} cannot be followed ({wrong}). Run the playbook again, which writes it.") from None


def read_secrets(path: Path | None = None) -> Secrets:
    """From the unit's credentials, else from beside the settings; none where there is no file. Raises OSError and SettingsWrong."""
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    place = path or (Path(credentials) if credentials else FOLDER) / "secrets.json"
    try:
        found = read_json(place)
    except FileNotFoundError:
        if credentials and path is None:
            raise SettingsWrong(HANDED_OVER) from None
        return Secrets()
    notify, ping = found.get("notify") or [], found.get("ping") or ""
    if not isinstance(notify, list) or not all(isinstance(one, str) for one in notify) or not isinstance(ping, str):
        raise SettingsWrong(f"{place} must hold a list of URLs (notify) and a URL (ping). Run the playbook again, which writes it.")
    return Secrets(tuple(notify), ping)
