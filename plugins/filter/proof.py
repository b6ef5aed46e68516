# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What role verify has of every host, put together for the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.homeserver.exposure.plugins.module_utils.probe.site import place_of
from ansible_collections.homeserver.exposure.plugins.module_utils.proof.vantages import failing

REGISTERS = {"verify_outside": "outside", "verify_lan": "lan", "verify_server": "server"}
"""Results of role verify on a host, and from where they were seen."""
CONTROLLER = "the controller"
LOST = "it failed earlier in this run, or was not reached: see above"
PAGE = "exposure-report.html"
PASSED = "  (its TLS ends at the app, which sees the address of the proxy in place of each client's)"


def vantage_results(
    hostvars: Mapping[str, Any],
    hosts: Sequence[str],
    controller: Mapping[str, Any],
    expected: Mapping[str, Sequence[str]] | None = None,
    lost: Sequence[str] = (),
) -> dict[str, dict[str, Any]]:
    """What every vantage saw, as module proof_report takes it. A host that looks from two places has a row for each. `expected`: kind -> who was to look; of
    whom nothing is there did not. `lost`: hosts that failed before in this run."""
    found: dict[str, dict[str, Any]] = {}
    wanted = {kind: list(who) for kind, who in (expected or {}).items()}
    seen = [(host, kind, variables(hostvars, host).get(register)) for register, kind in REGISTERS.items() for host in hosts]
    for vantage, kind, result in [*seen, (CONTROLLER, "controller", controller)]:
        awaited = vantage in wanted.get(kind, ())
        if not awaited and (not result or result.get("skipped")):
            continue
        name = f"{vantage} ({kind})" if vantage in found else vantage
        its = result or {}
        if "outcomes" in its:
            found[name] = {"kind": kind, "looked": True, "outcomes": its["outcomes"], "certificates": its.get("certificates", [])}
        else:
            why = LOST if vantage in lost else its.get("msg") or its.get("module_stderr") or "no answer (ansible-playbook -vvv shows what was said instead)"
            found[name] = {"kind": kind, "looked": False, "message": why}
    return found


def lost_hosts(hosts: Sequence[str], plan: Mapping[str, Any] | None = None) -> list[str]:
    """Hosts that failed in this run before the proof are no secret: what was to be done there is not done."""
    known = (plan or {}).get("left_to_do", {})
    return [known.get(host) or f"{host}: {LOST}" for host in hosts]


def variables(hostvars: Mapping[str, Any], host: str) -> Mapping[str, Any]:
    """Those of a host; one that never answered may have none."""
    return hostvars.get(host, {})


def vantage_failures(results: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Every failure with the vantage that saw it. A vantage that could not look is a failure too."""
    return list(failing(results))


def host_results(hostvars: Mapping[str, Any], hosts: Sequence[str], register: str, *keys: str) -> dict[str, dict[str, Any]]:
    """Host -> what a task registered there, or one value below it; without hosts that skipped it. A task that failed gives `message`."""
    found: dict[str, dict[str, Any]] = {}
    for host in hosts:
        result = variables(hostvars, host).get(register)
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


def report_place(folders: Sequence[str], inventories: Sequence[str]) -> str:
    """The page in the first of these folders that is one and in no inventory's folder: Ansible would read it as an inventory. '' where none is fit."""
    taken = [Path(source).resolve() for source in inventories or () if source and "," not in source and Path(source).is_dir()]
    for folder in folders:
        place = Path(folder or "-").resolve()
        if folder and place.is_dir() and not any(place.is_relative_to(one) for one in taken):
            return str(place / PAGE)
    return ""


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
            "lost_hosts": lost_hosts,
            "report_place": report_place,
            "host_results": host_results,
            "failure_report": failure_report,
            "success_report": success_report,
        }
