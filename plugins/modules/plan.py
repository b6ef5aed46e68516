#!/usr/bin/python
# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: plan
short_description: Make one Plan of all declarations, or report every mistake at once
version_added: 0.1.0
author: homeserver.exposure contributors (@homeserver)
description:
  - Reads the C(exposure_*) variables of every host of the inventory, on the controller, and makes the Plan that the roles carry out - virtual
    hosts, compose stacks, the addresses each app is to trust, published ports, probes.
  - When anything is wrong anywhere, it fails with all mistakes, each with its host, entry, line, value and what to write instead.
  - Of a host outside a C(--limit), or one that does not answer, it takes what the inventory says, and what the last run on this computer saw.
  - Run it once for all hosts, after M(homeserver.exposure.host_info), and register the result as C(homeserver_plan).
attributes:
  check_mode: {support: full, description: It only computes.}
  diff_mode: {support: none, description: It only computes.}
  idempotent: {support: full, description: The same inventory gives the same Plan.}
options:
  remove:
    description: Make the Plan that takes everything off again. Data stays, but for apps named in C(exposure_purge).
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Make the Plan
  homeserver.exposure.plan:
  run_once: true
  register: homeserver_plan
"""

RETURN = r"""
hosts:
  description: Each host with all that is to be done there. The shape of all of this is in plugins/module_utils/plan/model.py.
  type: dict
  returned: success
names:
  description: Each public name with the host of its proxy.
  type: dict
  returned: success
probes:
  description: What is to be seen of each public name, as M(homeserver.exposure.exposure_probe) takes it.
  type: list
  elements: dict
  returned: success
authority:
  description: The host of the local certificate authority, empty where nothing needs one.
  type: str
  returned: success
left_out:
  description: Each host that is not in this run with the reason, C(limited) or C(lost).
  type: dict
  returned: success
  version_added: 0.5.0
left_to_do:
  description: Hosts that are not in this run, with a sentence for a person where something is left to do.
  type: dict
  returned: success
  version_added: 0.5.0
"""
