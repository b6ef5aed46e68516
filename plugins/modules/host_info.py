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
options:
  directory:
    description: Where what is known of apps is kept, as C(exposure_directory) says.
    type: path
    default: /etc/exposure
    version_added: 0.5.0
  compose_files:
    description:
      - Compose files of a person's own that are to be looked at, each with C(compose) (a file or folder) and C(proxy) (the service of it that is a
        proxy). The filter C(homeserver.exposure.compose_files) makes them of C(exposure_apps).
    type: list
    elements: dict
    default: []
    version_added: 0.5.0
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
        C(addresses) on the home network, C(listening) sockets, C(containers) of compose projects, what apps were first started with and must
        keep (C(fixed)), and in C(adopted) what compose files of a person's own say and what runs of them, without the values of their environment.
      type: dict
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.homeserver.exposure.plugins.module_utils.host import compose_files
from ansible_collections.homeserver.exposure.plugins.module_utils.host.look import DOCKER_SOCKET, look

ARGUMENTS = {
    "directory": {"type": "path", "default": "/etc/exposure"},
    "compose_files": {"type": "list", "elements": "dict", "default": []},
}


def main() -> None:
    module = AnsibleModule(ARGUMENTS, supports_check_mode=True)

    def run(command: list[str]) -> tuple[int, str]:
        code, output, _errors = (
            module.run_command(list(command), environ_update={"LC_ALL": "C"}, handle_exceptions=False) if module.get_bin_path(command[0]) else (127, "", "")
        )
        return code, output

    adopted = compose_files.look(module.params["compose_files"], compose_files.run, compose_files.ask(Path(DOCKER_SOCKET)))
    module.exit_json(changed=False, ansible_facts={"homeserver_host": {**look(run, directory=module.params["directory"]), "adopted": adopted}})


if __name__ == "__main__":
    main()
