# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the Plan hands to the roles, the probes and the report. Plain data; `dataclasses.asdict` of a `Plan` is JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Location:
    """Where the requests below one path go: `upstream` is `host:port`. The app sees the path without `strip` (`path`, or the start of it) before it.

    Over TLS, the upstream's certificate is to be for `upstream_name`, and from an authority in `upstream_ca`: a file on the proxy, the
    system's where it is empty, or `any` for none at all.
    """

    path: str
    strip: str
    upstream: str
    upstream_tls: bool = False
    upstream_name: str = ""
    upstream_ca: str = ""


@dataclass
class Answer:
    """What a proxy answers by itself, below a path of a site or, with `exact`, at that path alone: `status`, and for a redirect `location` (a path of the
    same site), else `body` with its media `type` ('' for none), and further `headers`."""

    path: str
    exact: bool
    status: int
    location: str = ""
    body: str = ""
    type: str = ""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class ProxySite:
    """One virtual host of a proxy. `hosts` are A-labels, `locations` have the longest path first. Durations in seconds, sizes in bytes.

    `certificate` is its name in the store; empty where the proxy manages its certificate itself. `redirect` is the start of the URL that all
    requests are sent to. `answers` come before `locations`. With `maintenance`, every page is one that says so.
    """

    name: str
    hosts: list[str]
    locations: list[Location]
    certificate: str = ""
    redirect: str = ""
    hsts: int = 0
    max_body: int = 0
    read_timeout: int = 0
    keep_streams: int = 0
    buffering: bool = True
    compress: bool = True
    log_queries: bool = False
    answers: list[Answer] = field(default_factory=list)
    maintenance: bool = False


@dataclass
class Passthrough:
    """Names whose TLS ends at the upstream (`host:port`). Over http, `http_paths` go to `http_upstream`, all else to https."""

    name: str
    hosts: list[str]
    upstream: str
    proxy_protocol: bool
    http_upstream: str
    http_paths: list[str]


@dataclass
class Proxy:
    """The proxy of one host: its engine, where its package comes from, its virtual hosts, what it passes through, and its ACME settings.

    `https_port` and `http_port` are those that clients outside come in by: the router sends `https_port` to the same port of the host, which
    listens there besides 443, and `http_port` to its port 80; 0 where nothing comes in over http.
    `splitter` stands in front of it while something is passed through: `pass` inside nginx, `proxy_protocol` before any engine.
    `retired` are engines that an earlier run set up there and that are to go. `authority_page` is the name under which the root of the local
    authority is offered over http, '' for none.
    """

    engine: str
    source: str
    version: list[int]
    sites: list[ProxySite]
    acme: dict[str, Any]
    http3: bool = True
    passthrough: list[Passthrough] = field(default_factory=list)
    splitter: str = ""
    retired: list[str] = field(default_factory=list)
    authority_page: str = ""
    https_port: int = 443
    http_port: int = 80


@dataclass
class Certificate:
    """A certificate of the store of a host. `hosts` may hold wildcards, and for `local` addresses and localhost."""

    name: str
    hosts: list[str]
    kind: str
    challenge: str = ""
    key_type: str = "ecdsa"
    chain: str = ""
    key: str = ""
    copies: list[dict[str, Any]] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    reload: list[str] = field(default_factory=list)


@dataclass
class Stack:
    """One compose project of one host, with everything that the app is told.

    `listen` are the published ports (`address`, `port`); `peers` the addresses that the app sees its proxies come from;
    `trust` is what a trust writer needs; `env` goes into `.env`; `secrets` are generated once on the host. `settings` are lines of files of the
    app (apps/), `commands` are looked at and run inside its running containers. `fixed`: what must not change after the first start (name ->
    value), unless `confirmed`. `backup`: what is kept before a new
    version starts (`make`, `dumps`, `leave_out`). `through`: its pages as its proxies serve them (`host`, `url`, `status`, `contains`).
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
    settings: list[dict[str, Any]] = field(default_factory=list)
    commands: list[dict[str, Any]] = field(default_factory=list)
    fixed: dict[str, str] = field(default_factory=dict)
    confirmed: bool = False
    backup: dict[str, Any] = field(default_factory=dict)
    through: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class AdoptedApp(Stack):
    """An app of a compose file that a person has: it is told of its proxies, and its file is left alone but for what `publish` asks.

    `project`, `service`, `files` and `folder` as Compose has them, and `engine`: the words by which Compose is called there. `publish`: the ports inside
    that are to be published on loopback alone. `notes`: what its owner must know, each a sentence or two with the line to write.
    """

    project: str = ""
    service: str = ""
    files: list[str] = field(default_factory=list)
    folder: str = ""
    engine: list[str] = field(default_factory=list)
    publish: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


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
class Declared:
    """What is to listen on a host, for the audit: `what` says so to a person. An empty `address` is every one. Where `process` is given, it alone is meant;
    where `sources` are, they alone may reach it."""

    port: int
    protocol: str = "tcp"
    address: str = ""
    what: str = ""
    process: str = ""
    sources: list[str] = field(default_factory=list)


@dataclass
class NameAccount:
    """Names that are kept at a DNS provider (ddns/settings.py, AccountSettings). Its secrets are not in the Plan."""

    name: str
    provider: str
    hosts: list[str]
    families: list[str]
    state: str
    options: dict[str, str]
    suffixes: dict[str, str] = field(default_factory=dict)
    prefix: bool = False
    when_gone: str = "keep"


@dataclass
class NamePublisher:
    """What a host publishes: its accounts, and whom providers may write to."""

    accounts: list[NameAccount]
    contact: str


@dataclass
class Forwarding:
    """A rule of the router: what comes in at `external_port` goes to `address`:`port`. `description` marks it as ours."""

    external_port: int
    protocol: str
    address: str
    port: int
    description: str


@dataclass
class WatchedSite:
    """A name that a host looks after (watch/model.py, Site). `certificate`: its name in the store, '' where the proxy has its own. `trusted`: whether a public
    authority vouches for it; `passed`: whether TLS ends at the app."""

    site: str
    host: str
    certificate: str = ""
    trusted: bool = True
    passed: bool = False


@dataclass
class Watch:
    """What a host looks after from its timer: names, certificates of the store, compose projects, units of systemd. `thresholds`: when it tells of a
    certificate's life, and how often (watch/model.py, Settings). `textfile`: the folder of node_exporter, '' for none. Who is told is not in the Plan."""

    sites: list[WatchedSite]
    certificates: list[str]
    apps: list[str]
    units: list[str]
    thresholds: dict[str, Any]
    textfile: str = ""


