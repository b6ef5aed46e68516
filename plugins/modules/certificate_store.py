#!/usr/bin/python
# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: certificate_store
short_description: Fill the certificate store of a host
version_added: 0.2.0
author: homeserver.exposure contributors (@homeserver)
description:
  - Installs certificates of one's own after they were judged, makes a key and a signing request for each that the local authority is to sign, and puts a
    placeholder where a public certificate is still to come, so that a proxy can start. Copies are written, and what serves a new certificate is reloaded.
  - A certificate with its key is swapped as one. What is gone from the list stays in the store.
  - It needs the Python library cryptography on the host (python3-cryptography).
attributes:
  check_mode: {support: full, description: Nothing is written. Without the library on a bare host it says what would come.}
  diff_mode: {support: none, description: Certificates are named, their keys never show.}
  idempotent: {support: full, description: What is sound and not due stays.}
options:
  certificates:
    description: Certificates as the Plan makes them - C(name), C(hosts), C(kind) (acme, local or files), C(copies), C(after), C(reload).
    type: list
    elements: dict
    required: true
  files:
    description: For each of kind files, its C(chain) and C(key) in PEM. The action plugin reads them on the controller, out of a vault where they are in one.
    type: dict
    default: {}
  issued:
    description: Chains in PEM that the local authority signed, by name.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- homeserver.exposure.certificate_store:
    certificates:
      - {name: nas, kind: files, hosts: [nas.example.org], chain: files/nas.pem, key: files/nas.key, copies: [], after: [], reload: [nginx.service]}
"""

RETURN = r"""
changed_names: {description: Names that are new in the store., returned: success, type: list, elements: str}
placeholders: {description: Names whose certificate is still to come., returned: success, type: list, elements: str}
requests:
  description: What the local authority is to sign - C(name), C(hosts) and C(csr).
  returned: success
  type: list
  elements: dict
"""

from datetime import UTC, datetime

from ansible.module_utils.basic import AnsibleModule

try:
    from ansible_collections.homeserver.exposure.plugins.module_utils.certificates.deploy import deploy, remember
    from ansible_collections.homeserver.exposure.plugins.module_utils.certificates.fill import Filling, Refused
    from ansible_collections.homeserver.exposure.plugins.module_utils.certificates.store import Store

    LIBRARY = True
except ImportError:
    LIBRARY = False


def main() -> None:
    module = AnsibleModule(
        {
            "certificates": {"type": "list", "elements": "dict", "required": True},
            "files": {"type": "dict", "default": {}, "no_log": True},
            "issued": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    certificates = module.params["certificates"]
    if not LIBRARY:
        names = [certificate["name"] for certificate in certificates]
        if module.check_mode:
            module.exit_json(changed=True, changed_names=names, placeholders=names, requests=[], msg="python3-cryptography is still to be installed")
        module.fail_json(msg="The Python library cryptography is not on this host: install python3-cryptography.")

    def run(command: list[str]) -> tuple[int, str]:
        code, output, errors = module.run_command(list(command), handle_exceptions=False) if module.get_bin_path(command[0]) else (127, "no such command", "")
        return code, output + errors

    store = Store(run)
    try:
        filled = Filling(store, datetime.now(UTC), dry=module.check_mode).fill(certificates, module.params["files"], module.params["issued"])
    except Refused as refused:
        module.fail_json(msg=f"Nothing was changed.\n{refused}")
    changed = bool(filled.changed or filled.requests)
    if not module.check_mode:
        changed = remember(certificates) or changed
        done = deploy(certificates, store, run, already=filled.changed)
        changed = changed or done.changed
        if done.problems:
            module.fail_json(msg="\n".join(done.problems), changed=changed)
    module.exit_json(changed=changed, changed_names=filled.changed, placeholders=filled.placeholders, requests=filled.requests)


if __name__ == "__main__":
    main()
