# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One connection at a time, as a client makes it: names, TCP, TLS, HTTP/1.1, WebSocket. Standard library only."""

from __future__ import annotations

import base64
import contextlib
import errno
import http.client
import io
import os
import re
import select
import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

BODY_READ = 262_144
"""Bytes of a page that are looked at."""
AGENT = "homeserver.exposure"
PIECE = 65_536
NO_WAY = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


def addresses(name: str) -> list[str]:
    """What this machine's resolver says of a name, IPv6 and IPv4, without repeats. Raises OSError."""
    return list(dict.fromkeys(str(entry[4][0]) for entry in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)))


def lacks(address: str) -> str:
    """The family of an address, where this machine has no way to any address of it: IPv6 in many networks. '' where it has one. Nothing is sent."""
    family, place = (socket.AF_INET6, (address, 443)) if ":" in address else (socket.AF_INET, (address, 443))
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as channel:
            channel.connect(socket.getaddrinfo(*place, family, socket.SOCK_DGRAM)[0][4])
    except OSError as error:
        if error.errno in NO_WAY:
            return "IPv6" if family == socket.AF_INET6 else "IPv4"
    return ""


def connect(address: str, port: int, timeout: float) -> socket.socket:
    """A TCP connection to an address. Raises OSError."""
    return socket.create_connection((address, port), timeout=timeout)


def is_open(address: str, port: int, timeout: float) -> bool:
    """Whether something accepts connections there. No answer within the time counts as closed."""
    try:
        connect(address, port, timeout).close()
    except OSError:
        return False
    return True


@cache
def trusting(*roots: str) -> ssl.SSLContext:
    """A client that trusts the system's store and PEM files. Reading the store takes 15 ms, too long to do it for each connection. What Python 3.13 is
    strict about (an authority of one's own often has no key identifiers) browsers take, and so does this."""
    context = ssl.create_default_context()
    context.verify_flags &= ~(ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN)
    for path in roots:
        context.load_verify_locations(path)
    context.set_alpn_protocols(["http/1.1"])
    return context


@cache
def trusting_all(*protocols: str) -> ssl.SSLContext:
    """A client that takes any certificate and offers these protocols (ALPN)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(list(protocols))
    return context


def secure(raw: socket.socket, name: str | None, verify: bool = True, roots: Sequence[str] = (), http2: bool = True) -> ssl.SSLSocket:
    """TLS over a connection, for a name (None: without SNI). `roots` are PEM files that are trusted besides the system's store; without
    `verify` any certificate is taken, and HTTP/2 is offered too unless told otherwise. Raises ssl.SSLError or OSError; closes `raw` then."""
    try:
        context = trusting(*roots) if verify else trusting_all(*["h2"] * http2, "http/1.1")
        return context.wrap_socket(raw, server_hostname=name)
    except BaseException:
        raw.close()
        raise


ALERT = re.compile(r"ALERT|UNRECOGNIZED_NAME")
"""Of OpenSSL's names of errors those that say what the other side sent (https://docs.openssl.org/3.0/man3/SSL_alert_type_string/)."""


def presented(address: str, port: int, name: str | None, timeout: float) -> bytes | None:
    """The certificate that is shown to a client which asks for a name or for none: DER, or None when the handshake is refused, by an alert, an end or
    a reset. Raises OSError for what proves neither: no connection, no answer in time, or an answer that is no TLS."""
    raw = connect(address, port, timeout)
    try:
        with secure(raw, name, verify=False) as tls:
            return tls.getpeercert(binary_form=True)
    except (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionError):
        return None
    except ssl.SSLError as error:
        if ALERT.search(error.reason or ""):
            return None
        raise


def speaks_http2(address: str, port: int, name: str, timeout: float) -> bool:
    """Whether HTTP/2 is agreed on by ALPN."""
    with secure(connect(address, port, timeout), name, verify=False) as tls:
        return tls.selected_alpn_protocol() == "h2"


