"""Cloudflare's API v4, as much as DDNS and ACME clients use: zones, DNS records, the check of a token; and cdn-cgi/trace.

Envelope, codes and limits: developers.cloudflare.com/api and what its clients have recorded (6003 and 6111 for a malformed header, 10000 for a token that
may not, 1000 for one that is unknown, 81058 for a record that is there already, 81044 for one that is not, 971 with 429).
"""

from __future__ import annotations

import hashlib
import json
import time
from typing import Any

from .provider import Provider, version
from .web import Answer, Request, Window
from .world import TYPE

AUTO = 300
EDGE = {"A": "104.16.132.229", "AAAA": "2606:4700::6810:84e5"}
"""What DNS shows of a proxied name."""


class Cloudflare(Provider):
    NAME = "cloudflare"
    HOSTS = ("api.cloudflare.com",)
    SHOWN = frozenset({"name", "type", "page", "per_page", "status", "content", "match", "order", "direction"})

    def reset(self) -> None:
        super().reset()
        self.calls, self.until = Window(1200, 300), 0.0
        self.proxied: dict[tuple[str, str], str] = {}
        self.extra: dict[str, dict[str, Any]] = {}

    def answer(self, request: Request) -> Answer:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if not token or scheme != "Bearer" or len(token) < 40 or not token.replace("_", "").replace("-", "").isalnum():
            return self.refuse(400, 6003, "Invalid request headers", [{"code": 6111, "message": "Invalid format for Authorization header"}])
        if time.monotonic() < self.until or self.calls.wait(token):
            self.until = max(self.until, time.monotonic() + 300)
            return self.refuse(429, 971, "Please wait and consider throttling your request speed", headers={"Retry-After": "300"})
        parts = request.path.strip("/").split("/")
        if parts[:2] != ["client", "v4"]:
            return self.refuse(404, 7000, "No route for that URI")
        good = token == self.account["token"]
        match [request.method, *parts[2:]]:
            case ["GET", "user", "tokens", "verify"]:
                if not good:
                    return self.refuse(401, 1000, "Invalid API Token")
                return self.say({"id": hashlib.sha256(token.encode()).hexdigest()[:32], "status": "active"})
            case ["GET", "zones"] if good:
                zones = [{"id": self.account["zone_id"], "name": self.account["zone"], "status": "active"}]
                return self.say([zone for zone in zones if request.query.get("name", zone["name"]) == zone["name"]])
            case [method, "zones", zone, "dns_records", *rest] if good and zone == self.account["zone_id"] and len(rest) < 2:
                return self.record(method, rest[0] if rest else "", request)
            case ["GET", "zones", zone] if good and zone == self.account["zone_id"]:
                return self.say({"id": zone, "name": self.account["zone"], "status": "active"})
            case [_, "zones", *_]:
                return self.refuse(403, 10000, "Authentication error")
        return self.refuse(404, 7000, "No route for that URI")

    def known(self) -> dict[str, dict[str, Any]]:
        """The records by their ids, which follow from what they are."""
        found = {}
        for (name, kind), (ttl, values) in self.records.all(self.account["zone"]).items():
            for number, shown in enumerate(values):
                content = self.proxied.get((name, kind), shown.strip('"') if kind == "TXT" else shown)
                one = hashlib.sha256(f"{name} {kind} {number if kind != 'TXT' else content}".encode()).hexdigest()[:32]
                found[one] = {
                    "id": one, "zone_id": self.account["zone_id"], "zone_name": self.account["zone"], "name": name, "type": kind, "content": content,
                    "proxiable": kind in EDGE, "proxied": (name, kind) in self.proxied, "ttl": 1 if (name, kind) in self.proxied or ttl == AUTO else ttl,
                    "comment": None, "tags": [], **self.extra.get(one, {}),
                }  # fmt: skip
        return found

    def record(self, method: str, one: str, request: Request) -> Answer:
        known = self.known()
        if method == "GET" and not one:
            return self.listed(
                [r for r in known.values() if all(str(r[k]).lower() == v.lower() for k, v in request.query.items() if k in ("name", "type", "content"))],
                request,
            )
        if one and one not in known:
            return self.refuse(404, 81044, "Record does not exist.")
        if method == "GET":
            return self.say(known[one])
        if method == "DELETE" and one:
            self.replace(known, one, None)
            return self.say({"id": one})
        try:
            body = json.loads(request.body)
            assert isinstance(body, dict)
        except (ValueError, AssertionError):
            return self.refuse(400, 9207, "Request body is invalid.")
        if (method, bool(one)) not in (("POST", False), ("PATCH", True), ("PUT", True)):
            return self.refuse(405, 10405, "Method not allowed")
        wanted = {**(known[one] if method == "PATCH" else {"ttl": 1, "proxied": False, "comment": None, "tags": []}), **body}
        name, kind = str(wanted.get("name", "")).lower().rstrip("."), str(wanted.get("type", ""))
        zone = self.account["zone"]
        wanted["name"] = name = zone if name == "@" else name if name == zone or name.endswith("." + zone) else f"{name}.{zone}"
        for family, record in TYPE.items():
            if kind == record and version(str(wanted.get("content"))) != family:
                return self.refuse(400, 9005, f"Content for {kind} record must be a valid IPv{family} address.")
        if not isinstance(wanted["ttl"], int) or (wanted["ttl"] != 1 and not 60 <= wanted["ttl"] <= 86400):
            return self.refuse(400, 9021, "Invalid TTL. Must be between 60 and 86400 seconds, or 1 for Automatic.")
        if any(r["name"] == name and r["type"] == kind and r["content"] == wanted["content"] and r["id"] != one for r in known.values()):
            return self.refuse(400, 81058, "An identical record already exists.")
        return self.say(self.replace(known, one, wanted))

    def replace(self, known: dict[str, dict[str, Any]], one: str, wanted: dict[str, Any] | None) -> dict[str, Any]:
        """Put a record in place of another ('' for none): the whole set of its name and type goes to bind9."""
        name, kind = (wanted["name"], wanted["type"]) if wanted else (known[one]["name"], known[one]["type"])
        contents = [r["content"] for r in known.values() if (r["name"], r["type"]) == (name, kind) and r["id"] != one]
        if wanted:
            contents.append(wanted["content"])
        proxied = bool(wanted and wanted["proxied"] and kind in EDGE)
        self.proxied.pop((name, kind), None)
        if proxied and wanted:
            self.proxied[name, kind] = wanted["content"]
        shown = [EDGE[kind]] if proxied else ['"' + text.strip('"') + '"' for text in contents] if kind == "TXT" else contents
        ttl = AUTO if not wanted or wanted["ttl"] == 1 else wanted["ttl"]
        self.publish((name, kind, ttl, shown))
        if not wanted:
            return {}
        found = next(
            (r for r in self.known().values() if r["name"] == name and r["type"] == kind and r["content"] == wanted["content"]),
            {**wanted, "id": one or "0" * 32},
        )
        self.extra[found["id"]] = {key: wanted.get(key) for key in ("comment", "tags")}
        return {**found, **self.extra[found["id"]]}

    def listed(self, found: list[dict[str, Any]], request: Request) -> Answer:
        page, each = int(request.query.get("page", 1)), int(request.query.get("per_page", 100))
        part = found[(page - 1) * each : page * each]
        info = {"page": page, "per_page": each, "count": len(part), "total_count": len(found), "total_pages": -(-len(found) // each)}
        return Answer(200, json.dumps({"result": part, "success": True, "errors": [], "messages": [], "result_info": info}), kind="application/json")

    @staticmethod
    def say(result: object) -> Answer:
        info = (
            {"result_info": {"page": 1, "per_page": 20, "total_pages": 1, "count": len(result), "total_count": len(result)}} if isinstance(result, list) else {}
        )
        return Answer(200, json.dumps({"result": result, "success": True, "errors": [], "messages": [], **info}), kind="application/json")

    @staticmethod
    def refuse(status: int, code: int, message: str, chain: list[dict[str, Any]] | None = None, headers: dict[str, str] | None = None) -> Answer:
        error = {"code": code, "message": message, **({"error_chain": chain} if chain else {})}
        return Answer(status, json.dumps({"success": False, "errors": [error], "messages": [], "result": None}), headers or {}, "application/json")
