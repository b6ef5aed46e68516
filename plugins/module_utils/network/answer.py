# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A server that answers for a while where nothing listens yet, so that the way to it can be tried before anything is set up."""

from __future__ import annotations

import contextlib
import os
import secrets
import selectors
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from .ports import HTTPS

SECONDS_EACH = 3.0
LOOK = 0.2
"""Seconds after which it looks again whether it is over."""


def listen(ports: Mapping[str, int]) -> dict[str, socket.socket]:
    """scheme -> a listening socket, of those ports that are free. A port that somebody has, or that one may not have, is left out."""
    made = {}
    for scheme, port in ports.items():
        with contextlib.suppress(OSError):
            made[scheme] = listening(port)
    return made


def listening(port: int) -> socket.socket:
    """A port of all addresses, of both families where there is IPv6. Raises OSError."""
    if socket.has_dualstack_ipv6():
        with contextlib.suppress(OSError):
            return socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server(("0.0.0.0", port))


def context() -> ssl.SSLContext | None:
    """A server's side of TLS with a certificate for this one time; None where openssl(1) is missing. The key is in no file any more when this returns."""
    with tempfile.TemporaryDirectory() as folder:
        key, certificate = (str(Path(folder) / name) for name in ("key", "certificate"))
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"]
        subject = f"/CN=homeserver.exposure diagnosis {secrets.token_hex(8)}"
        try:
            subprocess.run([*command, "-subj", subject, "-keyout", key, "-out", certificate], check=True, capture_output=True, timeout=20)
        except (OSError, subprocess.SubprocessError):
            return None
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(certificate, key)
        return made


def serve(sockets: Mapping[str, socket.socket], tls: ssl.SSLContext | None, over: Callable[[], bool]) -> None:
    """Answers every connection until it is over. Over http it leads to a name that nobody else knows, so that who meets it knows whom he met."""
    reply = f"HTTP/1.1 307 Temporary Redirect\r\nLocation: https://{secrets.token_hex(8)}.invalid/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
    with selectors.DefaultSelector() as selector:
        for scheme, channel in sockets.items():
            channel.setblocking(False)
            selector.register(channel, selectors.EVENT_READ, scheme)
        while not over():
            for ready, _ in selector.select(LOOK):
                with contextlib.suppress(OSError):
                    connection = ready.fileobj.accept()[0]  # type: ignore[union-attr]
                    threading.Thread(target=one, args=(connection, reply, tls if ready.data == HTTPS else None), daemon=True).start()
    for channel in sockets.values():
        channel.close()


def one(connection: socket.socket, reply: bytes, tls: ssl.SSLContext | None) -> None:
    connection.settimeout(SECONDS_EACH)
    with contextlib.suppress(OSError, ValueError), connection, tls.wrap_socket(connection, server_side=True) if tls else connection as channel:
        channel.recv(4096)
        channel.sendall(reply)


def answer(ports: Mapping[str, int], until: Path, seconds: float) -> list[str]:
    """Goes on answering after this returns, in a process of its own: until the file goes, and no longer than some seconds. Gives the schemes it answers for.
    Raises OSError where the file cannot be made."""
    sockets = listen(ports)
    tls = context() if HTTPS in sockets else None
    if HTTPS in sockets and tls is None:
        sockets.pop(HTTPS).close()
    if not sockets:
        return []
    until.parent.mkdir(parents=True, exist_ok=True)
    until.write_text("While this file is there, a diagnosis answers on ports where nothing else does.\n")
    end = time.monotonic() + seconds
    if os.fork() == 0:
        detached(lambda: serve(sockets, tls, lambda: time.monotonic() > end or not until.exists()), until)
    for channel in sockets.values():
        channel.close()
    return sorted(sockets)


def detached(work: Callable[[], None], until: Path) -> None:
    """Does something as a process that nobody waits for, and ends it."""
    os.setsid()
    if os.fork():
        os._exit(0)
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    try:
        work()
        until.unlink(missing_ok=True)
    finally:
        os._exit(0)
