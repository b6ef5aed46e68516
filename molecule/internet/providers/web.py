"""What a provider is asked and answers, and the HTTPS server in front of all of them."""

from __future__ import annotations

import ssl
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv6Address, ip_address
from socket import AF_INET6, IPPROTO_IPV6, IPV6_V6ONLY
from urllib.parse import parse_qsl, unquote, urlsplit


@dataclass(frozen=True)
class Request:
    """`peer`: the address that the connection comes from, IPv4 as such. `query` keeps empty values."""

    method: str
    host: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    peer: str

    @property
    def agent(self) -> str:
        return self.headers.get("user-agent", "")


@dataclass(frozen=True)
class Answer:
    status: int = 200
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    kind: str = "text/plain"


class Gone(Exception):
    """The provider is down: the connection ends without an answer."""


def plain(address: str) -> str:
    """An address as clients write it: IPv4 without the IPv6 around it."""
    found = ip_address(address.partition("%")[0])
    return str(found.ipv4_mapped or found) if isinstance(found, IPv6Address) else str(found)


class Server(ThreadingHTTPServer):
    """HTTPS on both families. TLS is spoken in the thread of the connection, so that nobody waits for a slow client."""

    address_family = AF_INET6
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, context: ssl.SSLContext | None, answer: Callable[[Request], Answer], address: str = "::") -> None:
        self.context, self.answer = context, answer
        super().__init__((address, port), Handler)

    def server_bind(self) -> None:
        self.socket.setsockopt(IPPROTO_IPV6, IPV6_V6ONLY, 0)
        super().server_bind()

    def finish_request(self, request, client_address) -> None:  # type: ignore[no-untyped-def]
        request.settimeout(30)
        try:
            super().finish_request(self.context.wrap_socket(request, server_side=True) if self.context else request, client_address)
        except OSError:
            return  # a client that went away, or did not trust us


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def handle_any(self) -> None:
        parts = urlsplit(self.path)
        request = Request(
            method=self.command,
            host=self.headers.get("host", "").partition(":")[0].lower(),
            path=unquote(parts.path),
            query=dict(parse_qsl(parts.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(int(self.headers.get("content-length") or 0)),
            peer=plain(self.client_address[0]),
        )
        try:
            answer = self.server.answer(request)
        except Gone:
            self.close_connection = True
            return
        except Exception:
            traceback.print_exc()
            answer = Answer(500, "the simulator itself failed: journalctl -u providers\n")
        body = answer.body.encode("latin-1" if answer.kind.endswith("latin-1") else "utf-8")
        self.send_response(answer.status)
        for name, value in {"Content-Type": answer.kind, "Content-Length": str(len(body)), **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = handle_any

    def log_message(self, *_: object) -> None:
        """The journal says it, without the secrets of the URL."""


class Window:
    """At most so many calls in so many seconds, for each key."""

    def __init__(self, calls: int, seconds: float) -> None:
        self.calls, self.seconds = calls, seconds
        self.seen: dict[str, list[float]] = {}

    def wait(self, key: str) -> float:
        """Count a call: 0 when it is within the limit, else the seconds until one is again. A refused call does not count."""
        now = time.monotonic()
        recent = [moment for moment in self.seen.get(key, []) if moment > now - self.seconds]
        self.seen[key] = recent
        if len(recent) >= self.calls:
            return recent[0] + self.seconds - now
        recent.append(now)
        return 0.0
