# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which apps came with log-ins that everybody knows, or belong to whoever opens them first, and where each is looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .collection import House, Route
from .model import LogIns, Plan

TRIED = ("user", "password", "path", "json", "form", "granted", "refused", "contains", "location", "cookie", "replace")
"""Lines of an account that are needed to try it. Its password is as public as the app."""


def add_log_ins(plan: Plan, house: House, routes: Sequence[Route]) -> None:
    """For each host the apps that it looks at: its own, and those of its proxy that run where nothing of ours does."""
    for name, host in house.hosts.items():
        for app in host["apps"]:
            if app["state"] == "absent" or app["app"] not in house.apps:
                continue
            entry = house.apps[app["app"]]
            check_replaced(name, app, entry, house)
            accounts = [{line: one[line] for line in TRIED} for one in entry["accounts"] if one["user"] not in app["accounts_replaced"]]
            own = [route for route in routes if route.host == name and route.app is app]
            found = endpoint(plan, name, app, own)
            if found and (accounts or entry["unclaimed"]):
                where, address, port, tls = found
                hosts = {public: route.site["name"] for route in own for public in route.site["hosts"]}
                url = f"{house.url(own[0].proxy, next(iter(hosts)))}{'' if own[0].whole else own[0].part['path']}" if own else ""
                stack = "" if own and own[0].part["upstream"] else app["name"]
                made = LogIns(stack, entry["title"], app["version"] or entry["version"], address, port, tls, hosts, url, accounts, entry["unclaimed"])
                plan.hosts[where].log_ins.append(made)


def endpoint(plan: Plan, name: str, app: Mapping[str, Any], own: Sequence[Route]) -> tuple[str, str, int, bool] | None:
    """The host that looks at an app, the address and port at which it reaches it, and whether TLS is spoken there. None where nothing is to be reached."""
    passed = any(route.site["tls"] == "passthrough" for route in own if route.whole)
    if own and own[0].part["upstream"]:  # it runs elsewhere, and its proxy is who reaches it
        scheme, _, place = own[0].part["upstream"].rpartition("://")
        address, _, port = place.rpartition(":")
        return own[0].proxy, address.strip("[]"), int(port), passed or scheme == "https"
    listen = [place for stack in plan.hosts[name].stacks if stack.name == app["name"] for place in stack.listen]
    return (name, listen[0]["address"], listen[0]["port"], passed) if listen else None


def check_replaced(name: str, app: Mapping[str, Any], entry: Mapping[str, Any], house: House) -> None:
    """What a person says to have replaced is something that the app came with: a name with a slip would hide the account for ever."""
    known = [one["user"] for one in entry["accounts"]]
    for user in app["accounts_replaced"]:
        if user not in known:
            cure = " or ".join(known) or "the app without this line"
            house.mistakes.add(name, f"app {app['name']}", "accounts_replaced", user, "the app came with no such account", cure)
