# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a name leads here to where its own name servers say. Nobody is asked but this host's resolver and these servers."""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from ..address.reserved import inside
from ..inspection.side_by_side import side_by_side
from .outcome import OUTSIDE, NotProven, View, Wrong

if TYPE_CHECKING:
    from ..acme.lookup import Lookup

CHECK = "DNS"
MOST_ALIASES = 8
DNS64 = ipaddress.ip_network("64:ff9b::/96")
AT_ONCE = 16
HOME = ("local", "localhost", "home.arpa", "internal", "lan", "home", "intranet", "fritz.box")
"""Domains that the DNS of the world does not have (RFC 6762, RFC 8375, ICANN's .internal), or that routers at home use."""
LACKING = NotProven("the Python library dnspython is missing here", "apt-get install python3-dnspython")
GIVEN = NotProven("this client goes to a given address, whatever the name says (connect_to)")
AT_HOME = NotProven("a name of the home network, which the DNS of the world does not know")
LATE = NotProven("the DNS gave no answer in time", "Look at the resolver of this host (/etc/resolv.conf).")
BLOCKED = "Many networks keep questions to the DNS to themselves (port 53); a host elsewhere can ask."
OLD = "Resolvers keep a record for as long as its TTL says: wait that long. Where it stays, look for a line in /etc/hosts, or a resolver that makes up answers."


def at_home(name: str) -> bool:
    return "." not in name or any(f".{name}".endswith(f".{domain}") for domain in HOME)


@dataclass
class Told:
    """What one name server says of a name: its addresses, or the name that it is another word for; `state` is '' where it gave no answer."""

    state: str
    addresses: frozenset[str] = frozenset()
    alias: str = ""


