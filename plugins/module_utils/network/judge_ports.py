# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What it means which ports answer, to whom, and with what: closed, somebody else's, not led back inside, or simply not proven."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..acme.addresses import FALLS_BACK
from ..address.model import FAMILIES, IPV4, IPV6
from .challenge import CLOSED, OPEN, OTHER, UNPROVEN
from .findings import ERROR, NOT_PROVEN, NOTE, PROVEN_OUTSIDE, WARNING, Finding, finding, listed
from .observe import INSIDE, OUTSIDE, SERVER
from .ports import HTTPS
from .ports import OPEN as ANSWERS
from .seen import SPOKEN, Seen, place_of

CAUSES = {"cgnat": "the shared address (CGNAT)", "double_nat": "the second router"}
SET_UP = "Run playbooks/site.yml, which starts the proxy, or see why it does not run: journalctl -u caddy -u nginx. Then look again."
ID = {HTTPS: "port_443_closed", "http": "port_80_closed"}


def judge(seen: Seen) -> Iterator[Finding]:
    """Everything that is to be said of ports."""
    checks: tuple[Callable[[Seen], Iterator[Finding]], ...] = (unopened, fenced, closed, strange, hairpin, unproven)
    for check in checks:
        yield from check(seen)


def home_address(seen: Seen, family: str) -> str:
    """Where the router's rule is to point."""
    return next((one for one in sorted(seen.own) if (":" in one) == (family == IPV6)), seen.server_name)


def unopened(seen: Seen) -> Iterator[Finding]:
    """Nothing listens on the server itself, or nothing but what answers for the diagnosis."""
    here = seen.server.get("here", ())
    silent = [scheme for scheme in seen.wish.ports if here and not seen.listens(scheme)]
    if silent:
        doors = listed(f"port {listening(seen, scheme)} ({scheme})" for scheme in silent)
        evidence = [f"{place_of(seen.server_name, seen.server)}: {seen.met(tried)}." for tried in here if tried["scheme"] in silent]
        what = f"On {seen.server_name} itself nothing answers on {doors}, so nothing can be told of the way to it."
        yield finding("nothing_listens", what, list(dict.fromkeys(evidence))[:4], SET_UP, about=silent, severity=ERROR if HTTPS in silent else WARNING)
    elif standing_in := [scheme for scheme in seen.wish.ports if scheme in seen.wish.answering]:
        doors = listed(f"port {listening(seen, scheme)} ({scheme})" for scheme in standing_in)
        what = f"No proxy listens on {seen.server_name} on {doors} yet; while it was looked at, the diagnosis answered there itself."
        yield finding("nothing_listens", what, ["What is told of these ports is of the way to the server."], SET_UP, about=standing_in, severity=NOTE)


def fenced(seen: Seen) -> Iterator[Finding]:
    """The server listens, and nobody else at home gets in by its own address there."""
    for scheme in seen.wish.ports:
        tried = [
            (host, one) for host, one in seen.tries(INSIDE) if one["scheme"] == scheme and one["address"] in seen.own and one["address"] not in seen.public
        ]
        if not tried or not seen.listens(scheme) or any(seen.ours(one) for _, one in tried) or any(one["outcome"] == ANSWERS for _, one in tried):
            continue
        evidence = [f"{place_of(host, seen.looks[host])}: {seen.met(one)}." for host, one in tried]
        port = listening(seen, scheme)
        what = f"{seen.server_name} answers itself on port {port} ({scheme}), but other machines at home do not get in there: its firewall keeps them out."
        advice = f"Let TCP {port} in by the firewall of {seen.server_name} (nft list ruleset, or ufw status), then look again."
        yield finding("firewall_blocks", what, evidence[:4], advice, about=[str(port)])


def listening(seen: Seen, scheme: str) -> int:
    return next((int(one["port"]) for one in seen.server["here"] if one["scheme"] == scheme), seen.wish.ports[scheme])


def closed(seen: Seen) -> Iterator[Finding]:
    """Ports that do not answer outside, although the server listens."""
    for scheme, port in seen.wish.ports.items():
        for family in FAMILIES:
            if seen.states[scheme][family] == CLOSED:
                if family == IPV4:
                    yield closed_ipv4(seen, scheme, port)
                elif IPV6 in seen.published and (scheme == HTTPS or seen.states.get(HTTPS, {}).get(IPV6) != CLOSED):
                    yield closed_ipv6(seen, scheme, port)


