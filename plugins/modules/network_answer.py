#!/usr/bin/python
# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: network_answer
short_description: Answer for a while on ports where nothing listens yet
version_added: 0.3.0
author: homeserver.exposure contributors (@homeserver)
description:
  - Lets M(homeserver.exposure.network_look) try the way to a server before anything is set up there. What answers has one fixed sentence to say, and gives
    nothing of the host away.
  - A port on which something listens is left alone. It ends when O(until) is removed, and after O(seconds) at the latest.
attributes:
  check_mode: {support: full, description: Nothing listens.}
  diff_mode: {support: none, description: It changes no file that stays.}
  idempotent: {support: none, description: It is not there to stay.}
options:
  https_port:
    description: Port on which it answers over TLS. 0 for none. It needs C(openssl) for a certificate of its own.
    type: int
    default: 443
  http_port:
    description: Port on which it answers over http. 0 for none.
    type: int
    default: 80
  until:
    description: File that it makes, and whose removal ends it.
    type: path
    default: /run/exposure-diagnosis
  seconds:
    description: How long it answers at most.
    type: float
    default: 120
"""

EXAMPLES = r"""
- name: The server answers while it is looked at
  homeserver.exposure.network_answer:

- name: And no longer
  ansible.builtin.file:
    path: /run/exposure-diagnosis
    state: absent
"""

RETURN = r"""
answering:
  description: For what it answers, V(http) and V(https). Empty where other programs listen on both.
  type: list
  elements: str
  returned: success
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.homeserver.exposure.plugins.module_utils.network.answer import answer

ARGUMENTS = {
    "https_port": {"type": "int", "default": 443},
    "http_port": {"type": "int", "default": 80},
    "until": {"type": "path", "default": "/run/exposure-diagnosis"},
    "seconds": {"type": "float", "default": 120},
}


def main() -> None:
    module = AnsibleModule(ARGUMENTS, supports_check_mode=True)
    its = module.params
    ports = {scheme: its[f"{scheme}_port"] for scheme in ("https", "http") if its[f"{scheme}_port"]}
    try:
        answering = [] if module.check_mode else answer(ports, Path(its["until"]), its["seconds"])
    except OSError as error:
        module.fail_json(msg=f"{its['until']}: {error.strerror}")
    module.exit_json(changed=False, answering=answering)


if __name__ == "__main__":
    main()