@dataclass
class LogIns:
    """Who gets into an app without being anybody: by one of the `accounts` that it came with, as the catalogue says, or by opening it first (`unclaimed`).

    `name` is its compose project, '' where it is none of ours. `address`:`port`, with `tls`, is where this host reaches it; `hosts` are its public names,
    each with its site, and `url` is where its owner opens it, '' where no site leads to it.
    """

    name: str
    title: str
    version: str
    address: str
    port: int
    tls: bool
    hosts: dict[str, str]
    url: str
    accounts: list[dict[str, Any]]
    unclaimed: dict[str, Any] | None


@dataclass
class Told:
    """A Home Assistant that runs elsewhere and is told of its proxy by its API. `name`: its site; `address`:`port`: where the proxy reaches it, over https
    with `tls`; `host`: its public name, with the port outside where that is not 443."""

    name: str
    address: str
    port: int
    tls: bool
    host: str


@dataclass
class HostPlan:
    """Everything of one host. `unused` are the roles for certificates that nothing on it needs: what they left is to go; `used` those that look after
    the address. `public_address`: who is asked for it (address/model.py, Settings). `router`: whether the `forwardings` are printed for a person
    (manual), set (auto) for `router_lease` seconds each time, or nobody's affair (none). `challenges`: why certificates are proven in the way they are.
    `adopted`: apps of compose files that are their owner's; `places`: where what the product keeps of apps is (projects,
    secrets, records), where that is said.
    `declared`: what is to listen there because of this Plan; `allowed`: what may, because the owner says so. `watch`: what it looks after by
    itself. `log_ins`: the apps that it looks at for log-ins that everybody knows. `told`: those that its proxy tells of itself by their API."""

    proxy: Proxy | None = None
    stacks: list[Stack] = field(default_factory=list)
    adopted: list[AdoptedApp] = field(default_factory=list)
    places: dict[str, str] = field(default_factory=dict)
    certificates: list[Certificate] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    admissions: list[Admission] = field(default_factory=list)
    openings: list[Opening] = field(default_factory=list)
    public_address: dict[str, Any] = field(default_factory=dict)
    ddns: NamePublisher | None = None
    router: str = "none"
    router_lease: int = 3600
    forwardings: list[Forwarding] = field(default_factory=list)
    used: list[str] = field(default_factory=list)
    challenges: str = ""
    declared: list[Declared] = field(default_factory=list)
    allowed: list[Declared] = field(default_factory=list)
    watch: Watch | None = None
    log_ins: list[LogIns] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)


@dataclass
class Probe:
    """What must be true of one name, seen by a client: the page's status and text, its WebSocket, the ports it comes in by (`http_port` 0: not over
    http), and the ports that must be closed. `wildcard`: Caddy shows its certificate for every name that the wildcard in it covers.

    `certificate` is its name in the store, '' where the proxy manages its own; `local`: by the authority of the home. `hsts` in seconds and `max_body`
    in bytes, each 0 for none. `echo`: where the app shows what it received (`path`), and in which `header` a client's address is. `peers`: the
    addresses that the app sees its proxies come from, which are no client's. `maintenance`: every page says so instead.
    `declared_on`: the host that declares the site."""

    site: str
    host: str
    proxy: str
    path: str
    status: list[int]
    contains: str
    websocket: dict[str, str] | None
    closed_ports: list[int]
    passthrough: bool = False
    https_port: int = 443
    http_port: int = 80
    wildcard: bool = False
    engine: str = ""
    certificate: str = ""
    local: bool = False
    hsts: int = 0
    max_body: int = 0
    http3: bool = False
    echo: dict[str, str] | None = None
    peers: list[str] = field(default_factory=list)
    maintenance: bool = False
    declared_on: str = ""


@dataclass
class Plan:
    """Everything that is declared, for all hosts of the inventory. `names`: public name -> proxy; `authority`: the host of the local certificate
    authority, '' where nothing needs one. `left_out`: host -> why this run does not touch it; `left_to_do`: what follows from that, for whom it matters."""

    hosts: dict[str, HostPlan]
    names: dict[str, str]
    probes: list[Probe]
    authority: str = ""
    left_out: dict[str, str] = field(default_factory=dict)
    left_to_do: dict[str, str] = field(default_factory=dict)
