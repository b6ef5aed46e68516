#!/usr/bin/python
# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: local_ca
short_description: The local certificate authority of a home, and the page that offers its root
version_added: 0.2.0
author: homeserver.exposure contributors (@homeserver)
description:
  - Makes the authority with mkcert where there is none, or takes over an owner's. Its key never leaves the host, and never shows.
  - Writes a folder with the root in the forms that phones and computers take, and a page that says how to trust it.
  - Where packages are missing, it names them in RV(missing) and does nothing. Install them and call it again.
attributes:
  check_mode: {support: full, description: Nothing is written.}
  diff_mode: {support: full, description: "It shows certificates by their subject and fingerprint, and never a key."}
  idempotent: {support: full, description: An authority that is there is left alone.}
options:
  state:
    description: V(absent) removes the page. The authority stays unless O(purge) is set.
    type: str
    choices: [present, absent]
    default: present
  certificate:
    description:
      - PEM file on the host with the certificate of an owner's CA, to be copied. An intermediate comes first, then its issuers, the root last.
      - Without it, mkcert makes an authority.
    type: path
    default: ""
  key:
    description: PEM file on the host with the key that belongs to O(certificate), without a password.
    type: path
    default: ""
  replace:
    description: Whether another CA than O(certificate), or one that has ended, may be replaced. The old one is kept aside with its date.
    type: bool
    default: false
  purge:
    description: With O(state=absent), whether the authority goes too, with its key. No client can be issued anything by it after that.
    type: bool
    default: false
  directory:
    description: Where the authority is. This is mkcert's CAROOT.
    type: path
    default: /etc/exposure/local_ca
  page:
    description: The page's template, with the fields C($name), C($fingerprint), C($ends) and C($authority). Needed while O(state=present).
    type: str
    default: ""
  page_directory:
    description: Where the page and the downloads are.
    type: path
    default: /var/lib/exposure/local_ca_page
"""

EXAMPLES = r"""
- name: The authority and its page
  homeserver.exposure.local_ca:
    page: "{{ lookup('ansible.builtin.file', 'page.html') }}"
  register: authority

- name: The owner's CA
  homeserver.exposure.local_ca:
    certificate: /root/ca.pem
    key: /root/ca.key
    page: "{{ lookup('ansible.builtin.file', 'page.html') }}"
"""

RETURN = r"""
certificate:
  description: The root that clients are to trust, PEM. Empty where there is none yet.
  type: str
  returned: success
fingerprint:
  description: SHA-256 of it, in hexadecimal digits.
  type: str
  returned: success
ends:
  description: The day on which it ends, such as 2036-11-21.
  type: str
  returned: success
content_types:
  description: The files of the page, each with the content type to serve it as.
  type: dict
  returned: success
missing:
  description: Packages without which nothing could be done.
  type: list
  elements: str
  returned: success
"""

import shutil
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

try:
    from ansible_collections.homeserver.exposure.plugins.module_utils.certificates.authority import Authority, Refused
    from ansible_collections.homeserver.exposure.plugins.module_utils.certificates.authority_page import CONTENT_TYPES
    from ansible_collections.homeserver.exposure.plugins.module_utils.certificates.authority_state import Outcome, settle
except ModuleNotFoundError:
    Authority = None
from ansible_collections.homeserver.exposure.plugins.module_utils.release.machine import Machine

ARGUMENTS = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "certificate": {"type": "path", "default": ""},
    "key": {"type": "path", "default": "", "no_log": False},
    "replace": {"type": "bool", "default": False},
    "purge": {"type": "bool", "default": False},
    "directory": {"type": "path", "default": "/etc/exposure/local_ca"},
    "page": {"type": "str", "default": ""},
    "page_directory": {"type": "path", "default": "/var/lib/exposure/local_ca_page"},
}


def main() -> None:
    module = AnsibleModule(ARGUMENTS, supports_check_mode=True)
    missing = [] if Authority else ["python3-cryptography"]
    if module.params["state"] == "present":
        missing += [program for program in ("mkcert", "openssl") if not shutil.which(program)]
    folders = [module.params["page_directory"], *([module.params["directory"]] if module.params["purge"] else [])]
    if module.params["state"] == "absent" and not any(Path(folder).exists() for folder in folders):
        # Nothing is installed only to find that nothing is there.
        module.exit_json(changed=False, certificate="", fingerprint="", ends="", content_types={}, missing=[], diff=[])
    if missing:
        would = [{"before_header": module.params["directory"], "after_header": module.params["directory"], "before": "", "after": "the local CA\n"}]
        shown = would if module.check_mode and module.params["state"] == "present" else []
        module.exit_json(changed=module.check_mode, certificate="", fingerprint="", ends="", content_types={}, missing=missing, diff=shown)
    try:
        outcome: Outcome = settle(module.params, Authority(Path(module.params["directory"])), Machine().run, module.check_mode)
    except (Refused, OSError) as refused:
        module.fail_json(msg=str(refused))
    module.exit_json(**vars(outcome), content_types=CONTENT_TYPES, missing=[])


if __name__ == "__main__":
    main()
