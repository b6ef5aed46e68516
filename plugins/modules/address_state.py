#!/usr/bin/python
# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: address_state
short_description: Have a server look after its names or router rules now, and hear how that went
version_added: 0.3.0
author: homeserver.exposure contributors (@homeserver)
description:
  - Starts the units that otherwise a timer starts, waits for them, and gives what they said. Trouble does not fail the task, as sites are to be set up all
    the same; it is in RV(troubles), and the proof at the end of a run fails for it.
attributes:
  check_mode: {support: full, description: Nothing is started.}
  diff_mode: {support: none, description: What changes is at a provider or in the router.}
  idempotent: {support: full, description: Where nothing is to be done the units ask nobody.}
options:
  start:
    description: Units of type oneshot.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- homeserver.exposure.address_state:
    start: [exposure-ddns.service]
  register: names
"""

RETURN = r"""
troubles:
  description: What a person has to know, a sentence each. Empty where all went well.
  returned: always
  type: list
  elements: str
said:
  description: What the units wrote.
  returned: always
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.homeserver.exposure.plugins.module_utils.host.service import start

NOT_YET = 13
"""Written, and not seen at the authoritative servers yet (ddns/report.py): the next run looks again."""


def main() -> None:
    module = AnsibleModule({"start": {"type": "list", "elements": "str", "required": True}}, supports_check_mode=True)
    if module.check_mode:
        module.exit_json(changed=False, troubles=[], said=[])

    def run(command: list[str]) -> tuple[int, str]:
        code, output, errors = module.run_command(list(command), handle_exceptions=False)
        return code, output + errors

    troubles, said = [], []
    for unit in module.params["start"]:
        ended = start(unit, run)
        said += ended.said
        if ended.code and ended.code != NOT_YET:
            troubles += list(ended.said) or [f"{unit} failed: see 'journalctl -u {unit}'"]
    for trouble in troubles:
        module.warn(trouble)
    module.exit_json(changed=False, troubles=troubles, said=said)


if __name__ == "__main__":
    main()
