# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a site is served as declared, seen by a client from where this runs."""

from __future__ import annotations

import ipaddress
import re
import secrets
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from . import client, quic, wire
from .certificate import stores
from .outcome import AT_HOME, OUTSIDE, SERVER, NotProven, Outcome, View, Wrong, outcome

BODY = "body size"
MIB = 1 << 20
USUAL_LIMIT = MIB
"""Of nginx, where nobody said anything else (https://nginx.org/en/docs/http/ngx_http_core_module.html#client_max_body_size)."""
MOST_SENT = 8 * MIB
CLOSED_PATIENCE = 2.0
QUIC_PATIENCE = 3.0
AGE = re.compile(r"max-age\s*=\s*\"?(\d+)", re.IGNORECASE)


def place_of(site: Mapping[str, Any]) -> str:
    """A name as it stands in a site's address, with the port where that is not the one of https."""
    return str(site["host"]) if site.get("https_port", 443) == 443 else f"{site['host']}:{site['https_port']}"


@dataclass
class Visit:
    """A client that looks at a site at one address, until a time of time.monotonic. `answer` is the page, once it was seen; `shaken` whether TLS was
    ever agreed on; `tried` whether the page was looked for; `sent` whether a body was sent before, which is not repeated."""

    site: Mapping[str, Any]
    address: str
    view: View
    until: float
    answer: wire.Page | None = None
    shaken: bool = False
    tried: bool = False
    sent: bool = False
    host: str = field(init=False)

    def __post_init__(self) -> None:
        self.host = str(self.site["host"])

    @property
    def https_port(self) -> int:
        return int(self.site.get("https_port", self.view.https_port))

    @property
    def http_port(self) -> int:
        """At home the name may lead to the proxy itself, past the router that moves the port."""
        port = int(self.site.get("http_port", self.view.http_port))
        past = self.view.vantage in AT_HOME and ipaddress.ip_address(self.address.partition("%")[0]).is_private
        return 80 if port and past else port

    @property
    def timeout(self) -> float:
        """Seconds that the next step may take. When the time for everything is over it raises Wrong, and after the page NotProven: nobody is told
        twelve times that there was no time."""
        left = self.until - time.monotonic()
        if left <= 0:
            raise (NotProven if self.tried else Wrong)("the time for everything was over", "Give it more time (deadline), or see which site is slow.")
        return min(self.view.timeout, left)

    def connect(self, port: int) -> Any:
        return wire.connect(self.address, port, self.timeout)

    def secure(self) -> ssl.SSLSocket:
        """A TLS connection whose certificate is right for the name. What the server's own store says of it does not count on the server."""
        try:
            channel = wire.secure(self.connect(self.https_port), self.host, self.view.vantage != SERVER, stores(self.site, self.view), http2=False)
        except ssl.SSLCertVerificationError:
            self.shaken = True
            raise
        self.shaken = True
        return channel

    def seen(self) -> wire.Page:
        """The page. Raises NotProven where there was none."""
        if self.answer is None:
            raise NotProven("no page was seen")
        return self.answer

    def app(self) -> None:
        """Raises NotProven where no page was seen, or none of the app's."""
        self.seen()
        if self.site.get("maintenance"):
            raise NotProven("the site is in maintenance, and its app is not asked", "Take the line maintenance out when the work is done.")


def at_address(visit: Visit) -> list[Outcome]:
    """All checks of a site at one address. A closed port ends them early; what follows from another failure is not proven."""
    site, view = visit.site, visit.view

    def checked(name: str, check: Callable[[Visit], str]) -> Outcome:
        return outcome(visit.host, str(site.get("site", "")), name, visit.address, partial(check, visit))

    first = checked("reachable", reachable)
    if not first.ok:
        return [first]
    second = checked("page", page)
    if view.vantage == SERVER:
        return [first, second]
    visit.tried = True
    checks: dict[str, Callable[[Visit], str]] = {}
    stranger = f"{secrets.token_hex(6)}.{visit.host if site.get('wildcard') else visit.host.partition('.')[2]}".strip(".")
    checks["unknown name"] = partial(refused, stranger)
    checks["no name"] = partial(refused, None)
    if visit.http_port:
        checks["redirect"] = redirect
    if not site.get("passthrough"):  # what is spoken inside is the app's own affair
        checks["HTTP/2"] = http2
        if site.get("http3"):
            checks["HTTP/3"] = http3
        checks["HSTS"] = hsts
    if site.get("websocket"):
        checks["WebSocket"] = websocket
    if not site.get("passthrough"):
        checks[BODY] = body_size
    checks["client address"] = client_address
    for port in site.get("closed_ports", ()):
        checks[f"port {port} closed"] = partial(closed, port)
    return [first, second, *(checked(name, check) for name, check in checks.items())]


