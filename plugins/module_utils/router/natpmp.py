# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""NAT-PMP, the small protocol by which routers tell their public address and open ports (RFC 6886). Standard library alone."""

from __future__ import annotations

import contextlib
import socket
import struct
import time

from .model import LEASE, TCP, UDP, Entry, Mapping, RouterTrouble

PORT = 5351

FIRST_WAIT = 0.25
"""Seconds before the first repetition; each further wait is twice as long (section 3.1)."""
PATIENCE = 1.75
"""Seconds in all, three questions: a router that speaks NAT-PMP answers within milliseconds."""

OPCODES = {UDP: 1, TCP: 2}
RESULTS = {
    1: "it speaks another version of the protocol",
    2: "its owner has not allowed this: look for UPnP, NAT-PMP or 'automatic port forwarding' in its settings",
    3: "it has no address on the internet itself: the line is down, or its address is one that the provider shares",
    4: "it has no room for another mapping, or the port is taken",
    5: "it cannot do this",
}


class NatPmp:
    """The router at `gateway`. `source`: this machine's address to ask from, which is also the one that mappings lead to."""

    name = "natpmp"
    reads = False

    def __init__(self, gateway: str, source: str = "", patience: float = PATIENCE, port: int = PORT) -> None:
        self.gateway, self.source, self.patience, self.port = gateway, source, patience, port
        self.epoch = 0

    def external_address(self) -> str:
        answer = self.ask(struct.pack("!BB", 0, 0), 12)
        return socket.inet_ntoa(answer[8:12])

    def since(self) -> int:
        """Seconds since the router began its list, by its last answer."""
        return self.epoch

    def entries(self) -> list[Entry]:
        return []

    def add(self, mapping: Mapping, lease: int) -> int:
        granted, seconds = self.map(mapping.protocol, mapping.port, mapping.external_port, lease or LEASE)  # 0 would take it away
        if granted != mapping.external_port:
            # The router chose another port, which nobody would come to: it is given back, or two ports would lead here.
            with contextlib.suppress(RouterTrouble):
                self.map(mapping.protocol, mapping.port, 0, 0)
            raise RouterTrouble(f"port {mapping.external_port} is taken already (the router offered {granted} instead)", 718)
        return seconds

    def remove(self, mapping: Mapping) -> None:
        self.map(mapping.protocol, mapping.port, 0, 0)

    def map(self, protocol: str, port: int, external_port: int, lifetime: int) -> tuple[int, int]:
        """The external port that was granted, and for how many seconds. A lifetime of 0 takes the mapping of this port away (section 3.4)."""
        request = struct.pack("!BBHHHI", 0, OPCODES[protocol], 0, port, external_port, lifetime)
        answer = self.ask(request, 16)
        inner, granted, seconds = struct.unpack("!HHI", answer[8:16])
        if inner != port:
            raise RouterTrouble(f"The router {self.gateway} answered for port {inner} when asked for {port} (NAT-PMP).", 5)
        return granted, seconds

    def ask(self, request: bytes, length: int) -> bytes:
        """The answer to a request, of `length` bytes at least. Raises RouterTrouble."""
        silent = f"The router {self.gateway or '(none is known)'} does not answer NAT-PMP: it does not speak it, or it is switched off there."
        if not self.gateway:
            raise RouterTrouble(silent)
        deadline, wait = time.monotonic() + self.patience, FIRST_WAIT
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
                if self.source:
                    channel.bind((self.source, 0))
                channel.connect((self.gateway, self.port))  # the kernel then drops what others send (section 3.1 asks for that)
                while time.monotonic() < deadline:
                    channel.send(request)
                    answer = self.receive(channel, request[1], min(deadline, time.monotonic() + wait))
                    if answer:
                        return self.judged(answer, length)
                    wait *= 2
        except ConnectionRefusedError:
            raise RouterTrouble(silent) from None
        except OSError as error:
            raise RouterTrouble(f"The router {self.gateway} cannot be asked by NAT-PMP: {error.strerror or error}.") from None
        raise RouterTrouble(silent)

    def receive(self, channel: socket.socket, opcode: int, until: float) -> bytes:
        """What comes for this opcode until a time, b'' for nothing."""
        while (left := until - time.monotonic()) > 0:
            channel.settimeout(left)
            try:
                answer = channel.recv(1100)
            except TimeoutError:
                return b""
            if len(answer) >= 8 and answer[0] == 0 and answer[1] == 128 + opcode:
                return answer
        return b""

    def judged(self, answer: bytes, length: int) -> bytes:
        result, self.epoch = struct.unpack("!HI", answer[2:8])
        if result:
            raise RouterTrouble(f"The router {self.gateway} refuses by NAT-PMP: {RESULTS.get(result, f'result {result}')}.", result)
        if len(answer) < length:
            raise RouterTrouble(f"The router {self.gateway} answered NAT-PMP with {len(answer)} bytes where {length} are due.", 5)
        return answer
