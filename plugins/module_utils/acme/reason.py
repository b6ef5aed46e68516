# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Why an order failed, read from what certbot printed: a kind that a program can act on, and a sentence for the owner.

certbot prints the type of a problem only where a challenge failed; everything else is told by the words of the CA alone.
"""

from __future__ import annotations

import datetime
import re
import unicodedata
from typing import NamedTuple

LONGEST = 400
WIDEST = 1000
MOST_LINES = 300
LOG = "/var/log/letsencrypt/letsencrypt.log"

NOT_SPENT = frozenset({"unreachable", "untrusted", "plugin", "credentials", "webroot", "busy", "external_account", "contact"})
"""Kinds that end before an order exists, or before the CA tries anything: they use nothing up at the CA."""


class Reason(NamedTuple):
    """Why an order failed; `retry_at` is the time (seconds since 1970) before which the CA refuses, where it said so."""

    kind: str
    sentence: str
    retry_at: float | None = None


CHALLENGE = {
    "caa": ("caa", "A CAA record forbids the CA to issue for {name}", "Add the CA to the CAA records at your DNS provider, or take them out."),
    "dns": ("dns", "The CA could not look up {name} in the DNS", "Check at your DNS provider that the name has a record and that its name servers answer."),
    "connection": (
        "connection",
        "The CA could not reach {name}",
        "Forward port 80 of the router to this server, let it through the firewall, and check the name's A and AAAA records.",
    ),
    "unauthorized": (
        "unauthorized",
        "The CA got a wrong answer from {name}",
        "Check that the name leads to this server, in IPv6 too, and that nothing else answers its port 80.",
    ),
    "tls": ("unauthorized", "The CA met a TLS error at {name}", "Look at what port 80 of the name redirects to."),
}
"""Type of a problem as certbot prints it -> kind, what happened, what to do."""
CAA_UNREAD = ("caa", "The CA could not read the CAA records of {name}, and then refuses", "Its name servers must answer: ask your DNS provider.")
TXT = ("unauthorized", "The CA found a wrong TXT record for {name}", "Take old _acme-challenge records out, or wait longer for the DNS provider to publish.")

WORDS = [
    ("busy", r"Another instance of Certbot is already running", "Another certbot is at work on this server", "Wait until it has ended, then run again."),
    (
        "plugin",
        r"The requested \S+ plugin does not appear to be installed|unrecognized arguments: |Could not select or initialize the requested",
        "certbot lacks the plugin of this DNS provider",
        "Install its package (python3-certbot-dns-<provider>).",
    ),
    (
        "credentials",
        r"File not found: |Missing propert(?:y|ies) in credentials configuration file|Error parsing credentials configuration|Error determining zone identifier"
        r"|Invalid (?:access|API) token|Authentication error|Unknown X-Auth-Key",
        "The credentials for the DNS provider are missing or not accepted",
        "Check the token of exposure_acme and its rights on the zone.",
    ),
    (
        "dns_provider",
        r"(?:Error|Encountered error) adding TXT record|Unable to determine (?:base domain|zone)|Received response from server: ",
        "The DNS provider did not take the TXT record of the challenge",
        "Check the provider's token or key and that it may change this zone.",
    ),
    (
        "webroot",
        r" does not exist or is not a directory|Unable to create root for http-01",
        "The folder for the challenge's file is not there",
        "Run the playbook again: it makes the folder.",
    ),
    (
        "paused",
        r"Your account is temporarily prevented from requesting certificates for",
        "The CA has paused this name after many failures in a row, and waiting does not lift that",
        f"Mend the cause, then open the link that the CA wrote into {LOG}.",
    ),
    (
        "rate_limited",
        r"too many (?:currently pending|failed|new|certificates|registrations|requests)|\brateLimited\b|Service busy; retry later|\bretry after \d{4}-\d\d-\d\d"
        r"|Rate limit",
        "The CA refuses more orders for now",
        "It is tried again later by itself; more tries now make it longer.",
    ),
    (
        "external_account",
        r"Server requires external account binding|externalAccountRequired|\bfield 'kid'|external account",
        "This CA wants an account made on its web site first",
        "Put the key id and the HMAC key of that account into exposure_acme.",
    ),
    (
        "contact",
        r"The ACME server believes \S+ is an invalid email address|(?:invalidContact|unsupportedContact|contact email)",
        "The CA does not take the e-mail address of the account",
        "Give an address of your own in exposure_acme.email.",
    ),
    (
        "invalid_profile",
        r"\bprofile\b.*(?:not recognized|not (?:supported|available|permitted)|unknown|invalid)|invalidProfile",
        "The CA does not know the profile that was asked for",
        "Take exposure_acme.profile out, or use one that the CA lists in its directory.",
    ),
    (
        "caa",
        r"CAA records? .*(?:prevents?|forbids?)|\berror:caa\b",
        "A CAA record forbids this CA to issue",
        "Add the CA to the CAA records at your DNS provider, or take them out.",
    ),
    (
        "rejected_identifier",
        r"rejectedIdentifier|Cannot issue for |forbidden by policy|unsupportedIdentifier|refuses to issue",
        "The CA does not issue certificates for such a name",
        "Use a name of a public domain that is yours, or a local certificate (tls: local).",
    ),
    (
        "bad_nonce",
        r"\banti-replay nonce\b|\bbadNonce\b",
        "The CA refused a request as outdated",
        "This passes by itself; where it stays, check the server's clock and any proxy between it and the CA.",
    ),
    (
        "untrusted",
        r"CERTIFICATE_VERIFY_FAILED",
        "This server does not trust the certificate of the CA's own web address",
        "For a CA of your own give its root as exposure_acme.ca_root; else check this server's clock.",
    ),
    (
        "server_internal",
        r"\bserverInternal\b|<Response \[5\d\d\]>|Error creating new order|down for maintenance|Internal Server Error",
        "The CA has a fault of its own",
        "Nothing is wrong here: it is tried again later.",
    ),
    (
        "unreachable",
        r"(?:NameResolutionError|Temporary failure in name resolution|Name or service not known)|(?:ConnectTimeout|ReadTimeout|NewConnectionError|Max retries)"
        r"|Requesting \S+: |(?:Connection refused|Network is unreachable|timed out|Connection aborted|RemoteDisconnected|No route to host)",
        "This server cannot reach the CA",
        "Check its internet connection, its resolver and exposure_acme.directory.",
    ),
]
"""Kind, the line that tells it, what happened, what to do; the first kind that any line tells counts."""

KINDS = frozenset({kind for kind, *_ in WORDS} | {kind for kind, *_ in CHALLENGE.values()})

NOISE = re.compile(
    r"^(?:Saving debug log to|Ask for help or search|Requesting a certificate for|Renewing an existing certificate|An unexpected error occurred:"
    r"|Account registered|Encountered exception during recovery).*$",
    re.MULTILINE,
)
FIELD = re.compile(r" *(Domain|Type|Detail): *(.*)")
TYPED = re.compile(r"urn:(?:ietf:params:)?acme:error:(\w+)")
RETRY = re.compile(r"retry after (\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d)", re.IGNORECASE)


def reason(output: str) -> Reason:
    """Why certbot failed, from its stdout and stderr; never more than 400 characters, and nothing that moves a terminal's cursor."""
    text = clean(output)
    problems = challenges(text)
    if problems:
        return of_challenge(problems)
    body = [line[:WIDEST] for line in re.sub(r"\n \* ", " * ", NOISE.sub("", text)).splitlines()[-MOST_LINES:] if re.search(r"\w", line)]
    for kind, pattern, what, advice in WORDS:
        for line in body:
            if re.search(pattern, line, re.IGNORECASE):
                return Reason(kind, sentence(what, line, advice), retry_at(line) if kind == "rate_limited" else None)
    return Reason("unknown", sentence("certbot failed", body[-1] if body else "without a word", f"{LOG} on this server says more."))


