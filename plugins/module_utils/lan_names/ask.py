# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a DNS server of this machine answers, asked over TCP (RFC 1035 sections 4.1 and 4.2.2, RFC 7766)."""

from __future__ import annotations

import secrets
import socket
import struct
from dataclasses import dataclass

TYPES = {"A": 1, "AAAA": 28}


class NoAnswer(Exception):
    """The server could not be asked, or gives no answers to this machine."""


@dataclass(frozen=True)
class Server:
    """Where a DNS server listens."""

    address: str
    port: int

    def addresses(self, name: str, kind: str, timeout: float = 2.0) -> set[str]:
        """The addresses of a name; none where the server says that there are none. `kind` is A or AAAA."""
        number = secrets.randbelow(65536)
        question = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0" + struct.pack("!HH", TYPES[kind], 1)
        query = struct.pack("!6H", number, 0x0100, 1, 0, 0, 0) + question
        try:
            with socket.create_connection((self.address, self.port), timeout) as channel:
                channel.sendall(struct.pack("!H", len(query)) + query)
                (length,) = struct.unpack("!H", exactly(channel, 2))
                return read(exactly(channel, length), number, TYPES[kind])
        except (OSError, struct.error, IndexError, ValueError) as error:
            raise NoAnswer(f"{self.address} port {self.port}: {error}") from error


def exactly(channel: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        more = channel.recv(length - len(data))
        if not more:
            raise OSError("it closed the connection without an answer")
        data += more
    return data


def read(message: bytes, number: int, wanted: int) -> set[str]:
    """The addresses in an answer."""
    got, flags, questions, answers, _, _ = struct.unpack("!6H", message[:12])
    if got != number or not flags & 0x8000:
        raise ValueError("this is no answer to our question")
    if flags & 15 not in (0, 3):  # NOERROR and NXDOMAIN
        raise ValueError(f"it refuses to answer (code {flags & 15})")
    place, found = 12, set()
    for _ in range(questions):
        place = after_name(message, place) + 4
    for _ in range(answers):
        place = after_name(message, place)
        kind, _, _, length = struct.unpack("!HHIH", message[place : place + 10])
        data = message[place + 10 : place + 10 + length]
        place += 10 + length
        if kind == wanted:
            found.add(socket.inet_ntop(socket.AF_INET if kind == TYPES["A"] else socket.AF_INET6, data))
    return found


def after_name(message: bytes, place: int) -> int:
    """Where a name ends: with an empty label, or a pointer to the rest."""
    while message[place]:
        if message[place] & 0xC0:
            return place + 2
        place += message[place] + 1
    return place + 1
