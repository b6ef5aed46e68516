#!/usr/bin/python
# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: home_assistant_trust
short_description: Tell a Home Assistant whose files are out of reach to trust its proxy
version_added: 0.5.0
author: homeserver.exposure contributors (@homeserver)
description:
  - Tells Home Assistants of other machines (such as Home Assistant OS) to trust the proxy of the host that this runs on, by their own API. The
    address is the one that the host has towards them.
  - What they trust already stays. Networks that they trust whole are told.
  - A change restarts Home Assistant, which takes a few seconds, and is on trial for five minutes. It is confirmed through the proxy, as a visitor comes;
    where that does not succeed the settings from before come back.
requirements: [websocket-client (python3-websocket in Debian)]
attributes:
  check_mode: {support: full, description: Each is asked what it trusts and told nothing.}
  diff_mode: {support: full, description: The proxies that each trusts; tokens never show.}
  idempotent: {support: full, description: One that trusts the proxy already is left alone.}
options:
  instances:
    description: Home Assistants of the Plan.
    type: list
    elements: dict
    required: true
    suboptions:
      name: {description: The site., type: str, required: true}
      address: {description: Where the proxy reaches it., type: str, required: true}
      port: {description: On which port., type: int, required: true}
      tls: {description: Whether it speaks https there., type: bool, default: false}
      host: {description: "Its public name, with its port where that is not 443.", type: str, required: true}
      entry: {description: The port on which the proxy of this host takes visitors., type: int, default: 443}
  tokens:
    description: >-
      For each site a long-lived access token of an administrator. A wrong one is a log-in that failed, which Home Assistant counts where it was told to ban.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Home Assistant OS trusts this proxy
  homeserver.exposure.home_assistant_trust:
    instances: [{name: home, address: 192.168.1.20, port: 8123, host: home.example.org}]
    tokens: {home: "{{ vault_home_assistant_token }}"}
"""

RETURN = r"""
notes:
  description: What their owner should know, a sentence each.
  type: list
  elements: str
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.homeserver.exposure.plugins.module_utils.apps.home_assistant_api import NotLet, Outcome, Teller
from ansible_collections.homeserver.exposure.plugins.module_utils.apps.home_assistant_way import Instance, ways

INSTANCE = {
    "name": {"type": "str", "required": True},
    "address": {"type": "str", "required": True},
    "port": {"type": "int", "required": True},
    "tls": {"type": "bool", "default": False},
    "host": {"type": "str", "required": True},
    "entry": {"type": "int", "default": 443},
}
ARGUMENTS = {
    "instances": {"type": "list", "elements": "dict", "required": True, "options": INSTANCE},
    "tokens": {"type": "dict", "required": True, "no_log": True},
}


def settle(instance: Instance, token: str, check: bool) -> Outcome:
    try:
        return Teller(ways(instance), token, check).settle()
    except (NotLet, OSError) as error:
        return Outcome(trouble=f"{error}.")


def main() -> None:
    module = AnsibleModule(ARGUMENTS, supports_check_mode=True)
    tokens = {str(name): str(token) for name, token in module.params["tokens"].items()}
    done = {}
    for given in module.params["instances"]:
        instance = Instance(**given)
        lacking = Outcome(trouble="there is no token for it.")
        done[instance] = settle(instance, tokens[instance.name], module.check_mode) if tokens.get(instance.name) else lacking
    result = {
        "changed": any(outcome.changed for outcome in done.values()),
        "notes": [f"{instance.name}: {note}" for instance, outcome in done.items() for note in outcome.notes],
        "diff": [
            {
                "before_header": f"{instance.name}: trusted proxies",
                "after_header": f"{instance.name}: trusted proxies",
                "before": "".join(f"{one}\n" for one in outcome.before),
                "after": "".join(f"{one}\n" for one in outcome.after),
            }
            for instance, outcome in done.items()
            if outcome.changed
        ],
    }
    troubles = [f"Home Assistant of site {instance.name}: {outcome.trouble}" for instance, outcome in done.items() if outcome.trouble]
    if troubles:
        module.fail_json(msg="\n".join(troubles), **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
