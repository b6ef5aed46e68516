# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the records of names mean: whether each leads to the home, and whether a CA may certify it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ..acme.addresses import FALLS_BACK
from ..acme.answer import BROKEN, NO_NAME, TIMEOUT
from ..acme.problem import printable
from ..address import reserved
from ..address.model import FAMILIES, IPV4, IPV6
from .challenge import SPOKEN as ANSWERED
from .findings import NOT_PROVEN, PROVEN_INSIDE, PROVEN_OUTSIDE, WARNING, Finding, finding, listed
from .observe import INSIDE, OUTSIDE
from .seen import KIND, SPOKEN, Seen, home_only, place_of

DNS_PROVIDER = "at your DNS provider"


@dataclass
class Group:
    """Names with the same fault, told together."""

    names: list[str] = field(default_factory=list)
    evidence: list[str] = field(default_factory=list)


def judge(seen: Seen) -> Iterator[Finding]:
    """Everything that is to be said of names."""
    checks: tuple[Callable[[Seen], Iterator[Finding]], ...] = (broken, missing, misleading, differing, late, at_home, forbidden)
    for check in checks:
        yield from check(seen)


def broken(seen: Seen) -> Iterator[Finding]:
    """Zones that do not answer, or could not be asked."""
    zones: dict[tuple[str, str], list[str]] = {}
    for name in seen.wish.names:
        told = seen.told(name)
        if told and not seen.servers(name):
            kinds = {one["trouble"] for one in told.get("servers", {}).values()} | set(told.get("silent", {}).values())
            trouble = told.get("trouble", "") or ("no dnspython" if "servers" not in told else next(iter(kinds - {TIMEOUT}), TIMEOUT))
            zones.setdefault((trouble, told.get("zone", "")), []).append(name)
    for (trouble, zone), names in zones.items():
        if trouble == NO_NAME:
            advice = "Register the domain or the name at your DDNS provider, or correct it in the inventory."
            yield finding("dns_broken", f"There is no DNS zone for {listed(names)}.", [f"{seen.server_name}: no zone above it exists."], advice, about=names)
        elif told_nothing(seen, names[0]):
            what = f"The resolver of {seen.server_name} does not answer, so nothing is known of {listed(names)}."
            advice = f"Check the internet connection and the nameserver lines of /etc/resolv.conf on {seen.server_name}, then look again."
            yield finding("dns_unread", what, [f"{seen.server_name}: asked for the zone, {printable(trouble)}."], advice, NOT_PROVEN, names)
        elif trouble in (TIMEOUT, BROKEN, "no dnspython") or "between" in trouble:
            yield unread(seen, trouble, zone, names)
        else:
            what = f"The name servers of {zone or listed(names)} fail."
            advice = f"Check the zone {DNS_PROVIDER}, its DNSSEC above all (https://dnsviz.net shows it), and the name servers that the registrar knows."
            yield finding("dns_broken", what, [f"{seen.server_name}: they answer {printable(trouble)}."], advice, about=names)


def told_nothing(seen: Seen, name: str) -> bool:
    return seen.told(name).get("trouble", "") in (TIMEOUT, BROKEN)


def unread(seen: Seen, trouble: str, zone: str, names: list[str]) -> Finding:
    about = f"the name servers of {zone}" if zone else f"the name servers of {listed(names)}"
    if trouble == "no dnspython":
        what = f"{seen.server_name} has no python3-dnspython, so {about} were not asked."
        return finding("dns_unread", what, [], f"apt-get install python3-dnspython on {seen.server_name}, and look again.", NOT_PROVEN, names)
    what = f"{about[:1].upper()}{about[1:]} could not be asked directly, so records may be older than what is told here."
    why = "somebody in between, such as the router, answers in their place" if "between" in trouble else "no answer in time"
    advice = "Where names work, nothing has to be done. Else let the router pass DNS on (port 53), or turn off what it calls DNS protection or filter."
    return finding("dns_unread", what, [f"{seen.server_name}: {why}."], advice, NOT_PROVEN, names)


def missing(seen: Seen) -> Iterator[Finding]:
    """Names without an address."""
    names = [name for name in seen.wish.names if seen.told(name) and not any(seen.records(name).values()) and (seen.servers(name) or resolved_none(seen, name))]
    if names:
        where = [f"{server} (name server of {seen.told(name)['zone']}): {name} has no address." for name in names for server in list(seen.servers(name))[:1]]
        places = " and ".join(f"{KIND[family]} {seen.home[family][0]}" for family in FAMILIES if seen.home[family])
        wanted = (
            f"Make a record for each {DNS_PROVIDER}{f' ({places})' if places else ''}, or a wildcard that covers them, or let DDNS keep them (exposure_ddns)."
        )
        what = f"{listed(names)} {'has' if len(names) == 1 else 'have'} no address in the DNS: nobody can find {'it' if len(names) == 1 else 'them'}."
        yield finding("no_record", what, where[:6], wanted, about=names)


def resolved_none(seen: Seen, name: str) -> bool:
    """Whether a name of an existing zone, whose servers could not be asked, is unknown to a resolver too."""
    told = seen.told(name)
    return "servers" in told and told["trouble"] != NO_NAME and not told["resolved"]["trouble"]


