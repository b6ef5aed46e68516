# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether the addresses of a name are those of the home."""

from __future__ import annotations

import ipaddress
import socket

from ..address.reserved import SHARED, kind
from .answer import BROKEN, FOUND, NO_NAME, SERVFAIL, TIMEOUT, Answer
from .problem import Problem, printable

FALLS_BACK = "Let's Encrypt asks IPv6 first and turns to IPv4 only when IPv6 does not answer in time, never after a wrong answer."


def on_this_machine(address: str) -> bool:
    """Whether an address is one of this machine's own."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


def of(answer: Answer) -> list[str]:
    """The addresses of an answer, spelled in the one way that Python spells them."""
    return [str(ipaddress.ip_address(text)) for text in answer.texts]


def unanswered(name: str, a: Answer, aaaa: Answer) -> list[Problem]:
    """What is wrong where a name has no address, or where a question for one failed."""
    failed = [answer for answer in (a, aaaa) if answer.state in (SERVFAIL, TIMEOUT, BROKEN)]
    if failed:
        return [no_answer(name, failed[0])]
    if FOUND in (a.state, aaaa.state):
        return []
    what = "does not exist in the DNS" if a.state == NO_NAME else "has neither an A nor an AAAA record"
    return [Problem("no-address", name, f"{name} {what}.", "Make an A record with your public address at your DNS provider, or let DDNS keep one.")]


def no_answer(name: str, answer: Answer) -> Problem:
    """A question that got no answer, for a reason that is not the name's absence."""
    if answer.state == SERVFAIL:
        seen = f"The resolver fails when it is asked for {name} (SERVFAIL): the name servers of its zone are broken, or its DNSSEC is."
        return Problem("servfail", name, seen, "Check the zone at your DNS provider, its DNSSEC above all (https://dnsviz.net shows it).")
    if answer.state == TIMEOUT:
        seen = f"The resolver of this server gave no answer in time when asked for {name}."
        return Problem("dns-timeout", name, seen, "Check the internet connection and the nameserver lines of /etc/resolv.conf, then run again.")
    seen = f"The resolver of this server refuses to say anything of {name} ({printable(answer.detail, 120)})."
    return Problem("dns-refused", name, seen, "Check the nameserver lines of /etc/resolv.conf: they must name resolvers that answer this server.")


def wrong(name: str, found: list[str], own: set[str], proven: set[str], allow_private: bool) -> dict[str, Problem]:
    """Address -> what is wrong with it. One that is not the home's own but gave the challenge's file leads here all the same, through a proxy or a tunnel;
    a private one proves nothing, as the CA does not share the home's network."""
    problems = {}
    for address in found:
        if address in own:
            continue
        if not (ipaddress.ip_address(address).is_global or allow_private):
            problems[address] = private(name, address, alone=not any(ipaddress.ip_address(other).is_global for other in found))
        elif own and address not in proven and not on_this_machine(address):
            problems[address] = foreign(name, address, own)
    return problems


def private(name: str, address: str, alone: bool) -> Problem:
    place = ipaddress.ip_address(address)
    if place.is_loopback:
        what = "which every machine takes for itself"
    elif kind(address) == SHARED:
        what = "which your provider shares among customers (CGNAT), so nobody reaches it from outside"
    else:
        what = "which is good inside the home alone"
    seen = f"{name} leads to {address}, {what}{': the CA cannot come in' if alone else ', besides a public address'}."
    advice = (
        "Put your public address into the record; where only the DNS inside your home says this, let the check ask a public resolver; where there is no public "
        "address, use dns-01."
    )
    return Problem("private-address", name, seen, advice)


def foreign(name: str, address: str, own: set[str]) -> Problem:
    six = ":" in address
    ours = sorted(place for place in own if (":" in place) == six)
    home = f"your home has {', '.join(ours)}" if ours else f"your home has no public IPv{6 if six else 4} address"
    if six:
        seen = f"The AAAA record of {name} says {address}, but {home}. {FALLS_BACK}"
        return Problem("wrong-aaaa", name, seen, "Correct that AAAA record at your DNS provider or in the DDNS settings, or take it out.")
    seen = f"The A record of {name} says {address}, but {home}."
    return Problem("wrong-a", name, seen, "Correct that A record at your DNS provider, or let DDNS keep it; after a change wait for its TTL to pass.")
