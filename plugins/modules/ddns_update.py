#!/usr/bin/python
# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: ddns_update
short_description: Bring names at a DDNS or DNS provider to an address, once
version_added: 0.3.0
author: homeserver.exposure contributors (@homeserver)
description:
  - Sends the addresses of names to their provider where the authoritative servers of the names show others, and looks there afterwards.
  - It keeps no memory on the host. What has to follow an address by itself is for the role M(homeserver.exposure.ddns#role), which waits where a
    provider asks for it, and stops where a provider refuses.
requirements:
  - dnspython, so that the authoritative servers can be asked. Without it every run sends the addresses.
attributes:
  check_mode: {support: full, description: Nothing is sent to the provider. The authoritative servers are asked all the same.}
  diff_mode: {support: full, description: The records before and after.}
  idempotent: {support: full, description: Records that the authoritative servers show already are not sent.}
options:
  provider:
    description: Name of the provider, such as V(duckdns), V(dynu), V(noip), V(desec), V(cloudflare), V(rfc2136) or V(dyndns2).
    type: str
    required: true
  hosts:
    description: Names to be kept. A wildcard begins with C(*.), where the provider takes one.
    type: list
    elements: str
    required: true
  options:
    description: What the provider needs to know and anybody may see, such as C(username) or C(zone).
    type: dict
    default: {}
  secrets:
    description: What it needs to know and nobody may see, such as C(token) or C(password).
    type: dict
    default: {}
  state:
    description: V(absent) removes the records, where the provider can do that.
    type: str
    choices: [present, absent]
    default: present
  addresses:
    description: The addresses, by family. Without any, those of the host on which the module runs are found out.
    type: dict
    default: {}
    suboptions:
      ipv4:
        description: IPv4 address.
        type: str
        default: ""
      ipv6:
        description: IPv6 address.
        type: str
        default: ""
  families:
    description: Families to be kept. By default those of O(addresses), else both.
    type: list
    elements: str
    choices: [ipv4, ipv6]
    default: []
  address:
    description: How addresses are found out, and which are taken - C(sources), C(quorum), C(interface), C(allow_private), C(public) and others,
      as for M(homeserver.exposure.public_address_info).
    type: dict
    default: {}
  force:
    description: Whether to send also what has not changed. Providers lock accounts that do so often.
    type: bool
    default: false
  contact:
    description: E-mail address that goes along in the header by which providers know this client.
    type: str
    default: ""
  nameservers:
    description: Resolvers that are asked for the authoritative servers, in place of the host's.
    type: list
    elements: str
    default: []
  confirm_within:
    description: Seconds to wait until the authoritative servers show what was sent.
    type: float
    default: 60
"""

EXAMPLES = r"""
- name: A name at DuckDNS leads to this home
  homeserver.exposure.ddns_update:
    provider: duckdns
    hosts: [example.duckdns.org]
    secrets: {token: "{{ vault_duckdns_token }}"}

- name: A name of an own zone leads to a fixed address
  homeserver.exposure.ddns_update:
    provider: rfc2136
    hosts: [pbx.example.org]
    options: {server: ns.example.org, zone: example.org, key_name: home}
    secrets: {key: "{{ vault_tsig_key }}"}
    addresses: {ipv4: 1.2.3.4}
"""

RETURN = r"""
entries:
  description: For each family of each name what was done, with C(host), C(family), C(action), C(old), C(new), C(message) and C(confirmed).
  type: list
  elements: dict
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.homeserver.exposure.plugins.module_utils.ddns.once import bring, troubles
from ansible_collections.homeserver.exposure.plugins.module_utils.ddns.settings import SettingsWrong

FAMILY = {"type": "str", "default": ""}
ARGUMENTS = {
    "provider": {"type": "str", "required": True},
    "hosts": {"type": "list", "elements": "str", "required": True},
    "options": {"type": "dict", "default": {}},
    "secrets": {"type": "dict", "default": {}, "no_log": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "addresses": {"type": "dict", "default": {}, "options": {"ipv4": FAMILY, "ipv6": FAMILY}},
    "families": {"type": "list", "elements": "str", "choices": ["ipv4", "ipv6"], "default": []},
    "address": {"type": "dict", "default": {}},
    "force": {"type": "bool", "default": False},
    "contact": {"type": "str", "default": ""},
    "nameservers": {"type": "list", "elements": "str", "default": []},
    "confirm_within": {"type": "float", "default": 60},
}


def main() -> None:
    module = AnsibleModule(ARGUMENTS, supports_check_mode=True)
    try:
        report = bring(module.params, module.check_mode)
    except SettingsWrong as wrong:
        module.fail_json(msg=str(wrong), entries=[])
    said, entries = troubles(report), report.plain()
    if said:
        module.fail_json(msg=" ".join(said), changed=report.changed, diff=report.diff(), entries=entries)
    for entry in report.entries:
        if entry.confirmed is False:
            module.warn(str(entry))
    module.exit_json(changed=report.changed, diff=report.diff(), entries=entries)


if __name__ == "__main__":
    main()
