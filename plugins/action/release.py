# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Renders the files of the trees on the controller, then hands them to the module `release` in one transfer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.template import trust_as_template

STYLE = {"trim_blocks": True, "lstrip_blocks": True, "keep_trailing_newline": True}


class ActionModule(ActionBase):
    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        variables = task_vars or {}
        trees = [self.rendered(tree, variables) for tree in self._task.args.get("trees", [])]
        # Secrets travel apart from the trees: a module writes its arguments into the system's log, all but those that are secret as a whole.
        secrets = {f"{tree['root']}/{file['path']}": file.pop("content") for tree in trees for file in tree["files"] if file.get("secret")}
        return self._execute_module(module_name="homeserver.exposure.release", module_args={"trees": trees, "secrets": secrets}, task_vars=variables)

    def rendered(self, tree: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        return {**tree, "files": [self.rendered_file(file, variables) for file in tree.get("files", [])]}

    def rendered_file(self, file: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        given = dict(file)
        name = given.pop("template", None)
        extra = given.pop("vars", {})
        if (name is None) == (given.get("content") is None):
            raise AnsibleActionFail(f"The file {given.get('path')} needs a template or a content, and not both.")
        if name is not None:
            source = self._find_needle("templates", name)
            templar = self._templar.copy_with_new_env(searchpath=[str(Path(source).parent)], available_variables={**variables, **extra})
            given["content"] = templar.template(trust_as_template(Path(source).read_text(encoding="utf-8")), escape_backslashes=False, overrides=STYLE)
        return given
