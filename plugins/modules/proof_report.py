#!/usr/bin/python
# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: proof_report
short_description: What every vantage saw of the sites, as a page, as JSON and as a short table
version_added: 0.4.0
author: homeserver.exposure contributors (@homeserver)
description:
  - Puts together on the controller what M(homeserver.exposure.exposure_probe) saw from each vantage, what M(homeserver.exposure.exposure_audit) found on each
    host, and what M(homeserver.exposure.network_report) says of the network.
  - Prints a line for each name, and writes one HTML page that needs nothing else and runs nothing, with the same as JSON beside it. docs/report.md explains it.
  - It does not fail, and where the page cannot be written it warns. RV(failures) is for the task after it.
attributes:
  check_mode: {support: full, description: The page is not written.}
  diff_mode: {support: none, description: It changes nothing on any host.}
  idempotent: {support: full, description: It is never changed. The page is written anew each time.}
options:
  probes:
    description: Probes of the Plan.
    type: list
    elements: dict
    required: true
  results:
    description:
      - For each vantage C(kind) (V(outside), V(lan), V(server) or V(controller)), C(looked), C(message) with the reason where it could not, and C(outcomes) and
        C(certificates) as M(homeserver.exposure.exposure_probe) gives them.
    type: dict
    required: true
  accounts:
    description: Host to the RV(homeserver.exposure.exposure_probe#module:accounts) of its apps. A log-in that everybody knows and that works is a failure.
    type: dict
    default: {}
    version_added: 0.5.0
  audits:
    description: Host to what M(homeserver.exposure.exposure_audit) gave, or to a C(message) that says why it could not.
    type: dict
    default: {}
  watches:
    description: Host to what its watch last said, with C(findings).
    type: dict
    default: {}
  network:
    description: What M(homeserver.exposure.network_report) gave, or its C(picture) alone.
    type: dict
    default: {}
  troubles:
    description: What went wrong before, a sentence each. It is a failure too.
    type: list
    elements: str
    default: []
  left_to_do:
    description: What the run left out, a sentence each. It is no failure.
    type: list
    elements: str
    default: []
    version_added: 0.5.0
  plan:
    description: The Plan, from which it is told where each name leads.
    type: dict
    default: {}
  page:
    description: Path of the page on the controller, ending in C(.html). The JSON lies beside it. Mode 0600. Without it, nothing is written.
    type: path
    default: ""
  now:
    description: Time for which lives are told, in ISO 8601. Without it, the clock of the controller.
    type: str
    default: ""
  quiet:
    description: Whether nothing is printed.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: What all of them saw
  homeserver.exposure.proof_report:
    probes: "{{ homeserver_plan.probes }}"
    plan: "{{ homeserver_plan }}"
    results:
      phone: {kind: outside, looked: true, outcomes: "{{ seen.outcomes }}", certificates: "{{ seen.certificates }}"}
    page: "{{ inventory_dir }}/report.html"
  register: report

- name: Every site is served as declared
  ansible.builtin.assert:
    that: report.ok
    fail_msg: "{{ report.failures | join('\n') }}"
"""

RETURN = r"""
text:
  description: The short table for a terminal, no line longer than 100 letters but a path or a passed-through name.
  type: str
  returned: success
failures:
  description: What is not served as declared, who could not look, and the troubles, a sentence each.
  type: list
  elements: str
  returned: success
ok:
  description: Whether there is none.
  type: bool
  returned: success
state:
  description: V(ok), V(attention) where something else than a site is in error, V(failed), or V(unproven) where nobody looked.
  type: str
  returned: success
headline:
  description: The verdict in one sentence.
  type: str
  returned: success
"""
