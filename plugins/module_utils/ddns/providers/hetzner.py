# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""DNS in the Hetzner Cloud API: https://docs.hetzner.cloud/reference/cloud#zone-rrsets (the API of dns.hetzner.com has ended).

- A record set is read at /zones/Z/rrsets/NAME/TYPE (404 where there is none), replaced by its action `set_records`, made by POST to /zones/Z/rrsets and
  removed by DELETE; each write answers with an action that is asked after at /actions/ID until it says success or error (hetznercloud/hcloud-python,
  hcloud/zones/client.py; lego, providers/dns/hetzner/internal/hetznerv1). Names are in Punycode, the zone itself is `@`.
- Errors are {"error": {"code", "message", "details"}}; those to try again are rate_limit_exceeded, conflict, locked, bad_gateway, timeout, unavailable,
  maintenance, service_error (hcloud-python, hcloud/_client.py; the list of codes in the API's description).
- TTL at least 60 s.
"""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import quote

from ..model import CLEAR, Capabilities, Kind, Option
from .json_api import Answer, Failed, JsonApi, Settled, same
from .zone import ascii_name

POLLS = 5
POLL_EVERY = 1.0

CODES = {
    "unauthorized": Kind.AUTH,
    "rate_limit_exceeded": Kind.RATE_LIMITED,
    "not_found": Kind.NOT_FOUND,
    **dict.fromkeys(("forbidden", "protected", "incorrect_zone_mode", "resource_limit_exceeded", "token_readonly"), Kind.NOT_ALLOWED),
    **dict.fromkeys(
        ("conflict", "locked", "bad_gateway", "timeout", "unavailable", "resource_unavailable", "maintenance", "service_error", "server_error"), Kind.SERVER
    ),
}
ADVICE = {
    "unauthorized": "Make a new token in the project that holds the zone.",
    "forbidden": "The token needs the permission Read & Write.",
    "token_readonly": "The token needs the permission Read & Write.",
    "protected": "Take the record's protection off at Hetzner.",
    "incorrect_zone_mode": "This zone is a secondary one: its records are written elsewhere.",
    "not_found": "The zone must exist in the token's project.",
}


class Hetzner(JsonApi):
    """A token with Read & Write of the project in which the zone is."""

    NAME = "hetzner"
    TITLE = "Hetzner"
    BASE = "https://api.hetzner.cloud/v1"
    CAPABILITIES = Capabilities(together=False, clear=("ipv4", "ipv6"), wildcard=True)
    OPTIONS = {
        "token": Option(required=True, secret=True),
        "zone": Option("host_name", required=True),
        "ttl": Option("integer", default="60"),
    }

    def credentials(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.account.secrets.get('token', '')}"}

    def refusal(self, answer: Answer) -> tuple[Kind | None, str]:
        code = answer.text("error", "code")
        if not code:
            return None, ""
        kind = CODES.get(code) or (Kind.UNKNOWN if 200 <= answer.status < 300 else None)
        return kind, " ".join(filter(None, (f"{answer.text('error', 'message').rstrip('.')} ({code}).", ADVICE.get(code, ""))))

    def place(self, host: str, record: str) -> str:
        return f"/zones/{quote(ascii_name(self.option('zone')))}/rrsets/{quote(self.inside(host), safe='@*')}/{record}"

    def record_set(self, host: str, record: str) -> list[dict[str, Any]] | None:
        """The records of a set, None where there is no such set. A zone that does not exist looks the same, until something is written."""
        answer = self.ask("GET", self.place(host, record))
        return None if answer.status == 404 else self.objects(answer, "rrset", "records")

    def contents(self, host: str, record: str) -> list[str]:
        return [str(row.get("value", "")) for row in self.record_set(host, record) or []]

    def settle(self, host: str, record: str, value: str) -> Settled:
        found = self.record_set(host, record)
        if value == CLEAR:
            if found is None:
                return Settled(False)
            answer = self.ask("DELETE", self.place(host, record))
            if answer.status != 404:  # gone meanwhile is gone
                self.finish(self.accepted(answer))
            return Settled(True)
        if found and len(found) == 1 and same(str(found[0].get("value", "")), value):
            return Settled(False, value)
        if found is None:
            wish: dict[str, Any] = {"name": self.inside(host), "type": record, "ttl": int(self.option("ttl")), "records": [{"value": value}]}
            answer = self.ask("POST", f"/zones/{quote(ascii_name(self.option('zone')))}/rrsets", wish)
        else:
            comment = next((str(row["comment"]) for row in found if row.get("comment")), "")
            kept = {"value": value, "comment": comment} if comment else {"value": value}
            answer = self.ask("POST", f"{self.place(host, record)}/actions/set_records", {"records": [kept]})
        self.finish(self.accepted(answer))
        return Settled(True)

    def finish(self, answer: Answer) -> None:
        """Wait for the end of an action, but not for long: one that still runs was accepted, and the name servers tell how it went."""
        for turn in range(POLLS + 1):
            status, number = answer.text("action", "status"), answer.text("action", "id")
            if status == "error":
                code, message = answer.text("action", "error", "code"), answer.text("action", "error", "message")
                raise Failed(CODES.get(code, Kind.UNKNOWN), self.shown(f"Hetzner took the change but failed to carry it out: {message} ({code})"))
            if status != "running" or not number.isdigit() or turn == POLLS:
                return
            time.sleep(POLL_EVERY)
            answer = self.accepted(self.ask("GET", f"/actions/{number}"))
