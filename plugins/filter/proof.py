# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What role verify has of every host, put together for the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.homeserver.exposure.plugins.module_utils.probe.site import place_of
from ansible_collections.homeserver.exposure.plugins.module_utils.proof.vantages import failing

REGISTERS = {"verify_outside": "outside", "verify_lan": "lan", "verify_server": "server"}
"""Results of role verify on a host, and from where they were seen."""
CONTROLLER = "the controller"
PASSED = "  (its TLS ends at the app, which sees the address of the proxy in place of each client's)"


def vantage_results(hostvars: Mapping[str, Any], hosts: Sequence[str], controller: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What every vantage saw, as module proof_report takes it. A host that looks from two places has a row for each."""
    found: dict[str, dict[str, Any]] = {}
    seen = [(host, kind, hostvars[host].get(register, {})) for register, kind in REGISTERS.items() for host in hosts]
    for vantage, kind, result in [*seen, (CONTROLLER, "controller", controller)]:
        if result.get("skipped") or not result:
            continue
        name = f"{vantage} ({kind})" if vantage in found else vantage
        if "outcomes" in result:
            found[name] = {"kind": kind, "looked": True, "outcomes": result["outcomes"], "certificates": result.get("certificates", [])}
        else:
            found[name] = {"kind": kind, "looked": False, "message": result.get("msg", "no answer")}
    return found


def vantage_failures(results: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Every failure with the vantage that saw it. A vantage that could not look is a failure too."""
    return list(failing(results))


def host_results(hostvars: Mapping[str, Any], hosts: Sequence[str], register: str, *keys: str) -> dict[str, dict[str, Any]]:
    """Host -> what a task registered there, or one value below it; without hosts that skipped it. A task that failed gives `message`."""
    found: dict[str, dict[str, Any]] = {}
    for host in hosts:
        result = hostvars[host].get(register)
        if not result or result.get("skipped"):
            continue
        if result.get("failed") or result.get("unreachable"):
            found[host] = {"message": result.get("msg", "no answer")}
            continue
        for key in keys:
            result = result.get(key) or {}
        if result:
            found[host] = result
    return found


def failure_report(failures: Sequence[str]) -> str:
    return f"{len(failures)} check(s) failed:\n" + "\n".join(f"  - {failure}" for failure in failures)


def success_report(probes: Sequence[Mapping[str, Any]]) -> str:
    names = [f"  https://{place_of(probe)}/{PASSED if probe.get('passthrough') else ''}" for probe in probes]
    return "Served as declared:\n" + "\n".join(names) if names else "No site is declared, and none was looked at."


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {
            "vantage_results": vantage_results,
            "vantage_failures": vantage_failures,
            "host_results": host_results,
            "failure_report": failure_report,
            "success_report": success_report,
        }
