# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which apps that run elsewhere are told of their proxy by their own API, with a token (`exposure_app_tokens`)."""

from __future__ import annotations

from collections.abc import Sequence

from .collection import House, Route
from .declaration import HIDDEN
from .log_ins import upstream
from .model import Plan, Told

WRITER = "home_assistant"


def add_told(plan: Plan, house: House, routes: Sequence[Route]) -> None:
    """For each proxy the Home Assistants behind it that are out of the inventory's reach and that there is a token for."""
    whole = [route for route in routes if route.whole]
    for name, host in house.hosts.items():
        for site in host["app_tokens"]:
            own = [route for route in whole if route.site["name"] == site]
            if problem := refused(name, own, house):
                known = ", ".join(sorted(route.site["name"] for route in whole if can_be_told(route))) or "exposure_app_tokens without it"
                house.mistakes.add(name, "", f"exposure_app_tokens.{site}", HIDDEN, problem, known)
                continue
            for route in own:
                if route.proxy == name and can_be_told(route):
                    public = house.url(route.proxy, route.site["hosts"][0]).removeprefix("https://")
                    plan.hosts[name].told.append(Told(name=site, host=public, **upstream(route)))


def can_be_told(route: Route) -> bool:
    """Whether it is a Home Assistant that we neither deploy nor have the files of, and that sees our proxy."""
    known = route.entry is not None and (route.entry["trust"] or {}).get("writer") == WRITER
    return known and route.app is None and bool(route.part["upstream"]) and route.site["tls"] != "passthrough"


def refused(host: str, own: Sequence[Route], house: House) -> str:
    """Why a token is of no use on a host; '' where it is of use."""
    if not own:
        return "there is no site of this name"
    if not any(map(can_be_told, own)):
        return "only a Home Assistant that runs elsewhere (app: home_assistant, with upstream) is told by its API"
    proxies = [route.proxy for route in own if can_be_told(route)]
    if host not in proxies and not any(own[0].site["name"] in house.hosts[proxy]["app_tokens"] for proxy in proxies):
        return f"it is for the host of its proxy, which is {proxies[0]}"
    return ""
