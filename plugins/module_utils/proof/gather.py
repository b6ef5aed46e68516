# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Everything that one proof saw, put together: what is wrong first, each site, each host. Pure: no network, no clock, no file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from . import said
from .life import Life, lives
from .said import Said
from .vantages import Check, Vantage, failing, outcomes, vantages, with_accounts
from .words import entries, mapping, plural, sentences

VERSION = 1
OK, FAILED, UNPROVEN = "ok", "failed", "unproven"
LOOKED = {False: "looked at it", True: "seen a page of it"}
"""A name that leads somewhere is no page yet."""
ATTENTION = "attention"
"""Every site is served as declared, and something else is an error all the same."""


@dataclass(frozen=True)
class Site:
    """One public name. `addresses`: where it led from outside, or from anywhere. `leads_to`: what answers behind the proxy. `certificates`: every different one
    that was seen, the one that ends first at the head."""

    site: str
    host: str
    port: int
    proxy: str
    engine: str
    leads_to: tuple[str, ...]
    passthrough: bool
    addresses: tuple[str, ...]
    state: str
    checks: tuple[Check, ...]
    certificates: tuple[Life, ...]

    @property
    def place(self) -> str:
        return self.host if self.port == 443 else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Proof:
    """`wrong` is what failed, alike things together; `findings` is what else is to be known, the gravest first. `failures` are all of what failed, a sentence
    each: with one of them the declared is not what is served. `left_to_do`: what the run left out, a sentence each."""

    made: str
    by: str
    state: str
    headline: str
    vantages: tuple[Vantage, ...]
    sites: tuple[Site, ...]
    wrong: tuple[Said, ...]
    findings: tuple[Said, ...]
    failures: tuple[str, ...]
    audits: Mapping[str, Any] = field(default_factory=dict)
    watches: Mapping[str, Any] = field(default_factory=dict)
    network: Mapping[str, Any] = field(default_factory=dict)
    version: int = VERSION
    left_to_do: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.failures


@dataclass(frozen=True)
class Given:
    """As module proof_report takes it. `plan` is the whole Plan as JSON, or nothing."""

    probes: Sequence[Mapping[str, Any]]
    results: Mapping[str, Any]
    audits: Mapping[str, Any] = field(default_factory=dict)
    watches: Mapping[str, Any] = field(default_factory=dict)
    network: Mapping[str, Any] = field(default_factory=dict)
    troubles: Sequence[str] = ()
    plan: Mapping[str, Any] = field(default_factory=dict)
    accounts: Mapping[str, Any] = field(default_factory=dict)
    left_to_do: Sequence[str] = ()


def gather(given: Given, now: datetime, by: str = "homeserver.exposure") -> Proof:
    given = replace(given, results=with_accounts({name: mapping(result) for name, result in given.results.items()}, given.accounts))
    found = dict(vantages(given.results))
    sites = [site_of(probe, given, now) for probe in given.probes]
    sites.sort(key=lambda one: (FAILED, UNPROVEN, OK).index(one.state))
    gaps = (
        [f"{site.host}: nobody has {LOOKED[bool(site.checks)]}" for site in sites if site.state == UNPROVEN]
        if any(one.looked for one in found.values())
        else []
    )
    failures = [*failing(given.results), *gaps, *(str(one) for one in given.troubles)]
    wrong = [*said.of_checks(given.results), *said.of_vantages(one for one in found.values() if not one.looked), *said.of_troubles([*given.troubles, *gaps])]
    network = mapping(given.network.get("picture")) or dict(given.network)
    certificates = list(said.of_certificates(given.results, wrong))
    findings = said.in_order(
        [
            *said.of_accounts(given.accounts),
            *certificates,
            *said.of_different((site.host, site.certificates, site.checks) for site in sites),
            *said.of_audits(given.audits),
            *said.of_watches(given.watches, certificates),
            *said.of_network(network),
            *said.of_left_to_do(given.left_to_do),
        ]
    )
    looked = any(site.checks for site in sites)
    state = FAILED if failures else UNPROVEN if sites and not looked else ATTENTION if any(one.severity == "error" for one in findings) else OK
    return Proof(
        now.isoformat(timespec="seconds"),
        by,
        state,
        headline(state, sites),
        tuple(found.values()),
        tuple(sites),
        tuple(wrong),
        tuple(findings),
        tuple(failures),
        given.audits,
        given.watches,
        network,
        left_to_do=sentences(given.left_to_do),
    )


