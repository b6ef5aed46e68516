# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The sources by name, and those on the internet: each is asked over TLS, from a given address, and believed only where it answers strictly."""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import struct
from collections.abc import Callable, Iterable
from typing import NamedTuple
from urllib.parse import urlsplit

from ..acme.problem import printable
from .dns_message import AAAA, CH, IN, TXT, A, NotAsked, Refusal, question, records
from .model import IPV4, IPV6, Sighting, SourceKind
from .names import NAMES as NAMES
from .names import kind_of
from .reserved import parse

AGENT = "homeserver.exposure"
MOST = 4096
"""Bytes of an answer that are read: an address needs 45."""

TEXT, TRACE = "text", "trace"


class Page(NamedTuple):
    """A web address for each family, and the form of its answer."""

    ipv4: str
    ipv6: str
    form: str = TEXT


PAGES = {
    "https:ipify": Page("https://api.ipify.org/", "https://api6.ipify.org/"),  # https://www.ipify.org/
    "https:icanhazip": Page("https://ipv4.icanhazip.com/", "https://ipv6.icanhazip.com/"),  # https://github.com/major/icanhaz
    "https:cloudflare": Page("https://www.cloudflare.com/cdn-cgi/trace", "https://www.cloudflare.com/cdn-cgi/trace", TRACE),
}


class Resolver(NamedTuple):
    """A name server that is asked over TLS (RFC 7858), with its fixed addresses where its name cannot be resolved, and the question that it answers with
    the asker's address."""

    name: str
    ipv4: str
    ipv6: str
    question: str
    kind: int
    family: int


RESOLVERS = {
    # https://developers.cloudflare.com/1.1.1.1/encryption/dns-over-tls/; the question is that of `dig CH TXT whoami.cloudflare @1.1.1.1`
    "dns:cloudflare": Resolver("one.one.one.one", "1.1.1.1", "2606:4700:4700::1111", "whoami.cloudflare", TXT, CH),
    # Behaviour of qdm12/ddns-updater (pkg/publicip/dns/providers.go)
    "dns:opendns": Resolver("dns.opendns.com", "208.67.222.222", "2620:119:35::35", "myip.opendns.com", A, IN),
}


class Unusable(Exception):
    """An answer that is no address; the text is for the owner."""


def ask(
    name: str, family: str, source: str = "", timeout: float = 5.0, device: str = "", context: Callable[[], ssl.SSLContext] = ssl.create_default_context
) -> Sighting:
    """What a source on the internet sees this machine come from. `source`: the address to ask from, `device`: the interface, '' as the kernel likes.
    Never raises."""
    kind = kind_of(name)
    try:
        if kind == SourceKind.DNS:
            said = over_dns(RESOLVERS[name], family, source, timeout, device, context())
        else:
            page = PAGES.get(name) or Page(name.removeprefix("https:"), name.removeprefix("https:"))
            body = fetch(page.ipv4 if family == IPV4 else page.ipv6, family, source, timeout, device, context())
            said = traced(body) if page.form == TRACE else body
        return Sighting(name, kind, family, parse(said.strip(), family))
    except Unusable as why:
        return Sighting(name, kind, family, trouble=str(why))
    except ssl.SSLCertVerificationError as error:
        return Sighting(name, kind, family, trouble=f"its certificate is not valid ({printable(error.verify_message, 80)})")
    except socket.gaierror:
        return Sighting(name, kind, family, trouble=f"its name has no IPv{family[-1]} address here")
    except TimeoutError:
        return Sighting(name, kind, family, trouble="it did not answer in time")
    except (OSError, http.client.HTTPException) as error:
        return Sighting(name, kind, family, trouble=printable(getattr(error, "strerror", None) or str(error) or type(error).__name__, 100))
    except (ValueError, struct.error, IndexError):
        return Sighting(name, kind, family, trouble="what it answered is not an address alone")


def connected(host: str, port: int, family: str, source: str, timeout: float, device: str, spare: str = "") -> socket.socket:
    """A connection by one family alone."""
    number = socket.AF_INET if family == IPV4 else socket.AF_INET6
    try:
        places: Iterable[object] = [found[4] for found in socket.getaddrinfo(host, port, number, socket.SOCK_STREAM)][:2]
    except socket.gaierror:
        if not spare:
            raise
        places = [(spare, port)]
    failed: OSError = TimeoutError()
    for place in places:
        channel = socket.socket(number, socket.SOCK_STREAM)
        try:
            channel.settimeout(timeout)
            if device:
                channel.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode() + b"\0")
            if source:
                channel.bind((source, 0))
            channel.connect(place)  # type: ignore[arg-type]
            return channel
        except OSError as error:
            channel.close()
            failed = error
    raise failed


def fetch(address: str, family: str, source: str, timeout: float, device: str, context: ssl.SSLContext) -> str:
    """The body of a page. No redirect is followed."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    connection = http.client.HTTPSConnection(host, parts.port or 443, timeout=timeout, context=context)
    with connected(host, parts.port or 443, family, source, timeout, device) as plain:
        connection.sock = context.wrap_socket(plain, server_hostname=host)
        try:
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("GET", path, headers={"User-Agent": AGENT, "Accept": "text/plain"})
            answer = connection.getresponse()
            body = answer.read(MOST + 1)
        finally:
            connection.close()
    if answer.status != 200:
        raise Unusable(f"it answered with HTTP status {answer.status}")
    if len(body) > MOST:
        raise Unusable("its answer is far longer than an address")
    return body.decode("ascii", "replace")


def traced(body: str) -> str:
    """The address in Cloudflare's trace, which also tells of its VPN."""
    lines = dict(line.partition("=")[::2] for line in body.splitlines())
    if lines.get("warp", "off") not in ("off", ""):
        raise Unusable("this machine comes to it through Cloudflare's WARP, whose address is not the home's")
    return lines.get("ip", "")


def over_dns(resolver: Resolver, family: str, source: str, timeout: float, device: str, context: ssl.SSLContext) -> str:
    spare = resolver.ipv4 if family == IPV4 else resolver.ipv6
    kind = AAAA if resolver.kind == A and family == IPV6 else resolver.kind
    number = int.from_bytes(os.urandom(2), "big")
    request = question(number, resolver.question, kind, resolver.family)
    with connected(resolver.name, 853, family, source, timeout, device, spare) as plain, context.wrap_socket(plain, server_hostname=resolver.name) as channel:
        channel.sendall(struct.pack("!H", len(request)) + request)
        with channel.makefile("rb") as stream:
            head = stream.read(2)
            if len(head) < 2:
                raise Unusable("it closed the connection without an answer")
            return answered(stream.read(min(struct.unpack("!H", head)[0], MOST)), number, kind)


def answered(message: bytes, number: int, kind: int) -> str:
    """The first record of a kind in an answer, as text. Raises Unusable, ValueError, IndexError or struct.error for what is no such answer."""
    try:
        found = records(message, number, kind)
    except (NotAsked, Refusal) as why:
        raise Unusable(str(why)) from why
    if not found:
        raise Unusable("its answer holds no address")
    if kind == TXT:
        return found[0][1 : 1 + found[0][0]].decode("ascii")
    return socket.inet_ntop(socket.AF_INET if kind == A else socket.AF_INET6, found[0])
