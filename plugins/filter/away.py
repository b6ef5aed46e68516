# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The pages that a proxy shows while an app is away: one file of its tree for each site."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from typing import Any

NAME = re.compile(r"[A-Za-z0-9_-]{1,80}\Z")
PLACE = "SITE"
"""Where the site's name stands in roles/caddy/files/away.html."""


def away_file(name: str) -> str:
    """The file of a site, in the tree of its proxy. Raises ValueError for a name that would lead elsewhere."""
    if not NAME.match(name):
        raise ValueError(f"{name!r} cannot be a part of a file's name: letters, digits, - and _ only")
    return f"away/{name}.html"


def away_files(sites: Sequence[Mapping[str, Any]], page: str) -> list[dict[str, str]]:
    """The page for each site that has an app, or is in maintenance, as module release takes files."""
    shown = [site for site in sites if site["locations"] or site["maintenance"]]
    return [{"path": away_file(site["name"]), "content": page.replace(PLACE, html.escape(site["hosts"][0]))} for site in shown]


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"away_file": away_file, "away_files": away_files}
