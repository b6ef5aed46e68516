# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""OVH DynHost: https://docs.ovhcloud.com (ovh/ovhcloud-docs, guides/web-cloud/domains/dns-dynhost.mdx of 2026-06-08)

GET nic/update?system=dyndns&hostname=NAME&myip=ADDRESS with a DynHost user (whose sub-domain may be *, for all names of the zone). IPv4 or IPv6, one
address a call; the record has to exist for each family, made in the control panel, and cannot be a wildcard. An address that is not named stays as it
is, being a record of its own. The words are those of dyndns2 and badrequest (behaviour of qdm12/ddns-updater).
"""

from __future__ import annotations

from ..model import Call, Capabilities, Kind, Option, Outcome
from ..transport import Request
from . import answers
from .web import WebProvider, listed, query

URL = "https://dns.eu.ovhapis.com/nic/update"


class Ovh(WebProvider):
    NAME = "ovh"
    CAPABILITIES = Capabilities(together=False)
    OPTIONS = {"username": Option(required=True), "password": Option(required=True, secret=True)}
    WORDS = {**answers.WORDS, "badrequest": Kind.NOT_ALLOWED}

    def request(self, hosts: tuple[str, ...], call: Call) -> Request | Outcome:
        return Request("GET", f"{URL}?{query([('system', 'dyndns'), ('hostname', hosts[0]), ('myip', listed(call))])}", self.basic())
