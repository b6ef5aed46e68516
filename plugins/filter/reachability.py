# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names at DNS providers and rules of a router, as the roles `ddns` and `router` take them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.homeserver.exposure.plugins.module_utils.ddns.providers import registry
from ansible_collections.homeserver.exposure.plugins.module_utils.router.instruction import instruction
from ansible_collections.homeserver.exposure.plugins.module_utils.router.model import Mapping as RouterMapping


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
    return instruction([RouterMapping(**forwarding) for forwarding in forwardings])


def troubles_of_run(hostvars: Mapping[str, Any], hosts: Sequence[str]) -> list[str]:
    """What went wrong in this run with apps, names and router rules and did not end it, with the host that saw it."""
    found = []
    for host in hosts:
        said = [hostvars[host].get(part, {}).get("msg") for part in ("apps_brought", "apps_told", "home_assistant_told")]
        told = [trouble for part in ("ddns_status", "router_status") for trouble in hostvars[host].get(part, {}).get("troubles", [])]
        found += [f"{host}: {trouble}" for trouble in (*(one for one in said if one), *told)]
    return found


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"ddns_secrets": ddns_secrets, "router_instruction": router_instruction, "troubles_of_run": troubles_of_run}
