# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who looked, from where, and what each saw."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .words import entries, mapping

KINDS = {"outside": "Outside", "lan": "At home", "server": "Server", "controller": "Controller"}
"""From where one looks, and how its column is called."""


WHOLE = {True: "ok", False: "failed", None: "unproven"}
ORDER = (
    *("DNS", "name", "reachable", "certificate", "page", "redirect", "HSTS", "HTTP/2", "HTTP/3", "WebSocket", "body size", "client address"),
    *("unknown name", "no name", "owner", "accounts"),
)
"""Checks in the order in which a visitor meets them; others follow."""


@dataclass(frozen=True)
class Check:
    """One check from one vantage. `ok` is None for what could not be proven."""

    vantage: str
    name: str
    address: str
    ok: bool | None
    detail: str
    advice: str


@dataclass(frozen=True)
class Vantage:
    """`looked`: whether it could; `why`: the reason where not."""

    name: str
    kind: str
    looked: bool
    why: str = ""


def vantages(results: Mapping[str, Any]) -> Iterator[tuple[str, Vantage]]:
    """In the order of KINDS: outside comes first."""
    order = list(KINDS)
    for name, result in sorted(results.items(), key=lambda one: order.index(kind_of(one[1]))):
        looked = bool(result.get("looked", True))
        yield name, Vantage(name, kind_of(result), looked, "" if looked else str(result.get("message") or "no answer"))


def kind_of(result: Mapping[str, Any]) -> str:
    kind = str(result.get("kind", ""))
    return kind if kind in KINDS else "controller"


def outcomes(results: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each outcome with its vantage."""
    for vantage, _ in vantages(results):
        for outcome in entries(results[vantage].get("outcomes")):
            yield vantage, outcome


def with_accounts(results: Mapping[str, Any], accounts: Mapping[str, Any]) -> dict[str, Any]:
    """What a host saw of its apps (probe/accounts.py) beside what it saw of its sites as a server, or by itself where it serves none."""
    found = dict(results)
    for host, seen in accounts.items():
        its = entries(mapping(seen).get("outcomes"))
        if not its:  # a host that could not look has a row that says so
            continue
        row = next((name for name in (host, f"{host} (server)") if name in found and kind_of(found[name]) == "server"), "")
        before = found[row] if row else {"kind": "server", "looked": True}
        name = row or (f"{host} (server)" if host in found else host)
        found[name] = {**before, "outcomes": [*entries(before.get("outcomes")), *its]}
    return found


def failing(results: Mapping[str, Any]) -> Iterator[str]:
    """Every failure with the vantage that saw it. A vantage that could not look is a failure too."""
    for name, its in vantages(results):
        if not its.looked:
            yield f"from {name}: could not look: {its.why}"
        for outcome in entries(results[name].get("outcomes")):
            if outcome.get("ok") is False:
                where = f" [{outcome['address']}]" if outcome.get("address") else ""
                yield f"from {name}: {outcome.get('host', '')}: {outcome.get('check', '')}{where}: {outcome.get('detail', '')}"


def by_name(checks: Iterable[Check]) -> list[tuple[str, list[Check]]]:
    """The checks of each name of a check, in ORDER."""
    found: dict[str, list[Check]] = {}
    for one in checks:
        found.setdefault(one.name, []).append(one)
    return sorted(found.items(), key=lambda one: ORDER.index(one[0]) if one[0] in ORDER else len(ORDER))


def together_by_name(checks: Iterable[Check]) -> list[str]:
    """For each name of a check what all of them say: one that failed is enough."""
    found = [{WHOLE[one.ok] for one in alike} for _, alike in by_name(checks)]
    return [next((state for state in ("failed", "ok") if state in states), "unproven") for states in found]
