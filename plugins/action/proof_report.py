# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Puts together on the controller what every vantage saw, prints it as a short table, and writes the page."""

from __future__ import annotations

import json
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.module_utils.ansible_release import __version__ as ansible_version
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.homeserver.exposure.plugins.module_utils.proof.files import write
from ansible_collections.homeserver.exposure.plugins.module_utils.proof.gather import Given, gather
from ansible_collections.homeserver.exposure.plugins.module_utils.proof.terminal import text
from ansible_collections.homeserver.exposure.plugins.module_utils.proof.words import moment

ARGUMENTS = {
    "probes": {"type": "list", "elements": "dict", "required": True},
    "results": {"type": "dict", "required": True},
    "accounts": {"type": "dict", "default": {}},
    "audits": {"type": "dict", "default": {}},
    "watches": {"type": "dict", "default": {}},
    "network": {"type": "dict", "default": {}},
    "troubles": {"type": "list", "elements": "str", "default": []},
    "left_to_do": {"type": "list", "elements": "str", "default": []},
    "plan": {"type": "dict", "default": {}},
    "page": {"type": "path", "default": ""},
    "now": {"type": "str", "default": ""},
    "quiet": {"type": "bool", "default": False},
}
HERE = Path(__file__).resolve().parents[2]


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        its = self.validate_argument_spec(ARGUMENTS)[1]
        page, now, quiet = its.pop("page"), its.pop("now"), its.pop("quiet")
        when = moment(now) if now else datetime.now(UTC)
        if when is None:
            raise AnsibleActionFail(f"now = {now!r} is no time: write it as 2026-11-21T12:00:00Z")
        plain = json.loads(json.dumps(its, default=str))  # without what Ansible marks values with
        proof = gather(Given(**plain), when, f"homeserver.exposure {version()} with ansible-core {ansible_version} on {platform.node()}")
        if page and not self._task.check_mode:
            try:
                write(proof, Path(page))
            except OSError as error:  # what was seen is told all the same
                Display().warning(f"The page could not be written on this computer ({error}). exposure_verify: {{report: /a/path.html}} says where else.")
                page = ""
        told = text(proof, page)
        if not quiet:
            Display().display(f"\n{told}\n")
        return {**result, "changed": False, "text": told, "failures": list(proof.failures), "ok": proof.ok, "state": proof.state, "headline": proof.headline}


def version() -> str:
    """Of this collection: an installed one has MANIFEST.json, a checkout galaxy.yml."""
    try:
        return str(json.loads((HERE / "MANIFEST.json").read_text())["collection_info"]["version"])
    except (OSError, ValueError, LookupError, TypeError):
        pass
    try:
        lines = (HERE / "galaxy.yml").read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("version:")), "")
