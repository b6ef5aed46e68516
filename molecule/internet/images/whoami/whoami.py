"""Answers like traefik/whoami 1.11: `/` as text, `/api` as JSON, `/health`, and `/echo` as a WebSocket.

Each request is also logged on one line, so that a test can read what the application itself saw.
The WebSocket follows RFC 6455 as far as an echo needs: short unfragmented frames, masked by the client.
"""

import base64
import hashlib
import http.server
import json
import os
import signal
import socket
import struct

PORT = int(os.environ.get("WHOAMI_PORT_NUMBER", "80"))


class Whoami(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status: int, body: bytes, kind: str = "text/plain; charset=utf-8") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def seen(self) -> dict:
        headers: dict[str, list[str]] = {}
        for name, value in self.headers.items():
            headers.setdefault(name.title(), []).append(value)
        headers.pop("Host", None)
        return {
            "hostname": socket.gethostname(),
            "ip": [socket.gethostbyname(socket.gethostname())],
            "headers": headers,
            "url": self.path,
            "host": self.headers.get("Host", ""),
            "method": self.command,
            "name": os.environ.get("WHOAMI_NAME", ""),
            "remoteAddr": "{}:{}".format(*self.client_address[:2]),
        }

    def handle_any(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        while length > 0:
            length -= len(self.rfile.read(min(length, 1 << 20))) or length
        path = self.path.partition("?")[0]
        if path == "/health":
            self.answer(200, b"")
        elif path == "/api":
            self.answer(200, json.dumps(self.seen()).encode(), "application/json")
        elif path == "/echo" and self.headers.get("Upgrade", "").lower() == "websocket":
            self.echo()
        else:
            seen = self.seen()
            lines = [f"Hostname: {seen['hostname']}", f"RemoteAddr: {seen['remoteAddr']}", f"{self.command} {self.path} HTTP/1.1", f"Host: {seen['host']}"]
            lines += [f"{name}: {value}" for name, values in seen["headers"].items() for value in values]
            self.answer(200, ("\n".join(lines) + "\n").encode())

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = handle_any

    def echo(self) -> None:
        accept = base64.b64encode(
            hashlib.sha1(self.headers["Sec-WebSocket-Key"].encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11", usedforsecurity=False).digest()
        )
        self.send_response(101)
        for name, value in (("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", accept.decode())):
            self.send_header(name, value)
        self.end_headers()
        self.close_connection = True
        while len(head := self.rfile.read(2)) == 2:
            opcode, size = head[0] & 15, head[1] & 127
            if size == 126:
                (size,) = struct.unpack(">H", self.rfile.read(2))
            mask, data = self.rfile.read(4), self.rfile.read(size)
            data = bytes(byte ^ mask[i % 4] for i, byte in enumerate(data))
            reply = bytes([0x80 | (10 if opcode == 9 else opcode)])
            reply += bytes([len(data)]) if len(data) < 126 else bytes([126]) + struct.pack(">H", len(data))
            self.wfile.write(reply + data)
            if opcode == 8:
                return


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True


signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
Server(("", PORT), Whoami).serve_forever()
