#!/usr/bin/python
# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: app_settings
short_description: Put on the disk what apps must find when they start
version_added: 0.1.0
author: homeserver.exposure contributors (@homeserver)
description:
  - Makes the folders of compose stacks, generates their secrets once, and tells each app which proxies to trust, in the way that its release
    reads.
  - A file of a person's keeps everything but the lines that are set, and a copy from before is kept beside it. What is not understood is not
    changed, and the run says what to do.
  - A running app is stopped before its files change; start it again when its name is in RV(changed_stacks).
attributes:
  check_mode: {support: full, description: Nothing is written or stopped.}
  diff_mode: {support: full, description: Generated secrets never show.}
  idempotent: {support: full, description: An app that is told already is left alone.}
options:
  stacks:
    description: Stacks of the Plan, with C(name), C(state), C(purge), C(directory), C(folders), C(secrets) and C(trust).
    type: list
    elements: dict
    required: true
  secrets_directory:
    description: Where the generated secrets are kept, a file of mode 0600 for each stack.
    type: path
    default: /etc/exposure/secrets
"""

EXAMPLES = r"""
- name: Apps find their folders, secrets and trusted proxies
  homeserver.exposure.app_settings:
    stacks: "{{ apps_stacks }}"
"""

RETURN = r"""
changed_stacks:
  description: Names of the stacks whose files changed.
  type: list
  elements: str
  returned: success
backups:
  description: Copies of files from before.
  type: list
  elements: str
  returned: success
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.homeserver.exposure.plugins.module_utils.apps.files import Unknown
from ansible_collections.homeserver.exposure.plugins.module_utils.apps.settings import settle
from ansible_collections.homeserver.exposure.plugins.module_utils.release.machine import Machine

ARGUMENTS = {
    "stacks": {"type": "list", "elements": "dict", "required": True},
    "secrets_directory": {"type": "path", "default": "/etc/exposure/secrets", "no_log": False},
}


def main() -> None:
    module = AnsibleModule(ARGUMENTS, supports_check_mode=True)
    try:
        outcome = settle(module.params["stacks"], Path(module.params["secrets_directory"]), Machine().run, module.check_mode)
    except (Unknown, OSError) as refused:
        module.fail_json(msg=str(refused))
    module.exit_json(changed=bool(outcome.changed), changed_stacks=outcome.changed, diff=outcome.diff, backups=outcome.backups)


if __name__ == "__main__":
    main()
