# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether CAA records let the authority of a certificate issue the next one. Needs dnspython, by the answers that it is given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..acme import answer, caa
from ..acme.authorities import SECTIGO
from ..acme.problem import Problem
from ..certificates.pem import is_address
from ..network.challenge import CHALLENGES
from .findings import WARNING, Finding, finding
from .read import Cert

ISSUERS = {
    "let's encrypt": ("letsencrypt.org",),
    "google trust services": ("pki.goog",),
    "zerossl": SECTIGO,
    "sectigo": SECTIGO,
    "buypass": ("buypass.com", "buypass.no"),
    "digicert": ("digicert.com",),
    "actalis": ("actalis.it",),
    "ssl corp": ("ssl.com",),
}
"""The names of authorities in CAA records, by the organisation of their certificates."""

UNREAD = ("caa-unread",)


def identities(leaf: Cert) -> tuple[str, ...]:
    return next((names for issuer, names in ISSUERS.items() for word in leaf.issuer_words if issuer in word.lower()), ())


def judge(leaf: Cert, wanted: Sequence[str], ask: answer.Ask, challenge: str, account: str, where: str) -> Iterator[Finding]:
    """For the names of the certificate, and those that are expected of it. `challenge` is '' where it is not known: then one that is allowed will do."""
    own = identities(leaf)
    names = [name for name in dict.fromkeys((*leaf.names, *wanted)) if not is_address(name)]
    if not own or not leaf.public:
        return
    told: set[tuple[str, str]] = set()
    for name in names:
        read: list[answer.Answer] = []

        def remembering(place: str, kind: str, read: list[answer.Answer] = read) -> answer.Answer:
            read.append(ask(place, kind))
            return read[-1]

        problems = [caa.check(name, caa.Asker(own, one, account), remembering) for one in ([challenge] if challenge else CHALLENGES)]
        if not all(problems):
            continue
        problem = problems[0][0]
        kind = of(problem, name, read[-1], caa.Asker(own, challenge or CHALLENGES[0], account))
        if (kind, problem.seen) not in told:
            told.add((kind, problem.seen))
            what = f"{where}: CAA records of {name} {'may ' if problem.severity == WARNING else ''}forbid the next renewal."
            if kind == "caa_unread":
                what = f"{where}: the CAA records of {name} could not be read."
            yield finding(
                kind, what, problem.advice, [problem.seen], [name], problem.kind, WARNING if problem.severity == WARNING and kind != "caa_unread" else ""
            )


def of(problem: Problem, name: str, last: answer.Answer, asker: caa.Asker) -> str:
    if problem.kind in UNREAD:
        return "caa_unread"
    if problem.kind == "caa-account":
        return "caa_account_or_method_mismatch"
    if problem.kind == "caa":
        pairs = [(caa.text(record.tag).lower(), caa.text(record.value)) for record in last.records]
        wild = name.startswith("*.") and any(tag == "issuewild" for tag, _ in pairs)
        verdicts = {caa.admits(value, asker) for tag, value in pairs if tag == ("issuewild" if wild else "issue")}
        if verdicts & {"account", "method"}:
            return "caa_account_or_method_mismatch"
        if wild:
            return "caa_forbids_wildcard"
    return "caa_forbids_issuer"
