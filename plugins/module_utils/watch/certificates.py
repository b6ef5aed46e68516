# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every site's certificate as it is served, and those of the store, judged by the inspector against their own life."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from ..inspection.findings import Finding as Inspected
from ..inspection.inspector import Inspection, Result, as_json
from ..inspection.model import Endpoint, File, Limits, endpoint_of, file_of
from ..inspection.model import Settings as InspectionSettings
from .model import ERROR, NO_CERTIFICATE, WARNING, Finding, Look, Settings, Site, finding

AREA = "certificates"
STORE = Path("/etc/exposure/certificates")
TIMEOUT, DEADLINE = 5.0, 45.0
"""Seconds for one connection, and for all of them."""

TRUST = frozenset(
    {
        *("untrusted_chain", "self_signed", "local_ca", "staging_ca", "missing_intermediate", "trust_store_unreadable"),
        *("issuer_unexpected", "root_sent", "expired_in_chain", "validity_too_long"),
    }
)
"""Who vouches: not asked where the owner chose an authority that is not public."""
OTHERS = frozenset({"expired", "not_yet_valid", "lifetime_fraction_low", "endpoint_unreachable", "name_mismatch"})
"""What is told of a certificate that an app has itself."""
TOLD_WARNINGS = frozenset({"lifetime_fraction_low", "renewal_overdue", "revoked"})
"""Other warnings do not come by themselves; the proof tells them."""
DAY = 86400.0


def look(settings: Settings, now: datetime, store: Path = STORE, cache: str = "", inspect: Callable[..., Inspection] = Inspection) -> Look:
    """One inspection of all. `cache`: where the authority's answers are kept."""
    found = Look(AREA)
    limits = Limits(settings.warn_left, settings.critical_left)
    ask = ("ari",) if settings.ari else ()
    about = InspectionSettings(now, TIMEOUT, DEADLINE, (), ask, limits, settings.directory, settings.roots, cache=cache)
    endpoints = [endpoint(site, store) for site in settings.sites]
    files = [stored(name, settings.sites, store) for name in settings.certificates]
    results = inspect(about).run(endpoints, files)
    told: set[tuple[str, str]] = set()
    for site, result in zip(settings.sites, results, strict=False):
        path = str(place(site.certificate, store)) if site.certificate else ""
        wanted = [one for one in result.findings if tells(one, site, settings.ari)]
        if any(one.id == "endpoint_unreachable" for one in result.findings):
            found.unseen.add(site.host)
        found.findings += [seen(one, site.host) for one in wanted] + days_left(result, settings, site.host, now)
        if not any(one.id == "served_differs_from_disk" for one in result.findings):
            told |= {(path, one.id) for one in found.findings if one.about == site.host}
        found.certificates.append(
            {
                "site": site.site,
                "host": site.host,
                "stored": path,
                "passed": site.passed,
                "trusted": site.trusted,
                **as_json(replace(result, findings=tuple(wanted)), about),
            }
        )
    for name, file, result in zip(settings.certificates, files, results[len(endpoints) :], strict=True):
        own = [seen(one, name) for one in result.findings if tells(one, Site(name, name, name, False), settings.ari)]
        own += days_left(result, settings, name, now)
        # What is served and what is stored are one certificate for most: it is told once, by its name.
        found.findings += [one for one in own if (file.path, one.id) not in told]
    return found


def place(name: str, store: Path) -> Path:
    return store / name / "fullchain.pem"


def endpoint(site: Site, store: Path) -> Endpoint:
    given: dict[str, Any] = {"endpoint": site.host if site.port == 443 else f"{site.host}:{site.port}", "connect_to": site.connect_to}
    if site.certificate:
        given["file"] = [str(place(site.certificate, store))]
    return endpoint_of(given)


def stored(name: str, sites: Iterable[Site], store: Path) -> File:
    return file_of({"path": str(place(name, store)), "names": [site.host for site in sites if site.certificate == name]})


def tells(one: Inspected, site: Site, ari: bool) -> bool:
    """Whether a watch tells of it: it can have come about since the last look, and is not as the owner declared it."""
    if one.severity not in (ERROR, WARNING) or (one.severity == WARNING and one.id not in TOLD_WARNINGS):
        return False
    if one.id == "renewal_overdue" and not ari:
        return False  # the share of its life says the same
    if site.passed:
        return one.id in OTHERS
    return site.trusted or one.id not in TRUST


def seen(one: Inspected, about: str) -> Finding:
    name = f"{one.id}:{one.kind}" if one.id == "served_differs_from_disk" else one.id
    return finding(AREA, name, about, one.what, one.advice, one.severity)


def days_left(result: Result, settings: Settings, about: str, now: datetime) -> list[Finding]:
    """The days at which the owner wants to be told besides: each is a stage, the last of them critical."""
    if not settings.days or not result.chain:
        return []
    left = (result.chain[0].not_after - now).total_seconds() / DAY
    passed: Sequence[int] = [day for day in settings.days if left <= day]
    if not passed or left < 0:
        return []
    what = f"{about}: {left:.1f} days of its certificate are left."
    advice = "See what the renewal's timer said (journalctl -u exposure-certificates; for Caddy journalctl -u caddy)."
    severity = ERROR if min(settings.days) in passed and len(settings.days) > 1 else WARNING
    return [finding(AREA, "days_left", about, what, advice, severity, len(passed))]


def table(found: Look) -> list[str]:
    """For a person: a line for each name with what is left of its life, and below it what is wrong."""
    rows: list[tuple[str, ...]] = [("name", "until (UTC)", "left", "of its life", "stored", "by")]
    rows += [row(one) for one in found.certificates]
    widths = [max(len(cells[place]) for cells in rows) for place in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip() for cells in rows]
    wrong = [f"{one.severity}: {one}" for one in found.findings]
    return [*lines, *([""] if wrong else []), *wrong] if found.certificates or wrong else [NO_CERTIFICATE]


def row(one: Mapping[str, Any]) -> tuple[str, ...]:
    leaf = one["certificate"]
    if not leaf:
        return (one["host"], "nothing is served", "", "", "", "")
    seconds = one["days_left"] * DAY
    left = f"{one['days_left']:.0f} days" if abs(seconds) >= 3 * DAY else f"{seconds / 3600:.0f} hours"
    differs = any(each["id"] == "served_differs_from_disk" for each in one["findings"])
    stored = "another one" if differs else "the same" if one["stored"] else "at the app" if one["passed"] else "in the proxy"
    return (one["host"], leaf["not_after"][:16].replace("T", " "), left, f"{one['life_left']:.0%}", stored, leaf["issuer"][:60])
