# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is wrong or worth knowing, whoever saw it, in one form: alike things are said once, with all that they are about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from .life import Life
from .vantages import Check, Vantage, outcomes
from .words import entries, mapping, plural, sentences

WEIGHT = {"error": 0, "warning": 1, "note": 2}
SOURCES = ("site", "app", "certificate", "host", "watch", "network")
"""In this order, among equals."""
NAME = "\0"
"""Stands for the name that a sentence is about, while alike sentences are put together."""


@dataclass(frozen=True)
class Said:
    """`what` are sentences, one for each thing that it is about; `seen` is the evidence, `by` are the vantages or hosts that saw it."""

    severity: str
    id: str
    source: str
    what: tuple[str, ...]
    why: str = ""
    advice: str = ""
    seen: tuple[str, ...] = ()
    about: tuple[str, ...] = ()
    by: tuple[str, ...] = ()


def in_order(findings: Iterable[Said]) -> list[Said]:
    """Those of one kind with one advice as one, the gravest first."""
    together: dict[tuple[str, ...], Said] = {}
    for one in findings:
        key = (one.severity, one.id, one.source, one.why, one.advice, "" if one.source == "certificate" else one.what[0])
        together[key] = joined(together[key], one) if key in together else one
    return sorted(together.values(), key=lambda one: (WEIGHT[one.severity], SOURCES.index(one.source)))


def joined(one: Said, other: Said) -> Said:
    def both(mine: tuple[str, ...], its: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*mine, *its)))

    return replace(one, what=both(one.what, other.what), seen=both(one.seen, other.seen), about=both(one.about, other.about), by=both(one.by, other.by))


def weight(value: object) -> str:
    """What no severity is said for is a warning."""
    return str(value) if value in WEIGHT else "warning"


def of_checks(results: Mapping[str, Any]) -> list[Said]:
    """What failed. The same failure of many names, from many vantages, is one entry."""
    together: dict[tuple[str, ...], Said] = {}
    for vantage, one in outcomes(results):
        if one.get("ok") is not False:
            continue
        host, check, detail, advice = (str(one.get(key) or "") for key in ("host", "check", "detail", "advice"))
        address = str(one.get("address") or "")
        key = tuple(text.replace(host, NAME) if host else text for text in (check, detail.replace(address, "") if address else detail, advice))
        found = Said("error", check, "site", (detail,), "", advice, (), (host,), (f"{vantage} [{address}]" if address else vantage,))
        together[key] = joined(together[key], found) if key in together else found
    return list(together.values())


def of_vantages(lost: Iterable[Vantage]) -> Iterator[Said]:
    for one in lost:
        advice = "See that Ansible reaches it (ansible -m ping), and run the proof again."
        yield Said("error", "could not look", "site", (f"{one.name} could not look: {one.why}",), "What it would have seen is not proven.", advice)


def of_troubles(troubles: Iterable[object]) -> Iterator[Said]:
    return (Said("error", "before the proof", "site", (str(one),)) for one in troubles)


def of_left_to_do(told: Iterable[object]) -> Iterator[Said]:
    return (Said("note", "not in this run", "site", (str(one),)) for one in told)


NOT_FOR_A_SERVER = frozenset({"untrusted_chain", "self_signed", "trust_store_unreadable"})
"""What the store of the server itself has no say in: those of its visitors count."""


def of_certificates(results: Mapping[str, Any], wrong: Sequence[Said]) -> Iterator[Said]:
    """What the inspector found, without what a failed check says already."""
    failed = [(about, f"{about}: {what}") for one in wrong if one.source == "site" for about in one.about for what in one.what]
    broken = {about for about, _ in failed}
    for vantage, result in results.items():
        for seen in entries(result.get("certificates")):
            host = str(seen.get("host", ""))
            for one in entries(seen.get("findings")):
                what, name = str(one.get("what", "")), str(one.get("id", ""))
                bare = what.removeprefix(f"{seen.get('target', '')}: ").rstrip(".")
                told = any(host == about and bare and bare in text for about, text in failed) or (name == "endpoint_unreachable" and host in broken)
                if told or (result.get("kind") == "server" and name in NOT_FOR_A_SERVER):
                    continue
                kind = f"{name}: {one['kind']}" if one.get("kind") else name
                yield Said(
                    *(weight(one.get("severity")), kind, "certificate", (what,), str(one.get("why", "")), str(one.get("advice", ""))),
                    *(sentences(one.get("seen")), (host,), (vantage,)),
                )


