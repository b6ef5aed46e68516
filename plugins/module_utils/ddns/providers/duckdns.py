# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""DuckDNS: https://www.duckdns.org/spec.jsp

GET update?domains=a,b&token=T&ip=IPV4&ipv6=IPV6&verbose=true. Names go without .duckdns.org, and all names below one of them have its addresses (the spec
keeps one record for each name; so does lego's duckdns/client.go). With ipv6 given, ip is not detected from the connection. clear=true removes both
addresses, with txt the TXT record alone; there is one TXT record for a name and all below it (lego; opnsense/plugins#2060). OK or KO comes back with HTTP
200; verbose adds the two addresses, each perhaps blank, and UPDATED or NOCHANGE. KO does not say why. The token has no other place than the URL.
"""

from __future__ import annotations

from ..model import CLEAR, FAMILIES, IPV4, IPV6, Call, Capabilities, Kind, Option, Outcome
from ..transport import Request, Response
from . import answers
from .web import WebProvider, query

URL = "https://www.duckdns.org/update"
SUFFIX = ".duckdns.org"
KO = "KO: the token is wrong, or a name is not in the account"


class DuckDns(WebProvider):
    NAME = "duckdns"
    CAPABILITIES = Capabilities(most_hosts=20, clear=FAMILIES, clear_together=True, wildcard=True, txt=True)
    OPTIONS = {"token": Option(required=True, secret=True)}

    def groups(self, call: Call) -> list[tuple[str, ...]]:
        """In a removal, a name below another goes by itself where that one is to stay: it has no record of its own."""
        if CLEAR not in call.values.values():
            return super().groups(call)
        names = {normal(host) for host in call.hosts}
        own_ones = tuple(host for host in call.hosts if not below(host) or f"{own(host)}{SUFFIX}" in names)
        return [*([own_ones] if own_ones else []), *((host,) for host in call.hosts if host not in own_ones)]

    def refused(self, hosts: tuple[str, ...], call: Call) -> Outcome | None:
        names = {normal(host) for host in hosts}
        kept = [host for host in hosts if below(host) and f"{own(host)}{SUFFIX}" not in names]
        if kept and CLEAR in call.values.values():
            name = f"{own(kept[0])}{SUFFIX}"
            text = f"not sent: {kept[0]} has no record of its own, and its removal would take {name} along. Take {kept[0]} out of the entry"
            return Outcome(Kind.NOT_FOUND, text)
        return super().refused(hosts, call)

    def request(self, hosts: tuple[str, ...], call: Call) -> Request | Outcome:
        strangers = [host for host in hosts if not own(host)]
        if strangers:
            return Outcome(Kind.NOT_FOUND, f"not sent: {strangers[0]} is no name of DuckDNS, such as home.duckdns.org")
        pairs = [("domains", ",".join(dict.fromkeys(own(host) for host in hosts))), ("token", self.option("token"))]
        if CLEAR in call.values.values():
            pairs.append(("clear", "true"))
        else:
            pairs += [(name, call.values[family]) for family, name in ((IPV4, "ip"), (IPV6, "ipv6")) if family in call.values]
        return Request("GET", f"{URL}?{query([*pairs, ('verbose', 'true')])}")

    def read(self, response: Response, hosts: tuple[str, ...], call: Call) -> list[Outcome]:
        return [said(response)] * len(hosts)

    def write_text(self, name: str, value: str) -> Outcome:
        refused = self.refused((), Call((), {}))
        if refused or not own(name):
            return refused or Outcome(Kind.NOT_FOUND, f"not sent: {name} is no name of DuckDNS, such as home.duckdns.org")
        # Where it is to go, a text stands there all the same: clear without one would take the addresses away.
        pairs = [("domains", own(name)), ("token", self.option("token")), ("txt", value or "removed")]
        pairs += [] if value else [("clear", "true")]
        response = self.sent(Request("GET", f"{URL}?{query([*pairs, ('verbose', 'true')])}"))
        return self.shown(response if isinstance(response, Outcome) else said(response, text=True))


def normal(host: str) -> str:
    return host.rstrip(".").lower()


def below(host: str) -> bool:
    """Whether a name is one below a name of the account, such as a wildcard."""
    return bool(own(host)) and normal(host) != f"{own(host)}{SUFFIX}"


def own(host: str) -> str:
    """The name that the account has, without .duckdns.org; '' where it is none."""
    name = normal(host)
    return name.removesuffix(SUFFIX).rpartition(".")[2].strip("*") if name.endswith(SUFFIX) else ""


def said(response: Response, text: bool = False) -> Outcome:
    """What an answer means. That to a TXT record holds the text in place of addresses."""
    lines = [] if answers.is_page(response) else [line.strip() for line in answers.text(response).strip().splitlines()]
    if lines == ["KO"]:
        return Outcome(Kind.AUTH, KO)
    last = lines[-1] if len(lines) > 1 else "UPDATED"
    if lines[:1] != ["OK"] or last not in ("UPDATED", "NOCHANGE"):
        return answers.of_status(response, line=" ".join(lines))
    echoed = {} if text else answers.addresses(" ".join(lines[1:-1]))
    return Outcome(Kind.GOOD if last == "UPDATED" else Kind.NOCHG, " ".join(line for line in lines if line), echoed)
