# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which ACME challenges can work for a home, and why. Pure: what was seen comes in, a choice comes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

HTTP, ALPN, DNS = CHALLENGES = ("http-01", "tls-alpn-01", "dns-01")

OPEN, CLOSED, OTHER, UNPROVEN = "open", "closed", "other", "unproven"
"""A port of the home as the internet sees it: leads to the server, does not answer, leads to something else, or nobody outside has looked."""

SPOKEN = {"caddy": (HTTP, ALPN), "nginx": (HTTP,)}
"""What each engine answers by itself; certbot, which orders beside nginx, has no tls-alpn-01."""

UNREACHABLE = ("cgnat", "double_nat")

NAME_ONE = "Name your DNS provider (exposure_acme: {dns: ...}), if it has a plugin for certbot, and give its token: then certificates are proven by DNS."


@dataclass(frozen=True)
class Choice:
    """The challenges that can work, the best first; why; and, where there is none, what makes it impossible with what to do."""

    challenges: list[str] = field(default_factory=list)
    because: str = ""
    impossible: str = ""


def choose(observed: Mapping[str, Any], https_port: int, http_port: int, dns_provider: str, engine: str, wildcard: bool) -> Choice:
    """`observed` is what a diagnosis kept (`judge.Picture.kept`), empty where there was none. The ports are those of the public address, 0 for one that is not
    forwarded. `dns_provider` is the plugin for dns-01, '' for none."""
    forbidden = observed.get("caa", {})
    dns = [DNS] if dns_provider and not forbidden.get(DNS) else []
    if wildcard:
        return only_dns(dns, "a wildcard is proven by DNS alone", dns_provider, forbidden)
    left: dict[str, tuple[str, bool]] = {challenge: against(challenge, observed, https_port, http_port) for challenge in SPOKEN.get(engine, (HTTP,))}
    for challenge in left:
        if forbidden.get(challenge):
            left[challenge] = (f"{challenge} is not admitted by the CAA records of {', '.join(forbidden[challenge])}", False)
    possible = [challenge for challenge, (why, _) in left.items() if not why]
    whys = "; ".join(dict.fromkeys(why for why, _ in left.values() if why))
    if not possible:
        return only_dns(dns, whys, dns_provider, forbidden)
    proven = [challenge for challenge in possible if left[challenge][1]]
    if proven:
        reason = f"from outside, {both(proven, https_port, http_port)}"
        chosen = proven
    else:
        reason = f"nothing speaks against {'it' if len(possible) == 1 else 'them'}, though nobody outside has met the server yet"
        chosen = possible
    return Choice(chosen, f"{reason}{'; ' + whys if whys else ''}.", "")


def only_dns(dns: list[str], why: str, dns_provider: str, forbidden: Mapping[str, Any]) -> Choice:
    """dns-01, or why not even that."""
    if dns:
        return Choice(dns, f"{why}; so the names are proven by DNS ({dns_provider}).", "")
    if dns_provider:
        places = ", ".join(forbidden[DNS])
        return Choice([], "", f"{first_large(why)}, and the CAA records of {places} do not admit dns-01 either. Correct those records at your DNS provider.")
    return Choice([], "", f"{first_large(why)}. {NAME_ONE}")


def against(challenge: str, observed: Mapping[str, Any], https_port: int, http_port: int) -> tuple[str, bool]:
    """What speaks against a challenge that comes in by a port ('' for nothing), and whether that it works is proven from outside."""
    needed, given, name = (80, http_port, "http") if challenge == HTTP else (443, https_port, "https")
    if given != needed:
        instead = f"comes in by port {given}" if given else "does not come in at all"
        return f"{challenge} needs port {needed}, and {name} {instead}", False
    states = dict(observed.get("ports", {}).get(str(needed), {}))
    published = list(observed.get("published") or states)
    by_family = {family: states.get(family, UNPROVEN) for family in published}
    if by_family.get("ipv6") == OTHER:
        return f"over IPv6, which a CA asks first, port {needed} leads to something else than the server", False
    if OPEN in by_family.values():
        return "", True
    if OTHER in by_family.values():
        return f"port {needed} leads to something else than the server", False
    if by_family and set(by_family.values()) == {CLOSED}:
        return f"port {needed} is closed from outside", False
    verdicts = observed.get("verdicts", {})
    if verdicts.get("ipv4") in UNREACHABLE and "ipv6" not in published:
        kind = "the provider shares the IPv4 address among customers (CGNAT)" if verdicts["ipv4"] == "cgnat" else "a second router stands before the home's"
        return f"{kind}, so no authority can come in by port {needed}", False
    return "", False


def both(proven: list[str], https_port: int, http_port: int) -> str:
    ports = [str(http_port if challenge == HTTP else https_port) for challenge in proven]
    return f"port{'s' if len(ports) > 1 else ''} {' and '.join(ports)} lead{'' if len(ports) > 1 else 's'} to the server"


def first_large(text: str) -> str:
    """The start of a sentence; names of challenges stay as they are written."""
    return text if text.startswith(CHALLENGES) else text[:1].upper() + text[1:]
