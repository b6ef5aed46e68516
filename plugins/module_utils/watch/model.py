# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a watch can find, and what a look at one part of the server gives. Plain data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..acme.problem import printable
from ..network.findings import ERROR, NOTE, WARNING, WEIGHT

__all__ = ["ERROR", "KINDS", "NOTE", "NO_CERTIFICATE", "OK", "WARNING", "Finding", "Look", "Run", "Settings", "Site", "finding", "in_order", "worst"]

OK = "ok"
NO_CERTIFICATE = "No certificate is served or stored here."
LONGEST = 400
"""Letters of a sentence."""

Run = Callable[[Sequence[str]], tuple[int, str]]
"""Runs a command: exit code, and its output."""

KINDS = {
    "service_down": ERROR,
    "docker_silent": ERROR,
    "timer_stopped": ERROR,
    "timer_not_enabled": WARNING,
    "unit_missing": ERROR,
    "unit_failed": WARNING,
    "names_stopped": ERROR,
    "names_failing": WARNING,
    "router_refuses": ERROR,
    "router_failing": WARNING,
    "app_missing": ERROR,
    "app_stopped": ERROR,
    "app_unhealthy": ERROR,
    "disk_low": WARNING,
    "days_left": WARNING,
    "not_looked": WARNING,
}
"""Every finding besides those of the inspector (inspection/findings.py), with its weight, what causes others first. docs/watch.md explains each."""

MOMENTARY = frozenset({"service_down", "docker_silent", "app_missing", "app_stopped", "app_unhealthy", "endpoint_unreachable"})
"""What a restart brings about for some seconds: a watch looks twice before it says so."""

LATER = 3600.0
"""Seconds for which names and router may be in trouble before a person is told: they are tried again all the time."""


@dataclass(frozen=True)
class Finding:
    """`area`: which look saw it; `about`: the name, unit, app or path, which tells apart what has one identifier. `stage` counts up where it gets worse within
    one severity. `what` and `advice` are sentences."""

    area: str
    id: str
    about: str
    severity: str
    what: str
    advice: str
    stage: int = 0

    @property
    def key(self) -> str:
        return f"{self.area}/{self.id}/{self.about}"

    def __str__(self) -> str:
        return f"{self.what} {self.advice}"


@dataclass
class Look:
    """What a look at one area found. `unseen`: those about whom nothing can be said at present, '' for the whole area: what was found of them before stays.
    `certificates`: of each site, as the inspector tells it, with what is told of it alone, and `site`, `host`, `stored` (a path), `trusted`, `passed`."""

    area: str
    findings: list[Finding] = field(default_factory=list)
    unseen: set[str] = field(default_factory=set)
    certificates: list[dict[str, Any]] = field(default_factory=list)

    def add(self, name: str, about: str, what: str, advice: str, severity: str = "", stage: int = 0) -> None:
        self.findings.append(finding(self.area, name, about, what, advice, severity, stage))


@dataclass(frozen=True)
class Site:
    """A name that is served here. `certificate`: its name in the store, '' where the proxy has its own. `trusted`: whether a public authority vouches for it,
    so that browsers must believe it; `passed`: TLS ends at the app, which has the certificate."""

    site: str
    host: str
    certificate: str = ""
    trusted: bool = True
    passed: bool = False
    port: int = 443
    connect_to: str = "127.0.0.1"


@dataclass(frozen=True)
class Settings:
    """What role watch writes. `host`: what the inventory calls this server. `certificates`: names in the store; `apps`: compose projects; `units`: of systemd,
    that are to run. `warn_left`, `critical_left`: shares of a certificate's life; `days`: besides them, days at which it is told. `ari`: whether the authority
    is asked when it wants a renewal, by its `directory`, whose web server `roots` proves. `remind`: seconds. `textfile`: the folder of node_exporter."""

    host: str = ""
    sites: tuple[Site, ...] = ()
    certificates: tuple[str, ...] = ()
    apps: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    warn_left: float = 0.31
    critical_left: float = 1 / 6
    days: tuple[int, ...] = ()
    ari: bool = False
    directory: str = ""
    roots: str = ""
    remind: float = 86400.0
    textfile: str = ""


def finding(area: str, name: str, about: str, what: str, advice: str, severity: str = "", stage: int = 0) -> Finding:
    """A finding with the weight of its kind, where none is given. Words of strangers are made fit to be shown."""
    return Finding(area, name, printable(about, 255), severity or KINDS[name], printable(what, LONGEST), printable(advice, LONGEST), stage)


ORDER = {name: place for place, name in enumerate(KINDS)}
CERTIFICATE = ORDER["unit_failed"]
"""Where those of the inspector come in that order."""


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """The gravest first, and among equals what causes others."""
    return sorted(findings, key=lambda one: (WEIGHT[one.severity], ORDER.get(one.id, CERTIFICATE), one.key))


def worst(findings: Iterable[Finding]) -> str:
    return min((one.severity for one in findings), key=WEIGHT.__getitem__, default=OK)
