# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads certificates of one's own on the controller, out of a vault where they are in one, and hands them to the module `certificate_store`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        files: dict[str, dict[str, str]] = {}
        wrong = []
        for certificate in arguments.get("certificates", []):
            if certificate["kind"] != "files" or certificate["name"] in arguments.get("files", {}):
                continue
            try:
                files[certificate["name"]] = {
                    part: Path(self._loader.get_real_file(certificate[part])).read_text(encoding="utf-8") for part in ("chain", "key")
                }
            except (AnsibleError, OSError, UnicodeDecodeError) as error:
                wrong.append(f"certificate {certificate['name']}: {error}")
        if wrong:
            return {**result, "failed": True, "msg": "Files on the controller cannot be read. Nothing was changed.\n" + "\n".join(wrong)}
        arguments["files"] = {**files, **arguments.get("files", {})}
        return self._execute_module(module_name="homeserver.exposure.certificate_store", module_args=arguments, task_vars=task_vars)
