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
  - Looks at every site as a client does, from the host on which it runs - DNS, port, certificate, page, redirect from http, HTTP/2 and HTTP/3, HSTS,
    WebSocket, the size of a body that was promised, the address that the app sees - and sees that unknown names are refused and the app's own port is
    closed.
  - All sites side by side, within a bounded time. A failure is in RV(failures), and does not fail the task.
  - For the certificates it wants C(python3-cryptography) on that host, for the DNS C(python3-dnspython); without them these checks are not proven.
  - Nobody is asked but the sites, the resolver of the host, and the name servers of the names.
requirements:
  - Python 3.11 or newer
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
  deadline:
    description: Seconds that everything may take, besides O(wait).
    type: float
    default: 60
    version_added: 0.4.0
  vantage:
    description:
      - From where this looks. V(server) is the proxy itself, which looks at port, page and certificate alone, with O(connect_to) 127.0.0.1; whether a
        certificate is trusted is for the others to say. V(lan) and V(controller) may see another address of a name than everyone else.
    type: str
    choices: [outside, controller, lan, server]
    default: outside
    version_added: 0.4.0
  own:
    description: Addresses by which a site may see this host, besides the one that it connects from.
    type: list
    elements: str
    default: []
    version_added: 0.4.0
  local_root:
    description: Root of the authority of the home as PEM, trusted for the sites with C(tls) C(local).
    type: str
    default: ""
    version_added: 0.4.0
  store:
    description: Folder of the store of certificates on this host; what is served is compared with what is in it. For O(vantage=server).
    type: path
    default: ""
    version_added: 0.4.0
  apps:
    description:
      - Apps that run here, as C(log_ins) of the Plan's host. Each is asked at its own address whether it has an owner, and whether a log-in that it came
        with still works.
      - An app counts log-ins that fail. So a run tries one at most that fails, remembers in C(/var/lib/exposure/accounts) how it ended, and tries it
        again after 30 days, or when the version or the container of the app is another.
    type: list
    elements: dict
    default: []
    version_added: 0.5.0
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
  description:
    - Every check with its C(host), C(site), C(check), C(address) (empty where it has to do with none), C(ok), C(detail) and C(advice).
    - C(ok) is null for what is not proven from here.
  type: list
  elements: dict
  returned: always
accounts:
  description:
    - What was seen of O(apps) - C(outcomes) in the same form, and C(findings), each with C(id), C(severity), C(about), C(what), C(why) and C(advice).
    - A log-in that still works is in C(outcomes) with C(ok) false. It is not among RV(failures), which tell of what is served.
  type: dict
  returned: when O(apps) has any
  version_added: 0.5.0
certificates:
  description: For each C(host) and C(address) what M(homeserver.exposure.certificate_info) tells of an endpoint.
  type: list
  elements: dict
  returned: always
failures:
  description: What is not as declared, a sentence each.
  type: list
  elements: str
  returned: always
vantage:
  description: The O(vantage).
  type: str
  returned: always
"""

import platform
from contextlib import ExitStack
from dataclasses import asdict
from tempfile import NamedTemporaryFile

from ansible.module_utils.basic import AnsibleModule

try:
    from ansible_collections.homeserver.exposure.plugins.module_utils.probe.accounts import look_at
    from ansible_collections.homeserver.exposure.plugins.module_utils.probe.every import probe_all
    from ansible_collections.homeserver.exposure.plugins.module_utils.probe.outcome import View
except (ImportError, SyntaxError, TypeError):  # an older Python; with a newer one it is a fault of ours, that is to be seen
    if int(platform.python_version_tuple()[1]) >= 11:
        raise
    probe_all = None

ARGUMENTS = {
    "sites": {"type": "list", "elements": "dict", "required": True},
    "connect_to": {"type": "str", "default": ""},
    "roots": {"type": "path", "default": ""},
    "timeout": {"type": "float", "default": 6},
    "deadline": {"type": "float", "default": 60},
    "vantage": {"type": "str", "choices": ["outside", "controller", "lan", "server"], "default": "outside"},
    "own": {"type": "list", "elements": "str", "default": []},
    "local_root": {"type": "str", "default": ""},
    "store": {"type": "path", "default": ""},
    "apps": {"type": "list", "elements": "dict", "default": []},
    "wait": {"type": "float", "default": 0},
}


def main() -> None:
    module = AnsibleModule(ARGUMENTS, supports_check_mode=True)
    its = module.params
    if probe_all is None:
        module.fail_json(msg=f"To look from this host takes Python 3.11 or newer; here it is {platform.python_version()}. Debian 12 and 13 have it.")
    with ExitStack() as stack:
        root = ""
        if its["local_root"]:
            kept = stack.enter_context(NamedTemporaryFile("w", suffix=".pem", dir=module.tmpdir))
            kept.write(its["local_root"])
            kept.flush()
            root = kept.name
        view = View(its["connect_to"], its["timeout"], its["roots"], vantage=its["vantage"], own=tuple(its["own"]), local_root=root, store=its["store"])
        proof = probe_all(its["sites"], view, its["wait"], its["deadline"])
    accounts = {"accounts": look_at(its["apps"], min(30, its["deadline"]), not module.check_mode).told()} if its["apps"] else {}
    outcomes = [asdict(one) for one in proof.outcomes]
    module.exit_json(changed=False, vantage=its["vantage"], outcomes=outcomes, certificates=proof.certificates, failures=proof.failures, **accounts)


if __name__ == "__main__":
    main()
