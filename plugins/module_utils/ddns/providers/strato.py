# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Strato, whose own description is not public: behaviour of qdm12/ddns-updater (its provider strato) and of inadyn.

The user name is the domain, the password that of the DynDNS service. Two calls within minutes end in "abuse" (qdm12/ddns-updater#140), A and AAAA by
themselves are two calls (#266), so both go into one, with a comma. Here "abuse" is no ban but passes: people wait two hours.
"""

from __future__ import annotations

import dataclasses

from ..model import Call, Capabilities, Kind, LeftOut, Option, Outcome
from ..transport import Request, Response
from . import answers
from .web import WebProvider, listed, query

URL = "https://dyndns.strato.com/nic/update"
PASSES = 2 * 3600.0


class Strato(WebProvider):
    NAME = "strato"
    CAPABILITIES = Capabilities(left_out=LeftOut.UNKNOWN, interval=300)
    OPTIONS = {"username": Option(required=True), "password": Option(required=True, secret=True)}
    WORDS = {**answers.WORDS, "abuse": Kind.RATE_LIMITED, "badrequest": Kind.NOT_ALLOWED}

    def scope(self, host: str) -> str:
        """The account: that its names are counted apart, nobody says."""
        return self.option("username")

    def request(self, hosts: tuple[str, ...], call: Call) -> Request | Outcome:
        return Request("GET", f"{URL}?{query([('hostname', hosts[0]), ('myip', listed(call))])}", self.basic())

    def read(self, response: Response, hosts: tuple[str, ...], call: Call) -> list[Outcome]:
        found = super().read(response, hosts, call)
        return [dataclasses.replace(each, retry_after=each.retry_after or PASSES) if each.kind == Kind.RATE_LIMITED else each for each in found]
