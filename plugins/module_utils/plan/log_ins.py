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
            entry, own = house.apps[app["app"]], [route for route in routes if route.host == name and route.app is app]
            replaced = replaced_in(name, f"app {app['name']}", app["accounts_replaced"], entry, house) | of_sites(own, entry, house)
            listen = [place for stack in (*plan.hosts[name].stacks, *plan.hosts[name].adopted) if stack.name == app["name"] for place in stack.listen]
            if listen:
                passed = any(route.site["tls"] == "passthrough" for route in own if route.whole)
                place = {"address": listen[0]["address"], "port": listen[0]["port"], "tls": passed}
                add(plan, name, entry, replaced, own, house, name=app["name"], version=app["version"] or entry["version"], **place)
    for route in routes:
        entry = house.apps.get(route.part["app"]) or {"title": "", "version": "", "accounts": [], "unclaimed": None}
        if route.whole and route.app is None:
            replaced = of_sites([route], entry, house)
            if route.part["app"] and route.part["upstream"]:  # it runs elsewhere, and its proxy is who reaches it
                add(plan, route.proxy, entry, replaced, [route], house, name="", version=entry["version"], **upstream(route))


def add(plan: Plan, where: str, entry: Mapping[str, Any], replaced: set[str], own: Sequence[Route], house: House, **place: Any) -> None:
    accounts = [{line: one[line] for line in TRIED} for one in entry["accounts"] if one["user"] not in replaced]
    if accounts or entry["unclaimed"]:
        hosts = {public: route.site["name"] for route in own for public in route.site["hosts"]}
        url = f"{house.url(own[0].proxy, next(iter(hosts)))}{'' if own[0].whole else own[0].part['path']}" if own else ""
        plan.hosts[where].log_ins.append(LogIns(title=entry["title"], hosts=hosts, url=url, accounts=accounts, unclaimed=entry["unclaimed"], **place))


def upstream(route: Route) -> dict[str, Any]:
    """Where the proxy of a site reaches it."""
    scheme, _, place = route.part["upstream"].rpartition("://")
    address, _, port = place.rpartition(":")
    return {"address": address.strip("[]"), "port": int(port), "tls": scheme == "https" or route.site["tls"] == "passthrough"}


def of_sites(own: Sequence[Route], entry: Mapping[str, Any], house: House) -> set[str]:
    return {user for route in own for user in replaced_in(route.host, f"site {route.site['name']}", route.site["accounts_replaced"], entry, house)}


def replaced_in(host: str, where: str, said: Sequence[str], entry: Mapping[str, Any], house: House) -> set[str]:
    """What a person says to have replaced is something that the app came with: a name with a slip would hide the account for ever."""
    known = [one["user"] for one in entry["accounts"]]
    for user in said:
        if user not in known:
            house.mistakes.add(host, where, "accounts_replaced", user, "the app came with no such account", " or ".join(known) or "it without this line")
    return set(said)
