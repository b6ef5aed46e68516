# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A question to a name server, and the records in its answer, as they go over the wire (RFC 1035, section 4): for who asks one server one thing,
without dnspython."""

from __future__ import annotations

import struct

A, TXT, AAAA = 1, 16, 28
IN, CH = 1, 3
NOERROR, NXDOMAIN = 0, 3


class NotAsked(ValueError):
    """It answers something that was not asked."""


class Refusal(ValueError):
    """It answers with `code` of RFC 1035, section 4.1.1, in place of records."""

    def __init__(self, code: int) -> None:
        super().__init__(f"it refuses the question (DNS code {code})")
        self.code = code


def question(number: int, name: str, kind: int, family: int = IN) -> bytes:
    """A message with one question, which asks for recursion."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack("!6H", number, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", kind, family)


def records(message: bytes, number: int, kind: int) -> list[bytes]:
    """The data of the records of a kind in the answer to question `number`. Raises NotAsked, Refusal (NXDOMAIN too), and ValueError, IndexError or
    struct.error for what is no answer."""
    given, flags, questions, answers = struct.unpack("!4H", message[:8])
    if given != number or not flags & 0x8000:
        raise NotAsked("it answered something that was not asked")
    if flags & 0x000F:
        raise Refusal(flags & 0x000F)
    place, found = 12, []
    for _ in range(questions):
        place = after_name(message, place) + 4
    for _ in range(answers):
        place = after_name(message, place)
        this, _, _, length = struct.unpack("!HHIH", message[place : place + 10])
        data = message[place + 10 : place + 10 + length]
        place += 10 + length
        if this == kind and len(data) == length:
            found.append(data)
    return found


def after_name(message: bytes, place: int) -> int:
    """Where a name ends: with an empty label, or a pointer to the rest."""
    while message[place]:
        if message[place] & 0xC0:
            return place + 2
        place += 1 + message[place]
    return place + 1
