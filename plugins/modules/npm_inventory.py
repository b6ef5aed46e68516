#!/usr/bin/python
# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: npm_inventory
short_description: Write the inventory that says what Nginx Proxy Manager was told
version_added: 0.5.0
author: homeserver.exposure contributors (@homeserver)
description:
  - Writes what M(homeserver.exposure.npm_import) read as an inventory on the controller, after the Plan found it right. What the Plan refuses is written as a
    comment with the reason.
  - A file that is there and is not the same is kept, unless O(overwrite) is set; then it stays beside the new one, with C(~) after its name.
  - Files have mode 0600.
attributes:
  check_mode: {support: full, description: Nothing is written.}
  diff_mode: {support: full, description: Without secrets.}
  idempotent: {support: full, description: A file that is the same is not written.}
options:
  moved:
    description: What M(homeserver.exposure.npm_import) gave. Without it, only O(secrets) are written.
    type: dict
  secrets:
    description: What M(homeserver.exposure.npm_import) gave as secrets. Set C(no_log) for the task then.
    type: dict
    default: {}
  source:
    description: The folder it came from, for the head of the file.
    type: str
    default: ""
  directory:
    description: The folder of the inventory, on the controller.
    type: path
    required: true
  overwrite:
    description: Write files anew that are there and differ.
    type: bool
    default: false
  kept:
    description: Files that another task kept, for the report.
    type: list
    elements: str
    default: []
  written:
    description: Files that another task wrote, for the report.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: The inventory that says the same
  homeserver.exposure.npm_inventory:
    moved: "{{ npm.moved }}"
    directory: inventory/imported
"""

RETURN = r"""
report:
  description: What was written and what is left, for the terminal. It is shown too.
  returned: with O(moved)
  type: str
left:
  description: What was not carried over, or not quite, with what the Plan says.
  returned: with O(moved)
  type: list
  elements: dict
written:
  description: Files that were written, or would be.
  returned: always
  type: list
  elements: str
kept:
  description: Files that were there and differ.
  returned: always
  type: list
  elements: str
trouble:
  description: Why a file could not be written, '' where all were.
  returned: always
  type: str
"""
