# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an address shows: a handshake for each store to judge the certificate, one that takes anything where it is refused, others for other clients.

Every connection as a whole, greeting and handshake included, ends by its time.
"""

from __future__ import annotations

import _ssl
import contextlib
import socket
import ssl
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from ..acme.problem import printable
from ..probe.wire import Timed
from .greeting import NotOffered, greet, proxy_header
from .model import Endpoint, Seen, Settings, Trouble, Verdict
from .read import Broken, read
from .stores import Stores, Unreadable

TIME_IS_OVER = Trouble("deadline", "it was not looked at, since the time for everything was over")
PLAIN_HTTP = Trouble("plain_http_on_tls_port", "it speaks HTTP without TLS")
ALERTS = ("TLSV1_", "SSLV3_ALERT", "TLSV13_ALERT")
"""How OpenSSL's names of errors begin that stand for an alert which the server sent."""
SILENCE = 2.0
"""Seconds for which a server that speaks no TLS is heard for what it speaks."""
FAMILY = {"any": 0, "all": 0, "ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}


@cache
def seeing() -> ssl.SSLContext:
    """A client that takes any certificate, and whatever is old or weak as well."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
    return context


@cache
def old() -> ssl.SSLContext | None:
    """A client that speaks TLS 1.0 and 1.1 alone; None where the library of this host cannot."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
        context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO()).do_handshake()
    except ssl.SSLWantReadError:
        return context  # it would say hello
    except (ssl.SSLError, ValueError):
        return None
    return None


