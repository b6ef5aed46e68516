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
  - Hosts outside a C(--limit) are planned from the inventory alone.
  - Run it once for all hosts, after M(homeserver.exposure.host_info). The Plan is also the fact C(homeserver_plan).
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
"""

RETURN = r"""
plan:
  description: The Plan. Its shape is in plugins/module_utils/plan/model.py.
  type: dict
  returned: success
"""
