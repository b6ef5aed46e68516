# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The first routers on a way: a second NAT shows there where the router itself is silent. Needs no right: Linux hands ICMP errors to the socket that
caused them (ip(7), IP_RECVERR)."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import time

IP_RECVERR = 11
FIRST_PORT = 33434
"""Where traceroute knocks: nothing listens there."""
TIME_EXCEEDED, UNREACHABLE = 11, 3


def hops(target: str, source: str = "", most: int = 3, patience: float = 1.0) -> list[str]:
    """Who answered at each distance from here towards an IPv4 address, '' for silence, ending at the target. `patience`: seconds in all."""
    found: list[str] = []
    channels: list[socket.socket] = []
    try:
        for distance in range(1, most + 1):
            channel = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            channels.append(channel)
            channel.setblocking(False)
            channel.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
            channel.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, distance)
            channel.bind((source, 0))
            channel.sendto(b"homeserver.exposure", (target, FIRST_PORT + distance))
        answers = gathered(channels, patience)
    except OSError:
        return []
    finally:
        for channel in channels:
            channel.close()
    for index in range(most):
        who, arrived = answers.get(index, ("", False))
        found.append(who)
        if arrived:
            break
    while found and not found[-1]:
        found.pop()
    return found


def gathered(channels: list[socket.socket], patience: float) -> dict[int, tuple[str, bool]]:
    """Distance (from 0) -> who answered, and whether that was the end of the way."""
    answers: dict[int, tuple[str, bool]] = {}
    deadline = time.monotonic() + patience
    waiting = select.poll()
    for channel in channels:
        waiting.register(channel, select.POLLERR)
    numbers = {channel.fileno(): index for index, channel in enumerate(channels)}
    while len(answers) < len(channels) and (left := deadline - time.monotonic()) > 0:
        for number, _ in waiting.poll(left * 1000):
            index = numbers[number]
            with contextlib.suppress(OSError, struct.error):
                _, ancillary, _, _ = channels[index].recvmsg(512, 512, socket.MSG_ERRQUEUE)
                for level, kind, data in ancillary:
                    if (level, kind) == (socket.IPPROTO_IP, IP_RECVERR) and data[4] == 2:  # SO_EE_ORIGIN_ICMP
                        # struct sock_extended_err is 16 bytes, then a sockaddr_in of whoever sent the error
                        answers[index] = (socket.inet_ntoa(data[20:24]), data[5] == UNREACHABLE)
            if index in answers:
                waiting.unregister(number)
        if any(arrived for _, arrived in answers.values()) and set(range(min(i for i, (_, a) in answers.items() if a))) <= set(answers):
            break
    return answers