def misleading(seen: Seen) -> Iterator[Finding]:
    """Records that lead elsewhere than home."""
    groups: dict[tuple[str, str], Group] = {}
    for name in seen.wish.names:
        sibling = seen.told(name).get("sibling", {})
        for family in FAMILIES:
            records = seen.records(name)[family]
            wild = bool(records) and sorted(sibling.get(KIND[family], ())) == records
            for address in records:
                kind = fault(seen, address, family)
                if not kind or only_at_some(seen, name, family, address):
                    continue
                kind = "wrong_wildcard" if wild and kind.startswith("stale") else kind
                group = groups.setdefault((kind, address), Group())
                group.names.append(name)
                group.evidence += [f"*.{name.partition('.')[2]}: a name that nobody made is answered with {address} too."] if wild else []
                group.evidence += sayers(seen, name, family, address)
    for (kind, address), group in groups.items():
        yield worded(seen, kind, address, group)


def fault(seen: Seen, address: str, family: str) -> str:
    """'' for an address that leads home, or of which nobody can say where it leads."""
    if seen.leads_home(address):
        return ""
    if not seen.is_public(address):
        return "private_record"
    if not seen.home[family] and seen.verdict(family) != "none":
        return ""
    return "stale_a" if family == IPV4 else "stale_aaaa"


def only_at_some(seen: Seen, name: str, family: str, address: str) -> bool:
    """Whether other servers of the zone lead home already: a change on its way, which `differing` tells."""
    answers = [told["addresses"].get(KIND[family], []) for told in seen.servers(name).values()]
    return any(answer and address not in answer and all(seen.leads_home(one) for one in answer) for answer in answers)


def sayers(seen: Seen, name: str, family: str, address: str) -> list[str]:
    """Who says so."""
    servers = [server for server, told in seen.servers(name).items() if address in told["addresses"].get(KIND[family], ())]
    via = f" (an alias to {seen.told(name)['alias']})" if seen.told(name).get("alias") else ""
    who = f"{listed(servers, 2)}, {'name servers' if len(servers) > 1 else 'name server'} of {seen.told(name)['zone']}" if servers else "resolvers"
    met = [
        f"{place_of(host, seen.looks[host])}: {seen.met(tried)}."
        for host, tried in seen.tries(OUTSIDE)
        if tried["name"] == name and tried["address"] == address
    ]
    verb = "say" if len(servers) != 1 else "says"
    return [f"{who}, {verb} {KIND[family]} {address} for {name}{via}.", *met[:2]]


def worded(seen: Seen, kind: str, address: str, group: Group) -> Finding:
    names, family = listed(group.names), IPV6 if ":" in address else IPV4
    lead = "leads" if len(group.names) == 1 else "lead"
    proven = PROVEN_OUTSIDE if any("(outside)" in one for one in group.evidence) else PROVEN_INSIDE
    home = listed(seen.home[family], 2)
    has = f"your home has {home}" if home else f"your home has no public {SPOKEN[family]} address"
    evidence = group.evidence[:6]
    if kind == "private_record":
        why = "which your provider shares among customers (CGNAT)" if reserved.kind(address) == reserved.SHARED else "which means something inside a home alone"
        advice = (
            f"Put {home or 'your public address'} into the record {DNS_PROVIDER}, or let DDNS do it. Should the name lead there for your own devices only, "
            "keep that in the DNS of your home (role lan_names)."
        )
        return finding(kind, f"{names} {lead} to {address} for the whole world, {why}.", evidence, advice, about=group.names)
    if kind == "wrong_wildcard":
        wild = listed(f"*.{name.partition('.')[2]}" for name in group.names)
        advice = f"Give {names} records of their own {DNS_PROVIDER}, or let {wild} lead to {home or 'your home'}. Often it is the registrar's parking page."
        return finding(kind, f"{names} {lead} to {address} because of the wildcard {wild}, and {has}.", evidence, advice, proven, group.names)
    record = f"The {KIND[family]} record of {names} says" if len(group.names) == 1 else f"The {KIND[family]} records of {names} say"
    repair = f"Correct it {DNS_PROVIDER}" if home else f"Take it out {DNS_PROVIDER}"
    fitting = f"{repair}, or let DDNS keep it (exposure_ddns). Where {address} is a CDN or tunnel that you chose, all is well."
    if family == IPV6:
        fitting = f"{fitting} {FALLS_BACK}"
    return finding(kind, f"{record} {address}, but {has}.", evidence, fitting, proven, group.names)


