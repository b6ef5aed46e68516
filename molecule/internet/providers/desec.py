"""deSEC: update.dedyn.io and update6.dedyn.io, record sets of the REST API, checkip.

As in desec-stack: api/desecapi/views/dyndns.py, docs/dyndns/update-api.rst, docs/rate-limits.rst.
"""

from __future__ import annotations

import json
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from .provider import Provider, basic, version
from .web import Answer, Request, Window
from .world import TYPE

TTL = 60
PRESERVE = None


class Refused(Exception):
    """A status and what is said."""


class Desec(Provider):
    NAME = "desec"
    HOSTS = ("update.dedyn.io", "update6.dedyn.io", "desec.io", "checkip.dedyn.io", "checkipv4.dedyn.io", "checkipv6.dedyn.io")

    def reset(self) -> None:
        super().reset()
        self.updates, self.looks = Window(2, 120), Window(3, 60)
        self.writes = (Window(2, 1), Window(15, 60), Window(100, 3600), Window(300, 86400))

    def answer(self, request: Request) -> Answer:
        try:
            if request.host.startswith("checkip"):
                if self.looks.wait(request.peer):
                    return Answer(429)
                return Answer(body=request.peer)
            if request.host == "desec.io":
                return self.rest(request)
            return self.update(request)
        except Refused as refused:
            status, said, *more = refused.args
            body = said if request.host != "desec.io" else json.dumps({"detail": said})
            return Answer(status, body, more[0] if more else {}, "text/plain" if request.host != "desec.io" else "application/json")

    def authenticate(self, request: Request) -> str:
        """The user name of Basic authentication, '' for the other ways."""
        scheme, _, rest = request.headers.get("authorization", "").partition(" ")
        wants = {"WWW-Authenticate": "Token"}
        domain, names = self.account["domain"], ("", self.account["user"])

        def fitting(user: str) -> bool:
            return user in names or user.lower() == domain or user.lower().endswith("." + domain)

        if scheme.lower() == "token":
            if rest != self.account["token"]:
                raise Refused(401, "Invalid token.", wants)
            return ""
        if scheme.lower() == "basic":
            pair = basic(request)
            if not pair or pair[1] != self.account["token"] or not fitting(pair[0]):
                raise Refused(401, "badauth", wants)
            return pair[0]
        if "username" not in request.query:
            raise Refused(401, "No username URL parameter provided.", wants)
        if request.query.get("password") != self.account["token"] or not fitting(request.query["username"]):
            raise Refused(401, "badauth", wants)
        return ""

    def update(self, request: Request) -> Answer:
        if request.method != "GET":
            raise Refused(405, f'Method "{request.method}" not allowed.')
        user, query, domain = self.authenticate(request), request.query, self.account["domain"]
        named = next((query[p] for p, no in (("hostname", ("", "YES")), ("host_id", ())) if p in query and query[p] not in no), "")
        named = named or (user if user and "@" not in user else "") or query.get("username", "") or domain
        names = [name.strip().lower() for name in named.split(",")]
        extra = {part[1].lower(): name for name in query if len(part := name.split(":", 1)) == 2 and part[0] in ("myipv4", "myipv6")}
        if any(name != domain and not name.endswith("." + domain) for name in [*names, *extra]):
            raise Refused(404, "nohost")
        if wait := self.updates.wait(domain):
            raise Refused(429, f"Request was throttled. Expected available in {int(wait) + 1} seconds.", {"Retry-After": str(int(wait) + 1)})
        known = self.records.all(self.records.zone_of(domain))
        changes = []
        for family, parameters in ((4, ("myip", "myipv4", "ip")), (6, ("myipv6", "ipv6", "myip", "ip"))):
            for name in names:
                values = self.values(query, parameters, family, request.peer, known.get((name, TYPE[family]), (0, []))[1])
                if values is not PRESERVE:
                    changes.append((name, TYPE[family], TTL, values))
        for name, parameter in extra.items():
            family = 4 if parameter.startswith("myipv4") else 6
            values = self.values(query, (parameter,), family, "", known.get((name, TYPE[family]), (0, []))[1])
            if values is not PRESERVE:
                changes.append((name, TYPE[family], TTL, values))
        if changes:
            self.publish(*changes)
        return Answer(body="good")

    @staticmethod
    def values(query: dict[str, str], parameters: tuple[str, ...], family: int, peer: str, known: list[str]) -> list[str] | None:
        """The addresses to set, PRESERVE to leave them; none at all deletes the record: so does a family that nothing names."""
        mark = {4: ".", 6: ":"}[family]
        for parameter in (p for p in parameters if p in query):
            fitting = {text for text in map(str.strip, query[parameter].split(",")) if mark in text or text in ("", "preserve")}
            if not fitting:
                continue
            if len(fitting) > 1:
                if fitting & {"", "preserve"}:
                    raise Refused(400, f'IP parameter "{parameter}" cannot have addresses and "preserve" or an empty value at the same time.')
                if any("/" in text for text in fitting):
                    raise Refused(400, f'IP parameter "{parameter}" cannot use subnet notation with multiple addresses.')
            text = next(iter(fitting))
            if text == "preserve":
                return PRESERVE
            if "/" in text:
                try:
                    net = ip_network(text, strict=False)
                except ValueError as error:
                    raise Refused(400, f'IP parameter "{parameter}" is an invalid subnet: {error}') from None
                return [str(IPv6Address(int(net.network_address) | int(ip_address(old)) & int(net.hostmask))) if family == 6 else old for old in known]
            if text and any(version(one) != family for one in fitting):
                raise Refused(400, "- records:\n    0:\n    - Cannot parse record contents.\n")
            return sorted(fitting - {""})
        return [peer] if mark in peer else []

    def rest(self, request: Request) -> Answer:
        """/api/v1/domains/DOMAIN/rrsets/[SUBNAME/TYPE/]; the apex is written @."""
        self.authenticate(request)
        if request.headers.get("authorization", "").partition(" ")[0].lower() != "token":
            raise Refused(401, "Authentication credentials were not provided.", {"WWW-Authenticate": "Token"})
        domain, parts = self.account["domain"], request.path.strip("/").split("/")
        if parts[:3] != ["api", "v1", "domains"] or not request.path.endswith("/"):
            raise Refused(404, "Not found.")
        if parts[3:4] == [domain] and len(parts) == 4 and request.method == "GET":
            return self.say({"name": domain, "minimum_ttl": 60})
        if parts[3:5] != [domain, "rrsets"] or len(parts) not in (5, 7):
            raise Refused(404, "Not found.")
        one = {"subname": parts[5].replace("@", ""), "type": parts[6]} if len(parts) == 7 else {}
        if request.method == "GET":
            found = [rrset for rrset in self.rrsets() if all(rrset[k] == v for k, v in {**request.query, **one}.items() if k in ("subname", "type"))]
            if one and not found:
                raise Refused(404, "Not found.")
            return self.say(found[0] if one else found)
        for window in self.writes:
            if wait := window.wait(domain):
                raise Refused(429, f"Request was throttled. Expected available in {int(wait) + 1} seconds.", {"Retry-After": str(int(wait) + 1)})
        try:
            body = json.loads(request.body or b"{}")
        except ValueError:
            raise Refused(400, "JSON parse error") from None
        wanted = [{**rrset, **one} for rrset in (body if isinstance(body, list) else [body])]
        if request.method == "DELETE" and one:
            wanted = [{**one, "records": []}]
        changes = []
        for rrset in wanted:
            if not isinstance(rrset.get("type"), str) or (rrset.get("records") and int(rrset.get("ttl") or 0) < 60):
                return Answer(400, json.dumps({"ttl": ["Ensure this value is greater than or equal to 60."]}), kind="application/json")
            name = f"{rrset['subname']}.{domain}" if rrset.get("subname") else domain
            changes.append((name, rrset["type"], int(rrset.get("ttl") or TTL), list(rrset.get("records", []))))
        self.publish(*changes)
        if request.method == "DELETE":
            return Answer(204)
        return self.say(wanted if isinstance(body, list) else wanted[0], 201 if request.method == "POST" else 200)

    def rrsets(self) -> list[dict[str, Any]]:
        domain = self.account["domain"]
        return [
            {"domain": domain, "subname": name[: -len(domain)].rstrip("."), "name": name + ".", "type": kind, "ttl": ttl, "records": values}
            for (name, kind), (ttl, values) in self.records.all(self.records.zone_of(domain)).items()
            if name == domain or name.endswith("." + domain)
        ]

    @staticmethod
    def say(result: object, status: int = 200) -> Answer:
        return Answer(status, json.dumps(result), kind="application/json")
