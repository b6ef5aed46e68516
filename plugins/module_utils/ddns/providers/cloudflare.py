# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Cloudflare's API v4: https://developers.cloudflare.com/api/resources/dns/subresources/records/

- A record is changed by PATCH with its content alone, so TTL, proxy and comment stay as the owner set them (behaviour of favonia/cloudflare-ddns).
- The names of zones come back in Unicode (ddclient issue 905), so both sides are compared in Punycode.
- 1200 requests in five minutes for a user; then all are refused for five minutes with 429 and Retry-After in seconds
  (https://developers.cloudflare.com/fundamentals/api/reference/limits, changelog 2025-09-03).
- Codes of errors: 6003, 6103, 6111 malformed credentials, 9103 unknown key, 9109 and 10000 credentials that are wrong or do not reach this zone,
  971 limit, 81057 and 81058 the record exists already (seen in lego's tests, certbot PR 10725, jeessy2/ddns-go issue 1378), 81053 and 81054 a record
  of another type is in the way, 7003 and 7000 no such zone.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

from ..model import CLEAR, Account, Capabilities, Kind, Option, Outcome
from ..transport import Transport, Unreachable
from .json_api import Answer, Failed, JsonApi, Settled, same
from .zone import ascii_name, parents, relative

PAGE = 100
MOST_PAGES = 20
BLOCKED = 300.0
"""Seconds for which all requests are refused after too many of them."""

CODES = {
    **dict.fromkeys(("6003", "6103", "6111", "9103", "9109", "10000"), Kind.AUTH),
    **dict.fromkeys(("7000", "7003"), Kind.NOT_FOUND),
    **dict.fromkeys(("81053", "81054"), Kind.NOT_ALLOWED),
    "971": Kind.RATE_LIMITED,
}
EXISTS = frozenset({"81057", "81058"})


class Cloudflare(JsonApi):
    """A token with the permission Zone / DNS / Edit, and Zone / Zone / Read where `zone_id` is not given."""

    NAME = "cloudflare"
    TITLE = "Cloudflare"
    BASE = "https://api.cloudflare.com/client/v4"
    CAPABILITIES = Capabilities(together=False, clear=("ipv4", "ipv6"), wildcard=True, txt=True, proxied=True)
    OPTIONS = {
        "token": Option(required=True, secret=True),
        "zone": Option("host_name"),
        "zone_id": Option("word"),
        "ttl": Option("integer", default="60"),
        "proxied": Option("boolean", default="false"),
    }

    def __init__(self, account: Account, transport: Transport) -> None:
        super().__init__(account, transport)
        self.known_zones: dict[str, str] = {}

    def credentials(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.account.secrets.get('token', '')}"}

    def refusal(self, answer: Answer) -> tuple[Kind | None, str]:
        if answer.at("success") is True:
            return None, ""
        found = errors(answer)
        kind = next((CODES[code] for code, _ in found if code in CODES), None)
        if kind is None and 200 <= answer.status < 300:
            kind = Kind.UNKNOWN
        advice = {
            Kind.AUTH: "The token must be valid and have Zone/DNS/Edit for this zone.",
            Kind.NOT_ALLOWED: "Remove the record that is in the way.",
        }.get(kind or Kind.UNKNOWN, "")
        return kind, " ".join([*(f"{message} ({code})." for code, message in found), advice]).strip()

    def pause(self, answer: Answer, kind: Kind) -> float | None:
        asked = super().pause(answer, kind)
        return BLOCKED if asked is None and kind == Kind.RATE_LIMITED else asked

    def zone_of(self, host: str) -> str:
        """The identifier of the zone that a name is in."""
        if self.option("zone_id"):
            return quote(self.option("zone_id"), safe="")
        if self.option("zone"):
            self.inside(host)
        candidates = [ascii_name(self.option("zone"))] if self.option("zone") else parents(host)
        for zone, identifier in self.known_zones.items():
            if zone in candidates and relative(host, zone) is not None:
                return identifier
        for candidate in candidates:
            for row in self.objects(self.ask("GET", f"/zones?{urlencode({'name': candidate, 'per_page': 50})}"), "result"):
                if ascii_name(str(row.get("name", ""))) == candidate and row.get("id"):
                    self.known_zones[candidate] = quote(str(row["id"]), safe="")
                    return self.known_zones[candidate]
        raise Failed(Kind.NOT_FOUND, f"Cloudflare shows this token no zone of {host}: give it Zone/Zone/Read for that zone, or write zone_id.")

    def records(self, zone: str, host: str, record: str) -> list[dict[str, Any]]:
        """All records of a name and type, over all pages of the answer."""
        name, found = ascii_name(host), []
        for page in range(1, MOST_PAGES + 1):
            question = urlencode({"type": record, "name": name, "per_page": PAGE, "page": page})
            answer = self.ask("GET", f"/zones/{zone}/dns_records?{question}")
            rows = self.objects(answer, "result")
            found += [row for row in rows if row.get("type") == record and ascii_name(str(row.get("name", ""))) == name and row.get("id")]
            last = answer.at("result_info", "total_pages")
            if not rows or not isinstance(last, int) or page >= last:
                break
        return found

    def contents(self, host: str, record: str) -> list[str]:
        return [str(row.get("content", "")) for row in self.records(self.zone_of(host), host, record)]

    def settle(self, host: str, record: str, value: str) -> Settled:
        zone = self.zone_of(host)
        found = self.records(zone, host, record)
        if value == CLEAR:
            for row in found:
                self.delete(zone, row)
            return Settled(bool(found))
        right = next((row for row in found if same(str(row.get("content", "")), value)), None)
        keep = right or (found[0] if found else None)
        if right:
            settled = Settled(len(found) > 1, value)
        elif keep:
            answer = self.accepted(self.ask("PATCH", f"/zones/{zone}/dns_records/{quote(str(keep['id']), safe='')}", {"content": value}))
            settled = Settled(True, answer.text("result", "content"))
        else:
            settled = self.create(zone, host, record, value)
        for row in found:
            if row is not keep:
                self.delete(zone, row)
        return settled

    def create(self, zone: str, host: str, record: str, value: str) -> Settled:
        """A new record. A proxied one has TTL 1, which is Cloudflare's word for automatic."""
        proxied = self.option("proxied").lower() in ("true", "yes", "1") and record != "TXT"
        wish = {"type": record, "name": ascii_name(host), "content": value, "ttl": 1 if proxied else int(self.option("ttl"))}
        answer = self.ask("POST", f"/zones/{zone}/dns_records", wish if record == "TXT" else {**wish, "proxied": proxied})
        if any(code in EXISTS for code, _ in errors(answer)):
            return Settled(False)
        return Settled(True, self.accepted(answer).text("result", "content"))

    def delete(self, zone: str, row: dict[str, Any]) -> None:
        answer = self.ask("DELETE", f"/zones/{zone}/dns_records/{quote(str(row['id']), safe='')}")
        if answer.status != 404:  # gone meanwhile is gone
            self.accepted(answer)

    def write_text(self, name: str, value: str) -> Outcome:
        """Cloudflare wants the text of a TXT record in quotation marks, as a zone file has it."""
        try:
            settled = self.settle(name, "TXT", f'"{value}"' if value else CLEAR)
        except Failed as failed:
            return failed.outcome
        except Unreachable as trouble:
            return Outcome(Kind.NETWORK, self.shown(f"{self.TITLE}: {trouble}"))
        return Outcome(Kind.GOOD if settled.changed else Kind.NOCHG)


def errors(answer: Answer) -> list[tuple[str, str]]:
    """Code and message of each error, the causes (`error_chain`) after what they caused."""
    found = []
    for row in answer.rows("errors"):
        for line in (row, *Answer(0, row).rows("error_chain")):
            found.append((str(line.get("code", "")), str(line.get("message", "")).rstrip(".")))
    return found
