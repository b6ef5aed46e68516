#!/usr/bin/python
# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: exposure_audit
short_description: See what a host really exposes, against what was declared
version_added: 0.4.0
author: homeserver.exposure contributors (@homeserver)
description:
  - Looks at what listens (TCP and UDP, IPv4 and IPv6), at the ports that Docker publishes, whoever started the container, and at the rules of nftables and
    iptables that send elsewhere what comes in. What nobody declared is named with its process, unit or container, and with how to close it.
  - It looks from inside and asks nobody else. What it may not see it says, so run it as root.
attributes:
  check_mode: {support: full, description: It only reads.}
  diff_mode: {support: none, description: It changes nothing.}
  idempotent: {support: full, description: It changes nothing.}
options:
  declared:
    description:
      - What is to listen, each with C(port), C(protocol) (tcp or udp), C(address) (empty for every one), C(what) for a person, and where wanted the
        C(process) that is meant and the C(sources) that alone may reach it. C(declared) of a host in the Plan.
    type: list
    elements: dict
    default: []
  allowed:
    description: What may listen because the owner says so, in the same form. C(allowed) of a host in the Plan.
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: See what this host exposes
  homeserver.exposure.exposure_audit:
    declared: "{{ homeserver_plan.hosts[inventory_hostname].declared }}"
    allowed: "{{ homeserver_plan.hosts[inventory_hostname].allowed }}"
  register: audit

- name: See it without the rest of the collection
  homeserver.exposure.exposure_audit:
    declared:
      - {port: 80, what: nginx}
      - {port: 443, what: nginx}
    allowed: [{port: 22, process: sshd}]
"""

RETURN = r"""
listening:
  description: >-
    What listens, a row for each address, with C(address), C(port), C(protocol), C(process), C(unit), C(container), C(reach) (loopback, lan or any),
    C(declared) (what it is by the inventory, or empty) and C(known) (what of the system it is, or empty).
  type: list
  elements: dict
  returned: success
published:
  description: Ports that Docker sends to containers, with C(address), C(port), C(protocol), C(container), C(image), C(project) and C(target).
  type: list
  elements: dict
  returned: success
redirected:
  description: >-
    Rules of the packet filter that send elsewhere what comes in, other than Docker's, with C(family), C(table), C(chain), C(rule), C(port) and C(last)
    (a range; 0 for one port, C(port) 0 for every port), C(protocol) and C(to).
  type: list
  elements: dict
  returned: success
findings:
  description: What is not as declared, the gravest first, with C(id), C(severity) (error, warning or note), C(where), C(seen), C(why) and C(do).
  type: list
  elements: dict
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.homeserver.exposure.plugins.module_utils.audit.judge import judge
from ansible_collections.homeserver.exposure.plugins.module_utils.audit.look import look
from ansible_collections.homeserver.exposure.plugins.module_utils.audit.model import NotUnderstood, read_declared

ARGUMENTS = {
    "declared": {"type": "list", "elements": "dict", "default": []},
    "allowed": {"type": "list", "elements": "dict", "default": []},
}


def main() -> None:
    module = AnsibleModule(ARGUMENTS, supports_check_mode=True)

    def run(command: list[str]) -> tuple[int, str]:
        path = module.get_bin_path(command[0])
        if not path:
            return 127, ""
        try:
            code, output, _errors = module.run_command([path, *command[1:]], environ_update={"LC_ALL": "C"}, handle_exceptions=False)
        except OSError:
            return 126, ""
        return code, output

    try:
        declared = read_declared(module.params["declared"], "declared")
        allowed = read_declared(module.params["allowed"], "exposure_listening")
    except NotUnderstood as error:
        module.fail_json(msg=f"What was declared cannot be understood. {error}")
    module.exit_json(changed=False, **judge(look(run), declared, allowed).as_json())


if __name__ == "__main__":
    main()
