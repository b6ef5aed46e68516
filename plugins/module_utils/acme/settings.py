# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the server keeps of the inventory for its ACME certificates, as role certbot writes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path("/etc/exposure/certbot/current")
CERTBOT_FOLDER = Path("/etc/letsencrypt")


@dataclass(frozen=True)
class Settings:
    """`directory`: URL of the ACME directory; `rehearsal`: that of an authority which is asked first, '' for none; `ca_root`: a PEM file that
    proves the directory; `addresses`: public addresses that the names must lead to, empty where they are not known; `dns`: certbot's plugin;
    `dns_wait`: seconds until a DNS record is seen, 0 for the plugin's own; `certbot`: the program; `folder`: where role certbot wrote this."""

    directory: str
    rehearsal: str = ""
    ca_root: str = ""
    webroot: str = "/var/lib/exposure-challenges"
    addresses: list[str] = field(default_factory=list)
    allow_private: bool = False
    profile: str = ""
    dns: str = ""
    dns_wait: int = 0
    certbot: str = "/usr/bin/certbot"
    folder: Path = FOLDER
    config: Path = CERTBOT_FOLDER


def read_settings(folder: Path = FOLDER) -> Settings:
    """The settings of this server. Raises FileNotFoundError where role certbot has not been here."""
    given: Mapping[str, Any] = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
    return Settings(**given, folder=folder)
