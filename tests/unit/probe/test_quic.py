"""Whether something speaks QUIC, asked of real UDP sockets."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from plugins.module_utils.probe import quic

Answer = Callable[[bytes], bytes | None]


@contextlib.contextmanager
def answering(answer: Answer, lost: int = 0) -> Iterator[int]:
    """A UDP port that answers every packet but the first `lost`."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        channel.bind(("127.0.0.1", 0))
        over = threading.Event()

        def serve() -> None:
            left = lost
            channel.settimeout(0.1)
            while not over.is_set():
                with contextlib.suppress(OSError):
                    packet, client = channel.recvfrom(4096)
                    if left:
                        left -= 1
                    elif (said := answer(packet)) is not None:
                        channel.sendto(said, client)

        thread = threading.Thread(target=serve)
        thread.start()
        yield channel.getsockname()[1]
        over.set()
        thread.join()


def negotiation(*versions: int, swapped: bool = True) -> Answer:
    """A server of these versions (RFC 8999, section 6)."""

    def answer(packet: bytes) -> bytes | None:
        if len(packet) < 1200 or not packet[0] & 0x80:
            return None
        size = packet[5]
        theirs, rest = packet[6 : 6 + size], packet[6 + size :]
        mine = rest[1 : 1 + rest[0]]
        ends = (mine, theirs) if swapped else (theirs, mine)
        connection = b"".join(bytes([len(end)]) + end for end in ends)
        return b"\xaa" + bytes(4) + connection + b"".join(version.to_bytes(4, "big") for version in versions)

    return answer


@pytest.mark.parametrize("versions", [(1,), (0x6B3343CF, 1), (0x0A0A0A0A, 0x6B3343CF)])
def test_a_server_that_names_its_versions_speaks_quic(versions: tuple[int, ...]) -> None:
    with answering(negotiation(*versions)) as port:
        assert quic.speaks_quic("127.0.0.1", port, 2)


def test_a_lost_packet_is_sent_again() -> None:
    with answering(negotiation(1), lost=2) as port:
        assert quic.speaks_quic("127.0.0.1", port, 1.5)


@pytest.mark.parametrize(
    "answer",
    [
        lambda packet: None,
        lambda packet: packet,
        lambda packet: b"",
        lambda packet: b"\x80\x00\x00\x00\x00\xff",
        lambda packet: b"HTTP/1.1 400 Bad Request\r\n\r\n",
        negotiation(),
        negotiation(0xFF00001D),
        negotiation(1, swapped=False),
    ],
    ids=["silent", "echo", "empty", "short", "http", "no version", "a draft", "another connection"],
)
def test_whatever_else_answers_does_not_and_is_given_up_in_time(answer: Answer) -> None:
    started = time.monotonic()
    with answering(answer) as port:
        assert not quic.speaks_quic("127.0.0.1", port, 0.4)
    assert time.monotonic() - started < 1.5


def test_silence_is_told_from_another_s_answer() -> None:
    for answer, said in ((lambda packet: None, None), (lambda packet: packet, False)):
        with answering(answer) as port:
            assert quic.speaks_quic("127.0.0.1", port, 0.4) is said


def test_a_port_at_which_nobody_listens_is_known_at_once() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        channel.bind(("127.0.0.1", 0))
        port = channel.getsockname()[1]
    started = time.monotonic()
    assert quic.speaks_quic("127.0.0.1", port, 5) is False, "which is not silence"
    assert time.monotonic() - started < 4


@pytest.mark.parametrize(
    ("header", "port", "there"),
    [
        ('h3=":443"; ma=2592000', 443, True),
        ('h3-29=":443", h3=":8443"; ma=1', 8443, True),
        ('h3=":443"', 8443, False),
        ('h3-29=":443"', 443, False),
        ('h2=":443"', 443, False),
        ("clear", 443, False),
        ("", 443, False),
    ],
)
def test_http3_is_offered_at_the_port_that_clients_come_in_by(header: str, port: int, there: bool) -> None:
    assert quic.offered(header, port) is there
