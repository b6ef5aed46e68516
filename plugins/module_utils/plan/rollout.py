# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A run over some hosts of several: what it has to know of the others, and what is left to do there."""

from __future__ import annotations

import ipaddress

from ..address.reserved import PRIVATE, kind
from .collection import House, Route
from .model import Plan

LIMITED, LOST = "limited", "lost"
"""Why a host is not in a run: `--limit` leaves it out, or it does not answer."""
UNKNOWN = "the address of {0} is not known: it {1}, and was in no run before"
WHY = {LIMITED: "is not in this run", LOST: "does not answer"}
EXAMPLE = "192.168.1.20"
MOST = 8
"""Names in one sentence."""


def check_address(route: Route, house: House) -> None:
    """A proxy and an app on another host, without a known address of one family: the host whose line is missing is told. Where neither is in this run,
    nothing is done with it, and nothing is missing."""
    ends = (route.host, route.proxy)
    lacking = next((name for name in ends if not house.addresses(name)), route.host)
    out = {name: house.inventory[name].out for name in ends}
    if all(out.values()) or house.mistakes.about(lacking, "", "exposure_address"):
        return
    unseen = out[lacking] and not house.addresses(lacking)
    why = UNKNOWN.format(lacking, WHY[out[lacking]]) if unseen else "no address of one family is known for both"
    problem = f"{route.proxy} must reach {route.host}, and {why}"
    reached = house.inventory[lacking].reached_at
    given = reached if is_at_home(reached) else EXAMPLE
    house.mistakes.add(lacking, "", "exposure_address", "(missing)", problem, f"exposure_address: {given} (the host's address on the home network)")


def is_at_home(address: str) -> bool:
    """Whether it is an address that a machine has on a home network."""
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return False
    return kind(address) == PRIVATE


def add_left_out(plan: Plan, house: House) -> None:
    """The hosts that this run does not touch, and what that means for those that it does."""
    plan.left_out = {name: host.out for name, host in house.inventory.items() if host.out}
    for name in house.proxies:
        own = [probe for probe in plan.probes if probe.proxy == name and probe.declared_on not in plan.left_out]
        if plan.left_out.get(name) == LIMITED and own:
            plan.left_to_do[name] = waiting(name, [probe.site for probe in own], [probe.declared_on for probe in own])
    plan.left_to_do |= {name: down(name, plan) for name, why in plan.left_out.items() if why == LOST}


def waiting(proxy: str, sites: list[str], hosts: list[str]) -> str:
    """A proxy that `--limit` left out, and what it would have been told."""
    names, with_it = list(dict.fromkeys(sites)), [proxy, *dict.fromkeys(hosts)]
    again = f"with --limit {','.join(with_it)}" if len(with_it) <= MOST else "without --limit"
    what = "one of them" if len(names) > 1 else "it"
    return f"{proxy} was not in this run, and it is the proxy of {some(names)}. Where {what} is new or was changed, run again {again}"


def down(name: str, plan: Plan) -> str:
    """A host that did not answer, and what became of its sites."""
    served = list(dict.fromkeys(probe.site for probe in plan.probes if probe.proxy == name))
    behind: dict[str, list[str]] = {}
    for probe in plan.probes:
        if probe.declared_on == name != probe.proxy and probe.site not in behind.setdefault(probe.proxy, []):
            behind[probe.proxy].append(probe.site)
    said = [f"{name} did not answer, and nothing was changed there."]
    said += [f"It is the proxy of {some(served)}."] if served else []
    said += [f"{proxy} keeps {some(sites)} for it." for proxy, sites in behind.items()]
    return " ".join([*said, f"When it is back, run again with --limit {name}"])


def some(names: list[str]) -> str:
    """Names in a sentence; of many, the first ones."""
    shown = names if len(names) <= MOST else [*names[: MOST - 1], f"{len(names) - MOST + 1} more"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
