#!/usr/bin/python
# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: release
short_description: Change trees of configuration as a transaction
version_added: 0.1.0
author: homeserver.exposure contributors (@homeserver)
description:
  - Stages whole trees of files beside the ones that serve, validates them, makes their services serve them and looks whether they do.
    When any step fails, the previous files and processes are put back, for all trees of the list.
  - A tree is owned whole. A file that is not in O(trees[].files) is not in the tree any more.
  - A run that is killed anywhere leaves the last proven release for the next boot, and the next run completes it.
  - Files are rendered on the controller and carried over in one transfer.
attributes:
  check_mode:
    support: full
    description: Nothing is written or run, also on a host where the service is not installed.
  diff_mode:
    support: full
    description: Shows each file that differs. The content of a file that is marked secret, or that others may not read by its mode, never shows.
  idempotent:
    support: full
    description: A tree that is on disk and served as wanted is left alone.
options:
  trees:
    description: The trees, changed together or not at all.
    type: list
    elements: dict
    required: true
    suboptions:
      root:
        description: Directory of the tree on the host. It holds C(releases/) and the link C(current).
        type: path
        required: true
      state:
        description: Whether the tree is to be there. With V(absent), the root is removed, unless it holds what no release put there; stop its service first.
        type: str
        choices: [present, absent]
        default: present
      live:
        description: Link below C(/run) that the service reads; O(trees[].unit) needs it. The unit must point it at C(current) whenever it starts.
        type: path
      unit:
        description: Systemd unit that serves the tree. It is reloaded, or started where it is not running.
        type: str
      replaces:
        description: Units that held the ports of O(trees[].unit) so far. They are stopped as it starts, and started again where it fails.
        version_added: 0.2.0
        type: list
        elements: str
        default: []
      listens:
        description: TCP ports that something must listen on once the tree serves.
        type: list
        elements: int
        default: []
      validate:
        description: Command that checks a staged tree. C({tree}) stands for its directory.
        type: list
        elements: str
        default: []
      files:
        description: All files of the tree.
        type: list
        elements: dict
        default: []
        suboptions:
          path:
            description: Path inside the tree.
            type: str
            required: true
          template:
            description: Template of the role or playbook to render on the controller. Exclusive with O(trees[].files[].content).
            type: str
          vars:
            description: Variables for the template besides those of the task.
            type: dict
            default: {}
          content:
            description: The content itself.
            type: str
          secret:
            description: Whether the content is to be hidden from diffs and logs.
            type: bool
            default: false
          mode:
            description: Permission bits, as four octal digits. Without it V(0600) for a secret, else V(0644).
            type: str
          owner:
            description: Owner of the file.
            type: str
            default: root
          group:
            description: Group of the file.
            type: str
            default: root
  secrets:
    description: Contents of secret files, by their path. Set by the action plugin, which takes them out of O(trees).
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Caddy serves the sites
  homeserver.exposure.release:
    trees:
      - root: /etc/exposure/caddy
        live: /run/exposure-caddy
        unit: caddy.service
        listens: [80, 443]
        validate: [caddy, validate, --config, "{tree}/Caddyfile"]
        files:
          - {path: Caddyfile, template: Caddyfile.j2}
"""

RETURN = r"""
trees:
  description: Roots of the trees that differed.
  type: list
  elements: str
  returned: success
  sample: [/etc/exposure/caddy]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.homeserver.exposure.plugins.module_utils.release.machine import Machine
from ansible_collections.homeserver.exposure.plugins.module_utils.release.transaction import Failure, Transaction, summary
from ansible_collections.homeserver.exposure.plugins.module_utils.release.tree import File, Tree, mode_of

FILE = {
    "path": {"type": "str", "required": True},
    "template": {"type": "str"},
    "vars": {"type": "dict", "default": {}},
    "content": {"type": "str"},
    "secret": {"type": "bool", "default": False, "no_log": False},
    "mode": {"type": "str"},
    "owner": {"type": "str", "default": "root"},
    "group": {"type": "str", "default": "root"},
}

TREE = {
    "root": {"type": "path", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "live": {"type": "path"},
    "unit": {"type": "str"},
    "replaces": {"type": "list", "elements": "str", "default": []},
    "listens": {"type": "list", "elements": "int", "default": []},
    "validate": {"type": "list", "elements": "str", "default": []},
    "files": {"type": "list", "elements": "dict", "default": [], "options": FILE},
}


def file_of(root: str, given: dict, secrets: dict) -> File:
    content = secrets.get(f"{root}/{given['path']}") if given["secret"] else given["content"]
    return File(
        given["path"],
        (content or "").encode(),
        mode_of(given["mode"] or ("0600" if given["secret"] else "0644")),
        given["owner"],
        given["group"],
        given["secret"],
    )


def tree_of(given: dict, secrets: dict) -> Tree:
    return Tree(
        given["root"],
        tuple(file_of(given["root"], file, secrets) for file in given["files"]),
        given["live"] or "",
        tuple(given["validate"]),
        given["unit"] or "",
        tuple(given["listens"]),
        given["state"],
        tuple(given["replaces"]),
    )


def main() -> None:
    arguments = {"trees": {"type": "list", "elements": "dict", "required": True, "options": TREE}, "secrets": {"type": "dict", "default": {}, "no_log": True}}
    module = AnsibleModule(arguments, supports_check_mode=True)
    transaction = Transaction(Machine())
    try:
        trees = [tree_of(tree, module.params["secrets"]) for tree in module.params["trees"]]
        changes = transaction.look(trees) if module.check_mode else transaction.carry_out(trees)
    except (Failure, ValueError) as failure:
        module.fail_json(msg=str(failure))
    module.exit_json(**summary(changes))


if __name__ == "__main__":
    main()
