# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is said in clear before TLS begins: the PROXY protocol, and how each service is asked for TLS. Standard library only."""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Callable

from ..acme.problem import printable
from ..probe.wire import Timed

LONGEST = 65_536
"""Bytes of a greeting that are read; no service says so much."""

V2 = b"\r\n\r\n\0\r\nQUIT\n"
CLIENT_PROTOCOL_41, CLIENT_SSL, CLIENT_SECURE_CONNECTION = 0x200, 0x800, 0x8000


class NotOffered(Exception):
    """The service does not offer TLS; its text is what it said instead, fit to be shown."""


class Line:
    """A connection in clear that ends at a time, read piece by piece."""

    def __init__(self, channel: socket.socket, seconds: float) -> None:
        self.timed, self.read = Timed(channel, seconds), 0

    def say(self, words: bytes) -> None:
        self.timed.sendall(words)

    def some(self, most: int = 1) -> bytes:
        """At least one byte. Raises NotOffered where there is none, or too much."""
        piece = self.timed.read(most)
        self.read += len(piece or b"")
        if not piece:
            raise NotOffered("it closed the connection")
        if self.read > LONGEST:
            raise NotOffered("it says more than such a service does")
        return piece

    def exactly(self, length: int) -> bytes:
        if length > LONGEST:
            raise NotOffered("what it says is not of this protocol")
        found = b""
        while len(found) < length:
            found += self.some(length - len(found))
        return found

    def line(self) -> str:
        """Up to a line end: byte by byte, so that nothing of what follows is taken away."""
        found = b""
        while not found.endswith(b"\n"):
            found += self.some()
        return found.decode("utf-8", "replace").rstrip("\r\n")

    def until(self, *ends: bytes) -> bytes:
        found = b""
        while not any(end in found for end in ends):
            found += self.some()
        return found


def reply(line: Line) -> str:
    """The last line of an answer of SMTP or FTP, whose earlier lines have a dash after the number (RFC 5321, 4.2.1; RFC 959, 4.2)."""
    said = line.line()
    number = said[:3]
    while not re.match(r"\d{3}(?: |\Z)", said) or said[:3] != number:
        if not re.match(r"\d{3}", number):
            raise NotOffered(printable(said))
        said = line.line()
    return said


def wants(said: str, start: str) -> None:
    if not said.startswith(start):
        raise NotOffered(printable(said))


def smtp(line: Line, _: str) -> None:
    """RFC 3207."""
    wants(reply(line), "220")
    line.say(b"EHLO inspector.invalid\r\n")
    wants(reply(line), "250")
    line.say(b"STARTTLS\r\n")
    wants(reply(line), "220")


def ftp(line: Line, _: str) -> None:
    """RFC 4217."""
    wants(reply(line), "220")
    line.say(b"AUTH TLS\r\n")
    wants(reply(line), "234")


def imap(line: Line, _: str) -> None:
    """RFC 9051, 6.2.1."""
    wants(line.line(), "* OK")
    line.say(b"a STARTTLS\r\n")
    while (said := line.line()).startswith("* "):
        pass
    wants(said, "a OK")


def pop3(line: Line, _: str) -> None:
    """RFC 2595, 4."""
    wants(line.line(), "+OK")
    line.say(b"STLS\r\n")
    wants(line.line(), "+OK")


def ldap(line: Line, _: str) -> None:
    """RFC 4511, 4.14: an extended request with the identifier of StartTLS. In the answer the result code (an enumerated, 0 for success) comes first."""
    line.say(b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037")
    kind, length = line.exactly(2)
    if length & 0x80:
        length = int.from_bytes(line.exactly(length & 0x7F), "big")
    said = line.exactly(length)
    result = re.match(rb"\x02\x01\x01\x78(?:[\x00-\x7f]|\x81.|\x82..|\x83...|\x84....)\x0a\x01(.)", said, re.DOTALL)
    if kind != 0x30 or not result:
        raise NotOffered("what it says is not LDAP")
    if result[1] != b"\0":
        raise NotOffered(f"it answers with LDAP result {result[1][0]}")


def postgres(line: Line, _: str) -> None:
    """SSLRequest: https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL"""
    line.say(struct.pack("!II", 8, 80877103))
    said = line.exactly(1)
    if said != b"S":
        raise NotOffered("it answers that it has no TLS" if said == b"N" else "what it says is not PostgreSQL's")


def mysql(line: Line, _: str) -> None:
    """SSLRequest: https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_packets_protocol_ssl_request.html"""
    head = line.exactly(4)
    greeting = line.exactly(int.from_bytes(head[:3], "little"))
    if greeting[:1] == b"\xff":
        raise NotOffered(printable(greeting[3:].decode("utf-8", "replace")))
    after = greeting.find(b"\0", 1) + 1
    flags = greeting[after + 13 : after + 15]
    if greeting[:1] != b"\x0a" or not after or len(flags) < 2:
        raise NotOffered("what it says is not MySQL's")
    if not int.from_bytes(flags, "little") & CLIENT_SSL:
        raise NotOffered("it answers that it has no TLS")
    body = struct.pack("<IIB23x", CLIENT_PROTOCOL_41 | CLIENT_SSL | CLIENT_SECURE_CONNECTION, 1 << 24, 33)
    line.say(len(body).to_bytes(3, "little") + bytes([head[3] + 1 & 0xFF]) + body)


def xmpp(line: Line, domain: str) -> None:
    """RFC 6120, 5.4."""
    opening = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='{}' version='1.0'>"
    line.say(opening.format(re.sub(r"[^A-Za-z0-9.:-]", "", domain)).encode())
    features = line.until(b"</stream:features>", b"<stream:features/>", b"</stream:stream>")
    if b"urn:ietf:params:xml:ns:xmpp-tls" not in features:
        raise NotOffered("its features do not list TLS")
    line.say(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
    said = line.until(b">")
    if b"<proceed" not in said:
        raise NotOffered(printable(said.decode("utf-8", "replace")))


DIALOGUES: dict[str, Callable[[Line, str], None]] = {
    "smtp": smtp,
    "imap": imap,
    "pop3": pop3,
    "ldap": ldap,
    "ftp": ftp,
    "postgres": postgres,
    "mysql": mysql,
    "xmpp": xmpp,
}


def greet(channel: socket.socket, service: str, domain: str, seconds: float) -> None:
    """Ask a service for TLS. `seconds` is for all of it. Raises NotOffered, or OSError (TimeoutError among them)."""
    DIALOGUES[service](Line(channel, seconds), domain)


def proxy_header(version: int, source: tuple[str, int], target: tuple[str, int]) -> bytes:
    """What a proxy says first of whom it speaks for, version 1 or 2: https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt"""
    family = socket.AF_INET6 if ":" in target[0] else socket.AF_INET
    if version == 1:
        return f"PROXY TCP{6 if family == socket.AF_INET6 else 4} {source[0]} {target[0]} {source[1]} {target[1]}\r\n".encode()
    places = socket.inet_pton(family, source[0]) + socket.inet_pton(family, target[0]) + struct.pack("!HH", source[1], target[1])
    return V2 + bytes([0x21, 0x21 if family == socket.AF_INET6 else 0x11]) + struct.pack("!H", len(places)) + places
