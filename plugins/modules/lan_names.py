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
  check_mode: {support: full, description: "Nothing is written, checked or reloaded."}
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
  adguard_home:
    description: An AdGuard Home that is told over its HTTP API and not by its file, such as one in a container.
    type: dict
    suboptions:
      url:
        description: Where its pages are, such as V(http://127.0.0.1:3000).
        type: str
        required: true
      username:
        description: A user of it.
        type: str
        required: true
      password:
        description: The user's password.
        type: str
        required: true
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

- name: An AdGuard Home in a container of this host
  homeserver.exposure.lan_names:
    records: [{name: home.example.org, addresses: [192.168.1.10]}]
    adguard_home: {url: "http://127.0.0.1:3000", username: admin, password: "{{ vault_adguard_password }}"}

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
  description: Files that changed, and the address of an AdGuard Home that changed.
  type: list
  elements: str
  returned: success
missing:
  description: Packages to install before this is called again. Nothing was changed.
  type: list
  elements: str
  returned: success
"""

from collections.abc import Iterator

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.homeserver.exposure.plugins.module_utils.apps.files import Missing
from ansible_collections.homeserver.exposure.plugins.module_utils.lan_names.adguard_api import Api, settle_over_api
from ansible_collections.homeserver.exposure.plugins.module_utils.lan_names.places import AUTO, PLACES, chosen
from ansible_collections.homeserver.exposure.plugins.module_utils.lan_names.records import Refused, records
from ansible_collections.homeserver.exposure.plugins.module_utils.lan_names.settle import Outcome, settle
from ansible_collections.homeserver.exposure.plugins.module_utils.release.machine import Machine

API = {
    "url": {"type": "str", "required": True},
    "username": {"type": "str", "required": True},
    "password": {"type": "str", "required": True, "no_log": True},
}
RECORD = {"name": {"type": "str", "required": True}, "addresses": {"type": "list", "elements": "str", "required": True}}
ARGUMENTS = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "records": {"type": "list", "elements": "dict", "default": [], "options": RECORD},
    "places": {"type": "list", "elements": "str", "choices": [AUTO, *PLACES], "default": [AUTO]},
    "adguard_home": {"type": "dict", "options": API},
}


def outcomes(module: AnsibleModule) -> Iterator[tuple[str, Outcome]]:
    """What was done in each place, one after the other."""
    wanted = [] if module.params["state"] == "absent" else records(module.params["records"])
    given = module.params["adguard_home"]
    for place in chosen(module.params["places"], absent=not wanted, elsewhere=["adguard_home"] if given else []):
        yield place.name, settle(place, wanted, Machine().run, module.check_mode)
    if given:
        api = Api(given["url"], given["username"], given["password"])
        yield "adguard_home", settle_over_api(api, api.note, wanted, module.check_mode)


def main() -> None:
    module = AnsibleModule(ARGUMENTS, supports_check_mode=True)
    told = {"changed": False, "places": [], "changes": [], "missing": [], "diff": []}
    try:
        for name, outcome in outcomes(module):
            told["places"].append(name)
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