def of_different(sites: Iterable[tuple[str, Sequence[Life], Sequence[Check]]]) -> Iterator[Said]:
    """Names that do not show the same certificate everywhere."""
    for host, certificates, _ in sites:
        if len(certificates) > 1:
            what = f"{host}: {len(certificates)} different certificates are shown, depending on where one looks from."
            advice = (
                "Where it was renewed a moment ago, run the proof again. Otherwise an address of the name leads to another server, or one was not reloaded."
            )
            seen = [f"By {one.issuer}, {one.issued} to {one.expires}, SHA-256 {one.fingerprint[:16]}." for one in certificates]
            yield Said("warning", "certificates differ", "certificate", (what,), "Not every visitor gets the renewed one.", advice, tuple(seen), (host,))


def of_accounts(accounts: Mapping[str, Any]) -> Iterator[Said]:
    """Apps that nobody owns yet, or that came with log-ins of which nobody can see whether they still work."""
    for host, seen in accounts.items():
        for one in entries(mapping(seen).get("findings")):
            what, why, advice = (str(one.get(line) or "") for line in ("what", "why", "advice"))
            yield Said(weight(one.get("severity")), str(one.get("id", "")), "app", (what,), why, advice, (), sentences(one.get("about")), (host,))


def of_audits(audits: Mapping[str, Any]) -> Iterator[Said]:
    """What module exposure_audit found on each host."""
    for host, audit in audits.items():
        for one in entries(mapping(audit).get("findings")):
            what = (f"{host}: {one.get('where') or ''}", *sentences(one.get("seen")))
            yield Said(weight(one.get("severity")), str(one.get("id", "")), "host", what, str(one.get("why") or ""), str(one.get("do") or ""), by=(host,))
        if message := mapping(audit).get("message"):
            advice = "See that Ansible reaches it (ansible -m ping), and run the proof again."
            yield Said("warning", "not audited", "host", (f"{host} was not audited: {message}",), "What it exposes is not known.", advice, by=(host,))


def of_watches(watches: Mapping[str, Any], certificates: Sequence[Said]) -> Iterator[Said]:
    """What the watch of each host holds for wrong, without what was seen of certificates right now."""
    known = {(one.id.partition(":")[0], about) for one in certificates for about in one.about}
    for host, watch in watches.items():
        at = mapping(watch).get("at")
        seen_at = f"Its watch saw it at {datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC." if isinstance(at, int | float) and 0 <= at < 4e9 else ""
        for one in entries(mapping(watch).get("findings")):
            about = sentences(one.get("about"))
            if any((one.get("id"), name) in known for name in about):
                continue
            what = f"{host}: {one.get('what') or one.get('id') or ''}"
            yield Said(
                *(weight(one.get("severity")), str(one.get("id", "")), "watch", (what,), str(one.get("why") or "")),
                *(str(one.get("advice") or ""), (*sentences(one.get("seen")), *sentences(seen_at)), about, (host,)),
            )


PROVEN = {"inside": "inside the home", "outside": "outside", "not": ""}


def of_network(picture: Mapping[str, Any]) -> Iterator[Said]:
    """What the diagnosis found (network/findings.py)."""
    for one in entries(picture.get("findings")):
        yield Said(
            *(weight(one.get("severity")), str(one.get("id", "")), "network", (str(one.get("what", "")),), "", str(one.get("advice", ""))),
            *(sentences(one.get("evidence")), sentences(one.get("about")), sentences(PROVEN.get(str(one.get("proven")), ""))),
        )


def counted(findings: Iterable[Said]) -> str:
    """`2 problems, 1 warning`, '' for none."""
    number = dict.fromkeys(WEIGHT, 0)
    for one in findings:
        number[one.severity] += 1
    return ", ".join(plural(number[name], word) for name, word in {"error": "problem", "warning": "warning", "note": "note"}.items() if number[name])
