#!/usr/bin/python
# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: port_mapping
short_description: Port forwarding in a home's router, by UPnP or NAT-PMP
version_added: 0.3.0
author: homeserver.exposure contributors (@homeserver)
description:
  - Makes, renews and removes port mappings in the router, from the host to which they lead.
  - A port that leads elsewhere already, or that another program or person has mapped, is never taken from them. It is told in RV(mappings).
  - Where the router answers neither protocol, RV(instruction) is the rule that a person types into it.
  - A mapping with O(lease) ends by itself unless it is renewed. Run the module again before half of that time is over, or let C(exposure router) do it.
  - A router that opens ports for whoever asks at home does so for every device at home. Where that is not wanted, switch it off there and type the rule in.
attributes:
  check_mode: {support: full, description: "The router is asked what it has, and nothing is changed in it."}
  diff_mode: {support: full, description: It shows each mapping before and after. By NAT-PMP a router does not tell what it has.}
  idempotent: {support: full, description: A mapping that is there is left alone until half of its life is over.}
options:
  mappings:
    description: What is to come in.
    type: list
    elements: dict
    required: true
    suboptions:
      external_port: {description: The port of the home's public address., type: int, required: true}
      protocol: {description: Its protocol., type: str, choices: [tcp, udp], default: tcp}
      port: {description: "The port on this host. Without it, the same.", type: int}
      address:
        description: The address at home. Without it, that of this host. Most routers take a mapping only from the host to which it leads.
        type: str
        default: ""
      description:
        description: What the router shows, and by which a mapping is recognised as ours. Without it, O(tag).
        type: str
        default: ""
  state:
    description: Whether O(mappings) are to be there.
    type: str
    choices: [present, absent]
    default: present
  purge:
    description: Whether whatever else is ours goes.
    type: bool
    default: false
  lease:
    description: Seconds for which a mapping is made, at most a week. V(0) makes it for ever, which NAT-PMP does not know.
    type: int
    default: 7200
  protocols:
    description: The protocols to try, in this order. V(upnp) needs the package C(python3-miniupnpc) on the host.
    type: list
    elements: str
    choices: [upnp, natpmp]
    default: [upnp, natpmp]
  router:
    description: The router's address at home. Without it, the default gateway.
    type: str
    default: ""
  required:
    description: Whether the task fails where a mapping could not be made or removed.
    type: bool
    default: true
  state_directory:
    description: Where what was made is remembered, in C(router.json). By NAT-PMP nothing else tells.
    type: path
    default: /var/lib/exposure/port_mapping
  tag:
    description: The description by which a mapping is recognised as ours. Without it, C(homeserver.exposure task) and this host's name.
    type: str
    default: ""
seealso:
  - module: homeserver.exposure.public_address_info
"""

EXAMPLES = r"""
- name: Visitors come to this host
  homeserver.exposure.port_mapping:
    mappings:
      - external_port: 443
      - external_port: 80

- name: Another port outside, and no failure where the router cannot do it
  homeserver.exposure.port_mapping:
    mappings:
      - {external_port: 8443, port: 443}
    required: false
  register: router

- name: What to type into the router
  ansible.builtin.debug:
    msg: "{{ router.instruction }}"
  when: router.instruction

- name: Nobody comes any more
  homeserver.exposure.port_mapping:
    mappings: []
    state: absent
    purge: true
"""

RETURN = r"""
protocol:
  description: The protocol that the router answered. Empty for none.
  type: str
  returned: always
external_address:
  description: The router's address on the internet, as it says itself.
  type: str
  returned: always
mappings:
  description: >-
    Every mapping with its C(external_port), C(protocol), C(address), C(port), C(description), C(message), C(was) (where it led before) and C(outcome), which
    is V(kept), V(made), V(renewed), V(moved), V(removed), V(conflict) or V(refused).
  type: list
  elements: dict
  returned: always
trouble:
  description: Why nothing could be done. Empty where the router answered.
  type: str
  returned: always
instruction:
  description: What a person types into the router. Empty where nothing is left to do by hand.
  type: str
  returned: always
left:
  description: The mappings of ours that the router has after this, as far as is known, each as a person reads it.
  type: list
  elements: str
  returned: always
missing:
  description: Packages that would let more routers be spoken to.
  type: list
  elements: str
  returned: always
"""

import importlib.util
import platform
import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.homeserver.exposure.plugins.module_utils.address.interface import Unreadable, look
from ansible_collections.homeserver.exposure.plugins.module_utils.address.router_source import source_for
from ansible_collections.homeserver.exposure.plugins.module_utils.router.diff import diff
from ansible_collections.homeserver.exposure.plugins.module_utils.router.keep import Wish, keep
from ansible_collections.homeserver.exposure.plugins.module_utils.router.memory import plain, read, remembered, write
from ansible_collections.homeserver.exposure.plugins.module_utils.router.model import TAG, Mapping
from ansible_collections.homeserver.exposure.plugins.module_utils.router.upnp import PACKAGE

MAPPING = {
    "external_port": {"type": "int", "required": True},
    "protocol": {"type": "str", "choices": ["tcp", "udp"], "default": "tcp"},
    "port": {"type": "int"},
    "address": {"type": "str", "default": ""},
    "description": {"type": "str", "default": ""},
}
ARGUMENTS = {
    "mappings": {"type": "list", "elements": "dict", "required": True, "options": MAPPING},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "purge": {"type": "bool", "default": False},
    "lease": {"type": "int", "default": 7200},
    "protocols": {"type": "list", "elements": "str", "choices": ["upnp", "natpmp"], "default": ["upnp", "natpmp"]},
    "router": {"type": "str", "default": ""},
    "required": {"type": "bool", "default": True},
    "state_directory": {"type": "path", "default": "/var/lib/exposure/port_mapping"},
    "tag": {"type": "str", "default": ""},
}


def main() -> None:
    module = AnsibleModule(ARGUMENTS, supports_check_mode=True)
    given, folder, now = module.params, Path(module.params["state_directory"]), time.time()
    try:
        seen = look(families=("ipv4",))
    except Unreadable as error:
        nothing = {"protocol": "", "external_address": "", "mappings": [], "instruction": "", "missing": []}
        nothing["left"] = [str(one.mapping) for one in remembered(read(folder))]
        if given["required"]:
            module.fail_json(msg=str(error), trouble=str(error), **nothing)
        module.exit_json(changed=False, trouble=str(error), **nothing)
    tag = given["tag"] or f"{TAG} task {platform.node().partition('.')[0]}"[:60]
    listed = tuple(
        Mapping(one["external_port"], one["protocol"], one["address"] or source_for(seen), one["port"] or one["external_port"], one["description"] or tag)
        for one in given["mappings"]
    )
    for mapping in listed:
        if not (0 < mapping.external_port < 65536 and 0 < mapping.port < 65536):
            module.fail_json(msg=f"{mapping}: a port is a number from 1 to 65535.")
    present = given["state"] == "present"
    wish = Wish(
        listed if present else (),
        max(0, given["lease"]),
        given["router"],
        tuple(given["protocols"]),
        tag,
        given["purge"],
        () if present else listed,
        follow=False,
    )
    report = keep(wish, seen, remembered(read(folder)), now, module.check_mode)
    if not module.check_mode and (report.remembered or folder.exists()):
        write(folder, report.state(now))
    result = {
        "changed": report.changed,
        "protocol": report.protocol,
        "external_address": report.external_address,
        "mappings": [{**plain(one.mapping), "outcome": str(one.kept), "message": one.message, "was": one.was} for one in report.settled],
        "trouble": report.trouble,
        "instruction": report.instruction,
        "left": [str(one.mapping) for one in report.remembered],
        "missing": [PACKAGE] if "upnp" in given["protocols"] and not importlib.util.find_spec("miniupnpc") else [],
        "diff": diff(report),
    }
    if report.exit_code and given["required"]:
        module.fail_json(msg="\n".join([*report.sentences(), report.instruction]).strip(), **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
