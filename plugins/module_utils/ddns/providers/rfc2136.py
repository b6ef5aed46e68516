# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Updates of one's own name server: RFC 2136, signed as RFC 8945 says (TSIG), by dnspython 2.3 or later.

- All names and families go into one message, which the server carries out whole or not at all (RFC 2136, 3.4.2.7).
- Whether anything has to be changed is asked first by a message that has prerequisites alone: NOERROR says that each record set is exactly so, with no
  wildcard in between and without a right to look anything up (2.4.2 and 2.4.3). A server that does not know prerequisites is simply sent the update.
- Refusals: NOTAUTH with BADKEY or BADSIG (the key), BADTIME (a clock), NOTAUTH without (not the server of that zone), NOTZONE, REFUSED (policy), NOTIMP (no
  updates at all), SERVFAIL (its own trouble) (2.2; RFC 8945, 5.2).
- An answer without a signature is no answer: anybody on the way could have written it.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...acme.problem import printable
from ..model import CLEAR, RECORD, Call, Capabilities, Kind, Option, Outcome
from ..transport import Unreachable
from .json_api import Failed
from .port import Provider
from .zone import APEX, ascii_name, relative

if TYPE_CHECKING:
    import dns.message
    import dns.name
    import dns.tsig
    import dns.update

TIMEOUT = 10.0
"""Seconds for one answer."""

ALGORITHMS = "hmac-sha256|hmac-sha512|hmac-sha384|hmac-sha224|hmac-sha1"

REFUSALS = {
    "NOTAUTH": (Kind.NOT_FOUND, "is not the primary server of {zone}: correct server or zone."),
    "NOTZONE": (Kind.NOT_FOUND, "says that a name is not in {zone}: correct zone or hosts."),
    "REFUSED": (Kind.NOT_ALLOWED, "refuses the update: let its policy (BIND: update-policy or allow-update) grant the key {key} these names in {zone}."),
    "NOTIMP": (Kind.NOT_ALLOWED, "takes no updates by RFC 2136."),
    "SERVFAIL": (Kind.SERVER, "could not carry out the update (SERVFAIL): its log says why; with BIND, look whether it may write the zone's folder."),
}


