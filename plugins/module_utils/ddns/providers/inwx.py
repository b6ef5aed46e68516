# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""INWX: behaviour as ddclient's nic_inwx_examples describes it (June 2024).

The name belongs to the DynDNS account, so it is not sent. Without myip the A record becomes 127.0.0.1; without myipv6 the AAAA record goes. INWX makes
an account for IPv6 alone on request: option ipv6_only. The server has no IPv6 address itself.
"""

from __future__ import annotations

from ..model import CLEAR, IPV4, IPV6, Call, Capabilities, Kind, LeftOut, Option, Outcome
from ..transport import Request
from .web import WebProvider, query

URL = "https://dyndns.inwx.com/nic/update"


class Inwx(WebProvider):
    NAME = "inwx"
    CAPABILITIES = Capabilities(left_out=LeftOut.HAZARD, clear=(IPV6,))
    OPTIONS = {
        "username": Option(required=True),
        "password": Option(required=True, secret=True),
        "ipv6_only": Option(check="boolean", default="false"),
    }

    def request(self, hosts: tuple[str, ...], call: Call) -> Request | Outcome:
        if IPV4 not in call.values and self.option("ipv6_only").lower() not in ("true", "yes", "1", "on"):
            return Outcome(Kind.UNKNOWN, "not sent: without an IPv4 address INWX would set the A record to 127.0.0.1")
        if call.values.get(IPV4, call.values.get(IPV6, CLEAR)) == CLEAR:
            return Outcome(Kind.UNKNOWN, "not sent: without an address INWX would take that of the connection")
        pairs = [(name, call.values[family]) for family, name in ((IPV4, "myip"), (IPV6, "myipv6")) if call.values.get(family, CLEAR) != CLEAR]
        return Request("GET", f"{URL}?{query(pairs)}", self.basic())
