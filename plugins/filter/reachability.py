# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names at DNS providers and rules of a router, as the roles `ddns` and `router` take them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.homeserver.exposure.plugins.module_utils.ddns.providers import registry
from ansible_collections.homeserver.exposure.plugins.module_utils.router.instruction import instruction


def ddns_secrets(entries: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """The secret lines of `exposure_ddns`: name of the account -> line -> secret."""
    secrets = {}
    for entry in entries:
        options = registry.provider(entry["provider"]).OPTIONS
        name = entry.get("name") or entry["provider"]
        secrets[name] = {line: str(entry[line]) for line, option in options.items() if option.secret and entry.get(line) is not None}
    return secrets


def router_instruction(forwardings: Sequence[Mapping[str, Any]]) -> str:
    """What a person types into the router."""
    return instruction(forwardings)


def address_troubles(hostvars: Mapping[str, Any], hosts: Sequence[str]) -> list[str]:
    """What went wrong with names and router rules in this run, with the host that saw it."""
    return [f"{host}: {trouble}" for host in hosts for part in ("ddns_status", "router_status") for trouble in hostvars[host].get(part, {}).get("troubles", [])]


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"ddns_secrets": ddns_secrets, "router_instruction": router_instruction, "address_troubles": address_troubles}
