# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Questions to the DNS, each with a short answer: what was found, or in which way nothing was. Needs dnspython 2.3 or later."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.resolver

from .answer import BROKEN, FOUND, NO_NAME, NOTHING, SERVFAIL, TIMEOUT, Answer, Ask

__all__ = ["BROKEN", "FOUND", "NOTHING", "NO_NAME", "SERVFAIL", "TIMEOUT", "Answer", "Ask", "Lookup"]

AT_ONCE = 16
MOST_SERVERS = 4


class Lookup:
    """Asks the system's resolver, or the given name servers instead."""

    def __init__(self, nameservers: Iterable[str] = (), port: int = 53, timeout: float = 5.0) -> None:
        self.port, self.timeout = port, timeout
        self.trouble = ""
        self.resolver = dns.resolver.Resolver(configure=False)
        servers = list(nameservers)
        if not servers:
            try:
                self.resolver = dns.resolver.Resolver()
            except dns.exception.DNSException as error:
                self.trouble = str(error)
        else:
            self.resolver.nameservers = list(servers)
            self.resolver.port = port
        self.resolver.timeout = timeout / 2
        self.resolver.lifetime = timeout

    def ask(self, name: str, kind: str) -> Answer:
        """What the resolver says; aliases (CNAME) are followed."""
        if self.trouble:
            return Answer(BROKEN, detail=self.trouble)
        try:
            answer = self.resolver.resolve(dns.name.from_text(name), kind, raise_on_no_answer=False, search=False)
        except dns.resolver.NXDOMAIN:
            return Answer(NO_NAME)
        except dns.exception.Timeout as error:
            return Answer(TIMEOUT, detail=str(error))
        except dns.resolver.NoNameservers as error:
            return Answer(SERVFAIL if "SERVFAIL" in str(error) else BROKEN, detail=str(error))
        except (dns.exception.DNSException, OSError, ValueError) as error:
            return Answer(BROKEN, detail=str(error))
        records = tuple(answer.rrset) if answer.rrset is not None else ()
        return Answer(FOUND if records else NOTHING, records, canonical=answer.canonical_name.to_text(omit_final_dot=True).lower())

    def side_by_side(self, questions: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Answer]:
        """Many questions at once, each asked only once."""
        unique = list(dict.fromkeys(questions))
        with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
            return dict(zip(unique, pool.map(lambda question: self.ask(*question), unique), strict=True))

    def addresses(self, name: str) -> list[str]:
        """IPv6 first, as CAs prefer it; none where anything went wrong."""
        return [*self.ask(name, "AAAA").texts, *self.ask(name, "A").texts]

    def zone_of(self, name: str) -> Answer | str:
        """The zone that a name is in, or the answer that ended the search for it. A top level domain does not count: the owner has none."""
        labels = name.rstrip(".").lower().split(".")
        for start in range(len(labels) - 1):
            candidate = ".".join(labels[start:])
            answer = self.ask(candidate, "SOA")
            if answer.state == FOUND and answer.canonical == candidate:
                return candidate
            if answer.state not in (FOUND, NOTHING, NO_NAME):
                return answer
        return Answer(NO_NAME)

    def authoritative(self, zone: str) -> dict[str, str]:
        """How each address of a zone's name servers, asked directly, ends: found, timeout, or what it said instead."""
        servers = [record.target.to_text() for record in self.ask(zone, "NS").records][:MOST_SERVERS]
        found = self.side_by_side((server, kind) for server in servers for kind in ("A", "AAAA"))
        places = list(dict.fromkeys(address for answer in found.values() for address in answer.texts))
        with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
            return dict(zip(places, pool.map(lambda address: self.direct(address, zone), places), strict=True))

    def direct(self, address: str, zone: str) -> str:
        """One server asked for the zone's SOA."""
        question = dns.message.make_query(dns.name.from_text(zone), "SOA")
        question.flags &= ~dns.flags.RD
        try:
            reply, _ = dns.query.udp_with_fallback(question, address, timeout=self.timeout / 2, port=self.port)
        except (dns.exception.Timeout, OSError):
            return TIMEOUT
        except dns.exception.DNSException as error:
            return str(error) or BROKEN
        if reply.rcode() != dns.rcode.NOERROR:
            return dns.rcode.to_text(reply.rcode())
        return FOUND if reply.answer else NOTHING
