# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether HTTP/3 comes through: it is offered over TCP, and something that speaks QUIC answers over UDP.

No QUIC library is needed for that. A server that is sent a version nobody has answers with those it has (RFC 9000, section 6). Everything of that
packet is the same for every version of QUIC there will be (RFC 8999, sections 5.1 and 6).
"""

from __future__ import annotations

import re
import secrets
import socket
import time

NOBODYS = 0x1A2A3A4A
"""A version of the form that is kept for this (RFC 9000, section 15)."""
VERSION_1, VERSION_2 = 0x00000001, 0x6B3343CF
"""RFC 9000, section 15; RFC 9369, section 3.1."""
SIZE = 1200
"""Bytes below which a server does not answer (RFC 9000, section 14.1)."""
TRIES = 3
OFFER = re.compile(r'\bh3="[^":]*:(\d{1,5})"')


def offered(alt_svc: str, port: int) -> bool:
    """Whether a header Alt-Svc (RFC 7838, section 3) offers HTTP/3 at a port of the same host."""
    return str(port) in OFFER.findall(alt_svc)


def question(mine: bytes, theirs: bytes) -> bytes:
    """A long header of an unknown version, from the connection `mine` to `theirs`, filled up to 1200 bytes."""
    head = bytes([0xC0]) + NOBODYS.to_bytes(4, "big") + bytes([len(theirs)]) + theirs + bytes([len(mine)]) + mine
    return head + bytes(SIZE - len(head))


def versions(packet: bytes, mine: bytes, theirs: bytes) -> list[int]:
    """The versions in a Version Negotiation packet that answers this question; none where it is none."""
    head = bytes([0, 0, 0, 0, len(mine)]) + mine + bytes([len(theirs)]) + theirs
    if not packet or not packet[0] & 0x80 or packet[1 : 1 + len(head)] != head:
        return []
    rest = packet[1 + len(head) :]
    return [int.from_bytes(rest[place : place + 4], "big") for place in range(0, len(rest) - 3, 4)]


def speaks_quic(address: str, port: int, timeout: float) -> bool | None:
    """Whether a server of QUIC answers there: False where the port is refused or something else answers, None for silence. A packet may get lost, so three
    are sent. `timeout` is for all of it, in seconds."""
    heard: bool | None = None
    mine, theirs = secrets.token_bytes(8), secrets.token_bytes(8)
    until = time.monotonic() + timeout
    family, kind, protocol, _, place = socket.getaddrinfo(address, port, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind, protocol) as channel:
        channel.connect(place)
        for number in range(TRIES):
            next_one = until - timeout * (TRIES - 1 - number) / TRIES
            try:
                channel.send(question(mine, theirs))
                while (left := next_one - time.monotonic()) > 0:
                    channel.settimeout(left)
                    if {VERSION_1, VERSION_2} & set(versions(channel.recv(2048), mine, theirs)):
                        return True
                    heard = False
            except ConnectionRefusedError:
                return False  # the host says that nobody listens there
            except TimeoutError:
                continue
    return heard
