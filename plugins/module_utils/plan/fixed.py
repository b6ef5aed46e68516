# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an app was first started with and cannot change without harm, such as a domain that is in all its data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .mistakes import Mistakes
from .model import Plan, Stack

OWN = {"EXPOSURE_HOST": "hosts of its site", "EXPOSURE_HOSTS": "hosts of its site", "EXPOSURE_URL": "hosts of its site", "EXPOSURE_TIMEZONE": "timezone"}
"""Where a person writes what the Plan fills in itself; all else is an option of the app."""


def check_fixed(plan: Plan, apps: Mapping[str, Mapping[str, Any]], found: Mapping[str, Mapping[str, Any]], mistakes: Mistakes) -> None:
    """Each app keeps what it was first started with, unless `exposure_confirm` names it.

    apps: the catalogue; found: what a look at each host told (`fixed`: stack -> name -> value). A host that was not looked at has no records.
    """
    for host, its in plan.hosts.items():
        records = found[host].get("fixed") or {}
        for stack in its.stacks:
            for name, value in stack.fixed.items():
                check_one(host, stack, name, value, records.get(stack.name, {}).get(name), apps[stack.app], mistakes)


def check_one(host: str, stack: Stack, name: str, value: str, was: str | None, entry: Mapping[str, Any], mistakes: Mistakes) -> None:
    where, place, title = f"app {stack.name}", OWN.get(name, f"options.{name}"), entry["title"]
    if was is None:
        if not value:
            problem = f"{title} keeps the public name that it is first started with, and no site leads to it yet"
            mistakes.add(
                host, where, place, "(missing)", problem, f"a site with its name: exposure_sites: - {{name: {stack.name}, hosts: [...], app: {stack.name}}}"
            )
        return
    if value == was or stack.confirmed:
        return
    meaning = " ".join(entry["notes"])
    problem = f"{title} was first started with {name} {was!r}, which is in its data by now and must not change. {meaning}".strip()
    write = f"{was!r} again, or exposure_confirm: [{stack.name}] for one run, when you know what becomes of its data"
    mistakes.add(host, where, place, value or "(none)", problem, write)
