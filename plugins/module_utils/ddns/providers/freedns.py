# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""FreeDNS (afraid.org), in its two ways: behaviour of ddclient's nic_freedns_update, inadyn's freedns.c, leamas/ddupdate and qdm12/ddns-updater

With user name and password, for all names of the account: GET https://freedns.afraid.org/api/?action=getdyndns&v=2&sha=SHA1(user|password) gives lines
NAME|ADDRESS or NULL|URL, and URL&address=IP updates that record: "Updated ... NAME to IP ...", or "ERROR: ...". A record keeps its family, and has to exist.

With the token of one record (https://freedns.afraid.org/dynamic/v2/): GET https://sync.afraid.org/u/TOKEN/?address=IP, at v6.sync.afraid.org for
IPv6. "Updated NAME from IP to IP" or "No IP change detected for NAME with IP ..." comes back. Some clients say that the address is always that of the
connection, so what the answer names is handed on to be compared.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

from ..model import CLEAR, FAMILIES, IPV4, IPV6, Call, Capabilities, Kind, Option, Outcome
from ..transport import Request, Response, Unreachable
from . import answers
from .web import WebProvider, query
from .zone import ascii_name

LIST = "https://freedns.afraid.org/api/"
SYNC = {IPV4: "https://sync.afraid.org/u/", IPV6: "https://v6.sync.afraid.org/u/"}
UPDATED = re.compile(r"Updated .*\bto (?P<address>[0-9a-fA-F:.]+)")
UNCHANGED = re.compile(r"No IP change detected for .* with IP (?P<address>[0-9a-fA-F:.]+)|ERROR: Address (?P<same>[0-9a-fA-F:.]+) has not changed")


@dataclass(frozen=True)
class Record:
    """A line of the list. `url` changes the record without any further secret."""

    host: str
    family: str
    address: str
    url: str = field(repr=False)


class FreeDns(WebProvider):
    NAME = "freedns"
    CAPABILITIES = Capabilities(together=False)
    OPTIONS = {"username": Option(), "password": Option(secret=True), "token": Option(secret=True)}

    def request(self, hosts: tuple[str, ...], call: Call) -> Request | Outcome:
        ((family, address),) = call.values.items()
        if self.option("token"):
            return Request("GET", f"{SYNC[family]}{quote(self.option('token'), safe='')}/?{query([('address', address)])}")
        records = self.records()
        if isinstance(records, Outcome):
            return records
        own = [record for record in records if record.host == hosts[0].lower() and family == (record.family or IPV4)]
        if not own:
            return Outcome(Kind.NOT_FOUND, f"FreeDNS has no such record for {hosts[0]}: make it on its web page first")
        if own[0].address == address:
            return Outcome(Kind.NOCHG, "the record has this address already", {family: address})
        url = safe(own[0].url)
        return Request("GET", f"{url}&{query([('address', address)])}") if url else Outcome(Kind.UNKNOWN, "the list of records names a foreign server")

    def read(self, response: Response, hosts: tuple[str, ...], call: Call) -> list[Outcome]:
        line = " ".join(answers.spoken(response))
        unchanged, updated = UNCHANGED.match(line), UPDATED.match(line)
        if self.option("token") and (updated or (unchanged and unchanged["address"])) and not names(line, hosts[0]):
            return [Outcome(Kind.NOT_FOUND, f"the token is not for {hosts[0]}, but: {line}. For several names, give username and password")]
        if unchanged:
            return [Outcome(Kind.NOCHG, line, answers.addresses(stripped(unchanged["address"] or unchanged["same"])))]
        if updated:
            return [Outcome(Kind.GOOD, line, answers.addresses(stripped(updated["address"])))]
        return [Outcome(Kind.NOT_ALLOWED, line) if line.startswith(("ERROR:", "Couldn't ")) else answers.of_status(response, line=line)]

    def refused(self, hosts: tuple[str, ...], call: Call) -> Outcome | None:
        if not self.option("token") and not (self.option("username") and self.option("password")):
            return Outcome(Kind.AUTH, "not sent: the account has neither a token nor username and password")
        if self.option("token") and len(call.hosts) > 1:
            return Outcome(Kind.NOT_ALLOWED, "not sent: a token of FreeDNS is for one name; use username and password for several")
        return super().refused(hosts, call)

    def current(self, host: str, family: str) -> str | None:
        if self.option("token"):
            return None
        records = self.records()
        if isinstance(records, Outcome):
            raise Unreachable(self.redacted(f"FreeDNS does not give the list of records ({records.said})"))
        return next((record.address for record in records if record.host == host.lower() and record.family == family), CLEAR)

    def key(self) -> str:
        """What FreeDNS takes in place of user name and password; the protocol has it so."""
        return hashlib.sha1(f"{self.option('username')}|{self.option('password')}".encode(), usedforsecurity=False).hexdigest()

    def records(self) -> list[Record] | Outcome:
        self.headers.add(self.key())
        response = self.sent(Request("GET", f"{LIST}?{query([('action', 'getdyndns'), ('v', '2'), ('sha', self.key())])}"))
        if isinstance(response, Outcome):
            return response
        lines = answers.spoken(response)
        parts = [line.split("|") for line in lines if line.count("|") == 2]
        found = [Record(host.strip().lower(), *known(address), url.strip()) for host, address, url in parts]
        self.headers.update(record.url.partition("?")[2] for record in found)
        if found:
            return found
        line = " ".join(lines)
        return Outcome(Kind.AUTH, line) if line.startswith("ERROR:") or "authenticat" in line else answers.of_status(response, line=line)


def known(address: str) -> tuple[str, str]:
    """Family and address of a record; both '' for NULL."""
    found = answers.addresses(address.strip())
    return next(((family, found[family]) for family in FAMILIES if family in found), ("", CLEAR))


def names(line: str, host: str) -> bool:
    """Whether an answer is about a name."""
    spelled = "|".join(re.escape(name) for name in {host.lower(), ascii_name(host)})
    return bool(re.search(rf"(?<![\w.-])(?:{spelled})(?![\w-]|\.\w)", line.lower()))


def safe(url: str) -> str:
    """The address that updates a record, over HTTPS; '' where it is not FreeDNS's own."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    own = parts.hostname == "freedns.afraid.org" and parts.query
    return f"https://freedns.afraid.org{parts.path}?{parts.query}" if own else ""


def stripped(address: str) -> str:
    return address.rstrip(".")