def closed_ipv4(seen: Seen, scheme: str, port: int) -> Finding:
    evidence = [*seen.attempts(IPV4, scheme, OUTSIDE), f"{seen.server_name} itself answers on port {listening(seen, scheme)}."]
    what = f"Port {port} ({scheme}) of your IPv4 address is closed from outside"
    verdict, rule = seen.verdict(IPV4), seen.forwarded(scheme)
    to = home_address(seen, IPV4)
    other = next((one for one in seen.wish.ports if one != scheme and seen.states[one][IPV4] == OPEN), "")
    if verdict in CAUSES:
        advice = "Nothing of its own: solve that first, and look again."
        return finding(ID[scheme], f"{what}, which follows from {CAUSES[verdict]}.", evidence, advice, PROVEN_OUTSIDE, [str(port)])
    if rule is not None:
        evidence.append(f"The router forwards TCP {port} to {rule['address']}:{rule['port']}.")
        advice = (
            f"Ask your internet provider whether it blocks port {port} for homes, and to open it; many do on request. Until then {instead(seen, scheme)}. "
            f"First see that {rule['address']} is {seen.server_name}."
        )
        return finding(
            "isp_blocks_port", f"{what}, though the router forwards it: the provider seems to block it.", evidence, advice, PROVEN_OUTSIDE, [str(port)]
        )
    if verdict == "direct":
        evidence.append(f"{seen.server_name} has the public address itself, so no router is in the way.")
        advice = f"Look at the firewall of the server (nft list ruleset) and at that of your hoster or provider: TCP {port} has to come in."
        return finding("isp_blocks_port", f"{what}, though the server stands directly on the internet.", evidence, advice, PROVEN_OUTSIDE, [str(port)])
    forward = f"In the router, forward TCP {port} to {to}, port {listening(seen, scheme)} (exposure_router: auto does it where the router lets programs)"
    if seen.wish.mappings is not None:
        evidence.append(f"The router has no rule for TCP {port}.")
        return finding(ID[scheme], f"{what}: the router does not forward it.", evidence, f"{forward}.", PROVEN_OUTSIDE, [str(port)])
    if other:
        evidence.append(f"Port {seen.wish.ports[other]} comes through, so the line as such can be reached.")
    advice = f"{forward}. Where that rule is there already, your provider blocks the port: ask it, or {instead(seen, scheme)}."
    return finding(ID[scheme], f"{what}.", evidence, advice, PROVEN_OUTSIDE, [str(port)])


def instead(seen: Seen, scheme: str) -> str:
    """A way around a blocked port."""
    if scheme == HTTPS:
        return "let another port of the router lead to 443 of the server and declare it (exposure_ports)"
    return (
        "prove certificates by DNS (exposure_acme: challenges: [dns-01]) and open sites by https:// addresses"
        if seen.wish.engine == "nginx"
        else ("let Caddy prove certificates inside TLS (tls-alpn-01, it does that by itself) and open sites by https:// addresses")
    )


def closed_ipv6(seen: Seen, scheme: str, port: int) -> Finding:
    evidence = [*seen.attempts(IPV6, scheme, OUTSIDE), f"{seen.server_name} itself answers on port {listening(seen, scheme)}."]
    names = [name for name in seen.wish.names if seen.records(name)[IPV6]]
    allow = f"In the router, let TCP {port} come in to {home_address(seen, IPV6)} (IPv6 firewall, also called pinhole or host exposure)"
    if scheme == HTTPS:
        advice = f"{allow}, or take the AAAA records out {'at your DNS provider'}. Visitors with IPv6 wait for it first. {FALLS_BACK}"
        what = f"{listed(names)} {'has' if len(names) == 1 else 'have'} AAAA records, but over IPv6 nobody outside comes in by port {port}."
        return finding("aaaa_not_working", what, evidence, advice, PROVEN_OUTSIDE, names)
    return finding(
        ID[scheme], f"Port {port} ({scheme}) is closed from outside over IPv6.", evidence, f"{allow}. {FALLS_BACK}", PROVEN_OUTSIDE, [f"{port} IPv6"]
    )


def strange(seen: Seen) -> Iterator[Finding]:
    """Ports of the home that lead to something else than the server."""
    for scheme, port in seen.wish.ports.items():
        for family in FAMILIES:
            if seen.states[scheme][family] == OTHER:
                to = f"{home_address(seen, family)}, port {listening(seen, scheme)}"
                what = f"Port {port} ({scheme}) over {SPOKEN[family]} is open from outside, but it is not {seen.server_name} that answers."
                advice = (
                    "Look at what stands there: where it is the router's own page, turn its remote administration off or move it to another port; "
                    f"where another machine is forwarded, let the rule point to {to}."
                )
                yield finding("another_answers", what, seen.attempts(family, scheme, OUTSIDE), advice, PROVEN_OUTSIDE, [f"{port} {SPOKEN[family]}"])


