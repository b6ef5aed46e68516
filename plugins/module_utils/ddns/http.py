# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""HTTPS to providers: one request at a time, within a bounded time, without following anybody anywhere, and without a word about URLs."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Mapping
from functools import cache
from urllib.parse import urlsplit

from ..probe.wire import Timed
from .model import IPV4, IPV6
from .transport import Request, Response, Unreachable

AGENT = "homeserver.exposure homeserver-exposure/linux-0.3 {contact}"
"""In the form that No-IP asks for (https://www.noip.com/integrate/request): company, program / system - release, and an address to write to."""

LARGEST = 1 << 20
"""Bytes of an answer that are read."""

BIND_TO_DEVICE = getattr(socket, "SO_BINDTODEVICE", 25)


class Https:
    """A transport. `contact`: the owner's e-mail address. `sources`: family -> own address to call from; `interface`: the device to call through. `timeout`:
    seconds for a whole request. `roots`: PEM file that is trusted besides the system's store."""

    def __init__(self, contact: str, timeout: float = 10.0, sources: Mapping[str, str] | None = None, interface: str = "", roots: str = "") -> None:
        self.contact, self.timeout, self.sources, self.interface, self.roots = contact, timeout, dict(sources or {}), interface, roots

    def send(self, request: Request) -> Response:
        """One request. Redirects are given back as they came. Raises Unreachable."""
        try:
            parts = urlsplit(request.url)
            host, port = parts.hostname or "", parts.port or 443
        except ValueError:
            raise Unreachable("the provider's address cannot be read") from None
        if parts.scheme != "https" or not host:
            raise Unreachable(f"{host or 'the provider'} is not called without https, which would show the token to everybody on the way")
        target = parts.path or "/"
        try:
            return self.asked(request, host, port, f"{target}?{parts.query}" if parts.query else target)
        except ssl.SSLCertVerificationError as error:
            raise Unreachable(f"{host} shows a certificate that is not trusted ({error.verify_message})") from None
        except socket.gaierror:
            raise Unreachable(f"{host} was not found in the DNS") from None
        except TimeoutError:
            raise Unreachable(f"{host} gave no whole answer within {self.timeout:g} s") from None
        except ssl.SSLError as error:
            raise Unreachable(f"{host} speaks no TLS that is understood here ({error.reason})") from None
        except http.client.HTTPException as error:
            raise Unreachable(f"{host} gave an answer that is not HTTP ({type(error).__name__})") from None
        except OSError as error:
            raise Unreachable(f"{host} was not reached ({error.strerror or type(error).__name__})") from None
        except ValueError:
            # http.client refuses headers and paths with line ends; its message quotes them.
            raise Unreachable("an option or secret of this account has a character that no request can hold") from None

    def asked(self, request: Request, host: str, port: int, target: str) -> Response:
        raw = self.connect(host, port)
        raw.settimeout(self.timeout)
        try:
            channel = context(self.roots).wrap_socket(raw, server_hostname=host)
        except BaseException:
            raw.close()
            raise
        with channel:
            connection = http.client.HTTPConnection(host, port)
            connection.default_port = 443
            connection.sock = Timed(channel, self.timeout)
            names = {name.lower() for name in request.headers}
            own = {"User-Agent": AGENT.format(contact=self.contact), "Accept": "*/*", "Connection": "close"}
            headers = {**{name: text for name, text in own.items() if name.lower() not in names}, **request.headers}
            connection.request(request.method, target, body=request.body or None, headers=headers)
            answer = connection.getresponse()
            body = answer.read(LARGEST)
            return Response(answer.status, {name.lower(): text for name, text in answer.getheaders()}, body)

    def connect(self, host: str, port: int) -> socket.socket:
        """A connection, tried over each address of the host in the order of the system. Raises OSError."""
        trouble: OSError = TimeoutError()
        for family, kind, protocol, _, place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            channel = socket.socket(family, kind, protocol)
            try:
                channel.settimeout(self.timeout / 2)
                if self.interface:
                    channel.setsockopt(socket.SOL_SOCKET, BIND_TO_DEVICE, self.interface.encode() + b"\0")
                source = self.sources.get(IPV6 if family == socket.AF_INET6 else IPV4)
                if source:
                    channel.bind((source, 0))
                channel.connect(place)
            except OSError as error:
                trouble = error
                channel.close()
            else:
                return channel
        raise trouble


@cache
def context(roots: str) -> ssl.SSLContext:
    trusting = ssl.create_default_context()
    if roots:
        trusting.load_verify_locations(roots)
    return trusting
