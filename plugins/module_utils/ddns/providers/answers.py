# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What providers answer, read to the letter: the words of the dyndns2 protocol, the HTTP status where a body says nothing, and when to come back.

Sources: https://help.dyn.com/return-codes/ (the words; one line for each name in the order of the names, what concerns the account or the system
stands there once), https://help.dyn.com/remote-access-api/policies (after which of them a client stops), and Dyn's guidelines (the body counts
whatever the HTTP status: 911 often comes with 500). Further words are those that ddclient's table of errors knows.
"""

from __future__ import annotations

import datetime
import ipaddress
import json
import re
from collections.abc import Iterable, Mapping
from email.utils import parsedate_to_datetime

from ..model import IPV4, IPV6, Kind, Outcome
from ..transport import Response

WORDS: Mapping[str, Kind] = {
    "good": Kind.GOOD,
    "nochg": Kind.NOCHG,
    "badauth": Kind.AUTH,
    "nohost": Kind.NOT_FOUND,
    "notfqdn": Kind.NOT_FOUND,
    "!yours": Kind.NOT_ALLOWED,
    "!donator": Kind.NOT_ALLOWED,
    "!active": Kind.NOT_ALLOWED,
    "numhost": Kind.NOT_ALLOWED,
    "badsys": Kind.NOT_ALLOWED,
    "abuse": Kind.ABUSE,
    "badagent": Kind.BAD_AGENT,
    "dnserr": Kind.SERVER,
    "911": Kind.SERVER,
}

STATUS: Mapping[int, Kind] = {
    400: Kind.NOT_ALLOWED,
    401: Kind.AUTH,
    403: Kind.NOT_ALLOWED,
    408: Kind.SERVER,
    409: Kind.SERVER,
    429: Kind.RATE_LIMITED,
}

WAIT = re.compile(r"w([0-9]{1,5})([smh])")
"""A time to wait, such as w30m (ddclient's nic_noip_update reads it so)."""

SECONDS = {"s": 1, "m": 60, "h": 3600}

IGNORED = "127.0.0.1"
"""With "good", where it was not asked for: the agent is barred and nothing was done (Dyn's return codes)."""


def read(response: Response, count: int, sent: Iterable[str] = (), words: Mapping[str, Kind] = WORDS, wait: float | None = None) -> list[Outcome]:
    """An outcome for each of so many names. `sent`: the addresses that were sent; `wait`: seconds that the provider wants between tries while it has
    trouble, where its answer does not say."""
    lines = spoken(response)
    found = [of_line(line, response, set(sent), words, wait) for line in lines] or [of_status(response, wait)]
    if len(found) == 1:
        return found * count
    missing = Outcome(Kind.UNKNOWN, f"{count} names were sent and only {len(found)} answered")
    return (found + [missing] * count)[:count]


def of_line(line: str, response: Response, sent: set[str], words: Mapping[str, Kind], wait: float | None) -> Outcome:
    word, _, rest = line.partition(" ")
    asked = WAIT.fullmatch(word)
    if asked:
        return Outcome(Kind.RATE_LIMITED, line, retry_after=float(asked[1]) * SECONDS[asked[2]])
    kind = words.get(word)
    if kind is None:
        return of_status(response, wait, line)
    echoed = addresses(rest) if kind in (Kind.GOOD, Kind.NOCHG) else {}
    if kind == Kind.GOOD and echoed.get(IPV4) == IGNORED and IGNORED not in sent:
        return Outcome(Kind.BAD_AGENT, line)
    return Outcome(kind, line, echoed, pause(kind, response, wait))


def of_status(response: Response, wait: float | None = None, line: str = "", known: Mapping[int, Kind] = STATUS) -> Outcome:
    """What the HTTP status says, where the body does not. A web page with 403 may come from something in between that the next try does not meet."""
    page = is_page(response)
    kind = known.get(response.status, Kind.SERVER if response.status >= 500 else Kind.UNKNOWN)
    if page and response.status == 403:
        kind = Kind.UNKNOWN
    what = line or (f"a web page: {title(response)}" if page else "nothing")
    said = f"HTTP {response.status}, {what}" if response.status != 200 or not line else line
    return Outcome(kind, said, retry_after=pause(kind, response, wait))


def spoken(response: Response) -> list[str]:
    """The lines of an answer. A web page is none."""
    if is_page(response):
        return []
    return [line.strip() for line in text(response).splitlines() if line.strip()]


def text(response: Response) -> str:
    return response.text.replace("\x00", "").removeprefix("\ufeff")


def is_page(response: Response) -> bool:
    begin = text(response).lstrip()[:20].lower()
    return begin.startswith(("<!doctype html", "<html", "<head", "<body", "<title", "<center", "<h1"))


def title(response: Response) -> str:
    found = re.search(r"<title[^>]*>([^<]{1,400})", text(response)[:20000], re.IGNORECASE)
    return found[1].strip() if found else "without a title"


def addresses(words: str) -> dict[str, str]:
    """Family -> the first address of it among words that commas or spaces part, each spelled as Python spells it."""
    found: dict[str, str] = {}
    for word in re.split(r"[,\s]+", words):
        try:
            address = ipaddress.ip_address(word)
        except ValueError:
            continue
        found.setdefault(IPV4 if address.version == 4 else IPV6, str(address))
    return found


def pause(kind: Kind, response: Response, wait: float | None) -> float | None:
    """Seconds to wait, after what may pass."""
    if kind not in (Kind.SERVER, Kind.RATE_LIMITED):
        return None
    said = retry_after(response)
    return wait if said is None and kind == Kind.SERVER else said


def retry_after(response: Response) -> float | None:
    """The header Retry-After in seconds (RFC 9110, 10.2.3). A date counts from the server's own clock, which may differ from that of this machine."""
    value = response.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdecimal() and len(value) <= 9:
        return float(value)
    until = moment(value)
    if until is None:
        return None
    now = moment(response.headers.get("date", "")) or datetime.datetime.now(datetime.UTC)
    return max(0.0, (until - now).total_seconds())


def moment(value: str) -> datetime.datetime | None:
    try:
        found = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=datetime.UTC)


def json_of(response: Response) -> object:
    """The body as JSON, None where it is none."""
    try:
        return json.loads(text(response))
    except (ValueError, RecursionError):
        return None
