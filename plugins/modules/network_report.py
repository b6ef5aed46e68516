#!/usr/bin/python
# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: network_report
short_description: What all looks at a home's network mean, told to a person
version_added: 0.3.0
author: homeserver.exposure contributors (@homeserver)
description:
  - Judges on the controller what M(homeserver.exposure.network_look) saw from each host, and prints what is wrong, what shows it, and what to do.
  - Says which ACME challenges can work, and why. What nobody outside has looked at is called so.
attributes:
  check_mode: {support: full, description: It only computes.}
  diff_mode: {support: none, description: It only computes.}
  idempotent: {support: full, description: The same looks give the same findings.}
options:
  looks:
    description: Host to its C(look).
    type: dict
    required: true
  failed:
    description: Host to the reason why it could not look.
    type: dict
    default: {}
  names:
    description: Public names that are to lead to the proxy.
    type: list
    elements: str
    default: []
  https_port:
    description: Port of the public address for https. 0 for none.
    type: int
    default: 443
  http_port:
    description: Port of the public address for http. 0 for none.
    type: int
    default: 80
  addresses:
    description: The home's public addresses, where they are known.
    type: list
    elements: str
    default: []
  own:
    description: The server's addresses on the home network.
    type: list
    elements: str
    default: []
  mappings:
    description: Rules of the router, each with C(external_port), C(protocol), C(address), C(port) and C(outcome). Leave it out where nobody knows them.
    type: list
    elements: dict
  answering:
    description: For what M(homeserver.exposure.network_answer) answered on the server while it was looked at.
    type: list
    elements: str
    default: []
  public:
    description: Networks that count as public although registries reserve them.
    type: list
    elements: str
    default: []
  allow_private:
    description: Whether addresses that are not public may be in the DNS.
    type: bool
    default: false
  engine:
    description: The proxy, V(caddy) or V(nginx).
    type: str
    default: caddy
  dns_provider:
    description: Plugin of certbot with which certificates can be proven by DNS. Empty for none.
    type: str
    default: ""
  wildcard:
    description: Whether a wildcard is to be certified.
    type: bool
    default: false
  quiet:
    description: Whether nothing is printed.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: What it means
  homeserver.exposure.network_report:
    looks: {server: "{{ server_look.look }}"}
    names: [home.example.org]
"""

RETURN = r"""
picture:
  description: >-
    All of it without secrets - C(findings), each with C(id), C(severity), C(what), C(evidence), C(advice), C(proven) and C(about); C(ports), C(verdicts),
    C(addresses), C(published), C(caa); C(challenges), C(because), C(impossible); C(looked), the time.
  type: dict
  returned: success
report:
  description: The same as text.
  type: str
  returned: success
"""
