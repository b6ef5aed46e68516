# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The certificates of all sites, looked at by the inspector in one go."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from .outcome import SERVER, Outcome, View

CHECK = "certificate"
WARN_LEFT = 0.31
"""A renewal that takes place when a third is left may be some hours late by its timer (docs/inspection.md)."""
TRUST = frozenset({"untrusted_chain", "self_signed", "trust_store_unreadable"})
"""What a server's own store has no say in: those of its visitors count."""
UNREACHABLE = "endpoint_unreachable"
LACKING = "not proven: the Python library cryptography is missing here; that it is valid for a client shows the page"

Place = tuple[Mapping[str, Any], str]
"""A probe, and an address at which it is looked at."""
Inspected = tuple[Outcome | None, dict[str, Any] | None]


def stores(site: Mapping[str, Any], view: View) -> list[str]:
    """PEM files that are trusted besides the system's store."""
    return [path for path in (view.roots, view.local_root if site.get("local") else "") if path]


def inspect(places: Sequence[Place], view: View, until: float) -> list[Inspected]:
    """For each place its outcome and what the inspector tells of it; no outcome where nothing was reached, which is told elsewhere.
    `until` is a time of time.monotonic."""
    try:
        from ..inspection.inspector import Inspection, as_json  # they need cryptography, which a bare host lacks
        from ..inspection.model import SYSTEM, Endpoint, Expected, Limits, Settings
    except ImportError:
        advice = "apt-get install python3-cryptography"
        return [(Outcome(str(site["host"]), str(site.get("site", "")), CHECK, address, None, LACKING, advice), None) for site, address in places]
    left = max(0.1, until - time.monotonic())
    settings = Settings(datetime.now(UTC), view.timeout, left, ("old_tls",), limits=Limits(warn=WARN_LEFT))
    endpoints = []
    for site, address in places:
        host, port = str(site["host"]), int(site.get("https_port", view.https_port))
        file = f"{view.store}/{site['certificate']}/fullchain.pem" if view.store and site.get("certificate") else ""
        expected = Expected((host,), files=(file,) if file else (), trust=(SYSTEM, *stores(site, view)))
        endpoints.append(Endpoint(f"{host}:{port}" if port != 443 else host, host, port, address, host, expected=expected))
    told: list[Inspected] = []
    for (site, address), result in zip(places, Inspection(settings).run(endpoints), strict=True):
        host, name = str(site["host"]), str(site.get("site", ""))
        wrong = [one for one in result.findings if one.severity == "error" and not (view.vantage == SERVER and one.id in TRUST)]
        found = {"host": host, "address": address, **as_json(result, settings)}
        if any(one.id == UNREACHABLE for one in wrong):
            told.append((None, found))
        elif wrong:
            detail = " ".join(one.what.rstrip(".").removeprefix(f"{result.label}: ") + "." for one in wrong).rstrip(".")
            told.append((Outcome(host, name, CHECK, address, False, detail, wrong[0].advice), found))
        else:
            as_stored = ", and is the one in the store" if view.store and site.get("certificate") else ""
            days = f"{found['days_left']:.0f} of {life(result.chain[0])} days left{as_stored}"
            told.append((Outcome(host, name, CHECK, address, True, days), found))
    return told


def life(cert: Any) -> str:
    return f"{(cert.not_after - cert.not_before).total_seconds() / 86400:.0f}"


def late(site: Mapping[str, Any], address: str) -> Outcome:
    detail = "not proven: the time for everything was over"
    return Outcome(str(site["host"]), str(site.get("site", "")), CHECK, address, None, detail, "Give it more time (deadline).")
