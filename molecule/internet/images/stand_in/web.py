"""What the stand-ins share: requests as one object, answers as a tuple, WebSockets that open."""

from __future__ import annotations

import base64
import hashlib
import http.server
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""RFC 6455, section 1.3."""
KEPT = 1 << 20
"""Bytes of a body that an app looks at; the rest is read and forgotten."""


@dataclass
class Request:
    method: str
    path: str
    headers: Message
    peer: str
    body: bytes

    def header(self, name: str) -> str:
        return str(self.headers.get(name, ""))


Answer = tuple[int, dict[str, str], str]
App = Callable[[Request], Answer]


def serve(port: int, app: App) -> None:
    """Answer for ever on a port of every address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        server_version = ""
        sys_version = ""

        def any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(min(length, KEPT))
            left = length - len(body)
            while left > 0 and (more := self.rfile.read(min(left, KEPT))):
                left -= len(more)
            status, headers, text = app(Request(self.command, self.path, self.headers, self.client_address[0].removeprefix("::ffff:"), body))
            if status == 101:
                key = self.headers["Sec-WebSocket-Key"].encode() + GUID
                accept = base64.b64encode(hashlib.sha1(key, usedforsecurity=False).digest()).decode()
                headers |= {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": accept}
                self.close_connection = True
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if status != 101:
                self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(text.encode())

        do_GET = do_HEAD = do_POST = do_PUT = do_PROPFIND = do_OPTIONS = any

    server = http.server.ThreadingHTTPServer(("", port), Handler)
    server.daemon_threads = True
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    server.serve_forever()
