#!/usr/bin/python
# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: adopted_apps
short_description: Tell apps of your own compose files which proxies to trust
version_added: 0.5.0
author: homeserver.exposure contributors (@homeserver)
description:
  - Tells each app of a compose file that is its owner's which proxies to trust, in the way that its release reads. Its service is stopped before its
    files change and started after, where it ran; nothing else is.
  - The compose file is not touched, but where the Plan says so (C(publish)) - then the named ports of the service are put on loopback, on their own
    lines, after Compose accepted the result, and that service alone is made anew.
  - A copy of each file from before is kept beside it. An app that answered before and does not after gets its files back and is started with them,
    and the run fails.
attributes:
  check_mode: {support: full, description: "Nothing is written, stopped or started."}
  diff_mode: {support: full, description: The files are shown as they are and as they will be.}
  idempotent: {support: full, description: An app that is told already is left alone.}
options:
  apps:
    description: Adopted apps of the Plan (C(adopted) of a host).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Apps of compose files that are yours
  homeserver.exposure.adopted_apps:
    apps: "{{ homeserver_plan.hosts[inventory_hostname].adopted }}"
"""

RETURN = r"""
changed_apps:
  description: Names of the apps whose files changed.
  type: list
  elements: str
  returned: success
backups:
  description: Copies of files from before.
  type: list
  elements: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.homeserver.exposure.plugins.module_utils.apps.adopted import settle_adopted
from ansible_collections.homeserver.exposure.plugins.module_utils.apps.files import Unknown
from ansible_collections.homeserver.exposure.plugins.module_utils.release.machine import Machine


def main() -> None:
    module = AnsibleModule({"apps": {"type": "list", "elements": "dict", "required": True}}, supports_check_mode=True)
    try:
        outcome = settle_adopted(module.params["apps"], Machine().run, module.check_mode)
    except (Unknown, OSError) as refused:
        module.fail_json(msg=str(refused))
    module.exit_json(changed=bool(outcome.changed), changed_apps=outcome.changed, diff=outcome.diff, backups=outcome.backups)


if __name__ == "__main__":
    main()
