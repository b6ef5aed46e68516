# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""No-IP: https://www.noip.com/integrate/request and https://www.noip.com/integrate/response

Basic authentication with a DDNS key's user name and password (https://developer.noip.com/reference/nic_update; those of the account are being phased
out). hostname is a list, myip IPv4, IPv6 or both with a comma; A and AAAA are updated "individually or dual-stacked". 911: no sooner than 30 minutes.
A line for each name; both addresses come back with a comma. The User-Agent, which the transport sets, has to name the program and a contact.
"""

from __future__ import annotations

from ..model import Call, Capabilities, Option, Outcome
from ..transport import Request
from .web import WebProvider, listed, query

URL = "https://dynupdate.no-ip.com/nic/update"


class NoIp(WebProvider):
    NAME = "noip"
    CAPABILITIES = Capabilities(most_hosts=20, retry=1800)
    OPTIONS = {"username": Option(required=True), "password": Option(required=True, secret=True)}

    def request(self, hosts: tuple[str, ...], call: Call) -> Request | Outcome:
        return Request("GET", f"{URL}?{query([('hostname', ','.join(hosts)), ('myip', listed(call))])}", self.basic())
