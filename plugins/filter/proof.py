# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the vantages saw, as text for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.homeserver.exposure.plugins.module_utils.probe.site import place_of

REGISTERS = ("verify_outside", "verify_lan", "verify_server")
"""Results of role verify on a host."""
PASSED = "  (its TLS ends at the app, which sees the address of the proxy in place of each client's)"


def vantage_failures(hostvars: Mapping[str, Any], hosts: Sequence[str], controller: Mapping[str, Any]) -> list[str]:
    """Every failure with the vantage that saw it. A vantage that could not look is a failure too."""
    seen = [(host, hostvars[host].get(register, {})) for register in REGISTERS for host in hosts]
    found = []
    for vantage, result in [*seen, ("the controller", controller)]:
        if result.get("skipped") or not result:
            continue
        found += [f"from {vantage}: {failure}" for failure in result.get("failures", [f"could not look: {result.get('msg', 'no answer')}"])]
    return found


def failure_report(failures: Sequence[str]) -> str:
    return f"{len(failures)} check(s) failed:\n" + "\n".join(f"  - {failure}" for failure in failures)


def success_report(probes: Sequence[Mapping[str, Any]]) -> str:
    names = [f"  https://{place_of(probe)}/{PASSED if probe.get('passthrough') else ''}" for probe in probes]
    return "Served as declared:\n" + "\n".join(names) if names else "No site is declared, and none was looked at."


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"vantage_failures": vantage_failures, "failure_report": failure_report, "success_report": success_report}
