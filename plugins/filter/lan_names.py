# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The names of the Plan, for the home network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.homeserver.exposure.plugins.module_utils.lan_names.plan_names import lan_names_records, lan_names_text
from ansible_collections.homeserver.exposure.plugins.module_utils.lan_names.records import Refused


def told(made: Callable[..., Any]) -> Callable[..., Any]:
    """A filter that says what it refuses as Ansible's filters do."""

    def filtered(*given: Any) -> Any:
        try:
            return made(*given)
        except Refused as refused:
            raise AnsibleFilterError(str(refused)) from refused

    return filtered


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"lan_names_records": told(lan_names_records), "lan_names_text": told(lan_names_text)}
