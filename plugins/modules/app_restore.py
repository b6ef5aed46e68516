#!/usr/bin/python
# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: app_restore
short_description: Bring a compose stack back to a backup
version_added: 0.5.0
author: homeserver.exposure contributors (@homeserver)
description:
  - Stops a stack, makes its data, volumes, secrets and release what they were when a backup of it was made, starts it and waits for it.
  - What is there now is kept as a backup of its own first, so that this can be undone in the same way.
  - Nothing is touched before the backup was read to its end, its images are there, and there is room.
attributes:
  check_mode: {support: full, description: Says which backup would be brought back.}
  diff_mode: {support: full, description: "Shows the versions, not the data."}
  idempotent: {support: none, description: The data is made what the backup says each time.}
extends_documentation_fragment: [homeserver.exposure.stack_places]
options:
  name:
    description: Name of the stack.
    type: str
    required: true
  backup:
    description: Name of the backup, or the beginning of it. Without it the newest is taken.
    type: str
    default: ""
  dumps:
    description: Whether the dumps of its databases are loaded too, once they run. The databases' files are in the data already.
    type: bool
    default: false
  list:
    description: Whether the backups are only listed. With an empty O(name), those of all stacks are.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Nextcloud as it was before its last update
  homeserver.exposure.app_restore:
    name: cloud
"""

RETURN = r"""
backups:
  description: With O(list), the backups, the newest first - C(app), C(name), C(version), C(made), C(why).
  type: list
  elements: dict
  returned: with O(list)
backup:
  description: Folder of the backup that was brought back.
  type: str
  returned: success
version:
  description: The version that runs again.
  type: str
  returned: success
kept:
  description: Folder of the backup of what was there before.
  type: str
  returned: success
said:
  description: What to do now, sentences for a person.
  type: list
  elements: str
  returned: success
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.homeserver.exposure.plugins.module_utils.apps.change import Tools
from ansible_collections.homeserver.exposure.plugins.module_utils.apps.engine import Docker
from ansible_collections.homeserver.exposure.plugins.module_utils.apps.project import Places
from ansible_collections.homeserver.exposure.plugins.module_utils.apps.restore import Restore
from ansible_collections.homeserver.exposure.plugins.module_utils.release.disk import Failure

ARGUMENTS = {
    "name": {"type": "str", "required": True},
    "backup": {"type": "str", "default": ""},
    "dumps": {"type": "bool", "default": False},
    "list": {"type": "bool", "default": False},
    "projects_directory": {"type": "path", "default": "/etc/exposure/stacks"},
    "secrets_directory": {"type": "path", "default": "/etc/exposure/secrets", "no_log": False},
    "records_directory": {"type": "path", "default": "/etc/exposure/apps"},
    "backups_directory": {"type": "path", "default": "/var/backups/exposure"},
    "backups_kept": {"type": "int", "default": 3},
}


def main() -> None:
    module = AnsibleModule(ARGUMENTS, supports_check_mode=True)
    given = module.params
    projects, secrets, records, backups = (Path(given[f"{what}_directory"]) for what in ("projects", "secrets", "records", "backups"))
    restore = Restore(Tools(Docker(), lambda stack, check: None, Places(projects, secrets, records / "unfinished", backups, given["backups_kept"])))
    try:
        if given["list"]:
            module.exit_json(changed=False, backups=restore.listed(given["name"]))
        done = restore.bring(given["name"], given["backup"], given["dumps"], module.check_mode)
    except (Failure, OSError) as failure:
        module.fail_json(msg=f"{given['name']}: {failure}")
    shown = {"before_header": done.name, "after_header": done.name, "before": "as it is now\n", "after": f"{done.version}, from {done.backup}\n"}
    module.exit_json(changed=True, backup=done.backup, version=done.version, kept=done.kept, said=done.said, diff=[shown])


if __name__ == "__main__":
    main()
