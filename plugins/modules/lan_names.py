#!/usr/bin/python
# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: lan_names
short_description: The home network resolves public names to its own addresses, or does so no longer
version_added: 0.3.0
author: homeserver.exposure contributors (@homeserver)
description:
  - Many routers do not let a client at home reach the home's public address (no hairpin NAT). Then the home's own DNS server, or the hosts file of
    each client, has to give the names their addresses on the home network.
  - Writes what is ours into dnsmasq, unbound, AdGuard Home or Pi-hole, or a marked block into the hosts file. Everything else there stays.
  - The server checks its whole configuration first, is reloaded only when something changed, and is then asked for the names. Where one of these
    fails, its files from before are back, and the task fails with the reason.
attributes:
  check_mode: {support: full, description: Nothing is written, checked or reloaded.}
  diff_mode: {support: full, description: It shows the files that change.}
  idempotent: {support: full, description: Files that are as declared are only read.}
options:
  state:
    description: V(absent) takes everything of ours out again, whatever O(records) says.
    type: str
    choices: [present, absent]
    default: present
  records:
    description: The names.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: A full name. No wildcards.
        type: str
        required: true
      addresses:
        description: Its addresses on the home network.
        type: list
        elements: str
        required: true
  places:
    description:
      - Where they are written. V(auto) is each DNS server that is found on the host; V(hosts) is its file C(/etc/hosts).
      - dnsmasq and unbound are expected as Debian packages them, AdGuard Home and Pi-hole as their own installers put them.
    type: list
    elements: str
    choices: [auto, hosts, dnsmasq, unbound, adguard_home, pi_hole]
    default: [auto]
"""

EXAMPLES = r"""
- name: The DNS server of the home gives the names their addresses at home
  homeserver.exposure.lan_names:
    records:
      - {name: home.example.org, addresses: [192.168.1.10]}
      - {name: cloud.example.org, addresses: [192.168.1.10, "fd00::10"]}

- name: A client that asks another DNS server
  homeserver.exposure.lan_names:
    records: [{name: home.example.org, addresses: [192.168.1.10]}]
    places: [hosts]

- name: No longer
  homeserver.exposure.lan_names:
    state: absent
    places: [auto, hosts]
"""

RETURN = r"""
places:
  description: The places that were looked at.
  type: list
  elements: str
  returned: success
changes:
  description: Files that changed.
  type: list
  elements: str
  returned: success
missing:
  description: Packages to install before this is called again. Nothing was changed.
  type: list
  elements: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.homeserver.exposure.plugins.module_utils.apps.files import Missing
from ansible_collections.homeserver.exposure.plugins.module_utils.lan_names.places import AUTO, PLACES, chosen
from ansible_collections.homeserver.exposure.plugins.module_utils.lan_names.records import Refused, records
from ansible_collections.homeserver.exposure.plugins.module_utils.lan_names.settle import settle
from ansible_collections.homeserver.exposure.plugins.module_utils.release.machine import Machine

RECORD = {"name": {"type": "str", "required": True}, "addresses": {"type": "list", "elements": "str", "required": True}}
ARGUMENTS = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "records": {"type": "list", "elements": "dict", "default": [], "options": RECORD},
    "places": {"type": "list", "elements": "str", "choices": [AUTO, *PLACES], "default": [AUTO]},
}


def main() -> None:
    module = AnsibleModule(ARGUMENTS, supports_check_mode=True)
    told = {"changed": False, "places": [], "changes": [], "missing": [], "diff": []}
    absent = module.params["state"] == "absent"
    try:
        wanted = [] if absent else records(module.params["records"])
        for place in chosen(module.params["places"], absent=not wanted):
            outcome = settle(place, wanted, Machine().run, module.check_mode)
            told["places"].append(place.name)
            told["changes"] += outcome.changed
            told["diff"] += outcome.diff
            told["changed"] = bool(told["changes"])
            for warning in outcome.warnings:
                module.warn(warning)
    except Missing:
        told["missing"] = ["python3-yaml"]
    except (Refused, OSError) as refused:
        module.fail_json(msg=str(refused), **told)
    module.exit_json(**told)


if __name__ == "__main__":
    main()