AWAY = "<main data-away>"
"""Of the page that the proxy shows in place of an app (roles/caddy/files/away.html)."""
APP_DOWN = "See on its host whether the app runs and what it says (docker ps -a, docker logs); for an upstream of your own, whether it listens where you said."


def reachable(visit: Visit) -> str:
    visit.connect(visit.https_port).close()
    return f"port {visit.https_port} answers"


def page(visit: Visit) -> str:
    site = visit.site
    answer = wire.fetch(visit.secure(), place_of(site), site["path"], visit.timeout)
    visit.answer = answer
    if site.get("maintenance"):
        return resting(site["path"], answer)
    wanted: Sequence[int] = site.get("status") or ()
    if answer.status not in wanted if wanted else answer.status >= 500:
        away = answer.status == 502 or (answer.status == 503 and AWAY in answer.body)
        hint = ": the app does not answer the proxy" if away else ": does the app trust the proxy?" if answer.status == 400 else ""
        what = f"{site['path']} answers {answer.status} instead of {' or '.join(map(str, wanted)) or 'a page'}{hint}"
        raise Wrong(what, APP_DOWN if answer.status in (502, 503, 504) else "See what the app itself says: docker logs of its container, or its own log.")
    if site.get("contains") and site["contains"] not in answer.body:
        raise Wrong(f"{site['path']} answers {answer.status}, but without the text {site['contains']!r}: is it another app?")
    return f"{answer.status}" if visit.view.vantage == SERVER else f"{answer.status}, certificate valid for {visit.host}"


def resting(path: str, answer: wire.Page) -> str:
    """A site in maintenance: every page says so, and when to come back (RFC 9110, sections 15.6.4 and 10.2.3)."""
    later = answer.headers.get("retry-after", "")
    if answer.status != 503 or not later:
        what = f"{path} answers {answer.status}{'' if later else ' without Retry-After'}, although the site is declared maintenance: true"
        raise Wrong(what, "See whether the run with that line ended well, and whether another server stands before the proxy.")
    return f"in maintenance, as declared: {answer.status}, and to come back after {later} s"


def redirect(visit: Visit) -> str:
    answer = wire.fetch(visit.connect(visit.http_port), visit.host, "/probe?x=1", visit.timeout)
    target = answer.headers.get("location", "")
    if answer.status not in (301, 307, 308) or target != f"https://{place_of(visit.site)}/probe?x=1":
        raise Wrong(f"http://{visit.host} is not sent to https: {answer.status} {target}")
    return f"{answer.status} to https"


def http2(visit: Visit) -> str:
    if not visit.shaken:
        raise NotProven("TLS was not agreed on")
    if not wire.speaks_http2(visit.address, visit.https_port, visit.host, visit.timeout):
        raise Wrong("HTTP/2 is not offered")
    return "agreed by ALPN"


def http3(visit: Visit) -> str:
    """HTTP/3 is declared: the page offers it, and UDP comes through."""
    offer = visit.seen().headers.get("alt-svc", "")
    if not quic.offered(offer, visit.https_port):
        raise Wrong(f"HTTP/3 is not offered (Alt-Svc: {offer or 'none'})", "See whether another server stands before the proxy.")
    speaks = quic.speaks_quic(visit.address, visit.https_port, min(visit.timeout, QUIC_PATIENCE))
    if speaks is None and visit.view.vantage in AT_HOME:
        advice = "A host outside tells. Many networks, and firewalls of one's own, keep UDP to themselves."
        raise NotProven(f"HTTP/3 is offered, and UDP port {visit.https_port} is silent: whether that is this network's doing is not seen from here", advice)
    if not speaks:
        advice = f"Let the router send {visit.https_port}/udp to the proxy as it does {visit.https_port}/tcp, or say exposure_http3: false."
        raise Wrong(f"HTTP/3 is offered, but nothing answers at UDP port {visit.https_port}: browsers try it in vain", advice)
    return "offered, and QUIC answers"


