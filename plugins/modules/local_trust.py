#!/usr/bin/python
# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: local_trust
short_description: A machine and its browsers trust a local CA, or trust it no longer
version_added: 0.2.0
author: homeserver.exposure contributors (@homeserver)
description:
  - Puts a root into the system's store and into the NSS databases that Firefox and Chromium keep in the homes of people, below C(/home) and in
    C(/root), or takes it out of all of them.
  - A database is opened as its owner. One that is reached by a link or belongs to somebody else is not touched, and a warning names it.
  - Where packages are missing, it names them in RV(missing), and has not done what needs them. Install them and call it again.
  - A browser that runs sees the change when it is started again.
attributes:
  check_mode: {support: full, description: Nothing is written.}
  diff_mode: {support: full, description: It shows roots by their fingerprint.}
  idempotent: {support: full, description: Stores that are as declared are only read.}
options:
  state:
    description:
      - V(absent) removes everything that bears this project's name, of earlier authorities too, and the root that it put into the system's store
        also where a browser has it under another name.
    type: str
    choices: [present, absent]
    default: present
  certificate:
    description: The root, PEM. Of several certificates the last one. It is needed while O(state=present), but in check mode.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: This machine trusts the local CA
  homeserver.exposure.local_trust:
    certificate: "{{ root }}"

- name: It does no longer
  homeserver.exposure.local_trust:
    state: absent
"""

RETURN = r"""
changes:
  description: Files and folders of the stores that changed.
  type: list
  elements: str
  returned: success
missing:
  description: Packages to install before this is called again.
  type: list
  elements: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.homeserver.exposure.plugins.module_utils.release import machine as this
from ansible_collections.homeserver.exposure.plugins.module_utils.trust.databases import homes
from ansible_collections.homeserver.exposure.plugins.module_utils.trust.root import Refused, roots
from ansible_collections.homeserver.exposure.plugins.module_utils.trust.system_store import SystemStore
from ansible_collections.homeserver.exposure.plugins.module_utils.trust.trust import Machine, Outcome

ARGUMENTS = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "certificate": {"type": "str", "default": ""},
}


def changed(state: str, certificate: str, check: bool) -> Outcome:
    machine = Machine(SystemStore(), homes(), this.Machine().run)
    given = roots(certificate)
    if state == "absent":
        return machine.absent({root.fingerprint for root in given[-1:]}, check)
    if given:
        return machine.present(given[-1], check)
    if check:
        note = {"before_header": "trusted roots", "after_header": "trusted roots", "before": "", "after": "the local CA, which is not made yet\n"}
        return Outcome(changed=[str(machine.store.file)], diff=[note])
    raise Refused("There is no root to trust: the local CA is not made yet. Run the role local_ca on its host first.")


def main() -> None:
    module = AnsibleModule(ARGUMENTS, supports_check_mode=True)
    try:
        outcome = changed(module.params["state"], module.params["certificate"], module.check_mode)
    except (Refused, OSError) as refused:
        module.fail_json(msg=str(refused))
    for sentence in outcome.refused if module.params["state"] == "absent" else [*outcome.refused, *outcome.failed]:
        module.warn(sentence)
    told = {"changed": bool(outcome.changed), "changes": outcome.changed, "missing": outcome.missing, "diff": outcome.diff}
    if outcome.failed and module.params["state"] == "absent":
        module.fail_json(msg="Not everything trusts the local CA no longer:\n" + "\n".join(outcome.failed), **told)
    module.exit_json(**told)


if __name__ == "__main__":
    main()