def site_of(probe: Mapping[str, Any], given: Given, now: datetime) -> Site:
    host = str(probe["host"])
    checks = tuple(
        Check(
            vantage,
            str(one.get("check", "")),
            str(one.get("address") or ""),
            one.get("ok") if isinstance(one.get("ok"), bool) else None,
            str(one.get("detail") or ""),
            str(one.get("advice") or ""),
        )
        for vantage, one in outcomes(given.results)
        if one.get("host") == host
    )
    seen = [one for result in given.results.values() for one in entries(result.get("certificates")) if one.get("host") == host]
    proxy = str(mapping(given.plan.get("names")).get(host) or probe.get("proxy") or "")
    engine, leads_to = route(mapping(given.plan.get("hosts")).get(proxy), host)
    kinds = {name: one.kind for name, one in vantages(given.results)}
    outside = [one.address for one in checks if one.address and kinds[one.vantage] == "outside"]
    anywhere = [one.address for one in checks if one.address and kinds[one.vantage] != "server"]
    state = FAILED if any(one.ok is False for one in checks) else OK if any(one.ok and one.name == "page" for one in checks) else UNPROVEN
    return Site(
        str(probe.get("site") or host),
        host,
        int(probe.get("https_port") or 443),
        proxy,
        engine,
        leads_to,
        bool(probe.get("passthrough")),
        tuple(dict.fromkeys(outside or anywhere)),
        state,
        checks,
        tuple(lives(seen, now)),
    )


def route(host: Any, name: str) -> tuple[str, tuple[str, ...]]:
    """The engine of a proxy, and what it sends a name to, by the Plan of its host."""
    proxy = mapping(mapping(host).get("proxy"))
    for site in entries(proxy.get("sites")):
        if name in (site.get("hosts") or ()):
            places = (
                f"{path} → {one.get('upstream')}" if (path := one.get("path", "/")) != "/" else str(one.get("upstream"))
                for one in entries(site.get("locations"))
            )
            return str(proxy.get("engine", "")), (f"redirect to {site['redirect']}",) if site.get("redirect") else tuple(places)
    for site in entries(proxy.get("passthrough")):
        if name in (site.get("hosts") or ()):
            return str(proxy.get("engine", "")), sentences(site.get("upstream"))
    return str(proxy.get("engine", "")), ()


def headline(state: str, sites: Sequence[Site]) -> str:
    """The verdict in one sentence; a site is an entry of the declaration, which may have several names."""
    every, bad = distinct(sites), distinct(one for one in sites if one.state == FAILED)
    if not every:
        return "Something went wrong" if state == FAILED else "No site is declared, and none was looked at"
    only = sites[0].host if len(sites) == 1 else "the site" if len(every) == 1 else ""
    if bad:
        if len(bad) < len(every):
            return f"{len(bad)} of {plural(len(every), 'site')} {'is' if len(bad) == 1 else 'are'} not served as declared"
        return (
            f"{only[0].upper() + only[1:] if only == 'the site' else only} is not served as declared"
            if only
            else f"None of the {len(every)} sites is served as declared"
        )
    if state == UNPROVEN:
        return f"Nobody has looked at {only or f'the {len(every)} sites'}"
    served = f"{only} is" if len(sites) == 1 else "The site is" if only else f"{'Both' if len(every) == 2 else f'All {len(every)}'} sites are"
    return f"{served} served as declared{', as far as it could be seen' if state == FAILED else ''}"


def distinct(sites: Iterable[Site]) -> list[str]:
    return list(dict.fromkeys(one.site for one in sites))
