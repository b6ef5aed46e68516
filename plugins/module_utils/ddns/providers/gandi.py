# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Gandi's LiveDNS API: https://api.gandi.net/docs/livedns

- A record set is at /domains/ZONE/records/NAME/TYPE: GET (404 where there is none), PUT {"rrset_values", "rrset_ttl"} -> 201, DELETE -> 204 (lego,
  providers/dns/gandiv5; ddns-updater). The zone itself is `@`. PUT replaces values and TTL, so the TTL that was found is sent back.
- `Authorization: Bearer` with a Personal Access Token; API keys are deprecated. 401: the token is unknown; 403: it has expired or may not do this.
- Errors are {"code", "message", "object", "cause"}. TTL at least 300 s. 1000 requests a minute from one address, then 429.
"""

from __future__ import annotations

from urllib.parse import quote

from ..model import CLEAR, Capabilities, Kind, Option
from .json_api import Answer, JsonApi, Settled, same
from .zone import ascii_name

ADVICE = {
    401: "Make a Personal Access Token and write it into token.",
    403: "The token may have expired, or lacks the permission to manage the technical configuration of this domain.",
    404: "The domain must use Gandi's LiveDNS, and the token's organisation must own it.",
}


class Gandi(JsonApi):
    """A Personal Access Token that may manage the domain's technical configuration."""

    NAME = "gandi"
    TITLE = "Gandi"
    BASE = "https://api.gandi.net/v5/livedns"
    CAPABILITIES = Capabilities(together=False, clear=("ipv4", "ipv6"), wildcard=True)
    OPTIONS = {
        "token": Option(required=True, secret=True),
        "zone": Option("host_name", required=True),
        "ttl": Option("integer", default="300"),
    }

    def credentials(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.account.secrets.get('token', '')}"}

    def refusal(self, answer: Answer) -> tuple[Kind | None, str]:
        if 200 <= answer.status < 300:
            return None, ""
        said = (answer.text("message") or answer.text("cause")).rstrip(".")
        return None, " ".join(filter(None, (f"{said}." if said else "", ADVICE.get(answer.status, ""))))

    def place(self, host: str, record: str) -> str:
        return f"/domains/{quote(ascii_name(self.option('zone')))}/records/{quote(self.inside(host), safe='@*')}/{record}"

    def record_set(self, host: str, record: str) -> tuple[list[str], int]:
        """Values and TTL of a set; no values where there is no such set."""
        answer = self.ask("GET", self.place(host, record))
        if answer.status == 404:
            return [], 0
        values, ttl = self.listed(answer, "rrset_values"), answer.at("rrset_ttl")
        return [str(value) for value in values], ttl if isinstance(ttl, int) else 0

    def contents(self, host: str, record: str) -> list[str]:
        return self.record_set(host, record)[0]

    def settle(self, host: str, record: str, value: str) -> Settled:
        found, ttl = self.record_set(host, record)
        if value == CLEAR:
            if found:
                answer = self.ask("DELETE", self.place(host, record))
                if answer.status != 404:  # gone meanwhile is gone
                    self.accepted(answer)
            return Settled(bool(found))
        if len(found) == 1 and same(found[0], value):
            return Settled(False, value)
        wish = {"rrset_values": [value], "rrset_ttl": ttl or int(self.option("ttl"))}
        self.accepted(self.ask("PUT", self.place(host, record), wish))
        return Settled(True)
