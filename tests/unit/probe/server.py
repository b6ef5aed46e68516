"""Real servers for probes, on ports of this machine: TLS with certificates made for the test, and any behaviour one likes."""

from __future__ import annotations

import contextlib
import datetime
import socket
import ssl
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from plugins.module_utils.probe.every import Proof, probe_all
from plugins.module_utils.probe.outcome import Outcome, View

HOST = "home.example.test"
NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)

Behaviour = Callable[[socket.socket], None]


class Authority:
    """A certificate authority of the test."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test CA")])
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        self.certificate = self.signed(self.key.public_key(), self.name, 30, x509.BasicConstraints(True, None), usage)

    def signed(self, key: ec.EllipticCurvePublicKey, subject: x509.Name, days: int, *extensions: x509.ExtensionType) -> x509.Certificate:
        builder = x509.CertificateBuilder(self.name, subject, key, x509.random_serial_number(), NOW - 60 * DAY, NOW + days * DAY)
        own = self.key.public_key()
        for extension in (*extensions, x509.SubjectKeyIdentifier.from_public_key(key), x509.AuthorityKeyIdentifier.from_issuer_public_key(own)):
            builder = builder.add_extension(extension, critical=isinstance(extension, (x509.BasicConstraints, x509.KeyUsage)))
        return builder.sign(self.key, hashes.SHA256())

    def roots(self, folder: Path) -> str:
        path = folder / "roots.pem"
        path.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))
        return str(path)

    def context(self, folder: Path, name: str = HOST, days: int = 30, strict: bool = True, alpn: tuple[str, ...] = ("h2", "http/1.1")) -> ssl.SSLContext:
        """A server's side of TLS with a certificate for a name; `strict` refuses to talk to who asks for another or for none."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self.signed(key.public_key(), x509.Name([]), days, x509.SubjectAlternativeName([x509.DNSName(name)]))
        path = folder / f"{name}.pem"
        private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        context.set_alpn_protocols(list(alpn))

        def choose(channel: ssl.SSLObject, asked: str | None, _: ssl.SSLContext) -> int | None:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME if strict and asked != HOST else None

        context.sni_callback = choose  # type: ignore[assignment]
        return context


@cache
def authority() -> Authority:
    return Authority()


class Server:
    """Does one thing with every connection, over TLS where it is given a context, until it is closed."""

    def __init__(self, behaviour: Behaviour, context: ssl.SSLContext | None = None) -> None:
        self.behaviour, self.context = behaviour, context
        self.listening = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self.listening.getsockname()[1]
        self.over = threading.Event()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self.one, args=(self.listening.accept()[0],), daemon=True).start()

    def one(self, connection: socket.socket) -> None:
        connection.settimeout(5)
        with contextlib.suppress(OSError, ValueError), connection:
            if self.context:
                with self.context.wrap_socket(connection, server_side=True) as tls:
                    self.behaviour(tls)
                    linger(tls)
            else:
                self.behaviour(connection)
                linger(connection)

    def close(self) -> None:
        self.over.set()
        with contextlib.suppress(OSError):
            self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()


def linger(connection: socket.socket) -> None:
    """As servers close: what still comes in is taken, so that the answer is not lost by it."""
    connection.shutdown(socket.SHUT_WR)
    connection.settimeout(0.5)
    while connection.recv(65536):
        pass


def request(connection: socket.socket) -> bytes:
    """The head of a request."""
    received = b""
    while b"\r\n\r\n" not in received and (piece := connection.recv(4096)):
        received += piece
    return received


def answers(text: bytes) -> Behaviour:
    """Hears a request, says this, and closes."""

    def behaviour(connection: socket.socket) -> None:
        request(connection)
        connection.sendall(text)

    return behaviour


def page(status: str = "200 OK", body: str = "<title>Home</title>", *headers: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", body]).encode()


REDIRECT = page("308 Permanent Redirect", "", f"Location: https://{HOST}/probe?x=1")


def proof(https: Server, http: Server, roots: str = "", timeout: float = 2.0, site: dict[str, Any] | None = None, **view: Any) -> Proof:
    """One look at the site."""
    given = {"host": HOST, "site": "home", "path": "/", "status": [200], "contains": "Home", **(site or {})}
    return probe_all([given], View("127.0.0.1", timeout, roots, https.port, http.port, **view))


def seen(https: Server, http: Server, roots: str = "", timeout: float = 2.0, **site: Any) -> dict[str, Outcome]:
    """What a probe says, by check."""
    outcomes = proof(https, http, roots, timeout, site).outcomes
    assert {outcome.host for outcome in outcomes} == {HOST}
    return {outcome.check: outcome for outcome in outcomes}


def failing(outcomes: dict[str, Outcome]) -> list[str]:
    return [check for check, outcome in outcomes.items() if outcome.ok is False]
