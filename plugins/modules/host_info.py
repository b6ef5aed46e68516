#!/usr/bin/python
# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: host_info
short_description: What the Plan has to know of a host
version_added: 0.1.0
author: homeserver.exposure contributors (@homeserver)
description:
  - Reads in one call what the Plan needs - the Debian release, the installed Caddy, the addresses on the home network, what listens,
    and the containers of compose projects. It replaces gathered facts.
  - The answer is also the fact C(homeserver_host).
attributes:
  check_mode: {support: full, description: It only reads.}
  diff_mode: {support: none, description: It only reads.}
  idempotent: {support: full, description: It only reads.}
options: {}
"""

EXAMPLES = r"""
- name: Look at the host
  homeserver.exposure.host_info:
"""

RETURN = r"""
ansible_facts:
  description: What was found.
  returned: success
  type: dict
  contains:
    homeserver_host:
      description: >-
        C(release) (code name), C(caddy) (version or empty), C(docker) and C(compose) (installed or not), C(archive) and C(suites) of apt,
        C(addresses) on the home network, C(listening) sockets, C(containers) of compose projects, and what apps were first started with and must
        keep (C(fixed)).
      type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.homeserver.exposure.plugins.module_utils.host.look import look


def main() -> None:
    module = AnsibleModule({}, supports_check_mode=True)

    def run(command: list[str]) -> tuple[int, str]:
        code, output, _errors = (
            module.run_command(list(command), environ_update={"LC_ALL": "C"}, handle_exceptions=False) if module.get_bin_path(command[0]) else (127, "", "")
        )
        return code, output

    module.exit_json(changed=False, ansible_facts={"homeserver_host": look(run)})


if __name__ == "__main__":
    main()
