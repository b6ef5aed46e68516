#!/usr/bin/python
# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: npm_import
short_description: Read a data folder of Nginx Proxy Manager as the inventory that says the same
version_added: 0.5.0
author: homeserver.exposure contributors (@homeserver)
description:
  - Reads the database and the files of Nginx Proxy Manager, and says what the declaration of a host would be that exposes the same. docs/npm.md tells the way.
  - The database is read into memory. It is not locked, and no file is made or changed, so Nginx Proxy Manager may be running.
  - What cannot be carried over is in RV(moved) with where it stands, why, and what to do. Sites that would be open and were not, do not count there.
attributes:
  check_mode: {support: full, description: It only reads.}
  diff_mode: {support: none, description: It changes nothing.}
  idempotent: {support: full, description: It changes nothing.}
options:
  directory:
    description: The folder that is mounted as C(/data) into the container. It holds C(database.sqlite).
    type: path
    required: true
  letsencrypt:
    description: The folder that is mounted as C(/etc/letsencrypt). Without it, the folder C(letsencrypt) beside O(directory).
    type: path
  host_network:
    description: The container had C(network_mode=host), so that C(127.0.0.1) was the server.
    type: bool
    default: false
  secrets:
    description:
      - Give only what RV(needed) names, as RV(secrets). Set C(no_log) for the task then.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: What Nginx Proxy Manager was told
  homeserver.exposure.npm_import:
    directory: /srv/npm/data
  register: npm

- name: Its secrets
  homeserver.exposure.npm_import:
    directory: /srv/npm/data
    secrets: "{{ npm.needed }}"
  register: npm_secrets
  no_log: true
"""

RETURN = r"""
declaration:
  description: The variables C(exposure_*) that say the same, without secrets, and without what is not to count.
  returned: without O(secrets)
  type: dict
left:
  description:
    - What was not carried over, or not quite. Each has its C(kind) (C(closed), a site that is to be written as a comment; C(lost); C(differs)), C(what),
      C(where), C(why), what to C(do), and C(lines) of nginx without what may be a secret.
  returned: without O(secrets)
  type: list
  elements: dict
needed:
  description: The secrets that the declaration needs besides, by name.
  returned: without O(secrets)
  type: list
  elements: str
moved:
  description: All of it in the form that M(homeserver.exposure.npm_inventory) takes.
  returned: without O(secrets)
  type: dict
secrets:
  description: C(credentials), the lines of the DNS provider's account, and C(files), the certificates and keys of your own by their path.
  returned: with O(secrets)
  type: dict
"""

from datetime import datetime
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.homeserver.exposure.plugins.module_utils.npm.database import Unreadable
from ansible_collections.homeserver.exposure.plugins.module_utils.npm.moved import as_plain
from ansible_collections.homeserver.exposure.plugins.module_utils.npm.read import look
from ansible_collections.homeserver.exposure.plugins.module_utils.npm.translate import secrets, translate


def main() -> None:
    options = {
        "directory": {"type": "path", "required": True},
        "letsencrypt": {"type": "path"},
        "host_network": {"type": "bool", "default": False},
        "secrets": {"type": "list", "elements": "str", "default": [], "no_log": False},  # their names
    }
    module = AnsibleModule(options, supports_check_mode=True)
    folder = Path(module.params["directory"])
    try:
        found = look(folder, Path(module.params["letsencrypt"] or folder.parent / "letsencrypt"))
        if module.params["secrets"]:
            module.exit_json(changed=False, secrets=secrets(found, module.params["secrets"]))
        moved = as_plain(made := translate(found, datetime.now(), module.params["host_network"]))  # NPM's times have no zone
        module.exit_json(changed=False, declaration=made.declaration(), left=moved["left"], needed=made.needed, moved=moved)
    except Unreadable as unreadable:
        module.fail_json(msg=str(unreadable))


if __name__ == "__main__":
    main()
