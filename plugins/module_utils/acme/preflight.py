# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What must be true before an order is sent to a CA: each failed order uses up some of what the CA allows a home.

Everything is asked from this server. What only the internet can see, such as a forwarded port where the router does not lead its own network back
to its public address, ends as a warning.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import addresses, authorities, caa, challenge_path, lookup
from .challenge_path import Fetched, Ports
from .problem import ERROR, WARNING, Problem


@dataclass(frozen=True)
class Settings:
    """How to look. `webroot` is where the web server takes challenge files from (None: the path is not tried); `caa_identities` are those of the ACME
    directory's meta; `account` is the address of the account at the CA; `allow_private` is for a CA inside the home; `nameservers` replace the
    system's resolver; the ports and `timeout` (seconds for each question or connection) are for tests and slow lines."""

    directory: str
    webroot: Path | None = None
    caa_identities: tuple[str, ...] = ()
    account: str = ""
    allow_private: bool = False
    nameservers: tuple[str, ...] = ()
    dns_port: int = 53
    http_port: int = 80
    https_port: int = 443
    timeout: float = 5.0


def check(certificate: Mapping[str, Any], own_addresses: Iterable[str], settings: Settings) -> list[Problem]:
    """What stands in the way of ordering a certificate of the Plan, errors first. `own_addresses` are the home's public addresses; none: unknown."""
    if certificate.get("kind", "acme") != "acme":
        return []
    challenge = str(certificate["challenge"])
    names = list(dict.fromkeys(str(name).rstrip(".").lower() for name in certificate["hosts"]))
    asked = lookup.Lookup(settings.nameservers, settings.dns_port, settings.timeout)
    if asked.trouble:
        seen = f"This server has no resolver to ask for names ({asked.trouble.rstrip('.')})."
        return [Problem("resolver", names[0] if names else "", seen, "Put a nameserver line into /etc/resolv.conf.")]
    problems = of_http(names, own_addresses, settings, asked) if challenge == "http-01" else of_dns(names, asked)
    identities = authorities.identities(settings.directory, settings.caa_identities)
    if identities:
        asker = caa.Asker(identities, challenge, settings.account)
        with ThreadPoolExecutor(max_workers=lookup.AT_ONCE) as pool:
            problems += [problem for found in pool.map(lambda name: caa.check(name, asker, asked.ask), names) for problem in found]
    return sorted(dict.fromkeys(problems), key=lambda problem: problem.severity != ERROR)


def of_http(names: list[str], own_addresses: Iterable[str], settings: Settings, asked: lookup.Lookup) -> list[Problem]:
    """Names and the challenge's path, for http-01."""
    own = {str(ipaddress.ip_address(address)) for address in own_addresses}
    plain = [name for name in names if not name.startswith("*.")]
    problems = [
        Problem("wildcard", name, "A wildcard is never certified by a file on a web server.", "Choose the challenge dns-01 for it.")
        for name in names
        if name.startswith("*.")
    ]
    answers = asked.side_by_side((name, kind) for name in plain for kind in ("A", "AAAA"))
    found = {name: [*addresses.of(answers[name, "AAAA"]), *addresses.of(answers[name, "A"])] for name in plain}
    fetched = fetch_all(found, settings, asked)
    if isinstance(fetched, Problem):
        problems.append(fetched)
        fetched = {}
    for name in plain:
        problems += addresses.unanswered(name, answers[name, "A"], answers[name, "AAAA"])
        proven = {address for address in found[name] if fetched.get((name, address), Fetched("")).outcome == challenge_path.PROVEN}
        wrong = addresses.wrong(name, found[name], own, proven, settings.allow_private)
        problems += wrong.values()
        problems += [of_fetch(name, address, fetched[name, address]) for address in found[name] if address not in wrong | dict.fromkeys(proven) and fetched]
    return problems


def fetch_all(found: dict[str, list[str]], settings: Settings, asked: lookup.Lookup) -> dict[tuple[str, str], Fetched] | Problem:
    """A challenge file fetched from every address of every name, side by side; a problem where no such file can be written."""
    pairs = [(name, address) for name, places in found.items() for address in places]
    if settings.webroot is None or not pairs:
        return {}
    ports = Ports(settings.http_port, settings.https_port)
    try:
        with challenge_path.token(settings.webroot) as (path, content), ThreadPoolExecutor(max_workers=lookup.AT_ONCE) as pool:
            results = pool.map(
                lambda pair: challenge_path.fetch(pair[0], pair[1], path, content, ports, settings.timeout, asked.addresses),
                pairs,
            )
            return dict(zip(pairs, results, strict=True))
    except OSError as error:
        seen = f"The file of a challenge cannot be written below {settings.webroot} ({error.strerror or error})."
        return Problem("webroot", pairs[0][0], seen, "Run the playbook again, which makes that folder, and see that the disk is not full.")


def of_fetch(name: str, address: str, fetched: Fetched) -> Problem:
    """What a fetch that did not give the file's content means."""
    if fetched.outcome == challenge_path.WRONG:
        return Problem(
            "path-wrong",
            name,
            f"{address} {fetched.seen}.",
            "Forward port 80 of the router to this server, and stop what else answers there; where it is the router's own page, seen from inside the home "
            "only, turn on NAT loopback (hairpin) in the router or use dns-01.",
        )
    if addresses.on_this_machine(address):
        advice = "Start the web server, and let it listen on port 80 " + ("of IPv6 as well ([::]:80)." if ":" in address else "of that address.")
        return Problem("path-refused", name, f"{address}, an address of this very server, {fetched.seen} on port 80.", advice)
    return Problem(
        "unproven",
        name,
        f"{address} {fetched.seen} on port 80 when asked from inside the home; many routers do that, so the CA may still reach it.",
        "Look at http://" + name + "/ from a phone without Wi-Fi: where that fails too, forward port 80 of the router to this server.",
        WARNING,
    )


def of_dns(names: list[str], asked: lookup.Lookup) -> list[Problem]:
    """The zones into which the records for dns-01 will be written."""
    bases = list(dict.fromkeys(name.removeprefix("*.") for name in names))
    with ThreadPoolExecutor(max_workers=lookup.AT_ONCE) as pool:
        return [problem for found in pool.map(lambda base: of_zone(base, asked), bases) for problem in found]


def of_zone(name: str, asked: lookup.Lookup) -> list[Problem]:
    """What is wrong with the zone of a name, or with that which its _acme-challenge is an alias into."""
    place = f"_acme-challenge.{name}"
    alias = asked.ask(place, "CNAME")
    if alias.state == lookup.FOUND:
        place = alias.records[0].target.to_text(omit_final_dot=True)
    zone = asked.zone_of(place)
    if isinstance(zone, lookup.Answer):
        if zone.state == lookup.NO_NAME:
            return [Problem("zone", name, f"There is no DNS zone that holds {place}.", "Register the domain, or correct the name in the inventory.")]
        return [addresses.no_answer(name, zone)]
    servers = asked.authoritative(zone)
    if lookup.FOUND in servers.values():
        return []
    told = [f"{address}: {state}" for address, state in servers.items() if state != lookup.TIMEOUT]
    if servers and not told:
        seen = f"None of the name servers of {zone} answers this server directly; some providers and routers forbid that."
        return [Problem("zone-unproven", name, seen, "Nothing has to be done where the order succeeds; else ask your DNS provider.", WARNING)]
    seen = f"The name servers of {zone} do not serve it ({', '.join(told[:3]) or 'they have no address'})."
    return [Problem("zone", name, seen, "Enter the name servers of your DNS provider at the registrar of the domain, and make the zone at the provider.")]
