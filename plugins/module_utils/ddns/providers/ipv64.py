# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""IPv64.net: https://ipv64.net/dyndns_updater_api

The token goes as Bearer. domain is a list, ip and ip6 the addresses, ipv6prefix=NET/64 changes the prefix of the domain's AAAA records, with onlyprefix
the addresses stay. 48 updates in 24 hours with a free account, 3 calls in 10 seconds. The page does not say what comes back: users' scripts see the words
of dyndns2, the provider's other interfaces JSON with "info" and "status", so both are read and HTTP 200 alone proves nothing.
"""

from __future__ import annotations

import dataclasses

from ..model import IPV4, IPV6, Call, Capabilities, Kind, LeftOut, Option, Outcome
from ..transport import Request, Response
from . import answers
from .web import WebProvider, query

URL = "https://ipv64.net/nic/update"


class Ipv64(WebProvider):
    NAME = "ipv64"
    CAPABILITIES = Capabilities(most_hosts=20, left_out=LeftOut.UNKNOWN, prefix=True, interval=10, daily=48)
    OPTIONS = {"token": Option(required=True, secret=True)}

    def request(self, hosts: tuple[str, ...], call: Call) -> Request | Outcome:
        pairs = [("domain", ",".join(hosts))]
        pairs += [(name, call.values[family]) for family, name in ((IPV4, "ip"), (IPV6, "ip6")) if family in call.values]
        if call.prefix:
            pairs.append(("ipv6prefix", call.prefix))
            if not call.values:
                pairs.append(("onlyprefix", "1"))
        return Request("GET", f"{URL}?{query(pairs)}", self.bearer("Bearer"))

    def read(self, response: Response, hosts: tuple[str, ...], call: Call) -> list[Outcome]:
        body = answers.json_of(response)
        if not isinstance(body, dict):
            return super().read(response, hosts, call)
        info, status = str(body.get("info", "")), str(body.get("status", ""))
        words = {**self.WORDS, "success": Kind.GOOD} if status.partition(" ")[0] in ("200", "201", "202") else self.WORDS
        plain = dataclasses.replace(response, body=info.encode("utf-8", "replace"))
        return answers.read(plain, len(hosts), call.values.values(), words)