def differing(seen: Seen) -> Iterator[Finding]:
    """Name servers of one zone that say different things, or that do not serve it."""
    for name in seen.wish.names:
        answers = {server: {kind: told["addresses"].get(kind, []) for kind in KIND.values()} for server, told in seen.servers(name).items()}
        zone = seen.told(name).get("zone", "")
        if len({str(answer) for answer in answers.values()}) > 1:
            evidence = [f"{server}: {', '.join(address for one in answer.values() for address in one) or 'no address'}." for server, answer in answers.items()]
            advice = f"Wait until {DNS_PROVIDER[3:]} has handed the change to all its servers, some minutes; after an hour, ask the provider."
            yield finding("dns_servers_differ", f"The name servers of {zone} do not agree on {name}.", evidence, advice, about=[name])
    lame: dict[str, dict[str, str]] = {}
    for name in seen.wish.names:
        told, answering = seen.told(name), seen.servers(name)
        wrong = {**told.get("silent", {}), **{server: one["trouble"] for server, one in told.get("servers", {}).items()}}
        wrong = {server: what for server, what in wrong.items() if what not in ("", TIMEOUT) and server not in answering}
        if wrong and answering:
            lame.setdefault(told["zone"], {}).update(wrong)
    for zone, wrong in lame.items():
        advice = f"At the registrar of {zone}, enter exactly the name servers that your DNS provider names."
        evidence = [f"{server}: {printable(what)}." for server, what in wrong.items()]
        yield finding("dns_servers_differ", f"Some of the name servers entered for {zone} do not serve it.", evidence, advice, about=[zone])


def late(seen: Seen) -> Iterator[Finding]:
    """Resolvers that still say what is no longer true."""
    for name in seen.wish.names:
        servers = seen.servers(name)
        if not servers or not all(seen.leads_home(address) for family in FAMILIES for address in seen.records(name)[family]):
            continue
        current = {address for family in FAMILIES for address in seen.records(name)[family]}
        old: dict[str, list[str]] = {}
        for host, look in {**seen.at(OUTSIDE), **seen.at(INSIDE), seen.server_name: seen.server}.items():
            said = look.get("names", {}).get(name, {}).get("resolved", {})
            for address in [one for kind in KIND.values() for one in said.get(kind, ())]:
                if address not in current and seen.is_public(address) and not seen.leads_home(address):
                    old.setdefault(address, []).append(place_of(host, look))
        if old:
            ttl = max(told["ttl"] for told in servers.values())
            evidence = [f"{listed(hosts)}: still told {address}." for address, hosts in old.items()]
            what = f"The change of {name} has not reached every resolver yet."
            yield finding(
                "not_spread_yet", what, evidence, f"Wait: the record may be kept for {ttl} seconds, and for as long as the old one allowed.", about=[name]
            )


def at_home(seen: Seen) -> Iterator[Finding]:
    """What machines of the home are told by its own DNS: the server's address there, or the public one."""
    groups: dict[str, Group] = {}
    for host, look in seen.at(INSIDE).items():
        for name in seen.wish.names:
            said = look.get("names", {}).get(name, {}).get("resolved", {})
            for address in [one for kind in KIND.values() for one in said.get(kind, ())]:
                if home_only(address) and address not in seen.own:
                    group = groups.setdefault(address, Group())
                    group.names.append(name)
                    group.evidence.append(f"{place_of(host, look)}: {name} is {address}.")
    for address, group in groups.items():
        own = listed(sorted(one for one in seen.own if (":" in one) == (":" in address)), 2)
        advice = f"Correct it in the DNS of your home or in /etc/hosts there (role lan_names keeps both): {own or 'the address of the server at home'}."
        what = f"At home, {listed(group.names)} {'leads' if len(set(group.names)) == 1 else 'lead'} to {address}, which is not {seen.server_name}."
        yield finding("lan_name_wrong", what, group.evidence[:6], advice, about=group.names)


def astray(seen: Seen) -> list[str]:
    """Names of which a record leads elsewhere than home."""
    return [name for name in seen.wish.names if any(fault(seen, one, family) for family in FAMILIES for one in seen.records(name)[family])]


def forbidden_by_caa(seen: Seen) -> dict[str, list[str]]:
    """challenge -> names for which CAA records do not admit it."""
    against: dict[str, list[str]] = {}
    for name in seen.wish.names:
        for challenge, problems in seen.told(name).get("caa", {}).items():
            if any(problem["severity"] == "error" for problem in problems):
                against.setdefault(challenge, []).append(name)
    return against


def forbidden(seen: Seen) -> Iterator[Finding]:
    """CAA records that keep the CA from certifying names."""
    groups: dict[tuple[str, str, str], Group] = {}
    wanted = set(ANSWERED.get(seen.wish.engine, ())) | ({"dns-01"} if seen.wish.dns_provider else set())
    for name in seen.wish.names:
        caa = {challenge: problems for challenge, problems in seen.told(name).get("caa", {}).items() if challenge in wanted}
        errors = {challenge: next((one for one in problems if one["severity"] == "error"), None) for challenge, problems in caa.items()}
        hit = {challenge: problem for challenge, problem in errors.items() if problem}
        for challenge, problem in list(hit.items())[:1]:
            which = "" if len(hit) == len(errors) else challenge
            groups.setdefault((which, problem["seen"], problem["advice"]), Group()).names.append(name)
    for (which, told, advice), group in groups.items():
        what = f"CAA records keep your certificate authority from certifying {listed(group.names)}{f' by {which}' if which else ''}."
        yield finding("caa_forbids", what, [told], advice, about=group.names, severity=WARNING if which else "")