class Rfc2136(Provider):
    """`key_name` and `key` are those of the server's `key` statement."""

    NAME = "rfc2136"
    CAPABILITIES = Capabilities(most_hosts=50, clear=("ipv4", "ipv6"), wildcard=True, txt=True)
    OPTIONS = {
        "server": Option("word", required=True),
        "port": Option("integer", default="53"),
        "zone": Option("host_name", required=True),
        "key_name": Option("word", required=True),
        "key": Option(required=True, secret=True),
        "algorithm": Option(ALGORITHMS, default="hmac-sha256"),
        "ttl": Option("integer", default="60"),
    }

    def update(self, call: Call) -> list[Outcome]:
        inside = [host for host in call.hosts if self.owner(host)]
        wanted = {(host, RECORD[family]): value for host in inside for family, value in call.values.items()}
        zone = self.option("zone")
        outside = f"This name is not in the zone {zone}: correct zone or hosts of the DDNS account {self.account.name}."
        done = self.carried_out(wanted) if wanted else Outcome(Kind.NOCHG)
        return [done if host in inside else Outcome(Kind.NOT_FOUND, outside) for host in call.hosts]

    def write_text(self, name: str, value: str) -> Outcome:
        if not self.owner(name):
            return Outcome(Kind.NOT_FOUND, f"{printable(name)} is not in the zone {self.option('zone')}.")
        return self.carried_out({(name, "TXT"): value})

    def carried_out(self, wanted: Mapping[tuple[str, str], str]) -> Outcome:
        """Make each name and type have this one record, or none with `CLEAR`."""
        try:
            if self.exactly_so(wanted):
                return Outcome(Kind.NOCHG)
            message = self.message()
            for (host, record), value in wanted.items():
                message.delete(self.owner(host), record)
                if value != CLEAR:
                    message.add(self.owner(host), int(self.option("ttl")), record, text_of(record, value))
            self.judge(self.answer(message))
        except Failed as failed:
            return failed.outcome
        except Unreachable as trouble:
            return Outcome(Kind.NETWORK, str(trouble))
        return Outcome(Kind.GOOD)

    def exactly_so(self, wanted: Mapping[tuple[str, str], str]) -> bool:
        """Whether the zone has it all already. Raises `Failed` where the key is refused, `Unreachable`."""
        question = self.message()
        for (host, record), value in wanted.items():
            if value == CLEAR:
                question.absent(self.owner(host), record)
            else:
                question.present(self.owner(host), record, text_of(record, value))
        return rcode(self.answer(question)) == "NOERROR"

    def current(self, host: str, family: str) -> str | None:
        """What the server says when it is asked. Where it answers for a wildcard, that is the wildcard's address. Several come with commas between them."""
        import dns.flags
        import dns.message
        import dns.name
        import dns.rdatatype

        if not self.owner(host):
            return None
        name = dns.name.from_text(ascii_name(host))
        question = dns.message.make_query(name, RECORD[family])
        question.flags &= ~dns.flags.RD
        try:
            question.use_tsig(self.tsig_key())
            answer = self.answer(question)
        except Failed as failed:
            raise Unreachable(failed.outcome.said) from None
        if rcode(answer) not in ("NOERROR", "NXDOMAIN"):
            raise Unreachable(f"{self.server} does not tell the addresses of {host} ({rcode(answer)}).")
        kind = dns.rdatatype.from_text(RECORD[family])
        found = [record.to_text() for rrset in answer.answer if rrset.rdtype == kind for record in rrset]
        return ",".join(sorted(found)) if found else CLEAR

    # The message and its answer

    def option(self, name: str) -> str:
        return self.account.options.get(name) or self.OPTIONS[name].default

    @property
    def server(self) -> str:
        return f"The name server {printable(self.option('server'), 100)}"

    def owner(self, host: str) -> str:
        """A name as an update writes it, '' where it is outside the zone."""
        part = relative(host, self.option("zone"))
        return "" if part is None else APEX if part == APEX else part

    def tsig_key(self) -> dns.tsig.Key:
        import binascii

        import dns.exception
        import dns.tsig

        try:
            return dns.tsig.Key(self.option("key_name"), self.account.secrets.get("key", ""), self.option("algorithm"))
        except (binascii.Error, ValueError, dns.exception.DNSException):
            said = f"The key of the DDNS account {self.account.name} is not one: copy key_name and key (Base64) from the server's key statement."
            raise Failed(Kind.AUTH, said) from None

    def message(self) -> dns.update.UpdateMessage:
        """An update without anything in it, signed when it goes out."""
        import dns.update

        message = dns.update.UpdateMessage(f"{ascii_name(self.option('zone'))}.")
        message.use_tsig(self.tsig_key())
        return message

    def answer(self, message: dns.message.Message) -> dns.message.Message:
        """The server's answer to a signed message, whatever it says of it. Raises `Failed` where the two do not agree on key or time, `Unreachable`."""
        import dns.exception
        import dns.query
        import dns.tsig

        key = printable(self.option("key_name"), 60)
        try:
            found = dns.query.tcp(message, self.address(), timeout=TIMEOUT, port=int(self.option("port")))
        except dns.tsig.PeerBadTime:
            said = f"{self.server} says that its clock and this machine's are more than five minutes apart: set both right (timedatectl)."
            raise Failed(Kind.UNKNOWN, said) from None
        except dns.tsig.PeerBadKey:
            raise Failed(Kind.AUTH, f"{self.server} does not know the key {key}, or has another algorithm for it.") from None
        except (dns.tsig.PeerError, dns.tsig.BadSignature):
            raise Failed(Kind.AUTH, f"{self.server} has another secret for the key {key}.") from None
        except dns.tsig.BadTime:
            raise Failed(Kind.UNKNOWN, f"The time in the answer is not this machine's. {self.server} or this machine has a wrong clock.") from None
        except (dns.exception.Timeout, TimeoutError):
            raise Unreachable(f"{self.server} gave no answer in {TIMEOUT:.0f} s.") from None
        except (OSError, EOFError) as error:
            raise Unreachable(f"{self.server} cannot be reached: {printable(str(error))}") from None
        except dns.exception.DNSException as error:
            raise Failed(Kind.UNKNOWN, f"{self.server} gave an answer that cannot be understood ({type(error).__name__}).") from None
        if not found.had_tsig:
            self.judge(found, signed=False)
        return found

    def address(self) -> str:
        found: list[Any] = socket.getaddrinfo(self.option("server"), None, type=socket.SOCK_STREAM)
        return str(found[0][4][0])

    def judge(self, answer: dns.message.Message, signed: bool = True) -> None:
        """Raises `Failed` where the server did not do it."""
        said = rcode(answer)
        if said in REFUSALS:
            kind, why = REFUSALS[said]
            zone, key = printable(self.option("zone"), 80), printable(self.option("key_name"), 60)
            raise Failed(kind if signed else Kind.UNKNOWN, f"{self.server} {why.format(zone=zone, key=key)}")
        if not signed:
            raise Failed(Kind.UNKNOWN, f"{self.server} gave an answer without a signature ({said}), so it may come from anybody.")
        if said != "NOERROR":
            raise Failed(Kind.UNKNOWN, f"{self.server} did not carry out the update ({said}).")


def rcode(answer: dns.message.Message) -> str:
    import dns.rcode

    return dns.rcode.to_text(answer.rcode())


def text_of(record: str, value: str) -> str:
    """A value as a zone file writes it."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' if record == "TXT" else value