@dataclass
class Authorities:
    """The name servers of zones, each looked for once."""

    lookup: Lookup
    known: dict[str, dict[str, str]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def servers(self, zone: str) -> dict[str, str]:
        """Address of a server -> how its answer ends."""
        with self.lock:
            if zone not in self.known:
                self.known[zone] = self.lookup.authoritative(zone)
            return self.known[zone]

    def ask(self, server: str, name: str) -> Told:
        """One server asked for both families. Addresses of the name at the end of those aliases that it knows."""
        import dns.exception
        import dns.flags
        import dns.message
        import dns.name
        import dns.query
        import dns.rcode
        import dns.rdatatype

        told = Told("")
        for family in (dns.rdatatype.A, dns.rdatatype.AAAA):
            question = dns.message.make_query(dns.name.from_text(name), family)
            question.flags &= ~dns.flags.RD
            try:
                reply, _ = dns.query.udp_with_fallback(question, server, timeout=self.lookup.timeout / 2, port=self.lookup.port)
            except (dns.exception.DNSException, OSError):
                return Told("")
            if not reply.flags & dns.flags.AA or reply.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
                return Told("")  # it is not the server's own word (RFC 1035, 4.1.1): a resolver in between, or a server that does not know the zone
            told.state = dns.rcode.to_text(reply.rcode())
            asked, end = question.question[0].name, question.question[0].name
            aliases = {rrset.name: rrset[0].target for rrset in reply.answer if rrset.rdtype == dns.rdatatype.CNAME}
            for _ in range(MOST_ALIASES):
                end = aliases.get(end, end)
            found = {record.to_text() for rrset in reply.answer if rrset.name == end and rrset.rdtype == family for record in rrset}
            told.addresses |= found
            told.alias = told.alias or (end.to_text(omit_final_dot=True).lower() if end != asked else "")
        return told

    def of(self, name: str) -> dict[str, Told]:
        """Server -> what it says in the end. Raises NotProven."""
        for _ in range(MOST_ALIASES):
            zone = self.lookup.zone_of(name)
            if not isinstance(zone, str):
                raise NotProven(f"the zone of {name} is not found ({zone.state})", LATE.advice)
            servers = self.servers(zone)
            told = {server: self.ask(server, name) if state == "found" else Told("") for server, state in servers.items()}
            aliases = {one.alias for one in told.values() if one.alias and not one.addresses}
            if any(one.addresses for one in told.values()) or len(aliases) != 1:
                return told
            name = aliases.pop()
        raise Wrong(f"it is another word (CNAME) for another, {MOST_ALIASES} times and more", "Let it point to its last name.")


def written(addresses: Iterable[str]) -> str:
    return ", ".join(sorted(addresses)) or "no address"


def seen_from_here(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """An address as a resolver gives it; IPv4 that a network without IPv4 has in IPv6 (DNS64, RFC 6052, section 2.1) is that IPv4."""
    found = ipaddress.ip_address(address.partition("%")[0])
    return ipaddress.IPv4Address(int(found) & 0xFFFFFFFF) if isinstance(found, ipaddress.IPv6Address) and found in DNS64 else found


def judge(found: Sequence[str], told: Mapping[str, Told], vantage: str) -> str:
    """`found`: what this host's clients find; `told`: what each name server says. Raises Wrong or NotProven."""
    heard = {server: one.addresses for server, one in told.items() if one.state}
    if not heard:
        raise NotProven("none of its name servers answers here", BLOCKED)
    here = {str(seen_from_here(address)) for address in found}
    home = {address for address in here if inside(address)} if vantage != OUTSIDE else set()
    there = frozenset().union(*heard.values())
    silent = len(told) - len(heard)
    counted = f"{len(heard)} name server{'' if len(heard) == 1 else 's'}" + (f" ({silent} more gave no answer)" if silent else "")
    if not there:
        advice = "A record that nobody outside has: see whether it is there, at your DNS provider."
        raise (Wrong if vantage == OUTSIDE else NotProven)(
            f"here it is {written(here)}, but its {counted} know{'s' if len(heard) == 1 else ''} no address", advice
        )
    if len(set(heard.values())) > 1:
        said = "; ".join(f"{server} says {written(addresses)}" for server, addresses in sorted(heard.items()))
        one_of_them = any(here - home <= addresses for addresses in heard.values())
        advice = "Wait until your DNS provider has handed the change on to all of them, then look again."
        raise (NotProven if one_of_them else Wrong)(f"its name servers do not agree: {said}", advice)
    if here == there:
        return f"{written(here)}, here as at its {counted}"
    if home and here - home <= there:
        return f"{written(here)} here at home; for everyone else {written(there)}, by its {counted}"
    if here < there:
        return f"{written(here)} here; {written(there)} by its {counted}"
    raise Wrong(f"here it is {written(here)}, but its {counted} say{'s' if len(heard) == 1 else ''} {written(there)}", OLD)


def compare(found: Mapping[str, Sequence[str]], view: View, until: float, lookup: Lookup | None = None) -> dict[str, str | Wrong]:
    """Name -> what is to be said of it, or why not. `found`: what each resolves to here. `until` is a time of time.monotonic."""
    wanted = {name: here for name, here in found.items() if not at_home(name)}
    said: dict[str, str | Wrong] = dict.fromkeys(found, AT_HOME)
    if view.connect_to:
        return dict.fromkeys(found, GIVEN)
    try:
        from ..acme.lookup import Lookup as Asking  # it needs dnspython, which a bare host lacks
    except ImportError:
        return {**said, **dict.fromkeys(wanted, LACKING)}
    authorities = Authorities(lookup or Asking(timeout=view.timeout))

    def one(name: str, here: Sequence[str]) -> str | Wrong:
        try:
            return judge(here, authorities.of(name), view.vantage)
        except Wrong as reason:
            return reason

    results = side_by_side([partial(one, name, here) for name, here in wanted.items()], until, AT_ONCE)
    return {**said, **{name: result or LATE for name, result in zip(wanted, results, strict=True)}}
