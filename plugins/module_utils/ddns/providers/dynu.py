# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Dynu: https://www.dynu.com/DynamicDNS/IP-Update-Protocol (version 2.4.21)

One word and perhaps more comes back. An address that is not named is taken from the connection, unless it is "no" (behaviour of ddclient's
nic_dynu_update, which has it for IPv4; the same word for IPv6 is what Dynu's set-up pages for routers use). A name in a domain of one's own is
hostname=DOMAIN&alias=REST (ddclient). The password may be given as it is, or as its MD5 or SHA-256 hash; Dynu has one for updates alone. 911: again
after 10 minutes. The page's word "unknown" is an invalid request.
"""

from __future__ import annotations

from ..model import IPV4, IPV6, Call, Capabilities, Kind, Option, Outcome
from ..transport import Request
from . import answers
from .web import WebProvider, query

URL = "https://api.dynu.com/nic/update"


class Dynu(WebProvider):
    NAME = "dynu"
    CAPABILITIES = Capabilities(retry=600)
    OPTIONS = {
        "username": Option(required=True),
        "password": Option(required=True, secret=True),
        "zone": Option(check="host_name"),
    }
    WORDS = {**answers.WORDS, "servererror": Kind.SERVER, "unknown": Kind.NOT_ALLOWED}

    def request(self, hosts: tuple[str, ...], call: Call) -> Request | Outcome:
        (host,), zone = hosts, self.option("zone")
        pairs = [("hostname", host)]
        if zone and host != zone:
            if not host.endswith(f".{zone}"):
                return Outcome(Kind.NOT_FOUND, f"not sent: {host} is not in the zone {zone}")
            pairs = [("hostname", zone), ("alias", host.removesuffix(f".{zone}"))]
        pairs += [("myip", call.values.get(IPV4, "no")), ("myipv6", call.values.get(IPV6, "no"))]
        return Request("GET", f"{URL}?{query(pairs)}", self.basic())
