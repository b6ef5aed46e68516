# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How long the certificate of a site still lives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from .words import clock, mapping, moment, plural, span

GOOD, LATE, CRITICAL, OVER, FUTURE = "good", "late", "critical", "over", "future"

IN_HOURS = timedelta(days=10)
"""Lives up to this length are told in hours."""
WARN_LEFT, CRITICAL_LEFT = 0.31, 1 / 6
"""Shares of a life: a renewal is due when a third is left, and may be a few hours late by its timer."""


@dataclass(frozen=True)
class Life:
    """`spent` and `due_at` are shares of the life, 0 to 1. `due` is when a renewal is due: the start of the authority's window where it was asked, else when
    a third is left."""

    issued: str
    expires: str
    due: str
    spent: float
    due_at: float
    state: str
    told: str
    renewal: str
    short: str
    issuer: str
    subject: str
    names: tuple[str, ...]
    key: str
    fingerprint: str


def life_of(seen: Mapping[str, Any], now: datetime) -> Life | None:
    """Of an endpoint as the inspector tells it (inspection/inspector.py: as_json); None where no certificate was seen, or its dates are beyond reading."""
    its = mapping(seen.get("certificate"))
    start, end = moment(its.get("not_before")), moment(its.get("not_after"))
    if not start or not end or end <= start:
        return None
    whole, left = end - start, end - now
    due = moment(mapping(seen.get("renewal_window")).get("start")) or start + whole * 2 / 3
    share = left / whole
    state = FUTURE if now < start else OVER if left < timedelta() else CRITICAL if share < CRITICAL_LEFT else LATE if share < WARN_LEFT else GOOD
    unit, name = (timedelta(hours=1), "hour") if whole <= IN_HOURS else (timedelta(days=1), "day")
    total = round(whole / unit)
    told = {
        FUTURE: f"valid in {span(start - now)} only",
        OVER: f"expired {span(left)} ago",
    }.get(state, f"{int(left / unit)} of {plural(total, name)} left")
    short = {FUTURE: "not yet valid", OVER: "expired"}.get(state, f"{int(left / unit)}/{total} {name}s")
    renewal = f"renewal due in {span(due - now)}" if now < due else f"renewal {span(now - due)} late"
    return Life(
        issued=clock(start),
        expires=clock(end),
        due=clock(due),
        spent=between((now - start) / whole),
        due_at=between((due - start) / whole),
        state=state,
        told=told,
        renewal=renewal if state != FUTURE else "",
        short=short,
        issuer=str(its.get("issuer", "")),
        subject=str(its.get("subject", "")),
        names=tuple(str(name) for name in its.get("names") or ()),
        key=f"{str(its.get('key_type', '')).upper()} {its.get('key_bits') or ''}".strip(),
        fingerprint=str(its.get("fingerprint", "")),
    )


def between(share: float) -> float:
    return round(max(0.0, min(1.0, share)), 4)


def lives(certificates: Iterable[Mapping[str, Any]], now: datetime) -> list[Life]:
    """Each different certificate once, the one that ends first at the head."""
    found = [(life_of(one, now), mapping(one.get("certificate"))) for one in certificates]
    different = {life.fingerprint: (its.get("not_after", ""), life) for life, its in found if life}
    return [life for _, life in sorted(different.values(), key=lambda one: str(one[0]))]
