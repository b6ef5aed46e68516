# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""deSEC: https://desec.readthedocs.io/en/latest/dyndns/update-api.html and .../rate-limits.html, read beside desec-stack's views/dyndns.py

GET https://update.dedyn.io/?hostname=a,b&myipv4=..&myipv6=.. with Authorization: Token. An address that is not named comes from the connection, or is deleted
where that has none; "preserve" keeps it, an empty value deletes it, NET/len changes the prefix of the records there are. The names of a call are changed
together or not at all, and have to be in one domain ("more than one domain", 400). 200 "good" whether or not anything changed; 401 badauth, 404 nohost, 429
with Retry-After: 2 updates for a domain in 2 minutes. A domain that nothing touches for 183 days is removed after a notice (scavenge-unused.py). TXT
records go through the REST API (.../dns/domains.html, owns_qname; .../dns/rrsets.html: an empty list deletes).
"""

from __future__ import annotations

import json

from ..model import CLEAR, FAMILIES, IPV4, IPV6, Call, Capabilities, Kind, Option, Outcome
from ..transport import Request, Response
from . import answers
from .web import WebProvider, query

URL = "https://update.dedyn.io/"
API = "https://desec.io/api/v1/domains/"
SEVERAL = "more than one domain"
STATUS = {**answers.STATUS, 404: Kind.NOT_FOUND}
TTL = 3600
"""The least that deSEC takes for records other than those of dynamic addresses."""


class Desec(WebProvider):
    NAME = "desec"
    CAPABILITIES = Capabilities(most_hosts=50, clear=FAMILIES, wildcard=True, prefix=True, txt=True, interval=60, burst=2, keep_alive=150)
    OPTIONS = {"token": Option(required=True, secret=True), "zone": Option(check="host_name")}

    def scope(self, host: str) -> str:
        return domain(host, self.option("zone"))

    def groups(self, call: Call) -> list[tuple[str, ...]]:
        """The names of one domain together, as far as their spelling tells."""
        domains: dict[str, list[str]] = {}
        for host in call.hosts:
            domains.setdefault(domain(host, self.option("zone")), []).append(host)
        return [tuple(hosts) for hosts in domains.values()]

    def request(self, hosts: tuple[str, ...], call: Call) -> Request | Outcome:
        pairs = [("hostname", ",".join(hosts)), ("myipv4", call.values.get(IPV4, "preserve")), ("myipv6", call.prefix or call.values.get(IPV6, "preserve"))]
        return Request("GET", f"{URL}?{query(pairs)}", self.bearer("Token"))

    def read(self, response: Response, hosts: tuple[str, ...], call: Call) -> list[Outcome]:
        """One answer for all names."""
        line = " ".join(answers.spoken(response))
        kind = self.WORDS.get(line)
        return [Outcome(kind, line) if kind else failure(response)] * len(hosts)

    def exchanged(self, hosts: tuple[str, ...], call: Call) -> list[Outcome]:
        """All together, and where deSEC refused all for the sake of one name, each by itself."""
        found = super().exchanged(hosts, call)
        if len(hosts) > 1 and (found[0].kind == Kind.NOT_FOUND or SEVERAL in found[0].said):
            return [outcome for host in hosts for outcome in super(Desec, self).exchanged((host,), call)]
        return found

    def write_text(self, name: str, value: str) -> Outcome:
        return self.shown(self.refused((), Call((), {})) or self.texted(name.rstrip(".").lower(), value))

    def texted(self, name: str, value: str) -> Outcome:
        owner = self.sent(Request("GET", f"{API}?{query([('owns_qname', name)])}", self.bearer("Token")))
        if isinstance(owner, Outcome):
            return owner
        zone = zone_of(owner)
        if zone is None:
            return failure(owner)
        if not zone:
            return Outcome(Kind.NOT_FOUND, f"the account has no domain that holds {name}")
        records = [json.dumps(value)] if value != CLEAR else []
        body = json.dumps([{"subname": name.removesuffix(zone).rstrip("."), "type": "TXT", "ttl": TTL, "records": records}]).encode()
        headers = {**self.bearer("Token"), "Content-Type": "application/json"}
        written = self.sent(Request("PATCH", f"{API}{zone}/rrsets/", headers, body))
        if isinstance(written, Outcome):
            return written
        return Outcome(Kind.GOOD, f"TXT record of {name} written") if written.status == 200 else failure(written)


def domain(host: str, zone: str) -> str:
    """The domain at deSEC that a name is probably in."""
    name = host.removeprefix("*.")
    if zone and (name == zone or name.endswith(f".{zone}")):
        return zone
    return ".".join(name.split(".")[-3 if name.endswith(".dedyn.io") else -2 :])


def zone_of(response: Response) -> str | None:
    """The domain that an answer names, '' where it names none, None where it is no answer to the question."""
    found = answers.json_of(response)
    if response.status != 200 or not isinstance(found, list):
        return None
    names = [str(entry.get("name", "")) for entry in found if isinstance(entry, dict)]
    return names[0] if names else ""


def failure(response: Response) -> Outcome:
    return answers.of_status(response, line=" ".join(answers.spoken(response)), known=STATUS)
