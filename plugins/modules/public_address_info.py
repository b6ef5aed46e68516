#!/usr/bin/python
# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: public_address_info
short_description: The public addresses of a home, and how it is connected
version_added: 0.3.0
author: homeserver.exposure contributors (@homeserver)
description:
  - Asks sources of several kinds for the addresses at which this host can be reached from the internet - the router, the interface, name servers and web
    services outside - and gives an address only where enough kinds agree. IPv4 and IPv6 are looked at apart.
  - Says how the home is connected, with what shows it and what to do - behind a router, behind two, behind the provider's shared address, through a VPN.
  - All sources are asked side by side, within O(timeout). One that does not answer is told in RV(ipv4.sightings), and does not fail the task.
attributes:
  check_mode: {support: full, description: It only reads.}
  diff_mode: {support: none, description: It changes nothing.}
  idempotent: {support: full, description: It changes nothing.}
options:
  sources:
    description:
      - Who is asked. Sources of one kind count once, as they may be wrong together.
      - V(natpmp) and V(upnp) ask the router, which knows IPv4 alone. V(upnp) needs the package C(python3-miniupnpc).
      - V(interface) is the lasting public address of this host's own way out. Temporary and deprecated addresses are never taken.
      - V(dns:cloudflare) and V(dns:opendns) ask over TLS, and so do V(https:ipify), V(https:icanhazip), V(https:cloudflare) and V(https:) followed by a whole
        web address that answers with the address alone.
      - V(command) and V(fixed) are what O(command) and O(fixed) give. They need nobody's agreement.
    type: list
    elements: str
    default: [natpmp, upnp, interface, "dns:cloudflare", "https:ipify"]
  families:
    description: Which families are looked at.
    type: list
    elements: str
    choices: [ipv4, ipv6]
    default: [ipv4, ipv6]
  quorum:
    description: How many kinds of sources have to agree. Where fewer kinds are listed in O(sources), all of them have to.
    type: int
    default: 2
  allow_private:
    description: Whether an address counts that is private, shared by the provider, or of a content network.
    type: bool
    default: false
  public:
    description: Networks that count as public although registries reserve them, such as those of a test.
    type: list
    elements: str
    default: []
  interface:
    description: The interface to look at and to ask from. Without it, that of the default route.
    type: str
    default: ""
  router:
    description: The router's address at home. Without it, the default gateway.
    type: str
    default: ""
  fixed:
    description: The addresses, where they never change.
    type: dict
    default: {}
    suboptions:
      ipv4: {description: The IPv4 address., type: str, default: ""}
      ipv6: {description: The IPv6 address., type: str, default: ""}
  command:
    description: A command, in words, that prints the addresses, one in a line. No shell is between.
    type: list
    elements: str
    default: []
  suffix:
    description: The end of the IPv6 address of another host at home, such as V(::10), or its MAC address. It is put behind the prefix that was found.
    type: str
    default: ""
  prefix_length:
    description: Bits of the prefix, with O(suffix).
    type: int
    default: 64
  timeout:
    description: Seconds for all sources together.
    type: float
    default: 5
seealso:
  - module: homeserver.exposure.port_mapping
"""

EXAMPLES = r"""
- name: How is this home connected?
  homeserver.exposure.public_address_info:
  register: address

- name: Stop where nobody can come in
  ansible.builtin.assert:
    that: address.ipv4.verdict not in ['cgnat', 'vpn_egress']
    fail_msg: "{{ address.ipv4.evidence | join(' ') }} {{ address.ipv4.advice }}"

- name: Nobody outside the home is asked
  homeserver.exposure.public_address_info:
    sources: [natpmp, upnp, interface]
    quorum: 1

- name: The IPv6 address of another host at home
  homeserver.exposure.public_address_info:
    families: [ipv6]
    suffix: ::10
"""

RETURN = r"""
addresses:
  description: Family and address, for each family on whose address the sources agree.
  type: dict
  returned: success
  sample: {ipv4: 93.184.215.14}
ipv4: &family
  description: What was found of this family.
  type: dict
  returned: where the family was asked for
  contains:
    address: {description: The address. Empty where the sources do not agree on one that may be published., type: str, returned: always}
    verdict:
      description: >-
        How the home is connected - V(direct) (the address is this host's own), V(nat) (behind one router), V(double_nat), V(cgnat) (the provider shares the
        address), V(vpn_egress) (what goes out leaves by a VPN or a second line), V(sources_disagree), V(none) (no such connection) or V(unknown).
      type: str
      returned: always
    evidence: {description: "What shows it, in sentences.", type: list, elements: str, returned: always}
    advice: {description: What to do. Empty where all is well., type: str, returned: always}
    sightings:
      description: Every source with its C(source), C(kind), C(address) and, where it has none, C(trouble).
      type: list
      elements: dict
      returned: always
ipv6: *family
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.homeserver.exposure.plugins.module_utils.address.detect import detect
from ansible_collections.homeserver.exposure.plugins.module_utils.address.model import Found, Settings

FIXED = {"ipv4": {"type": "str", "default": ""}, "ipv6": {"type": "str", "default": ""}}
ARGUMENTS = {
    "sources": {"type": "list", "elements": "str", "default": ["natpmp", "upnp", "interface", "dns:cloudflare", "https:ipify"]},
    "families": {"type": "list", "elements": "str", "choices": ["ipv4", "ipv6"], "default": ["ipv4", "ipv6"]},
    "quorum": {"type": "int", "default": 2},
    "allow_private": {"type": "bool", "default": False},
    "public": {"type": "list", "elements": "str", "default": []},
    "interface": {"type": "str", "default": ""},
    "router": {"type": "str", "default": ""},
    "fixed": {"type": "dict", "default": {}, "options": FIXED},
    "command": {"type": "list", "elements": "str", "default": []},
    "suffix": {"type": "str", "default": ""},
    "prefix_length": {"type": "int", "default": 64},
    "timeout": {"type": "float", "default": 5},
}
LISTS = ("sources", "families", "public", "command")


def plain(found: Found) -> dict[str, object]:
    sightings = [{"source": one.source, "kind": str(one.kind), "address": one.address, "trouble": one.trouble} for one in found.sightings]
    return {
        "address": found.address,
        "verdict": str(found.verdict),
        "evidence": list(found.evidence),
        "advice": found.advice,
        "sightings": sightings,
    }


def main() -> None:
    module = AnsibleModule(ARGUMENTS, supports_check_mode=True)
    given = {name: tuple(value) if name in LISTS else value for name, value in module.params.items()}
    given["fixed"] = {family: address for family, address in given["fixed"].items() if address}
    try:
        found = detect(Settings(**given))
    except ValueError as wrong:
        module.fail_json(msg=str(wrong))
    addresses = {family: one.address for family, one in found.items() if one.address}
    module.exit_json(changed=False, addresses=addresses, **{family: plain(one) for family, one in found.items()})


if __name__ == "__main__":
    main()
