# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hands every host's declarations to the Plan, on the controller, and gives the Plan to every host that registers it.

It is no fact: Ansible copies all facts of a host before each task, which for 50 hosts would cost more than the tasks, and may keep them for later runs.
The Plan is always one of the whole inventory. Of a host that is not in this run it knows what the inventory says, and what was last seen of it.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml
from ansible import constants
from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.homeserver.exposure.plugins.module_utils.host import last_look
from ansible_collections.homeserver.exposure.plugins.module_utils.plan.declaration import PREFIX
from ansible_collections.homeserver.exposure.plugins.module_utils.plan.make import Inventory, make
from ansible_collections.homeserver.exposure.plugins.module_utils.plan.mistakes import InventoryRefused
from ansible_collections.homeserver.exposure.plugins.module_utils.plan.rollout import LIMITED, LOST

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
CATALOGUE = Path(__file__).resolve().parents[2] / "roles" / "apps" / "catalogue"


def plain(value: Any) -> Any:
    """A value of Ansible's as Python's own types, without tags."""
    if isinstance(value, dict):
        return {plain(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(entry) for entry in value]
    for kind in (str, bool, int, float):
        if isinstance(value, kind):
            return kind(value)
    return value


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        variables = task_vars or {}
        arguments = self.validate_argument_spec({"remove": {"type": "bool", "default": False}})[1]
        path = last_look.place(Path(constants.ANSIBLE_HOME), variables.get("ansible_inventory_sources") or ())
        known = last_look.recall(path)
        hosts = {name: self.inventory_of(name, variables, known.get(name, {})) for name in variables["groups"]["all"]}
        if not self._task.check_mode:
            last_look.keep(path, {name: host.found for name, host in hosts.items() if not host.out}, list(hosts))
        folders = [CATALOGUE, *{str(folder) for host in hosts.values() if isinstance(folder := host.variables.get("exposure_catalogue"), str)}]
        try:
            files = [path for folder in folders for path in sorted(Path(folder).glob("*.yml"))]
            catalogue = {path.stem: yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER) for path in files}
            plan = asdict(make(hosts, catalogue, arguments["remove"]))
        except (InventoryRefused, OSError, yaml.YAMLError) as refused:
            return {**result, "failed": True, "msg": str(refused)}
        return {**result, "changed": False, **plan}

    def inventory_of(self, name: str, variables: dict[str, Any], last: dict[str, Any]) -> Inventory:
        """A host as the Plan takes it. What an earlier run saw of it counts where this one does not look at it."""
        host = variables["hostvars"][name]
        declared = {}
        for key in host:
            if key.startswith(PREFIX):
                try:
                    declared[key] = plain(host[key])
                except AnsibleError as error:
                    declared[key] = f"(could not be read: {error.message})"
        there = name in variables["ansible_play_hosts"] and not host.get("homeserver_look", {}).get("unreachable")
        out = "" if there else LOST if name in variables["ansible_play_hosts_all"] else LIMITED
        found = plain(host.get("homeserver_host", {}))
        seen = found if there and found else last_look.lasting(found) or last
        return Inventory(declared, tuple(host.get("group_names", ())), seen, out, self.reached_at(host))

    def reached_at(self, host: Any) -> str:
        """Where Ansible reaches a host."""
        try:
            return str(plain(host.get("ansible_host", "")))
        except AnsibleError:
            return ""
