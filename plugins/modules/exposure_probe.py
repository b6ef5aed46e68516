#!/usr/bin/python
# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: exposure_probe
short_description: See from here whether sites are served as declared
version_added: 0.1.0
author: homeserver.exposure contributors (@homeserver)
description:
  - Opens every site as a client does, from the host on which it runs - name, port, certificate, page, redirect from http, HTTP/2, WebSocket - and
    sees that unknown names are refused and the app's own port is closed.
  - All sites side by side, within a bounded time. A failure is in RV(failures), and does not fail the task.
attributes:
  check_mode: {support: full, description: It only reads.}
  diff_mode: {support: none, description: It changes nothing.}
  idempotent: {support: full, description: It changes nothing.}
options:
  sites:
    description: Probes of the Plan.
    type: list
    elements: dict
    required: true
  connect_to:
    description: Address to connect to in place of what the names resolve to here.
    type: str
    default: ""
  roots:
    description: PEM file on this host whose certificates are trusted besides the system's.
    type: path
    default: ""
  timeout:
    description: Seconds that one connection may take.
    type: float
    default: 6
  wait:
    description: Seconds for which a failing site is tried again.
    type: float
    default: 0
"""

EXAMPLES = r"""
- name: Look at the sites from here
  homeserver.exposure.exposure_probe:
    sites: "{{ homeserver_plan.probes }}"
  register: seen
"""

RETURN = r"""
outcomes:
  description: Every check with its C(host), C(check), C(ok) and C(detail).
  type: list
  elements: dict
  returned: always
failures:
  description: What is not as declared, a sentence each.
  type: list
  elements: str
  returned: always
"""

from dataclasses import asdict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.homeserver.exposure.plugins.module_utils.probe.site import View, probe_all

ARGUMENTS = {
    "sites": {"type": "list", "elements": "dict", "required": True},
    "connect_to": {"type": "str", "default": ""},
    "roots": {"type": "path", "default": ""},
    "timeout": {"type": "float", "default": 6},
    "wait": {"type": "float", "default": 0},
}


def main() -> None:
    module = AnsibleModule(ARGUMENTS, supports_check_mode=True)
    view = View(module.params["connect_to"], module.params["timeout"], module.params["roots"])
    outcomes = probe_all(module.params["sites"], view, module.params["wait"])
    failures = [f"{outcome.host}: {outcome.check}: {outcome.detail}" for outcome in outcomes if not outcome.ok]
    module.exit_json(changed=False, outcomes=[asdict(outcome) for outcome in outcomes], failures=failures)


if __name__ == "__main__":
    main()
