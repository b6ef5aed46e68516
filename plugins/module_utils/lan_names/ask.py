# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a DNS server of this machine answers, asked over TCP (RFC 1035 sections 4.1 and 4.2.2, RFC 7766)."""

from __future__ import annotations

import secrets
import socket
import struct
from dataclasses import dataclass

from ..address.dns_message import AAAA, NXDOMAIN, A, Refusal, question, records

TYPES = {"A": A, "AAAA": AAAA}


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
        query = question(number, name, TYPES[kind])
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
    try:
        found = records(message, number, wanted)
    except Refusal as refusal:
        if refusal.code == NXDOMAIN:
            return set()
        raise
    return {socket.inet_ntop(socket.AF_INET if wanted == A else socket.AF_INET6, data) for data in found}
