#!/usr/bin/python
# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: acme_certificates
short_description: Order the ACME certificates of a host that are not at hand
version_added: 0.2.0
author: homeserver.exposure contributors (@homeserver)
description:
  - Orders what is declared and not at hand with certbot, by the settings that role certbot wrote, installs it into the certificate store, writes its
    copies, and reloads what serves it. It renews nothing; the timer of role certificate_store does.
  - Before an order is spent it looks at what the authority will look at, and a failed order is not repeated before its time.
  - One certificate that cannot be had keeps no other from being ordered. The module fails at its end, with the reason of each.
attributes:
  check_mode: {support: full, description: It says what would be ordered and asks nobody.}
  diff_mode: {support: none, description: "Certificates are named, their keys never show."}
  idempotent: {support: full, description: What is at hand is not ordered again.}
options:
  certificates:
    description: Certificates as the Plan makes them - C(name), C(hosts), C(kind), C(challenge), C(key_type), C(copies), C(after), C(reload).
    type: list
    elements: dict
    required: true
  force:
    description: Try an order that failed although its time has not come. The hard limits of each hour hold all the same.
    type: bool
    default: false
"""

EXAMPLES = r"""
- homeserver.exposure.acme_certificates:
    certificates:
      - {name: web, hosts: [example.org, www.example.org], kind: acme, challenge: http-01, key_type: ecdsa, copies: [], after: [], reload: [nginx.service]}
"""

RETURN = r"""
outcomes:
  description: For each certificate its C(name), C(state) (kept, ordered, wanted, waiting or failed), C(message) and C(warnings).
  returned: always
  type: list
  elements: dict
"""

import contextlib
import os
from datetime import UTC, datetime

from ansible.module_utils.basic import AnsibleModule

try:
    from ansible_collections.homeserver.exposure.plugins.module_utils.acme.budget import Budget
    from ansible_collections.homeserver.exposure.plugins.module_utils.acme.order import LOCK, Orders
    from ansible_collections.homeserver.exposure.plugins.module_utils.acme.settings import read_settings
    from ansible_collections.homeserver.exposure.plugins.module_utils.certificates.deploy import deploy
    from ansible_collections.homeserver.exposure.plugins.module_utils.certificates.store import Store
    from ansible_collections.homeserver.exposure.plugins.module_utils.host.lock import alone

    MISSING = ""
except ImportError as error:
    MISSING = str(error)


def main() -> None:
    module = AnsibleModule(
        {"certificates": {"type": "list", "elements": "dict", "required": True}, "force": {"type": "bool", "default": False}}, supports_check_mode=True
    )
    certificates = module.params["certificates"]
    asked = [certificate for certificate in certificates if certificate["kind"] == "acme"]
    if MISSING:
        if module.check_mode:
            module.exit_json(changed=bool(asked), outcomes=[{"name": one["name"], "state": "wanted", "message": MISSING, "warnings": []} for one in asked])
        module.fail_json(msg=f"A Python library is missing on this host: {MISSING}. Role certbot installs it.", outcomes=[])

    def run(command: list[str], environment: dict[str, str] | None = None) -> tuple[int, str]:
        if not module.get_bin_path(command[0]) and not os.access(command[0], os.X_OK):
            return 127, f"there is no command {command[0]}"
        code, output, errors = module.run_command(list(command), environ_update=environment or {}, handle_exceptions=False)
        return code, output + errors

    store = Store(run)
    try:
        settings = read_settings()
    except FileNotFoundError:
        if module.check_mode:
            module.exit_json(changed=bool(asked), outcomes=[{"name": one["name"], "state": "wanted", "message": "", "warnings": []} for one in asked])
        module.fail_json(msg="Role certbot has not written its settings on this host.", outcomes=[])
    with contextlib.nullcontext() if module.check_mode else alone(LOCK):
        outcomes = Orders(settings, store, Budget(), run).carry_out(certificates, force=module.params["force"], dry=module.check_mode)
        changed = any(outcome.state in ("ordered", "wanted") for outcome in outcomes)
        problems = [f"certificate {outcome.name}: {outcome.message}" for outcome in outcomes if not outcome.good]
        for outcome in outcomes:
            for warning in outcome.warnings:
                module.warn(f"certificate {outcome.name}: {warning}")
        if not module.check_mode:
            done = deploy(asked, store, run, datetime.now(UTC))
            changed = changed or done.changed
            problems += done.problems
    result = {"changed": changed, "outcomes": [{key: getattr(one, key) for key in ("name", "state", "message", "warnings")} for one in outcomes]}
    if problems:
        module.fail_json(msg="What was served before is still served.\n" + "\n".join(problems), **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
