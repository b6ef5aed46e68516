# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Judges on the controller what every host saw of the network, and prints the report as it is, whatever form results are shown in."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.homeserver.exposure.plugins.module_utils.network.judge import judge
from ansible_collections.homeserver.exposure.plugins.module_utils.network.report import text
from ansible_collections.homeserver.exposure.plugins.module_utils.network.seen import Wish

ARGUMENTS = {
    "looks": {"type": "dict", "required": True},
    "failed": {"type": "dict", "default": {}},
    "names": {"type": "list", "elements": "str", "default": []},
    "https_port": {"type": "int", "default": 443},
    "http_port": {"type": "int", "default": 80},
    "addresses": {"type": "list", "elements": "str", "default": []},
    "own": {"type": "list", "elements": "str", "default": []},
    "mappings": {"type": "list", "elements": "dict"},
    "answering": {"type": "list", "elements": "str", "default": []},
    "public": {"type": "list", "elements": "str", "default": []},
    "allow_private": {"type": "bool", "default": False},
    "engine": {"type": "str", "default": "caddy"},
    "dns_provider": {"type": "str", "default": ""},
    "wildcard": {"type": "bool", "default": False},
    "quiet": {"type": "bool", "default": False},
}


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        its = self.validate_argument_spec(ARGUMENTS)[1]
        looks, failed, quiet = its.pop("looks"), its.pop("failed"), its.pop("quiet")
        wish = Wish(**{key: tuple(value) if isinstance(value, list) else value for key, value in its.items()})
        picture = judge(looks, wish, failed)
        told = text(picture)
        if not quiet:
            Display().display(f"\n{told}\n")
        return {**result, "changed": False, "picture": picture.kept(datetime.now(UTC).isoformat(timespec="seconds")), "report": told}
