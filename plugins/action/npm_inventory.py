# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Writes on the controller what Nginx Proxy Manager was told, as an inventory that the Plan found right."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.homeserver.exposure.plugins.module_utils.npm.moved import from_plain
from ansible_collections.homeserver.exposure.plugins.module_utils.npm.place import Placed, place
from ansible_collections.homeserver.exposure.plugins.module_utils.npm.settle import settle
from ansible_collections.homeserver.exposure.plugins.module_utils.npm.write import CONNECTION, host_file, hosts_file, report, vault_file

ARGUMENTS = {
    "moved": {"type": "dict"},
    "secrets": {"type": "dict", "default": {}, "no_log": True},
    "source": {"type": "str", "default": ""},
    "directory": {"type": "path", "required": True},
    "overwrite": {"type": "bool", "default": False},
    "kept": {"type": "list", "elements": "str", "default": []},
    "written": {"type": "list", "elements": "str", "default": []},
}


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        its = json.loads(json.dumps(self.validate_argument_spec(ARGUMENTS)[1], default=str))  # without what Ansible marks values with
        variables = task_vars or {}
        host = str(variables["inventory_hostname"])
        folder = Path(its["directory"]).absolute()
        own = folder / "host_vars" / host
        if own.parent.name != "host_vars" or host in (".", "..") or not host.isprintable():
            return {**result, "failed": True, "msg": f"{host!r} cannot be the name of a folder: call the host otherwise in your inventory."}
        files = {own / name: content for name, content in its["secrets"].get("files", {}).items()}
        if credentials := its["secrets"].get("credentials"):
            files[own / "vault.yml"] = vault_file(credentials, str(own / "vault.yml"))
        moved = from_plain(its["moved"]) if its["moved"] else None
        if moved:
            its_own = variables["hostvars"][host]
            settle(moved, host, str(folder), known(its_own.get("homeserver_host", {}), ("addresses", "release")))
            files[folder / f"{host}.yml"] = hosts_file(host, known(its_own, CONNECTION))
            files[own / "exposure.yml"] = host_file(moved, host, its["source"])
        try:
            placed, trouble = place(files, its["overwrite"], self._task.check_mode), ""
        except OSError as error:
            placed, trouble = Placed(), f"{error.filename or folder} cannot be written: {error.strerror}."
        result |= {"changed": bool(placed.written), "written": placed.written, "kept": placed.kept, "trouble": trouble}
        if moved and not trouble:
            told = report(moved, its["written"] + placed.written, its["kept"] + placed.kept, str(folder), host)
            Display().display(f"\n{told}\n")
            result |= {"report": told, "left": [asdict(one) for one in moved.left], "diff": placed.diff}
        return {**result, "failed": True, "msg": trouble} if trouble and moved else result


def known(variables: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """Those variables of a host that have a value which is plain data."""
    found = {}
    for name in names:
        try:
            found[name] = json.loads(json.dumps(variables[name]))
        except (LookupError, TypeError, ValueError, AnsibleError):
            continue
    return found
