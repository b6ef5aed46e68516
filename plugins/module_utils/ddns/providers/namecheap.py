# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Namecheap: https://www.namecheap.com/support/knowledgebase/article.aspx/29/11/how-to-dynamically-update-the-hosts-ip-with-an-http-request/

GET update?host=HOST&domain=ZONE&password=P&ip=IPV4, host being @ for the zone itself and * for the wildcard; IPv4 alone. The password has no other place
than the URL. XML comes back that says it were UTF-16 and is not, so its first line is not believed. ErrCount 0 is success; else Err1, Err2 say why. Their
texts as scripts of users know them: "Passwords do not match", "Domain name not found", "No Records updated. A record not Found;".
"""

from __future__ import annotations

import re
from html import unescape

from ..model import IPV4, Call, Capabilities, Kind, Option, Outcome
from ..transport import Request, Response
from . import answers
from .web import WebProvider, query

URL = "https://dynamicdns.park-your-domain.com/update"
TEXTS = {
    "passwords do not match": Kind.AUTH,
    "domain name not found": Kind.NOT_FOUND,
    "no records updated. a record not found": Kind.NOT_FOUND,
}


class Namecheap(WebProvider):
    NAME = "namecheap"
    CAPABILITIES = Capabilities(families=(IPV4,), wildcard=True)
    OPTIONS = {"zone": Option(check="host_name", required=True), "password": Option(required=True, secret=True)}

    def request(self, hosts: tuple[str, ...], call: Call) -> Request | Outcome:
        (host,), zone = hosts, self.option("zone")
        if host != zone and not host.endswith(f".{zone}"):
            return Outcome(Kind.NOT_FOUND, f"not sent: {host} is not in the zone {zone}")
        name = host.removesuffix(zone).rstrip(".") or "@"
        pairs = [("host", name), ("domain", zone), ("password", self.option("password")), ("ip", call.values.get(IPV4, ""))]
        return Request("GET", f"{URL}?{query(pairs)}")

    def read(self, response: Response, hosts: tuple[str, ...], call: Call) -> list[Outcome]:
        body = answers.text(response)
        count = element(body, "ErrCount")
        if not re.search(r"<interface-response[\s>]", body, re.IGNORECASE) or not count.isdecimal():
            return [answers.of_status(response, line="" if answers.is_page(response) else " ".join(answers.spoken(response)))]
        errors = [unescape(found).strip() for found in re.findall(r"<Err[0-9]+>([^<]*)</Err[0-9]+>", body, re.IGNORECASE)]
        if int(count) or errors:
            kind = next((TEXTS[error.rstrip(";. ").lower()] for error in errors if error.rstrip(";. ").lower() in TEXTS), Kind.NOT_ALLOWED)
            return [Outcome(kind, "; ".join(errors) or f"ErrCount {count} without a reason")]
        address = element(body, "IP")
        return [Outcome(Kind.GOOD, f"ErrCount 0, IP {address}" if address else "ErrCount 0", answers.addresses(address))]


def element(body: str, name: str) -> str:
    found = re.search(rf"<{name}>([^<]*)</{name}>", body, re.IGNORECASE)
    return unescape(found[1]).strip() if found else ""
