"""Three that speak dyndns2, each with rules of its own.

Dyn: help.dyn.com, perform-update, return-codes, policies. No-IP: noip.com/integrate/request and /response. Dynu: www.dynu.com/DynamicDNS/IP-Update-Protocol
and, for `no`, `alias` and 10.0.0.0, what ddclient sends to it.
"""

from __future__ import annotations

import hashlib
import re
from typing import ClassVar

from .provider import Provider, basic, version
from .web import Answer, Request
from .world import TYPE

TTL = 60
TEXT = "text/plain; charset=UTF-8"


class Dyndns2(Provider):
    """What the three share: Basic authentication, a line for each host in their order, errors of the account once."""

    SECURE: ClassVar[int] = 401
    PATHS: ClassVar[tuple[str, ...]] = ("/nic/update",)
    IN_VAIN: ClassVar[int] = 3
    """`nochg` in a row for a host; with the next one it is blocked."""
    FORM = re.compile(r"^.*$")

    def answer(self, request: Request) -> Answer:
        if request.path not in self.PATHS:
            return Answer(404)
        if request.method != "GET":
            return Answer(405)
        if self.account["user"] in self.blocked:
            return self.say("abuse")
        if re.match(r"(?i)^$|mozilla|curl|wget|python|lwp|libwww|java|go-http", request.agent) or not self.FORM.match(request.agent):
            return self.say("badagent")
        if not self.known(request):
            return Answer(self.SECURE, "badauth", {"WWW-Authenticate": 'Basic realm="DynDNS API Access"'} if self.SECURE == 401 else {}, TEXT)
        hosts = self.hosts(request)
        if not hosts:
            return self.say("notfqdn")
        if len(hosts) > 20:
            return self.say("numhost")
        wanted = self.wanted(request)
        if isinstance(wanted, str):
            return self.say(wanted)
        return self.say(*(self.settle(host, wanted, request) for host in hosts))

    @staticmethod
    def say(*lines: str) -> Answer:
        return Answer(200, "\r\n".join(lines) + "\r\n", kind=TEXT)

    def known(self, request: Request) -> bool:
        return basic(request) == (self.account["user"], self.account["password"])

    def hosts(self, request: Request) -> list[str]:
        return [host.strip().lower() for host in request.query.get("hostname", "").split(",") if host.strip()]

    def wanted(self, request: Request) -> dict[int, str] | str:
        """Family -> address ('' removes it), or a word of refusal. What is no address counts as not given: then it is that of the connection."""
        given = {version(text): text for text in request.query.get("myip", "").split(",") if version(text)}
        return given or {version(request.peer): request.peer}

    def settle(self, host: str, wanted: dict[int, str], request: Request) -> str:
        """One host: its line."""
        if "." not in host.strip("."):
            return "notfqdn"
        if host not in self.account["names"]:
            return "nohost"
        if host in self.blocked:
            return "abuse"
        known = self.records.all(self.records.zone_of(host))
        changes = [
            (host, TYPE[family], TTL, [address] if address else [])
            for family, address in wanted.items()
            if known.get((host, TYPE[family]), (0, []))[1] != ([address] if address else [])
        ]
        if request.query.get("wildcard") == "ON" and changes:
            changes += [("*." + name, kind, ttl, values) for name, kind, ttl, values in changes]
        echoed = ",".join(wanted[family] for family in (4, 6) if wanted.get(family))
        if changes:
            self.publish(*changes)
            self.in_vain[host] = 0
            return f"good {echoed}".strip()
        self.in_vain[host] = self.in_vain.get(host, 0) + 1
        if self.in_vain[host] > self.IN_VAIN:
            self.blocked.add(host)
            return "abuse"
        return f"nochg {echoed}".strip()


class Dyn(Dyndns2):
    NAME = "dyndns2"
    HOSTS = ("members.dyndns.org",)
    PATHS = ("/nic/update", "/v3/update")

    def wanted(self, request: Request) -> dict[int, str] | str:
        return {4: "", 6: ""} if request.query.get("offline") == "YES" else super().wanted(request)


class NoIp(Dyndns2):
    """`strict` in the account wants the User-Agent in the form that No-IP writes down; without it any client's own name will do, as today."""

    NAME = "noip"
    HOSTS = ("dynupdate.no-ip.com",)
    DOCUMENTED = re.compile(r"^\S+( \S+)* \S+/\S+-\S+ [^@\s]+@[^@\s]+\.[^@\s]+$")

    def answer(self, request: Request) -> Answer:
        if self.account.get("strict") and not self.DOCUMENTED.match(request.agent):
            return self.say("badagent")
        return super().answer(request)

    def wanted(self, request: Request) -> dict[int, str] | str:
        if "offline" in request.query:
            return "!donator"
        both = {**request.query, "myip": ",".join(filter(None, (request.query.get("myip"), request.query.get("myipv6"))))}
        return super().wanted(Request(**{**request.__dict__, "query": both}))


class Dynu(Dyndns2):
    """A family that is not named is set to the address of the connection where that has this family; `no` leaves it alone."""

    NAME = "dynu"
    HOSTS = ("api.dynu.com",)
    SECURE = 200

    def known(self, request: Request) -> bool:
        lowered = {name.lower(): value for name, value in request.query.items()}
        user, password = basic(request) or (lowered.get("username", ""), lowered.get("password", ""))
        secret = self.account["password"]
        allowed = {secret, hashlib.md5(secret.encode(), usedforsecurity=False).hexdigest(), hashlib.sha256(secret.encode()).hexdigest()}
        return user == self.account["user"] and password in allowed

    def hosts(self, request: Request) -> list[str]:
        hosts = super().hosts(request)
        if alias := request.query.get("alias"):
            return [f"{alias}.{host}" for host in hosts]
        return hosts or ([] if "hostname" in request.query else list(self.account["names"]))

    def wanted(self, request: Request) -> dict[int, str] | str:
        wanted = {}
        for family, name in ((4, "myip"), (6, "myipv6")):
            text = request.query.get(name, "")
            if text.lower() == "no":
                continue
            if text and text != "10.0.0.0":
                if version(text) != family:
                    return "unknown"
                wanted[family] = text
            elif version(request.peer) == family:
                wanted[family] = request.peer
        return wanted or "unknown"
