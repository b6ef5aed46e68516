"""The other side of what is spoken before TLS, as real servers speak it, and servers that mean ill."""

from __future__ import annotations

import socket
import ssl
import struct
import time
from collections.abc import Callable

from tests.unit.probe.server import Behaviour

Talk = Callable[[socket.socket], None]


def line(channel: socket.socket) -> bytes:
    found = b""
    while not found.endswith(b"\n"):
        piece = channel.recv(1)
        if not piece:
            raise OSError("closed")
        found += piece
    return found


def exactly(channel: socket.socket, length: int) -> bytes:
    found = b""
    while len(found) < length:
        piece = channel.recv(length - len(found))
        if not piece:
            raise OSError("closed")
        found += piece
    return found


def smtp(channel: socket.socket) -> None:
    channel.sendall(b"220-mail.example.org\r\n220 ready\r\n")
    assert line(channel).startswith(b"EHLO ")
    channel.sendall(b"250-mail.example.org\r\n250-STARTTLS\r\n250 8BITMIME\r\n")
    assert line(channel) == b"STARTTLS\r\n"
    channel.sendall(b"220 go\r\n")


def ftp(channel: socket.socket) -> None:
    channel.sendall(b"220 hello\r\n")
    assert line(channel) == b"AUTH TLS\r\n"
    channel.sendall(b"234 go\r\n")


def imap(channel: socket.socket) -> None:
    channel.sendall(b"* OK ready\r\n")
    command = b""
    while command != b"STARTTLS":
        tag, command = line(channel).split()
        channel.sendall(b"* CAPABILITY IMAP4rev1 STARTTLS\r\n" + tag + b" OK go on\r\n")


def pop3(channel: socket.socket) -> None:
    channel.sendall(b"+OK ready\r\n")
    assert line(channel) == b"STLS\r\n"
    channel.sendall(b"+OK begin\r\n")


def ldap(channel: socket.socket) -> None:
    assert exactly(channel, 31).endswith(b"1.3.6.1.4.1.1466.20037")
    channel.sendall(bytes.fromhex("300c02010178070a010004000400"))


def active_directory(channel: socket.socket) -> None:
    """The same with long lengths and the identifier, as Active Directory answers."""
    exactly(channel, 31)
    channel.sendall(bytes.fromhex("3084000000280201017884000000 1f 0a010004000400 8a16".replace(" ", "")) + b"1.3.6.1.4.1.1466.20037")


def postgres(channel: socket.socket) -> None:
    assert exactly(channel, 8) == struct.pack("!II", 8, 80877103)
    channel.sendall(b"S")


def mysql_greeting(flags: int) -> bytes:
    body = b"\x0a8.4.0\0" + struct.pack("<I", 7) + b"saltsalt\0" + struct.pack("<H", flags) + b"\xff\x02\0" + struct.pack("<H", 0xDFFF) + b"\x15" + b"\0" * 10
    return len(body).to_bytes(3, "little") + b"\0" + body


def mysql(channel: socket.socket) -> None:
    channel.sendall(mysql_greeting(0xFFFF))
    head = exactly(channel, 4)
    assert head == b"\x20\0\0\x01"
    (flags,) = struct.unpack("<I", exactly(channel, 32)[:4])
    assert flags & 0x800


def xmpp(channel: socket.socket) -> None:
    said = b""
    while not said.endswith(b"version='1.0'>"):
        said += exactly(channel, 1)
    assert b" to='home.example.org' " in said
    features = b"<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>"
    channel.sendall(b"<?xml version='1.0'?><stream:stream xmlns='jabber:client' version='1.0'>" + features)
    assert exactly(channel, 51) == b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
    channel.sendall(b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")


SERVICES: dict[str, Talk] = {"smtp": smtp, "ftp": ftp, "imap": imap, "pop3": pop3, "ldap": ldap, "postgres": postgres, "mysql": mysql, "xmpp": xmpp}

REFUSALS: dict[str, list[bytes]] = {
    "smtp": [b"220 a\r\n", b"250 a\r\n", b"454 TLS not available\r\n"],
    "ftp": [b"220 a\r\n", b"530 Please login with USER\r\n"],
    "imap": [b"* OK a\r\n", b"a BAD no\r\n"],
    "pop3": [b"+OK a\r\n", b"-ERR no\r\n"],
    "ldap": [bytes.fromhex("300c02010178070a010204000400")],
    "postgres": [b"N"],
    "mysql": [mysql_greeting(0xF7FF)],
    "xmpp": [b"<stream:stream><stream:features><bind/></stream:features>"],
}


def then_tls(talk: Talk, context: ssl.SSLContext) -> Behaviour:
    def behaviour(channel: socket.socket) -> None:
        talk(channel)
        with context.wrap_socket(channel, server_side=True):
            pass

    return behaviour


def says(pieces: list[bytes]) -> Behaviour:
    """A piece at once, and another after each that it hears."""

    def behaviour(channel: socket.socket) -> None:
        for piece in pieces:
            channel.sendall(piece)
            if not channel.recv(4096):
                return

    return behaviour


def silent(channel: socket.socket) -> None:
    channel.settimeout(30)
    while channel.recv(4096):
        pass


def resets(channel: socket.socket) -> None:
    channel.recv(4096)
    channel.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def dripping(piece: bytes, pause: float) -> Behaviour:
    """The same for ever, a little at a time."""

    def behaviour(channel: socket.socket) -> None:
        channel.recv(4096)
        end = time.monotonic() + 30
        while time.monotonic() < end:
            channel.sendall(piece)
            time.sleep(pause)

    return behaviour


def says_once(words: bytes) -> Behaviour:
    def behaviour(channel: socket.socket) -> None:
        channel.recv(4096)
        channel.sendall(words)
        time.sleep(0.1)

    return behaviour