def hsts(visit: Visit) -> str:
    """The header as declared (RFC 6797, section 6.1)."""
    wanted, header = int(visit.site.get("hsts") or 0), visit.seen().headers.get("strict-transport-security", "")
    age = AGE.search(header)
    if wanted and not age:
        raise Wrong(f"the page does not say max-age={wanted}", "See whether another server before the proxy takes the header out.")
    if wanted and age and int(age[1][:20]) != wanted:
        raise Wrong(f"the page says {header!r}, not max-age={wanted}", "See whether another server stands before the proxy.")
    if wanted:
        return f"max-age={wanted}"
    return f"not declared; the app itself says {header!r}" if header else "none, as declared"


def refused(name: str | None, visit: Visit) -> str:
    if not visit.shaken:
        raise NotProven("TLS was not agreed on, not even for a name that is declared")
    try:
        shown = wire.presented(visit.address, visit.https_port, name, visit.timeout)
    except OSError as error:
        raise NotProven(f"the handshake was neither refused nor done ({error})") from None
    if shown is not None:
        raise Wrong(f"a client that asks for {name or 'no name'} is shown a certificate")
    return "handshake refused"


def websocket(visit: Visit) -> str:
    visit.app()
    wanted = visit.site["websocket"]
    answer = wire.upgrade(visit.secure(), place_of(visit.site), wanted["path"], visit.timeout, wanted.get("expects", ""))
    if answer.status != 101:
        raise Wrong(f"{wanted['path']} answers {answer.status} instead of 101 Switching Protocols")
    if wanted.get("expects") and wanted["expects"] not in answer.body:
        raise Wrong(f"{wanted['path']} is a WebSocket, but does not say {wanted['expects']!r}")
    return "101 Switching Protocols"


def body_size(visit: Visit) -> str:
    """What was promised can be sent; where that is little, more is refused. Nothing is kept: the path does not exist."""
    visit.app()
    if visit.sent:
        raise NotProven("it was sent before")
    promised = int(visit.site.get("max_body") or 0)
    little = 0 < promised <= USUAL_LIMIT
    size = promised + 1 if little else min(promised, MOST_SENT) if promised else USUAL_LIMIT + 1024
    path = f"/.well-known/exposure-probe-{secrets.token_hex(8)}"
    try:
        status = wire.send(visit.secure(), place_of(visit.site), path, size, visit.timeout)
    except TimeoutError as error:
        raise NotProven(str(error)) from None
    if not status:
        raise NotProven(f"the connection ended while {size} bytes were sent")
    if little and status != 413:
        if visit.site.get("engine") != "nginx":  # Caddy counts what the app reads, and an app that knows no such path reads nothing
            raise NotProven(f"the app answered {status} before the limit of {promised} bytes was met")
        raise Wrong(f"{size} bytes are not refused, although no more than {promised} are allowed")
    if not little and status == 413:
        limit = f"{promised} bytes are" if promised else "any size is"
        advice = "Another proxy in front, or the app itself, has a limit of its own: raise it there, or declare max_body as it is."
        raise Wrong(f"{size} bytes are refused (413), although {limit} promised", advice)
    return f"{size} bytes are refused, as declared" if little else f"{size} bytes are not refused"


def client_address(visit: Visit) -> str:
    site, view = visit.site, visit.view
    if site.get("passthrough"):
        raise NotProven("TLS ends at the app, and what it is told is its own affair")
    if not site.get("echo"):
        raise NotProven("the app shows nobody's address")
    visit.app()
    claimed, channel = client.forged(), visit.secure()
    own = [str(channel.getsockname()[0]), *view.own]
    answer = wire.fetch(channel, place_of(site), site["echo"]["path"], visit.timeout, client.claims(claimed))
    if answer.status != 200:
        raise NotProven(f"{site['echo']['path']} answers {answer.status}")
    return client.judge(answer.body, site["echo"], claimed, own, site.get("peers", ()), view.vantage or OUTSIDE, visit.address)


def closed(port: int, visit: Visit) -> str:
    if wire.is_open(visit.address, port, min(visit.timeout, CLOSED_PATIENCE)):
        raise Wrong(f"port {port} of {visit.address} is open: the app can be reached past the proxy")
    return "closed"
