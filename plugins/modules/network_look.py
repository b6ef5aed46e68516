#!/usr/bin/python
# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: network_look
short_description: See the home's network from one host
version_added: 0.3.0
author: homeserver.exposure contributors (@homeserver)
description:
  - On the server it finds the home's public addresses, asks the name servers of each name's zone directly, reads CAA records, and sees what answers at its
    own addresses and at the public ones.
  - On other hosts it asks their resolver, and tries the ports it is given. What answers is told by its certificate.
  - Everything is asked side by side, and no connection takes longer than O(timeout). Nothing is judged; M(homeserver.exposure.network_report) does that.
attributes:
  check_mode: {support: full, description: It only reads.}
  diff_mode: {support: none, description: It changes nothing.}
  idempotent: {support: full, description: It changes nothing.}
options:
  place:
    description: Where this host stands. V(server) carries the proxy, V(inside) is another machine of the home, V(outside) is none of it.
    type: str
    choices: [server, inside, outside]
    required: true
  names:
    description: Public names that are to lead to the proxy.
    type: list
    elements: str
    default: []
  doors:
    description: Ports to try, each with C(name), C(address), C(port) and C(scheme) (C(https) or C(http)).
    type: list
    elements: dict
    default: []
  https_port:
    description: Port of the public address for https. 0 for none.
    type: int
    default: 443
  http_port:
    description: Port of the public address for http. 0 for none.
    type: int
    default: 80
  address:
    description:
      - How the public addresses are found, as for M(homeserver.exposure.public_address_info) - C(sources), C(families), C(quorum), C(public), C(interface),
        C(fixed), C(command), C(router), C(timeout) and others.
    type: dict
    default: {}
  caa_identities:
    description: Names of the certificate authority in CAA records. Without them CAA is not looked at.
    type: list
    elements: str
    default: []
  account:
    description: Address of the account at the authority, for CAA records that bind to one.
    type: str
    default: ""
  nameservers:
    description: Resolvers to ask in place of the system's.
    type: list
    elements: str
    default: []
  timeout:
    description: Seconds for one connection or question.
    type: float
    default: 5
"""

EXAMPLES = r"""
- name: Seen from the server
  homeserver.exposure.network_look:
    place: server
    names: [home.example.org]
  register: server_look

- name: Seen from outside
  homeserver.exposure.network_look:
    place: outside
    names: [home.example.org]
    doors: "{{ [server_look.look] | homeserver.exposure.network_doors }}"
  delegate_to: outside
"""

RETURN = r"""
look:
  description: What was seen. Its shape is in plugins/module_utils/network/observe.py.
  type: dict
  returned: success
missing:
  description: Packages without which part of it could not be seen.
  type: list
  elements: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.homeserver.exposure.plugins.module_utils.address.detect import detect
from ansible_collections.homeserver.exposure.plugins.module_utils.network.observe import SERVER, Task, observe, settings_of
from ansible_collections.homeserver.exposure.plugins.module_utils.network.ports import read

try:
    from ansible_collections.homeserver.exposure.plugins.module_utils.acme.lookup import Lookup
    from ansible_collections.homeserver.exposure.plugins.module_utils.network import names as dns_names
except ModuleNotFoundError:
    Lookup = None

ARGUMENTS = {
    "place": {"type": "str", "choices": ["server", "inside", "outside"], "required": True},
    "names": {"type": "list", "elements": "str", "default": []},
    "doors": {"type": "list", "elements": "dict", "default": []},
    "https_port": {"type": "int", "default": 443},
    "http_port": {"type": "int", "default": 80},
    "address": {"type": "dict", "default": {}},
    "caa_identities": {"type": "list", "elements": "str", "default": []},
    "account": {"type": "str", "default": ""},
    "nameservers": {"type": "list", "elements": "str", "default": []},
    "timeout": {"type": "float", "default": 5},
}


def main() -> None:
    module = AnsibleModule(ARGUMENTS, supports_check_mode=True)
    its = module.params
    asked = Lookup(its["nameservers"], timeout=its["timeout"]) if Lookup else None
    names = (lambda wanted: dns_names.look(wanted, asked, tuple(its["caa_identities"]), its["account"])) if asked else None
    try:
        task = Task(its["place"], tuple(its["names"]), tuple(map(read, its["doors"])), its["https_port"], its["http_port"], timeout=its["timeout"])
        settings = settings_of(its["address"])
        look = observe(task, lambda: detect(settings), names)
    except (KeyError, TypeError, ValueError) as error:
        module.fail_json(msg=f"What it is to look at cannot be: {error}")
    except OSError as error:
        module.fail_json(msg=f"This host cannot look: {error}")
    module.exit_json(changed=False, look=look, missing=[] if asked or its["place"] != SERVER else ["python3-dnspython"])


if __name__ == "__main__":
    main()
