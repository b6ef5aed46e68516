# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The compose files of a person's own that `exposure_apps` names, for the module `host_info`. What is wrong with an entry is the Plan's to say."""

from __future__ import annotations

from typing import Any


def compose_files(apps: object) -> list[dict[str, str]]:
    """`compose` (a file or folder) and `proxy` (a service, '' for none) of each entry that has one, each once."""
    entries = [app for app in apps if isinstance(app, dict)] if isinstance(apps, list) else []
    named = [app for app in entries if isinstance(app.get("compose"), str) and app["compose"].startswith("/") and app.get("state") != "absent"]
    proxies: dict[str, str] = {}
    for app in named:
        file, proxy = app["compose"].rstrip("/"), app.get("proxied_by")
        proxies[file] = proxies.get(file) or (proxy if isinstance(proxy, str) else "")
    return [{"compose": file, "proxy": proxy} for file, proxy in proxies.items()]


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"compose_files": compose_files}