def addresses_of(endpoint: Endpoint) -> tuple[list[str], Trouble | None]:
    """Where an endpoint is, as this host's resolver says."""
    try:
        found = socket.getaddrinfo(endpoint.connect_to or endpoint.host, None, FAMILY[endpoint.family], socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        said = printable(getattr(error, "strerror", "") or str(error))
        return [], Trouble("dns", f"{endpoint.connect_to or 'the name'} has no address here ({said})")
    return list(dict.fromkeys(str(entry[4][0]) for entry in found)), None


@dataclass(frozen=True)
class Glance:
    """One handshake's end."""

    chain: tuple[bytes, ...] = ()
    verified: tuple[bytes, ...] = ()
    version: str = ""
    cipher: str = ""


@dataclass
class Door:
    """An endpoint at one of its addresses. `until`: when everything is over."""

    endpoint: Endpoint
    address: str
    timeout: float
    until: float
    connected: bool = False

    def channel(self, end: float) -> socket.socket:
        """A connection on which TLS may begin. Raises OSError, NotOffered."""
        raw = socket.create_connection((self.address, self.endpoint.port), left(end))
        self.connected = True
        try:
            if self.endpoint.proxy_protocol:
                own, other = raw.getsockname(), raw.getpeername()
                source, target = (own[0].partition("%")[0], own[1]), (other[0].partition("%")[0], other[1])
                raw.sendall(proxy_header(self.endpoint.proxy_protocol, source, target))
            if self.endpoint.starttls:
                greet(raw, self.endpoint.starttls, self.endpoint.sni or self.endpoint.host, left(end))
            raw.settimeout(left(end))
        except BaseException:
            raw.close()
            raise
        return raw

    def end(self) -> float:
        return min(time.monotonic() + self.timeout, self.until)

    def shake(self, context: ssl.SSLContext, name: str) -> Glance:
        """One handshake. Python counts the timeout of the connection for the whole of it. Raises OSError, NotOffered."""
        raw = self.channel(self.end())
        try:
            tls = context.wrap_socket(raw, server_hostname=name or None)
        except BaseException:
            raw.close()
            raise
        with tls:
            cipher = tls.cipher()
            return Glance(chain(tls, "unverified"), chain(tls, "verified") if context.verify_mode else (), tls.version() or "", cipher[0] if cipher else "")

    def speaks(self) -> str:
        """How a server that is spoken to in HTTP begins its answer, '' where it says nothing. For what answers TLS with something else."""
        if self.endpoint.starttls or self.endpoint.proxy_protocol:
            return ""
        try:
            with socket.create_connection((self.address, self.endpoint.port), left(self.end())) as raw:
                timed = Timed(raw, min(SILENCE, left(self.end())))
                timed.sendall(b"GET / HTTP/1.0\r\n\r\n")
                return (timed.read(64) or b"").decode("utf-8", "replace")
        except OSError:
            return ""


def http(said: str) -> bool:
    return said.startswith("HTTP/") or "<html" in said.lower()


def left(end: float) -> float:
    seconds = end - time.monotonic()
    if seconds <= 0:
        raise TimeoutError
    return seconds


def chain(tls: ssl.SSLSocket, which: str) -> tuple[bytes, ...]:
    """The certificates as they were sent, or those of the way to a root. Public since Python 3.13; until then the same, one layer below."""
    public: Callable[[], Sequence[bytes]] | None = getattr(tls, f"get_{which}_chain", None)
    if public:
        return tuple(public() or ())
    inner: Any = getattr(tls, "_sslobj")  # noqa: B009
    return tuple(certificate.public_bytes(_ssl.ENCODING_DER) for certificate in getattr(inner, f"get_{which}_chain")() or ())


def look(endpoint: Endpoint, addresses: Sequence[str], settings: Settings, stores: Stores, until: float) -> Seen:
    """The first of the addresses that can be connected to. Never raises for what a server does."""
    seen = Seen(trouble=TIME_IS_OVER)
    for address in addresses:
        if time.monotonic() >= until:
            break
        seen = at_address(Door(endpoint, address, settings.timeout, until), settings, stores)
        if not seen.trouble or seen.trouble.kind not in ("refused", "timeout", "no_route"):
            break
    return seen


def at_address(door: Door, settings: Settings, stores: Stores) -> Seen:
    """A handshake that the first store accepts shows the certificate as well, so that only one which it refuses needs another to see it."""
    name, (first, *others) = door.endpoint.sni, door.endpoint.expected.trust
    try:
        verdict, glance = judged(door, first, stores)
        glance = glance or door.shake(seeing(), name)
    except (OSError, NotOffered, ValueError) as error:
        return Seen(door.address, trouble_of(error, door))
    return Seen(
        door.address,
        None,
        glance.chain,
        glance.version,
        glance.cipher,
        (verdict, *(again(door, store, stores) for store in others)),
        without_name(door) if name and "no_sni" in settings.checks else b"",
        old_version(door) if "old_tls" in settings.checks else "",
    )


def judged(door: Door, store: str, stores: Stores) -> tuple[Verdict, Glance | None]:
    """Whether a client that trusts one store accepts the chain, names and dates aside, and what it saw if so. Raises OSError, NotOffered."""
    try:
        glance = door.shake(stores.context(store), door.endpoint.sni)
        if any(over(der) for der in glance.verified[1:]) and not over(glance.verified[0]):
            # Where dates do not count, OpenSSL may take an expired root although another leads on.
            with contextlib.suppress(ssl.SSLCertVerificationError):
                glance = door.shake(stores.context(store, with_time=True), door.endpoint.sni)
    except Unreadable as reason:
        return Verdict(store, None, text=str(reason)), None
    except ssl.SSLCertVerificationError as error:
        return Verdict(store, False, error.verify_code, error.verify_message), None
    return Verdict(store, True, path=glance.verified), glance


def again(door: Door, store: str, stores: Stores) -> Verdict:
    """What a further store says, where the endpoint answers once more."""
    try:
        return judged(door, store, stores)[0]
    except (OSError, NotOffered, ValueError) as error:
        return Verdict(store, None, text=trouble_of(error, door).text, lost=True)


def over(der: bytes) -> bool:
    try:
        return read(der).not_after.timestamp() < time.time()
    except Broken:
        return False


def without_name(door: Door) -> bytes:
    """The leaf that is shown to who asks for no name."""
    try:
        return (door.shake(seeing(), "").chain or (b"",))[0]
    except (OSError, NotOffered, ValueError):
        return b""


def old_version(door: Door) -> str:
    context = old()
    if context is None:
        return "not_testable_here"
    try:
        return door.shake(context, door.endpoint.sni).version
    except (OSError, NotOffered, ValueError):
        return "none"


def trouble_of(error: BaseException, door: Door) -> Trouble:
    """Why there was no handshake, in the words of an owner."""
    if isinstance(error, NotOffered):
        return Trouble("starttls_not_offered", f"{door.endpoint.starttls} does not offer TLS: {error}")
    if isinstance(error, TimeoutError):
        if door.connected and http(door.speaks()):
            return PLAIN_HTTP
        return Trouble("timeout", f"there was no whole answer within {door.timeout:g} s")
    if isinstance(error, ConnectionRefusedError):
        return Trouble("refused", "nothing listens there, or a firewall refuses")
    if isinstance(error, (ssl.SSLEOFError, ConnectionResetError, BrokenPipeError, ssl.SSLZeroReturnError)):
        return Trouble("reset", "the connection was closed in the middle of the handshake")
    if isinstance(error, ssl.SSLError):
        return tls_trouble(str(error.reason or error), door)
    if isinstance(error, OSError):
        kind = "no_route" if error.errno else "not_tls"
        return Trouble(kind, f"it is not reached ({printable(error.strerror or str(error))})")
    return Trouble("not_tls", printable(str(error)))


def tls_trouble(reason: str, door: Door) -> Trouble:
    if reason.startswith(ALERTS):
        return Trouble("tls_alert", f"the server refuses with the alert {reason.partition('_')[2].removeprefix('ALERT_').lower().replace('_', ' ')}")
    if reason == "EXCESSIVE_MESSAGE_SIZE":
        return Trouble("too_large", "its certificates are larger than clients take (100 KiB)")
    said = door.speaks()
    if http(said):
        return PLAIN_HTTP
    spoken = printable(said, 40)
    hint = f"; it begins with {spoken!r}: is a starttls to be given?" if spoken else ""
    return Trouble("not_tls", f"what it says is not TLS ({reason.lower().replace('_', ' ')}){hint}")
