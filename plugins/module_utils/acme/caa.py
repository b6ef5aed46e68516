# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a domain's CAA records (RFC 8659, RFC 8657) let a CA issue, told before the CA says no."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from . import lookup
from .problem import WARNING, Problem, printable

UNDERSTOOD = frozenset({"issue", "issuewild", "iodef"})
"""What Let's Encrypt's CA knows (va/caa.go of letsencrypt/boulder): any other tag that is marked critical makes it refuse."""

CRITICAL = 128 | 1
"""The flag is 128. Let's Encrypt takes 1 for it as well, a common slip."""

PARAMETER = re.compile(r"([A-Za-z0-9]+(?:-+[A-Za-z0-9]+)*)[ \t]*=[ \t]*([\x21-\x3a\x3c-\x7e]*)")

WHY = {"account": "name another account at this CA than the one of this server", "method": "do not admit the challenge {challenge}"}


@dataclass(frozen=True)
class Asker:
    """Who will ask for a certificate: the CA's names, the challenge, and the address of the account at the CA ('' while there is none)."""

    identities: tuple[str, ...]
    challenge: str
    account: str = ""


def check(identifier: str, asker: Asker, ask: lookup.Ask) -> list[Problem]:
    """What speaks against a certificate for this name, which may be a wildcard."""
    labels = identifier.removeprefix("*.").split(".")
    for start in range(len(labels)):
        place = ".".join(labels[start:])
        answer = ask(place, "CAA")
        if answer.state == lookup.FOUND:
            return judged(identifier, place, answer.records, asker)
        if start == len(labels) - 1:
            break  # a top level domain that gives no answer is this server's trouble, not the CA's
        if answer.state == lookup.SERVFAIL:
            return [
                Problem(
                    "caa-servfail",
                    identifier,
                    f"The name servers of {place} fail when they are asked for its CAA records (SERVFAIL), and a CA then refuses.",
                    "Check the zone at your DNS provider, its DNSSEC above all, or ask the provider for help.",
                )
            ]
        if answer.state in (lookup.TIMEOUT, lookup.BROKEN):
            return [
                Problem(
                    "caa-unread",
                    identifier,
                    f"The resolver of this server gives no answer on the CAA records of {place}; should the CA get none either, it refuses.",
                    "Nothing has to be done where the order succeeds; else ask your DNS provider, or let this server use another resolver.",
                    WARNING,
                )
            ]
    return []


def judged(identifier: str, place: str, records: tuple[Any, ...], asker: Asker) -> list[Problem]:
    """What the records found at a place say."""
    read = [(record.flags, text(record.tag).lower(), text(record.value)) for record in records]
    for flags, tag, _ in read:
        if flags & CRITICAL and tag not in UNDERSTOOD:
            seen = f'A CAA record of {place} is marked critical and has the tag "{printable(tag)}", which CAs do not know: they refuse.'
            return [Problem("caa-critical", identifier, seen, "Take that record out at your DNS provider, or its flag (make it 0).")]
    wild = identifier.startswith("*.") and any(tag == "issuewild" for _, tag, _ in read)
    values = [value for _, tag, value in read if tag == ("issuewild" if wild else "issue")]
    if not values:
        return []
    verdicts = [admits(value, asker) for value in values]
    if "" in verdicts:
        return []
    tag = "issuewild" if wild else "issue"
    wanted = f'{place} CAA 0 {tag} "{asker.identities[0]}"'
    shown = ", ".join(f'{tag} "{printable(value)}"' for value in values[:5])
    if "account" in verdicts and not asker.account:
        seen = f"The CAA records of {place} ({shown}) admit one account at the CA alone, and the account of this server is not known yet."
        return [Problem("caa-account", identifier, seen, "Where the order fails, put this server's account into that record (accounturi).", WARNING)]
    why = next((WHY[verdict] for verdict in ("account", "method") if verdict in verdicts), "do not name this CA")
    seen = f"The CAA records of {place} ({shown}) {why.format(challenge=asker.challenge)}, so {asker.identities[0]} refuses."
    return [Problem("caa", identifier, seen, f"Add this record at your DNS provider: {wanted}")]


def admits(value: str, asker: Asker) -> str:
    """'' where a value lets the CA issue, else what is against it: issuer, account, method."""
    issuer, *rest = (part.strip(" \t") for part in value.split(";"))
    if issuer not in asker.identities:
        return "issuer"  # to the letter, capitals too, as Let's Encrypt compares
    if rest == [""]:
        return ""
    parameters: dict[str, str] = {}
    for part in rest:
        found = PARAMETER.fullmatch(part)
        if not found or found[1].lower() in parameters:
            return "issuer"  # not as RFC 8659 writes it: a CA takes such a value for one that admits nobody
        parameters[found[1].lower()] = found[2]
    if "accounturi" in parameters and parameters["accounturi"] != asker.account:
        return "account"
    if "validationmethods" in parameters and asker.challenge not in parameters["validationmethods"].split(","):
        return "method"
    return ""


def text(raw: bytes) -> str:
    return raw.decode("ascii", "replace")
