#!/usr/bin/python
# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: app_commands
short_description: Tell running apps what they take by a command of their own alone
version_added: 0.5.0
author: homeserver.exposure contributors (@homeserver)
description:
  - Looks inside the running containers of compose stacks at what the Plan wants (C(look)), and runs the app's own command (C(do)) where the
    answer is not C(want). Afterwards it looks again, and fails with the app's words where it still differs.
  - No shell reads the commands. A generated secret reaches a command as an environment variable, never as an argument.
attributes:
  check_mode: {support: full, description: "It is looked at inside the containers that run, and nothing is set."}
  diff_mode: {support: full, description: "The answer before, and the one that is wanted."}
  idempotent: {support: full, description: Nothing is run where the answer is the wanted one.}
options:
  stacks:
    description: Stacks of the Plan, with C(name), C(state) and C(commands).
    type: list
    elements: dict
    required: true
  secrets_directory:
    description: Where the generated secrets are kept, a file of mode 0600 for each stack.
    type: path
    default: /etc/exposure/secrets
"""

EXAMPLES = r"""
- name: Apps are told what they take by command
  homeserver.exposure.app_commands:
    stacks: "{{ apps_stacks }}"
"""

RETURN = r"""
changed_stacks:
  description: Names of the stacks that were told something.
  type: list
  elements: str
  returned: success
unseen:
  description: What could not be looked at in check mode, because its container does not run; a sentence each.
  type: list
  elements: str
  returned: success
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.homeserver.exposure.plugins.module_utils.apps.commands import execute, tell
from ansible_collections.homeserver.exposure.plugins.module_utils.apps.files import Unknown

ARGUMENTS = {
    "stacks": {"type": "list", "elements": "dict", "required": True},
    "secrets_directory": {"type": "path", "default": "/etc/exposure/secrets", "no_log": False},
}


def main() -> None:
    module = AnsibleModule(ARGUMENTS, supports_check_mode=True)
    try:
        outcome = tell(module.params["stacks"], Path(module.params["secrets_directory"]), execute, module.check_mode)
    except (Unknown, OSError) as refused:
        module.fail_json(msg=str(refused))
    for unseen in outcome.unseen:
        module.warn(unseen)
    module.exit_json(changed=bool(outcome.changed), changed_stacks=outcome.changed, unseen=outcome.unseen, diff=outcome.diff)


if __name__ == "__main__":
    main()
