# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Questions to the authoritative servers, side by side. Imported only when there is something to ask: dnspython takes longer to load than all else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode

from ..acme.lookup import AT_ONCE, MOST_SERVERS, Answer, Lookup
from .confirm import ANY_LABEL, Question, Seen
from .model import RECORD

if TYPE_CHECKING:
    from .confirm import Authorities


def ask(authorities: Authorities, questions: list[Question]) -> dict[Question, Seen]:
    """What is seen of each question."""
    names = {host: f"{ANY_LABEL}.{host[2:]}" if host.startswith("*.") else host for host, _ in questions}
    lookup = Lookup(authorities.nameservers, authorities.port, authorities.timeout)
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        fresh = [name for name in dict.fromkeys(names.values()) if name not in authorities.servers]
        found = dict(zip(fresh, pool.map(lambda name: servers_of(lookup, name), fresh), strict=True))
        # Servers that were not found are looked for again at the next look.
        authorities.servers.update({name: servers for name, servers in found.items() if servers[0]})
        known = {**found, **authorities.servers}
        single = [(question, server) for question in questions for server in known[names[question[0]]][0]]
        answers = list(pool.map(lambda each: direct(each[1], names[each[0][0]], RECORD[each[0][1]], authorities), single))
    seen = {}
    for question in questions:
        own = [answer for (asked, _), answer in zip(single, answers, strict=True) if asked == question]
        seen[question] = agreed(own, known[names[question[0]]][1])
    return seen


def servers_of(lookup: Lookup, name: str) -> tuple[list[str], str]:
    """The addresses of the name servers of a name's zone, and what went wrong where there are none."""
    zone = lookup.zone_of(name)
    if isinstance(zone, Answer):
        return [], f"the zone of {name} was not found ({zone.state})"
    servers = [record.target.to_text() for record in lookup.ask(zone, "NS").records][:MOST_SERVERS]
    places = list(dict.fromkeys(address for server in servers for address in lookup.addresses(server)))
    return places, "" if places else f"the name servers of {zone} were not found"


def direct(server: str, name: str, kind: str, authorities: Authorities) -> frozenset[str] | str:
    """The addresses that one server has for a name, or why it said nothing."""
    question = dns.message.make_query(dns.name.from_text(name), kind)
    question.flags &= ~dns.flags.RD
    try:
        reply, _ = dns.query.udp_with_fallback(question, server, timeout=authorities.timeout, port=authorities.port)
    except (dns.exception.DNSException, OSError, ValueError) as error:
        return f"{server} gave no answer ({type(error).__name__})"
    if reply.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return f"{server} answered {dns.rcode.to_text(reply.rcode())}"
    if not reply.flags & dns.flags.AA:
        return f"{server} is not authoritative for {name}"
    found = frozenset(record.to_text() for each in reply.answer if each.rdtype == question.question[0].rdtype for record in each)
    return found if found or not reply.answer else f"{name} is an alias"


def agreed(answers: list[frozenset[str] | str], trouble: str) -> Seen:
    given = {answer for answer in answers if not isinstance(answer, str)}
    said = [answer for answer in answers if isinstance(answer, str)]
    if len(given) == 1:
        return Seen(given.pop())
    return Seen(None, "the name servers differ" if given else trouble or "; ".join(said[:2]))
