# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Porkbun's API v3: https://porkbun.com/api/json/v3/documentation, https://porkbun.com/api/json/v3/spec

- POST /dns/retrieveByNameType/ZONE/TYPE/SUB, /dns/editByNameType/..., /dns/deleteByNameType/..., /dns/create/ZONE, /dns/delete/ZONE/ID; SUB is empty for
  the zone itself, and the star of a wildcard is not escaped (ddns-updater, internal/provider/providers/porkbun).
- The keys go into the headers X-API-Key and X-Secret-API-Key.
- editByNameType rewrites every record of that name and type, so that several are first brought down to one; TTL and notes are sent back as they were found.
- {"status": "SUCCESS" | "ERROR", "message", "code"}; refusals come with HTTP 400: INVALID_API_KEYS_001, INVALID_DOMAIN (also where API access is off for that
  domain), DOMAIN_NOT_ALLOWED, IP_NOT_ALLOWED, RATE_LIMIT_EXCEEDED with Retry-After or `ttlRemaining` in seconds. Older answers have a message alone.
- A new domain has an ALIAS for itself and a CNAME for `*` that lead to Porkbun's parking page; both have to be removed by hand.
- TTL at least 600 s.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from ..model import CLEAR, Capabilities, Kind, Option
from .json_api import Answer, JsonApi, Settled, same
from .zone import APEX, ascii_name

CODES = {
    **dict.fromkeys(("API_KEY_REQUIRED", "MISSING_APIKEY", "MISSING_SECRETAPIKEY", "INVALID_TOKEN", "INVALID_USER"), Kind.AUTH),
    **dict.fromkeys(("IP_NOT_ALLOWED", "DOMAIN_NOT_ALLOWED"), Kind.NOT_ALLOWED),
    **dict.fromkeys(("INVALID_DOMAIN", "DOMAIN_NOT_FOUND"), Kind.NOT_FOUND),
    "RATE_LIMIT_EXCEEDED": Kind.RATE_LIMITED,
}
WORDS = {"invalid api key": Kind.AUTH, "not opted in": Kind.NOT_ALLOWED, "invalid domain": Kind.NOT_FOUND, "rate limit": Kind.RATE_LIMITED}
"""For answers without a code."""

ADVICE = {
    Kind.AUTH: "Check both keys at https://porkbun.com/account/api.",
    Kind.NOT_FOUND: "The domain must be in this account and have API Access switched on (Domain Management, Details).",
    Kind.NOT_ALLOWED: "Switch on API Access for the domain (Domain Management, Details), and check what the key is limited to.",
}


class Porkbun(JsonApi):
    """An API key with its secret key."""

    NAME = "porkbun"
    TITLE = "Porkbun"
    BASE = "https://api.porkbun.com/api/json/v3"
    CAPABILITIES = Capabilities(together=False, clear=("ipv4", "ipv6"), wildcard=True)
    OPTIONS = {
        "api_key": Option(required=True, secret=True),
        "secret_key": Option(required=True, secret=True),
        "zone": Option("host_name", required=True),
        "ttl": Option("integer", default="600"),
    }

    def credentials(self) -> dict[str, str]:
        return {"X-API-Key": self.account.secrets.get("api_key", ""), "X-Secret-API-Key": self.account.secrets.get("secret_key", "")}

    def refusal(self, answer: Answer) -> tuple[Kind | None, str]:
        if answer.text("status") == "SUCCESS":
            return None, ""
        code, message = answer.text("code"), answer.text("message").rstrip(".")
        kind = CODES.get(code) or (Kind.AUTH if code.startswith("INVALID_API_KEYS") else None)
        if kind is None and not code:
            kind = next((kind for words, kind in WORDS.items() if words in message.lower()), None)
        if kind is None and 200 <= answer.status < 300:
            kind = Kind.UNKNOWN
        said = f"{message} ({code})." if code else f"{message}." if message else ""
        return kind, " ".join(filter(None, (said, ADVICE.get(kind or Kind.UNKNOWN, ""))))

    def pause(self, answer: Answer, kind: Kind) -> float | None:
        asked, left = super().pause(answer, kind), answer.at("ttlRemaining")
        return float(left) if asked is None and isinstance(left, int | float) and not isinstance(left, bool) and left >= 0 else asked

    def call(self, word: str, *place: str, body: object = None) -> Answer:
        path = "/".join(quote(part, safe="*") for part in (ascii_name(self.option("zone")), *place))
        return self.accepted(self.ask("POST", f"/dns/{word}/{path}", body if body is not None else {}))

    def part(self, host: str) -> str:
        """The name before its zone, '' for the zone itself."""
        return self.inside(host).replace(APEX, "")

    def records(self, host: str, record: str) -> list[dict[str, Any]]:
        rows = self.objects(self.call("retrieveByNameType", record, self.part(host)), "records")
        return [row for row in rows if row.get("type", record) == record]

    def contents(self, host: str, record: str) -> list[str]:
        return [str(row.get("content", "")) for row in self.records(host, record)]

    def settle(self, host: str, record: str, value: str) -> Settled:
        found, part = self.records(host, record), self.part(host)
        if value == CLEAR:
            if found:
                self.call("deleteByNameType", record, part)
            return Settled(bool(found))
        if not found:
            wish = {"name": part, "type": record, "content": value, "ttl": self.option("ttl")}
            self.call("create", body=wish)
            return Settled(True)
        keep = next((row for row in found if same(str(row.get("content", "")), value)), found[0])
        for row in found:
            if row is not keep:
                self.call("delete", str(row.get("id", "")))
        if same(str(keep.get("content", "")), value):
            return Settled(len(found) > 1, value)
        kept = {name: keep[name] for name in ("ttl", "notes") if keep.get(name)}
        self.call("editByNameType", record, part, body={"content": value, **kept})
        return Settled(True)
