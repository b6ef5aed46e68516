"""DuckDNS, as https://www.duckdns.org/spec.jsp has it: OK or KO with status 200, a token in the URL; sub-names follow the name, one TXT for all of them."""

from __future__ import annotations

from .provider import Provider, version
from .web import Answer, Request
from .world import TYPE

TTL = 60


class DuckDns(Provider):
    NAME = "duckdns"
    HOSTS = ("www.duckdns.org",)
    ZONE = "duckdns.org"

    def path_shown(self, path: str) -> str:
        parts = path.split("/")
        return "/".join([*parts[:3], "***", *parts[4:]] if len(parts) > 3 else parts)

    def answer(self, request: Request) -> Answer:
        if request.method != "GET":
            return Answer(405)
        query = dict(request.query)
        parts = request.path.strip("/").split("/")
        if parts[0] != "update":
            return Answer(404)
        if len(parts) in (3, 4) and "," not in parts[1]:
            query = {"domains": parts[1], "token": parts[2], **({"ip": parts[3]} if len(parts) == 4 else {})}
        elif len(parts) != 1:
            return Answer(404)
        names = [name.lower().removesuffix("." + self.ZONE) for name in query.get("domains", "").split(",")]
        if query.get("token") != self.account["token"] or not set(names) <= set(self.account["names"]):
            return Answer(body="KO")
        verbose = query.get("verbose") == "true"
        if "txt" in query:
            return self.text(names, "" if query.get("clear") == "true" else query["txt"], verbose)
        wanted = {4: "", 6: ""} if query.get("clear") == "true" else self.addresses(query, request.peer)
        return Answer(body="KO") if wanted is None else self.settle(names, wanted, verbose)

    @staticmethod
    def addresses(query: dict[str, str], peer: str) -> dict[int, str] | None:
        """Family -> address. Detected only for IPv4, and only where nothing is given."""
        given = [(query.get("ip", ""), (4, 6)), (query.get("ipv6", ""), (6,))]
        if any(text and version(text) not in families for text, families in given):
            return None
        wanted = {version(text): text for text, _ in given if text}
        return wanted or ({4: peer} if version(peer) == 4 else None)

    def settle(self, names: list[str], wanted: dict[int, str], verbose: bool) -> Answer:
        known = self.records.all(self.ZONE)
        changes = []
        for name in names:
            for family, address in wanted.items():
                values = [address] if address else []
                if known.get((f"{name}.{self.ZONE}", TYPE[family]), (0, []))[1] != values:
                    changes += [(f"{label}{name}.{self.ZONE}", TYPE[family], TTL, values) for label in ("", "*.")]
        if changes:
            self.publish(*changes)
        for name in names:
            self.in_vain[name] = 0 if changes else self.in_vain.get(name, 0) + 1
        lines = ["OK", wanted.get(4, ""), wanted.get(6, ""), "UPDATED" if changes else "NOCHANGE"]
        return Answer(body="\n".join(lines) if verbose else "OK")

    def text(self, names: list[str], value: str, verbose: bool) -> Answer:
        values = ['"' + value.replace('"', "") + '"'] if value else []
        changed = any(self.records.get(f"{name}.{self.ZONE}", "TXT") != values for name in names)
        if changed:
            self.publish(*((f"{label}{name}.{self.ZONE}", "TXT", TTL, values) for name in names for label in ("", "*.")))
        return Answer(body="\n".join(["OK", value, "UPDATED" if changed else "NOCHANGE"]) if verbose else "OK")
