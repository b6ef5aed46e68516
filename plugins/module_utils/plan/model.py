# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the Plan hands to the roles, the probes and the report. Plain data; `dataclasses.asdict` of a `Plan` is JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class ProxySite:
    """One virtual host of a proxy: `hosts` (A-labels) go to `upstream` (`host:port`). Durations in seconds, sizes in bytes."""

    name: str
    hosts: list[str]
    upstream: str
    upstream_tls: bool
    issuer: str
    hsts: int
    max_body: int
    read_timeout: int
    keep_streams: int


@dataclass
class Proxy:
    """The proxy of one host: its engine, where its package comes from, its virtual hosts and its ACME settings."""

    engine: str
    source: str
    version: list[int]
    sites: list[ProxySite]
    acme: dict[str, Any]


@dataclass
class Stack:
    """One compose project of one host, with everything that the app is told.

    `listen` are the published ports (`address`, `port`); `peers` the addresses that the app sees its proxies come from;
    `trust` is what a trust writer needs; `env` goes into `.env`; `secrets` are generated once on the host.
    """

    name: str
    app: str
    state: str
    purge: bool
    directory: str
    version: str = ""
    compose: dict[str, Any] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    secrets: list[str] = field(default_factory=list)
    folders: list[dict[str, Any]] = field(default_factory=list)
    network: str = ""
    listen: list[dict[str, Any]] = field(default_factory=list)
    peers: list[str] = field(default_factory=list)
    trust: dict[str, Any] | None = None
    health: dict[str, Any] = field(default_factory=dict)


@dataclass
class Admission:
    """A published port of a host (`address`:`port`) that only `sources` may reach."""

    address: str
    port: int
    sources: list[str]


@dataclass
class Opening:
    """A port of a host that anyone may reach."""

    port: int
    protocol: str


@dataclass
class HostPlan:
    proxy: Proxy | None = None
    stacks: list[Stack] = field(default_factory=list)
    admissions: list[Admission] = field(default_factory=list)
    openings: list[Opening] = field(default_factory=list)


@dataclass
class Probe:
    """What must be true of one name, seen by a client: the page's status and text, its WebSocket, the ports that must be closed."""

    site: str
    host: str
    proxy: str
    path: str
    status: list[int]
    contains: str
    websocket: dict[str, str] | None
    closed_ports: list[int]


@dataclass
class Plan:
    """Everything one run will do, for all hosts of the inventory. `names`: public name -> proxy; `certificates`: one entry each."""

    hosts: dict[str, HostPlan]
    names: dict[str, str]
    certificates: list[dict[str, Any]]
    probes: list[Probe]
