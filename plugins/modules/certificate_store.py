#!/usr/bin/python
# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: certificate_store
short_description: Keep each certificate of a host where its proxy reads it
version_added: 0.2.0
author: homeserver.exposure contributors (@homeserver)
description:
  - Keeps the certificate store C(/etc/exposure/certificates), a folder for each certificate with C(fullchain.pem), C(chain.pem) and
    C(privkey.pem), which moves from one version to the next in one step.
  - Certificates of one's own are judged and installed. For those of a local CA a key is made here and a request returned, and the issued
    certificate is installed. For those of an ACME CA the best that certbot or Caddy obtained before is installed, else a placeholder, so that
    a proxy can start; obtaining one is not done here.
  - Copies are written where services expect them. What serves a certificate that is new is reloaded, and its command C(after) is run.
  - Everything is checked first. One certificate that cannot serve, and nothing is changed.
requirements:
  - Python package C(cryptography) 38 or later on the host (Debian package python3-cryptography).
attributes:
  check_mode: {support: full, description: "Nothing is written. Without the Python package the run goes on, and RV(skipped_reason) says so."}
  diff_mode: {support: full, description: Private keys never show.}
  idempotent: {support: full, description: What is there and sound is kept.}
options:
  certificates:
    description: >-
      Certificates of the Plan, with C(name), C(hosts), C(kind) (acme, local or files), C(key_type) (ecdsa or rsa), C(copies)
      (a list of C(path), C(content), C(owner), C(group), C(mode)), C(reload) (units) and C(after) (the words of a command).
    type: list
    elements: dict
    required: true
  files:
    description: The PEM texts C(chain) and C(key) of each certificate of kind files, by name.
    type: dict
    default: {}
  issued:
    description: The PEM chain of each certificate of kind local that was issued for a request of RV(requests), by name.
    type: dict
    default: {}
  acme_directory:
    description: The directory URL of the ACME CA. When it is empty, certificates of any CA in Caddy's storage are taken over, except its own and test ones.
    type: str
    default: ""
  hand_to_caddy:
    description: Names of certificates that Caddy is handed where its own is missing or due. Needs O(acme_directory).
    type: list
    elements: str
    default: []
  remove:
    description: Names to take out of the store, with all their versions.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Each certificate has its place
  homeserver.exposure.certificate_store:
    certificates:
      - {name: home, hosts: [home.example.org], kind: acme}
      - {name: nas, hosts: [nas.lan, 192.168.1.10], kind: local}
"""

RETURN = r"""
requests:
  description: Certificates that a local CA has to issue, with C(name), C(hosts) and C(csr) (PEM; empty in check mode where no key is there yet).
  type: list
  elements: dict
  returned: success
placeholders:
  description: Names that hold only a placeholder.
  type: list
  elements: str
  returned: success
changed_names:
  description: Names whose content in the store changed, for a reload of what serves them.
  type: list
  elements: str
  returned: success
copied:
  description: Names whose copies changed, for the commands that follow that.
  type: list
  elements: str
  returned: success
handed:
  description: Host names that Caddy was handed a certificate for.
  type: list
  elements: str
  returned: success
skipped_reason:
  description: Why nothing could be said, in check mode on a host that was never set up.
  type: str
  returned: when nothing could be said
"""

from datetime import UTC, datetime

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.homeserver.exposure.plugins.module_utils.release.machine import Machine

try:
    import cryptography  # noqa: F401
    from ansible_collections.homeserver.exposure.plugins.module_utils.certificates.deploy import Deployed, follow, remember
    from ansible_collections.homeserver.exposure.plugins.module_utils.certificates.settle import Settlement
    from ansible_collections.homeserver.exposure.plugins.module_utils.certificates.store import Store
except ModuleNotFoundError as error:
    if error.name != "cryptography":
        raise
    Settlement = None

MISSING = "The Python package cryptography is not on this host: install python3-cryptography."
ARGUMENTS = {
    "certificates": {"type": "list", "elements": "dict", "required": True},
    "files": {"type": "dict", "default": {}, "no_log": True},
    "issued": {"type": "dict", "default": {}},
    "acme_directory": {"type": "str", "default": ""},
    "hand_to_caddy": {"type": "list", "elements": "str", "default": []},
    "remove": {"type": "list", "elements": "str", "default": []},
}
RETURNED = ("changed", "requests", "placeholders", "changed_names", "copied", "handed", "diff")


def main() -> None:
    module = AnsibleModule(ARGUMENTS, supports_check_mode=True)
    given = module.params
    if Settlement is None and module.check_mode:
        nothing = {key: [] for key in RETURNED[1:]}
        module.exit_json(**{**nothing, "changed": True, "skipped_reason": f"{MISSING} What would change in the store cannot be said before."})
    if Settlement is None:
        module.fail_json(msg=MISSING)
    try:
        run = Settlement(
            Store(Machine().run), datetime.now(UTC), given["files"], given["issued"], directory_url=given["acme_directory"], check=module.check_mode
        )
        outcome = run.settle(given["certificates"], given["hand_to_caddy"], given["remove"])
        result = {name: getattr(outcome, name) for name in RETURNED}
        if not module.check_mode:
            done = Deployed(installed=outcome.changed_names, copied=outcome.copied)
            follow(given["certificates"], done, Machine().run)
            if done.problems:
                module.fail_json(msg="\n".join(done.problems), **result)
            if given["certificates"]:
                result["changed"] = remember(given["certificates"]) or result["changed"]
    except (ValueError, OSError) as refused:
        module.fail_json(msg=str(refused))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