def challenges(text: str) -> list[dict[str, str]]:
    """What certbot lists of each challenge that failed: Domain, Type, Detail; a detail goes on until an empty line."""
    found: list[dict[str, str]] = []
    last = ""
    for line in text.splitlines()[-MOST_LINES:]:
        field = FIELD.fullmatch(line[:WIDEST])
        if field and field[1] == "Domain":
            found.append({})
        if field and found:
            last = field[1]
            found[-1][last] = field[2].strip()
        elif found and last == "Detail" and line.strip():
            found[-1][last] += f" {line.strip()[:WIDEST]}"
        else:
            last = ""
    return [problem for problem in found if len(problem) == len(("Domain", "Type", "Detail"))]


def of_challenge(problems: list[dict[str, str]]) -> Reason:
    """What the CA said of the first name whose challenge failed, and how many others there are."""
    first = problems[0]
    kind = TYPED.sub(r"\1", first["Type"])
    what = CHALLENGE.get(kind)
    detail = first["Detail"]
    if kind == "unauthorized" and "TXT record" in detail:
        what = TXT
    elif kind == "dns" and "looking up CAA" in detail:
        what = CAA_UNREAD
    elif re.search(r"could not resolve URL|NXDOMAIN", detail):
        what = CHALLENGE["dns"]
    if what is None:
        spelled = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind).lower()
        what = (spelled if spelled in KINDS else "unknown", "The CA did not accept {name}", f"{LOG} on this server says more.")
    others = len({problem["Domain"] for problem in problems} - {first["Domain"]})
    name = first["Domain"][:80] + (f" (and {others} more)" if others else "")
    return Reason(what[0], sentence(what[1].format(name=name), detail, what[2]), retry_at(detail))


def sentence(what: str, said: str, advice: str) -> str:
    """What happened, the CA's or certbot's own words as far as there is room, and what to do."""
    words = re.sub(r"https?://\S{100,}", "...", " ".join(said.split())).rstrip(".")
    room = LONGEST - len(what) - len(advice) - len(' (""). ')
    if len(words) > room:
        words = words[: max(room - 3, 0)] + "..."
    return f'{what} ("{words}"). {advice}'[:LONGEST]


def clean(output: str) -> str:
    """The text without terminal sequences and control or invisible characters; lines stay lines."""
    plain = re.sub(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)", "", output.replace("\r\n", "\n"))
    return "".join(c for c in plain if c == "\n" or (unicodedata.category(c)[0] != "C" and unicodedata.category(c) not in ("Zl", "Zp")))


def retry_at(text: str) -> float | None:
    """The time that the CA named, which is UTC in what Let's Encrypt writes."""
    found = RETRY.search(text)
    if not found:
        return None
    try:
        return datetime.datetime.fromisoformat(found[1]).replace(tzinfo=datetime.UTC).timestamp()
    except ValueError:
        return None