def hairpin(seen: Seen) -> Iterator[Finding]:
    """The public address, tried from inside: not every router leads its own network back. Only where somebody at home is told that address."""
    state = seen.states.get(HTTPS, {}).get(IPV4, UNPROVEN)
    if state in (CLOSED, OTHER) or not seen.listens(HTTPS):
        return  # then the inside cannot work either, and the reason has been told
    places = [INSIDE] if any(True for _ in seen.tries(INSIDE)) else [SERVER]
    lost: dict[str, list[str]] = {}
    for host, look in seen.at(places[0]).items():
        tried = [one for _, one in seen.tries(*places) if _ == host and one["scheme"] == HTTPS and one["address"] in seen.home[IPV4] and not one["own"]]
        told = [name for name in seen.wish.names if set(look.get("names", {}).get(name, {}).get("resolved", {}).get("A", ())) & set(seen.home[IPV4])]
        if tried and told and not any(seen.ours(one) for one in tried):
            lost[host] = [f"{place_of(host, look)}: {seen.met(tried[0])}, and its DNS leads {listed(told, 2)} there."]
    if not lost:
        return
    evidence = [one for every in lost.values() for one in every]
    cure = "Turn on NAT loopback (hairpin) in the router, or let the DNS of your home lead these names to the server itself (playbooks/lan.yml)."
    if state == OPEN:
        evidence.append("From outside the same port leads to the server.")
        yield finding(
            "no_hairpin", "At home the sites do not open over IPv4: the router does not lead its own network back to its public address.", evidence, cure
        )
    else:
        what = "At home the public address does not lead to the server: the router leaves its own network out, or it forwards nothing at all."
        yield finding("no_hairpin", what, evidence, f"Try the site from a phone without Wi-Fi first. Where that works: {cure}", NOT_PROVEN)


def unproven(seen: Seen) -> Iterator[Finding]:
    """What nobody outside has looked at, said as it is."""
    used = [family for family in FAMILIES if seen.used(family)]
    open_questions = [
        (scheme, port, family)
        for scheme, port in seen.wish.ports.items()
        for family in used
        if seen.states[scheme][family] == UNPROVEN and seen.listens(scheme)
    ]
    if not open_questions:
        return
    outside = seen.at(OUTSIDE)
    doors = listed(f"port {port} over {SPOKEN[family]}" for _, port, family in open_questions)
    why = f"{listed(outside)} looked, but had no way there, or could not tell who answered" if outside else "No machine outside looked"
    evidence = [f"{why}."]
    evidence += inside_proof(seen, open_questions)
    site = f"https://{seen.wish.names[0]}{'' if seen.wish.https_port == 443 else f':{seen.wish.https_port}'}/" if seen.wish.names else "your site"
    advice = f"Open {site} on a phone with Wi-Fi turned off. Or put a machine outside, such as a small rented server, into the group vantage, and look again."
    about = [f"{port} {SPOKEN[family]}" for _, port, family in open_questions]
    yield finding("not_proven_from_outside", f"Not proven from outside: {doors}.", evidence, advice, NOT_PROVEN, about)


def inside_proof(seen: Seen, open_questions: list[tuple[str, int, str]]) -> list[str]:
    """What is known of ports without anybody outside."""
    known = [f"{seen.server_name} itself answers on {listed(f'port {listening(seen, scheme)}' for scheme, _, _ in open_questions)}."]
    led: dict[str, list[str]] = {}
    for scheme, port, family in open_questions:
        rule = seen.forwarded(scheme) if family == IPV4 else None
        if rule is not None:
            known.append(f"The router forwards TCP {port} to {rule['address']}:{rule['port']}.")
        for _, tried in seen.tries(INSIDE, SERVER):
            if tried["scheme"] == scheme and tried["address"] in seen.home[family] and not tried["own"] and seen.ours(tried):
                led.setdefault(tried["address"], []).append(f"port {port}")
    for address, doors in led.items():
        known.append(
            f"From inside the home, {listed(doors)} of {address} is led to {seen.server_name}. That the provider lets visitors in is not proven by that."
        )
    return known