@dataclass
class Page:
    """An HTTP answer: its status, headers in lower case, and the first part of its body as text."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""


class Timed(io.RawIOBase):
    """A connection whose whole use ends by a deadline: a server that dribbles does not hold its client for ever."""

    def __init__(self, channel: socket.socket, seconds: float) -> None:
        self.channel, self.seconds, self.deadline = channel, seconds, time.monotonic() + seconds

    def ready(self) -> socket.socket:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"no whole answer within {self.seconds:g} s")
        self.channel.settimeout(left)
        return self.channel

    def sendall(self, data: bytes) -> None:
        self.ready().sendall(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self.ready().recv_into(buffer)

    def makefile(self, mode: str) -> io.BufferedReader:
        """What http.client reads from. It closes this and that at will; the channel is closed by whoever opened it."""
        reader = Timed(self.channel, self.seconds)
        reader.deadline = self.deadline
        return io.BufferedReader(reader)


def fetch(channel: socket.socket, host: str, path: str, timeout: float, more: Mapping[str, str] | None = None) -> Page:
    """GET over an open connection, which is closed then. Redirects are not followed. `timeout` is for all of it, in seconds. `more` are headers.
    Raises OSError or http.client.HTTPException."""
    connection = http.client.HTTPConnection(host, timeout=timeout)
    connection.sock = Timed(channel, timeout)
    with contextlib.closing(channel):
        connection.request("GET", path, headers={"Host": host, "User-Agent": AGENT, "Connection": "close", **(more or {})})
        answer = connection.getresponse()
        body = answer.read(BODY_READ).decode(errors="replace")
        return Page(answer.status, {key.lower(): value for key, value in answer.getheaders()}, body)


def upgrade(channel: socket.socket, host: str, path: str, timeout: float, expects: str = "") -> Page:
    """Ask for a WebSocket (RFC 6455, section 4.1) over an open connection, which is closed then. The body is the first frame's text, where one
    is expected. `timeout` is for all of it, in seconds. Raises OSError."""
    key = base64.b64encode(os.urandom(16)).decode()
    lines = (f"GET {path} HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}")
    with contextlib.closing(channel):
        timed = Timed(channel, timeout)
        timed.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        received = b""
        while b"\r\n\r\n" not in received and len(received) < 65536:
            piece = timed.read(4096)
            if not piece:
                break
            received += piece
        head, _, rest = received.partition(b"\r\n\r\n")
        status = re.match(rb"HTTP/1\.[01] (\d{3})(?: |\r|\Z)", head)
        switched = status is not None and status[1] == b"101"
        while switched and expects and expects.encode() not in rest and len(rest) < 65536:
            piece = timed.read(4096)
            if not piece:
                break
            rest += piece
    return Page(int(status[1]) if status else 0, {}, rest.decode(errors="replace"))


def send(channel: ssl.SSLSocket, host: str, path: str, size: int, timeout: float) -> int:
    """POST so many bytes over an open connection, which is closed then. The status of the answer, also of one that comes before all is sent;
    0 where the connection ends without any. `timeout` is for all of it, in seconds. Raises OSError."""
    lines = (f"POST {path} HTTP/1.1", f"Host: {host}", f"User-Agent: {AGENT}", "Content-Type: application/octet-stream", "Connection: close")
    waiting, left, received = ("\r\n".join((*lines, f"Content-Length: {size}")) + "\r\n\r\n").encode(), size, b""
    until = time.monotonic() + timeout
    with contextlib.closing(channel):
        channel.setblocking(False)
        while b"\r\n" not in received and len(received) < PIECE:
            patience = until - time.monotonic()
            if patience <= 0:
                raise TimeoutError(f"{size - left} of {size} bytes were taken within {timeout:g} s, and there was no answer")
            try:
                piece = channel.recv(4096)
                if not piece:
                    break
                received += piece
                continue
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                pass
            except OSError:
                break
            if not waiting and left:
                waiting, left = bytes(min(left, PIECE)), max(0, left - PIECE)
            try:
                waiting = waiting[channel.send(waiting) :] if waiting else waiting
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                pass
            except OSError:
                left, waiting = 0, b""  # it takes no more; an answer may still be there
                patience = min(patience, 0.2)
            else:
                if waiting or left:
                    continue
            select.select([channel], [channel] if waiting else [], [], min(patience, 0.2))
    status = re.match(rb"HTTP/1\.[01] (\d{3})(?: |\r)", received)
    return int(status[1]) if status else 0
