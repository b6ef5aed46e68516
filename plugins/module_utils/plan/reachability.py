# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How clients find the home: which host keeps which names at a DNS provider, and what the router is to forward to each proxy."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from ..ddns.model import FAMILIES, Capabilities
from ..ddns.providers import registry
from ..router.model import TAG
from .collection import House
from .model import Forwarding, NameAccount, NamePublisher, Plan
from .published import PUBLIC_ADDRESS


def add_reachability(plan: Plan, house: House) -> None:
    """For each host: the accounts whose names it keeps, and the rules of the router."""
    for name, host in house.hosts.items():
        plan.hosts[name].public_address = address_settings(host["public_address"])
    add_names(plan, house)
    for name in house.proxies:
        host, its = house.hosts[name], plan.hosts[name]
        if its.proxy is None:
            continue
        its.router, its.router_lease = host["router"], host["router_lease"]
        its.forwardings = forwardings(name, its.proxy.https_port, its.proxy.http_port, its.proxy.http3, house)
    check_one_rule(plan, house)
    for its in plan.hosts.values():
        kept = its.router == "auto" and bool(its.forwardings)
        its.used = (["ddns"] if its.ddns or kept else []) + (["router"] if kept or (its.ddns and its.router == "manual" and its.forwardings) else [])


def forwardings(name: str, https: int, http: int, http3: bool, house: House) -> list[Forwarding]:
    """The rules by which clients outside come in, over IPv4: an IPv6 address is reached without, where the router lets it."""
    own = [address for address in house.addresses(name) if ":" not in address]
    if not own:
        return []
    wished = ([(http, "tcp", 80)] if http else []) + [(https, "tcp", https)] + ([(https, "udp", https)] if http3 else [])
    return [Forwarding(outside, protocol, own[0], inside, f"{TAG} {name}") for outside, protocol, inside in wished]


def check_one_rule(plan: Plan, house: House) -> None:
    """One router forwards a port to one host: the second proxy behind it needs ports of its own."""
    owners: dict[tuple[int, str], str] = {}
    for name, its in plan.hosts.items():
        for rule in its.forwardings:
            owner = owners.setdefault((rule.external_port, rule.protocol), name)
            if owner != name and its.router == "auto" and plan.hosts[owner].router == "auto":
                problem = f"the router is to forward this port to {owner} already"
                line = "exposure_ports.https" if rule.port != 80 else "exposure_ports.http"
                house.mistakes.add(
                    name, "", line, rule.external_port, problem, "a port of its own, such as 8443, or exposure_router: none where it has a router of its own"
                )


def publishers(house: House) -> list[str]:
    """The hosts that keep names: the group `ddns`, else the proxies, else whoever declares some."""
    grouped = [name for name, host in house.inventory.items() if "ddns" in host.groups]
    return grouped or house.proxies or [name for name, host in house.hosts.items() if host["ddns"]]


def add_names(plan: Plan, house: House) -> None:
    keepers = publishers(house)
    kept: dict[tuple[str, str], str] = {}
    for name, host in house.hosts.items():
        if name not in keepers:
            if host["ddns"] and not any(house.hosts[keeper]["ddns"] == host["ddns"] for keeper in keepers):
                cure = "the entries in the host_vars of " + " or ".join(keepers) + ", or this host in a group ddns"
                house.mistakes.add(name, "", "exposure_ddns", f"{len(host['ddns'])} entries", "names are kept by a host of the group ddns, or by a proxy", cure)
            continue
        accounts = [account for entry in host["ddns"] if (account := account_of(entry, name, house))]
        check_names_once(name, accounts, kept, house)
        if accounts:
            plan.hosts[name].ddns = NamePublisher(accounts, host["acme"]["email"])


def account_of(entry: Mapping[str, Any], name: str, house: House) -> NameAccount | None:
    """An entry as the engine takes it, checked against what its provider can do."""
    can = registry.provider(entry["provider"]).CAPABILITIES
    where = f"ddns {entry['provider']}"
    hosts = list(entry["hosts"])
    if not hosts and not house.mistakes.about(name, where, "hosts"):
        if not house.hosts[name]["domain"]:
            house.mistakes.add(name, where, "hosts", "(missing)", "the entry has no names, and there is no exposure_domain", "hosts: [home.example.org]")
            return None
        hosts = [house.hosts[name]["domain"]]
    families = [family for family in FAMILIES if family in (entry["families"] or can.families)]
    check_abilities(entry, hosts, can, (name, where), house)
    title = entry["name"] or entry["provider"]
    return NameAccount(title, entry["provider"], hosts, families, entry["state"], entry["options"], entry["suffixes"], entry["prefix"], entry["when_gone"])


def check_abilities(entry: Mapping[str, Any], hosts: list[str], can: Capabilities, place: tuple[str, str], house: House) -> None:
    name, where = place
    for family in entry["families"]:
        if family not in can.families:
            cure = f"families: [{', '.join(can.families)}]"
            house.mistakes.add(name, where, "families", family, f"{entry['provider']} keeps no address of this family", cure)
    for one in hosts:
        if one.startswith("*.") and not can.wildcard:
            cure = "each name by itself, or a provider that takes one"
            house.mistakes.add(name, where, "hosts", one, f"{entry['provider']} takes no wildcard", cure)
    if entry["prefix"] and not can.prefix:
        house.mistakes.add(
            name, where, "prefix", True, f"{entry['provider']} cannot be told a prefix alone", "the entry without this line, and suffixes instead"
        )
    for one in entry["suffixes"]:
        if one not in hosts:
            house.mistakes.add(name, where, "suffixes", one, "the name is not among the hosts of the entry", "a name that stands in hosts")


def check_names_once(name: str, accounts: list[NameAccount], kept: dict[tuple[str, str], str], house: House) -> None:
    """Every account has a name of its own, and nobody else keeps its records."""
    titles = [account.name for account in accounts]
    own = {(account.provider, one, family) for account in accounts if account.state != "absent" for one in account.hosts for family in account.families}
    for account in accounts:
        where = f"ddns {account.provider}"
        if titles.count(account.name) > 1:
            problem = "two entries have this name, and what is known of the one would be taken for the other"
            house.mistakes.add(name, where, "name", account.name, problem, "a line name: of its own in each, such as name: second")
        if account.state == "absent":
            for one in sorted({one for one in account.hosts for family in account.families if (account.provider, one, family) in own}):
                problem = "another entry keeps this name there, and each would undo what the other wrote"
                house.mistakes.add(name, where, "hosts", one, problem, "the entry with state: absent without this name")
            continue
        for one in account.hosts:
            for family in account.families:
                owner = kept.setdefault((f"{account.provider} {one}", family), name)
                if owner != name:
                    problem = f"{owner} keeps this name there too, and each would undo what the other wrote"
                    house.mistakes.add(name, where, "hosts", one, problem, "the entry on one host only")


def address_settings(declared: Mapping[str, Any]) -> dict[str, Any]:
    """Who is asked for the public address (address/model.py, Settings), without what was left at its default."""
    given = {key: value for key, value in declared.items() if value != PUBLIC_ADDRESS[key].default}
    if "fixed" in given:
        given["fixed"] = {f"ipv{ipaddress.ip_address(one).version}": one for one in given["fixed"]}
    return given
