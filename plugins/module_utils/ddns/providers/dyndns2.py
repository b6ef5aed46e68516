# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Any provider that speaks dyndns2, the protocol of Dyn: https://help.dyn.com/remote-access-api/perform-update/

GET SERVER/nic/update?hostname=a,b&myip=IPV4,IPV6 with Basic authentication; wildcard=ON makes all names below a name follow it. Dyn itself takes both
addresses in myip, others want IPv6 in myipv6 (behaviour of ddclient's dyndns2 and inwx). At most 20 names in a call (numhost, Dyn's return codes). What
becomes of an address that a call leaves out is each provider's own affair.
"""

from __future__ import annotations

from ..model import CLEAR, IPV4, IPV6, Call, Capabilities, Kind, LeftOut, Option, Outcome
from ..transport import Request
from .web import WebProvider, listed, query

SERVER = "https://members.dyndns.org"


class Dyndns2(WebProvider):
    NAME = "dyndns2"
    CAPABILITIES = Capabilities(most_hosts=20, left_out=LeftOut.UNKNOWN, wildcard=True)
    OPTIONS = {
        "username": Option(required=True),
        "password": Option(required=True, secret=True),
        "server": Option(check="web_address", default=SERVER),
        "path": Option(check="path", default="/nic/update"),
        "ipv6": Option(check="myip|myipv6", default="myip"),
    }

    def groups(self, call: Call) -> list[tuple[str, ...]]:
        """Names with a wildcard by themselves, as the word for it holds for all names of a request."""
        wild = tuple(host for host in call.hosts if host.startswith("*."))
        bases = {host.removeprefix("*.") for host in wild}
        below = tuple(host for host in call.hosts if host in bases)
        plain = tuple(host for host in call.hosts if host not in wild + below)
        return [hosts for hosts in (plain, *((host, *(b for b in below if b == host.removeprefix("*."))) for host in wild)) if hosts]

    def request(self, hosts: tuple[str, ...], call: Call) -> Request | Outcome:
        server = self.option("server").rstrip("/")
        if not server.startswith("https://"):
            return Outcome(Kind.NOT_ALLOWED, "not sent: server must begin with https://, else the password could be read on the way")
        names = list(dict.fromkeys(host.removeprefix("*.") for host in hosts))
        pairs = [("hostname", ",".join(names))]
        if self.option("ipv6") == "myipv6":
            pairs += [(name, call.values[family]) for family, name in ((IPV4, "myip"), (IPV6, "myipv6")) if call.values.get(family, CLEAR) != CLEAR]
        else:
            pairs.append(("myip", listed(call)))
        if hosts[0].startswith("*."):
            pairs.append(("wildcard", "ON"))
        return Request("GET", f"{server}/{self.option('path').lstrip('/')}?{query(pairs)}", self.basic())
