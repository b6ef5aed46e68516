"""One connection at a time, against real servers."""

from __future__ import annotations

import contextlib
import errno
import http.client
import socket
import ssl
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from plugins.module_utils.probe import wire

from .server import HOST, Server, answers, authority, page, request


@pytest.fixture
def roots(tmp_path: Path) -> str:
    return authority().roots(tmp_path)


@pytest.fixture
def secure_server(tmp_path: Path) -> Iterator[Server]:
    server = Server(answers(page("200 OK", "hello", "X-Kind: Test")), authority().context(tmp_path))
    yield server
    server.close()


def test_an_address_is_its_own_name_and_comes_once() -> None:
    assert wire.addresses("127.0.0.1") == ["127.0.0.1"]


def test_a_page_has_status_headers_and_text(secure_server: Server, roots: str) -> None:
    channel = wire.secure(wire.connect("127.0.0.1", secure_server.port, 2), HOST, roots=[roots])
    assert channel.selected_alpn_protocol() == "http/1.1"
    answer = wire.fetch(channel, HOST, "/", 2)
    assert (answer.status, answer.headers["x-kind"], answer.body) == (200, "Test", "hello")
    assert channel.fileno() == -1


def test_a_request_names_the_host_and_the_path_as_a_visitor_does() -> None:
    heard = []

    def listen(connection: socket.socket) -> None:
        heard.append(request(connection))
        connection.sendall(page())

    server = Server(listen)
    wire.fetch(wire.connect("127.0.0.1", server.port, 2), HOST, "/a?b=c", 2)
    server.close()
    lines = heard[0].decode().split("\r\n")
    assert lines[0] == "GET /a?b=c HTTP/1.1"
    assert [line for line in lines if line.startswith("Host:")] == [f"Host: {HOST}"]


def test_of_a_huge_page_only_the_beginning_is_read() -> None:
    size = 40 * wire.BODY_READ
    server = Server(answers(page("200 OK", "x" * size)))
    answer = wire.fetch(wire.connect("127.0.0.1", server.port, 5), HOST, "/", 5)
    server.close()
    assert answer.body == "x" * wire.BODY_READ


@pytest.mark.parametrize(
    "answer", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70000 + b"\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 120]
)
def test_a_failed_fetch_leaves_no_connection_open(answer: bytes) -> None:
    server = Server(answers(answer))
    channel = wire.connect("127.0.0.1", server.port, 2)
    with pytest.raises((OSError, http.client.HTTPException)):
        wire.fetch(channel, HOST, "/", 2)
    assert channel.fileno() == -1
    server.close()


def test_a_failed_upgrade_leaves_no_connection_open() -> None:
    server = Server(lambda connection: connection.recv(1) and None)
    channel = wire.connect("127.0.0.1", server.port, 2)
    with contextlib.suppress(OSError):
        wire.upgrade(channel, HOST, "/", 0.5, "x")
    assert channel.fileno() == -1
    server.close()


def test_a_failed_handshake_leaves_no_connection_open(secure_server: Server) -> None:
    raw = wire.connect("127.0.0.1", secure_server.port, 2)
    with pytest.raises(ssl.SSLCertVerificationError):
        wire.secure(raw, HOST)
    assert raw.fileno() == -1


def test_the_systems_store_is_read_once_for_many_connections(secure_server: Server, roots: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    real = ssl.create_default_context
    monkeypatch.setattr(ssl, "create_default_context", lambda: read.append(1) or real())
    for _ in range(5):
        wire.secure(wire.connect("127.0.0.1", secure_server.port, 2), HOST, roots=[roots]).close()
        wire.presented("127.0.0.1", secure_server.port, HOST, 2)
    assert len(read) == 1


def test_the_certificate_is_shown_for_its_name_and_refused_for_another(secure_server: Server) -> None:
    shown = wire.presented("127.0.0.1", secure_server.port, HOST, 2)
    assert shown and shown.startswith(b"\x30\x82")
    assert wire.presented("127.0.0.1", secure_server.port, "other.example.test", 2) is None
    assert wire.presented("127.0.0.1", secure_server.port, None, 2) is None


def test_only_what_the_server_itself_refuses_is_a_refusal() -> None:
    def resets(connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.recv(10)
        connection.close()

    def silent(connection: socket.socket) -> None:
        connection.recv(5000)
        time.sleep(1)

    ends = Server(lambda connection: connection.recv(5000) and None)
    for behaviour, refuses in ((resets, True), (silent, False), (answers(b"HTTP/1.1 400 Bad Request\r\n\r\n"), False)):
        server = Server(behaviour)
        if refuses:
            assert wire.presented("127.0.0.1", server.port, None, 0.4) is None
        else:
            with pytest.raises(OSError, match=r"."):
                wire.presented("127.0.0.1", server.port, None, 0.4)
        server.close()
    assert wire.presented("127.0.0.1", ends.port, None, 1) is None
    ends.close()
    with pytest.raises(ConnectionRefusedError):
        wire.presented("127.0.0.1", ends.port, None, 1)


def test_an_authority_of_one_s_own_need_not_be_as_strict_as_python_3_13(roots: str) -> None:
    strict = ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    real = ssl.create_default_context
    made = []

    def as_in_3_13() -> ssl.SSLContext:
        context = real()
        context.verify_flags |= strict
        made.append(context)
        return context

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", as_in_3_13)
        assert not wire.trusting(roots).verify_flags & strict and made


def test_a_family_that_this_machine_has_no_way_to_is_known_without_a_packet(monkeypatch: pytest.MonkeyPatch) -> None:
    assert wire.lacks("127.0.0.1") == ""

    class Nowhere(socket.socket):
        def connect(self, place: Any) -> None:
            raise OSError(errno.ENETUNREACH, "Network is unreachable")

    monkeypatch.setattr(socket, "socket", Nowhere)
    assert (wire.lacks("2001:db8::1"), wire.lacks("192.0.2.1")) == ("IPv6", "IPv4")


def test_an_untrusted_certificate_is_shown_all_the_same(tmp_path: Path) -> None:
    server = Server(answers(page()), authority().context(tmp_path, days=-1, strict=False))
    assert wire.presented("127.0.0.1", server.port, None, 2)
    server.close()


def test_http2_is_what_the_server_agrees_to(tmp_path: Path) -> None:
    for offered, agreed in ((("h2", "http/1.1"), True), (("http/1.1",), False)):
        server = Server(answers(page()), authority().context(tmp_path, alpn=offered))
        assert wire.speaks_http2("127.0.0.1", server.port, HOST, 2) is agreed
        server.close()


def test_a_port_is_open_while_something_listens() -> None:
    server = Server(answers(b""))
    assert wire.is_open("127.0.0.1", server.port, 1)
    server.close()
    assert not wire.is_open("127.0.0.1", server.port, 1)
