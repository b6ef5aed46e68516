# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a site is served as declared, seen by a client from where this runs."""

from __future__ import annotations

import http.client
import secrets
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from . import wire

SIDE_BY_SIDE = 24


@dataclass(frozen=True)
class Outcome:
    """One check of one name: `detail` says what was seen; for a failure also what it means."""

    host: str
    check: str
    ok: bool
    detail: str


@dataclass(frozen=True)
class View:
    """How this client looks: the address it connects to in place of a name's, seconds for a connection and for an answer, a PEM file it trusts
    too, and the ports it connects to where the probe names none. An `http_port` of 0: nothing comes in over http."""

    connect_to: str = ""
    timeout: float = 6.0
    roots: str = ""
    https_port: int = 443
    http_port: int = 80


def probe(site: Mapping[str, Any], view: View) -> list[Outcome]:
    """All checks of one probe of the Plan. A name that does not resolve or a closed port ends them early."""
    host = str(site["host"])
    try:
        found = [view.connect_to] if view.connect_to else wire.addresses(host)
    except (OSError, UnicodeError) as error:
        return [Outcome(host, "name", False, f"{host} does not resolve here ({error}): is its DNS record there?")]
    outcomes = [Outcome(host, "name", True, ", ".join(found))]
    for address in found:
        outcomes += at_address(site, host, address, view)
    return outcomes


def at_address(site: Mapping[str, Any], host: str, address: str, view: View) -> list[Outcome]:
    label, timeout = f" [{address}]", view.timeout

    def checked(name: str, check: Callable[[], str]) -> Outcome:
        try:
            return Outcome(host, name + label, True, check())
        except ssl.SSLCertVerificationError as error:
            return Outcome(host, name + label, False, f"the certificate is not valid for a client here: {error.verify_message}")
        except (OSError, http.client.HTTPException, ValueError, Wrong) as error:
            return Outcome(host, name + label, False, str(error) or type(error).__name__)

    view = replace(view, https_port=site.get("https_port", view.https_port), http_port=site.get("http_port", view.http_port))
    first = checked("reachable", lambda: reachable(address, view))
    if not first.ok:
        return [first]
    stranger = f"{secrets.token_hex(6)}.{host if site.get('wildcard') else host.partition('.')[2]}".strip(".")
    checks = {
        "page": lambda: page(site, host, address, view),
        "unknown name": lambda: refused(stranger, address, view),
        "no name": lambda: refused(None, address, view),
    }
    if view.http_port:
        checks["redirect"] = lambda: redirect(site, host, address, view)
    if not site.get("passthrough"):  # which versions of HTTP are spoken inside is the app's own affair
        checks["HTTP/2"] = lambda: http2(host, address, view)
    if site.get("websocket"):
        checks["WebSocket"] = lambda: websocket(site, host, address, view)
    for port in site.get("closed_ports", ()):
        checks[f"port {port} closed"] = lambda port=port: closed(address, port, timeout)  # type: ignore[misc]
    return [first, *(checked(name, check) for name, check in checks.items())]


class Wrong(Exception):
    """What was seen is not what was declared."""


def reachable(address: str, view: View) -> str:
    wire.connect(address, view.https_port, view.timeout).close()
    return f"port {view.https_port} answers"


def verified(host: str, address: str, view: View) -> ssl.SSLSocket:
    """A TLS connection whose certificate is right for the name."""
    return wire.secure(wire.connect(address, view.https_port, view.timeout), host, roots=view.roots)


def page(site: Mapping[str, Any], host: str, address: str, view: View) -> str:
    answer = wire.fetch(verified(host, address, view), place_of(site), site["path"], view.timeout)
    wanted: Sequence[int] = site.get("status") or ()
    if answer.status not in wanted if wanted else answer.status >= 500:
        hint = {502: ": the app does not answer the proxy", 400: ": does the app trust the proxy?"}.get(answer.status, "")
        raise Wrong(f"{site['path']} answers {answer.status} instead of {' or '.join(map(str, wanted)) or 'a page'}{hint}")
    if site.get("contains") and site["contains"] not in answer.body:
        raise Wrong(f"{site['path']} answers {answer.status}, but without the text {site['contains']!r}: is it another app?")
    return f"{answer.status}, certificate valid for {host}"


def place_of(site: Mapping[str, Any]) -> str:
    """A name as it stands in a site's address, with the port where that is not the one of https."""
    return str(site["host"]) if site.get("https_port", 443) == 443 else f"{site['host']}:{site['https_port']}"


def redirect(site: Mapping[str, Any], host: str, address: str, view: View) -> str:
    answer = wire.fetch(wire.connect(address, view.http_port, view.timeout), host, "/probe?x=1", view.timeout)
    target = answer.headers.get("location", "")
    if answer.status not in (301, 307, 308) or target != f"https://{place_of(site)}/probe?x=1":
        raise Wrong(f"http://{host} is not sent to https: {answer.status} {target}")
    return f"{answer.status} to https"


def http2(host: str, address: str, view: View) -> str:
    if not wire.speaks_http2(address, view.https_port, host, view.timeout):
        raise Wrong("HTTP/2 is not offered")
    return "agreed by ALPN"


def refused(name: str | None, address: str, view: View) -> str:
    if wire.presented(address, view.https_port, name, view.timeout) is not None:
        raise Wrong(f"a client that asks for {name or 'no name'} is shown a certificate")
    return "handshake refused"


def websocket(site: Mapping[str, Any], host: str, address: str, view: View) -> str:
    wanted = site["websocket"]
    answer = wire.upgrade(verified(host, address, view), place_of(site), wanted["path"], view.timeout, wanted.get("expects", ""))
    if answer.status != 101:
        raise Wrong(f"{wanted['path']} answers {answer.status} instead of 101 Switching Protocols")
    if wanted.get("expects") and wanted["expects"] not in answer.body:
        raise Wrong(f"{wanted['path']} is a WebSocket, but does not say {wanted['expects']!r}")
    return "101 Switching Protocols"


def closed(address: str, port: int, timeout: float) -> str:
    if wire.is_open(address, port, min(timeout, 2.0)):
        raise Wrong(f"port {port} of {address} is open: the app can be reached past the proxy")
    return "closed"


def probe_all(sites: Sequence[Mapping[str, Any]], view: View, wait: float = 0.0) -> list[Outcome]:
    """All sites side by side. Those that fail are tried again for up to `wait` seconds, so that a certificate may still arrive."""
    deadline = time.monotonic() + wait
    results: dict[int, list[Outcome]] = {}
    open_ones = list(range(len(sites)))
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        while open_ones:
            for number, outcomes in zip(open_ones, pool.map(lambda n: probe(sites[n], view), open_ones), strict=True):
                results[number] = outcomes
            open_ones = [n for n in open_ones if not all(outcome.ok for outcome in results[n])]
            if open_ones and time.monotonic() + 1 > deadline:
                break
            if open_ones:
                time.sleep(1)
    return [outcome for number in sorted(results) for outcome in results[number]]
