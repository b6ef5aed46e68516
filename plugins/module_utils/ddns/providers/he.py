# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hurricane Electric's free DNS: behaviour of ddclient's nic_henet_update and of qdm12/ddns-updater (its provider he).

The user name is the host name, the password the key of its record (the same key may be set for A and AAAA). One address a call: a list is answered with
badip (ddclient#833). Errors come with HTTP 200. The record has to exist.
"""

from __future__ import annotations

from ..model import Call, Capabilities, Kind, Option, Outcome
from ..transport import Request
from . import answers
from .web import WebProvider, listed, query

URL = "https://dyn.dns.he.net/nic/update"


class He(WebProvider):
    NAME = "he"
    CAPABILITIES = Capabilities(together=False, wildcard=True)
    OPTIONS = {"password": Option(required=True, secret=True)}
    WORDS = {**answers.WORDS, "badip": Kind.NOT_ALLOWED}

    def request(self, hosts: tuple[str, ...], call: Call) -> Request | Outcome:
        return Request("GET", f"{URL}?{query([('hostname', hosts[0]), ('myip', listed(call))])}", self.basic(username=hosts[0]))
