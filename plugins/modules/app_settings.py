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
  - Sets the lines of the app's own files that the catalogue names (XML, YAML, JSON, INI, Python).
  - A file keeps everything but the lines that are set, and a copy from before is kept beside it. What is not understood is not changed, and the
    run says what to do.
  - What must not change after the first start is remembered, and another value later is refused unless it is confirmed.
  - A running app is stopped before its files change; start it again when its name is in RV(changed_stacks).
attributes:
  check_mode: {support: full, description: Nothing is written or stopped.}
  diff_mode: {support: full, description: Generated secrets never show.}
  idempotent: {support: full, description: An app that is told already is left alone.}
options:
  stacks:
    description: >-
      Stacks of the Plan, with C(name), C(state), C(purge), C(directory), C(folders), C(secrets) and C(trust), and where there are any C(settings),
      C(fixed) and C(confirmed).
    type: list
    elements: dict
    required: true
  secrets_directory:
    description: Where the generated secrets are kept, a file of mode 0600 for each stack.
    type: path
    default: /etc/exposure/secrets
  records_directory:
    description: Where it is remembered what an app was first started with and must keep.
    type: path
    default: /etc/exposure/apps
    version_added: 0.5.0
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
waiting:
  description: >-
    Names of the stacks of which a file is to be set that the app makes itself at its first start. Run the module again for them once they answer,
    and start those that changed.
  type: list
  elements: str
  returned: success
  version_added: 0.5.0
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
    "records_directory": {"type": "path", "default": "/etc/exposure/apps"},
}


def main() -> None:
    module = AnsibleModule(ARGUMENTS, supports_check_mode=True)
    given = module.params
    try:
        outcome = settle(given["stacks"], Path(given["secrets_directory"]), Machine().run, module.check_mode, Path(given["records_directory"]))
    except (Unknown, OSError) as refused:
        module.fail_json(msg=str(refused))
    module.exit_json(
        changed=bool(outcome.changed or outcome.recorded),
        changed_stacks=outcome.changed,
        waiting=outcome.waiting,
        diff=outcome.diff,
        backups=outcome.backups,
    )


if __name__ == "__main__":
    main()
