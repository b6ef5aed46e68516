# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""dynv6: https://dynv6.com/docs/apis (Update API)

GET api/update?zone=NAME&token=TOKEN, with ipv4, ipv6 and ipv6prefix=NET/len; what is not named is kept, and - removes the IPv4 address (the page has it
for ipv4 and ipv6prefix, not for ipv6). zone is a zone, not a name in it. "addresses updated" and "addresses unchanged" come back (behaviour of inadyn and
troglobit/inadyn#235); failures by HTTP status. The token of a zone has no other place than the URL. nic/update takes IPv4 alone, so it is not used.
"""

from __future__ import annotations

from ..model import CLEAR, IPV4, IPV6, Call, Capabilities, Kind, Option, Outcome
from ..transport import Request, Response
from . import answers
from .web import WebProvider, query

URL = "https://dynv6.com/api/update"
SAID = {"addresses updated": Kind.GOOD, "addresses unchanged": Kind.NOCHG}
STATUS = {**answers.STATUS, 404: Kind.NOT_FOUND, 422: Kind.NOT_ALLOWED}


class Dynv6(WebProvider):
    NAME = "dynv6"
    CAPABILITIES = Capabilities(clear=(IPV4,), prefix=True)
    OPTIONS = {"token": Option(required=True, secret=True)}

    def request(self, hosts: tuple[str, ...], call: Call) -> Request | Outcome:
        pairs = [("zone", hosts[0]), ("token", self.option("token"))]
        pairs += [(family, call.values[family] if call.values[family] != CLEAR else "-") for family in (IPV4, IPV6) if family in call.values]
        if call.prefix:
            pairs.append(("ipv6prefix", call.prefix))
        return Request("GET", f"{URL}?{query(pairs)}")

    def read(self, response: Response, hosts: tuple[str, ...], call: Call) -> list[Outcome]:
        line = " ".join(answers.spoken(response))
        kind = SAID.get(line)
        return [Outcome(kind, line) if kind else answers.of_status(response, line=line, known=STATUS)]
