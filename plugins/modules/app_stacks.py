#!/usr/bin/python
# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: app_stacks
short_description: Change compose stacks as transactions
version_added: 0.5.0
author: homeserver.exposure contributors (@homeserver)
description:
  - Brings compose stacks to what the Plan says. Only what changed is started. New images are pulled first, the data is backed up before another
    version of an image starts, settings are written while the app is stopped, and then its containers and its page are waited for.
  - Where a stack does not get well, what served before is put back - its release, its settings, and its data where a backup was made.
    The other stacks of the list are brought up all the same, and the module fails at its end with one reason for each that is not as wanted.
  - At a first start there is nothing to put back. The containers are left for you to look at.
  - A run that is killed leaves the previous version, or a record from which the next run goes on.
attributes:
  check_mode: {support: full, description: "Nothing is written or run, also on a host without Docker."}
  diff_mode: {support: full, description: "Files, settings, and what is pulled, backed up and started, and why. Generated secrets never show."}
  idempotent: {support: full, description: A stack that runs as wanted is left alone.}
extends_documentation_fragment: [homeserver.exposure.stack_places]
options:
  stacks:
    description: Stacks of the Plan.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Stacks run as the Plan says
  homeserver.exposure.app_stacks:
    stacks: "{{ apps_stacks }}"
"""

RETURN = r"""
changed_stacks:
  description: Names of the stacks that were changed.
  type: list
  elements: str
  returned: always
troubles:
  description: Why stacks are not as wanted, by their names.
  type: dict
  returned: always
backups:
  description: Backups that were made before an update, by the names of their stacks.
  type: dict
  returned: always
copies:
  description: Copies of settings from before.
  type: list
  elements: str
  returned: always
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.homeserver.exposure.plugins.module_utils.apps.engine import Docker
from ansible_collections.homeserver.exposure.plugins.module_utils.apps.project import Places
from ansible_collections.homeserver.exposure.plugins.module_utils.apps.settings import Outcome, settle
from ansible_collections.homeserver.exposure.plugins.module_utils.apps.stacks import Stacks
from ansible_collections.homeserver.exposure.plugins.module_utils.release.disk import Failure

ARGUMENTS = {
    "stacks": {"type": "list", "elements": "dict", "required": True},
    "projects_directory": {"type": "path", "default": "/etc/exposure/stacks"},
    "secrets_directory": {"type": "path", "default": "/etc/exposure/secrets", "no_log": False},
    "records_directory": {"type": "path", "default": "/etc/exposure/apps"},
    "backups_directory": {"type": "path", "default": "/var/backups/exposure"},
    "backups_kept": {"type": "int", "default": 3},
}


def main() -> None:
    # What a person gives an app as environment may be a secret, and is in no system log.
    module = AnsibleModule(ARGUMENTS, supports_check_mode=True, no_log=True)
    given, docker = module.params, Docker()
    projects, secrets, records, backups = (Path(given[f"{what}_directory"]) for what in ("projects", "secrets", "records", "backups"))
    places = Places(projects, secrets, records / "unfinished", backups, given["backups_kept"])

    def settled(stack: dict, check: bool) -> Outcome:
        return settle([stack], secrets, docker.run, check, records)

    try:
        results = Stacks(docker, settled, places).bring(given["stacks"], module.check_mode)
    except Failure as failure:
        module.fail_json(msg=str(failure))
    told = {
        "changed": any(result.changed for result in results),
        "changed_stacks": [result.name for result in results if result.changed],
        "troubles": {result.name: result.trouble for result in results if result.trouble},
        "backups": {result.name: result.backup for result in results if result.backup},
        "copies": [copy for result in results for copy in result.copies],
        "diff": [entry for result in results for entry in result.diff],
    }
    if told["troubles"]:
        module.fail_json(msg="\n".join(told["troubles"].values()), **told)
    module.exit_json(**told)


if __name__ == "__main__":
    main()
