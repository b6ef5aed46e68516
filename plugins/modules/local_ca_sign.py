#!/usr/bin/python
# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: local_ca_sign
short_description: Certificates of the local authority
version_added: 0.2.0
author: homeserver.exposure contributors (@homeserver)
description:
  - Signs requests on the host of the authority, with mkcert. Each certificate lasts 825 days, which is mkcert's choice.
  - A request is signed only for exactly the hosts that were declared, and only when it asks for a server's certificate. All are looked at
    before the first is signed.
  - Each call makes new certificates, so call it for those that are needed.
attributes:
  check_mode: {support: full, description: "Requests are looked at, and nothing is signed."}
  diff_mode: {support: none, description: It changes nothing on the host.}
  idempotent: {support: none, description: Each call makes new certificates.}
options:
  requests:
    description: What to sign.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Under what name the certificate is given back.
        type: str
        required: true
      hosts:
        description: The names (wildcards and C(localhost) too) and IP addresses that the request is for.
        type: list
        elements: str
        required: true
      csr:
        description: The signing request, PEM.
        type: str
        required: true
  directory:
    description: Where the authority is.
    type: path
    default: /etc/exposure/local_ca
"""

EXAMPLES = r"""
- name: A certificate for the printer
  homeserver.exposure.local_ca_sign:
    requests:
      - {name: printer, hosts: [printer.home.arpa, 192.168.1.30], csr: "{{ printer_csr }}"}
  delegate_to: server
  register: signed
"""

RETURN = r"""
issued:
  description: The chain of each request, PEM. The certificate comes first, then its issuers but for the root. Empty in check mode.
  type: dict
  returned: success
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

try:
    from ansible_collections.homeserver.exposure.plugins.module_utils.certificates.authority import Authority, Refused
except ModuleNotFoundError:
    Authority = None
from ansible_collections.homeserver.exposure.plugins.module_utils.release.machine import Machine

REQUEST = {
    "name": {"type": "str", "required": True},
    "hosts": {"type": "list", "elements": "str", "required": True},
    "csr": {"type": "str", "required": True},
}
ARGUMENTS = {
    "requests": {"type": "list", "elements": "dict", "required": True, "options": REQUEST},
    "directory": {"type": "path", "default": "/etc/exposure/local_ca"},
}


def main() -> None:
    module = AnsibleModule(ARGUMENTS, supports_check_mode=True)
    if not Authority:
        module.fail_json(msg="This host has no local CA: python3-cryptography is missing. Run the role local_ca on it first.")
    try:
        issued = Authority(Path(module.params["directory"])).sign(module.params["requests"], Machine().run, module.check_mode)
    except (Refused, OSError) as refused:
        module.fail_json(msg=str(refused))
    module.exit_json(changed=bool(module.params["requests"]), issued={name: chain.decode() for name, chain in issued.items()})


if __name__ == "__main__":
    main()
