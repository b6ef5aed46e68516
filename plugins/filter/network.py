# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From the looks of the servers to what other hosts try, and from all results to what is judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.homeserver.exposure.plugins.module_utils.acme.authorities import identities
from ansible_collections.homeserver.exposure.plugins.module_utils.network.observe import doors

OF_SERVERS = ("diagnosis_server_again", "diagnosis_server_look")
OF_OTHERS = ("diagnosis_look",)
"""Results of the role diagnosis, the better one first."""


def looked(host: Mapping[str, Any], registers: Sequence[str]) -> Mapping[str, Any]:
    """The first result of a host that holds a look, else one that says why there is none, else nothing."""
    results = [host[register] for register in registers if register in host and not host[register].get("skipped")]
    return next((result for result in results if "look" in result), results[0] if results else {})


def network_doors(hostvars: Mapping[str, Any], hosts: Sequence[str], place: str) -> list[dict[str, Any]]:
    """What machines other than servers are to try, after these have looked."""
    return doors([result["look"] for host in hosts if "look" in (result := looked(hostvars[host], OF_SERVERS))], place)


def network_looks(hostvars: Mapping[str, Any], hosts: Sequence[str], server: str) -> dict[str, dict[str, Any]]:
    """What is judged for one server: `looks`, its own and those of all that are no servers, and why others `failed`. A host that Ansible lost earlier has
    no result at all."""
    others = [host for host in hosts if host != server and not looked(hostvars[host], OF_SERVERS)]
    results = {server: looked(hostvars[server], OF_SERVERS), **{host: looked(hostvars[host], OF_OTHERS) for host in others}}
    return {
        "looks": {host: result["look"] for host, result in results.items() if "look" in result},
        "failed": {host: str(result.get("msg") or "Ansible does not reach it.").strip() for host, result in results.items() if "look" not in result},
    }


def caa_identities(directory: str) -> list[str]:
    """The names in CAA records of the authority with an ACME directory; none where it is not a known one."""
    return list(identities(directory))


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"network_doors": network_doors, "network_looks": network_looks, "caa_identities": caa_identities}
