"""What goes over the wire to a provider, and what is told of it, against real TLS servers."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from plugins.module_utils.ddns.http import Https
from plugins.module_utils.ddns.transport import Request, Unreachable
from tests.unit.probe.server import HOST, Behaviour, Server, answers, authority, page

TOKEN = "s3cret-t0ken"
CONTACT = "owner@example.org"
Start = Callable[..., Server]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Servers behind the name of the tests."""
    real, servers = socket.getaddrinfo, []
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *rest, **more: real("127.0.0.1" if host == HOST else host, *rest, **more))

    def make(behaviour: Behaviour, **certificate: Any) -> Server:
        servers.append(Server(behaviour, authority().context(tmp_path, **certificate)))
        return servers[-1]

    yield make
    for server in servers:
        server.close()


@pytest.fixture
def client(tmp_path: Path) -> Https:
    return Https(CONTACT, timeout=0.8, roots=authority().roots(tmp_path))


def url(server: Server, path: str = f"/update?token={TOKEN}") -> str:
    return f"https://{HOST}:{server.port}{path}"


def listening(heard: list[bytes], answer: bytes = page("200 OK", "good")) -> Behaviour:
    def behaviour(connection: socket.socket) -> None:
        received = connection.recv(65536)
        while b"\r\n\r\n" not in received or (received.endswith(b"\r\n\r\n") and b"Content-Length" in received):
            received += connection.recv(65536)
        heard.append(received)
        connection.sendall(answer)

    return behaviour


def test_an_answer_comes_back_with_its_status_headers_and_body(start: Start, client: Https) -> None:
    server = start(answers(page("429 Too Many Requests", "abuse", "Retry-After: 60")))
    response = client.send(Request("GET", url(server)))
    assert (response.status, response.headers["retry-after"], response.text) == (429, "60", "abuse")


def test_a_request_says_who_sends_it_in_the_form_that_no_ip_asks_for(start: Start, client: Https) -> None:
    heard: list[bytes] = []
    client.send(Request("GET", url(start(listening(heard)))))
    lines = heard[0].decode().split("\r\n")
    assert lines[0] == f"GET /update?token={TOKEN} HTTP/1.1"
    assert f"User-Agent: homeserver.exposure homeserver-exposure/linux-0.3 {CONTACT}" in lines


def test_a_body_and_headers_of_the_provider_s_own_are_sent_as_they_are(start: Start, client: Https) -> None:
    heard: list[bytes] = []
    server = start(listening(heard))
    client.send(Request("PATCH", url(server, "/x"), {"Authorization": f"Bearer {TOKEN}", "user-agent": "other"}, b'{"a": 1}'))
    head, _, body = heard[0].partition(b"\r\n\r\n")
    assert body == b'{"a": 1}' and head.startswith(b"PATCH /x HTTP/1.1")
    assert b"Authorization: Bearer " + TOKEN.encode() in head and head.lower().count(b"user-agent") == 1


def test_nobody_is_followed_elsewhere(start: Start, client: Https) -> None:
    server = start(answers(page("302 Found", "", "Location: https://elsewhere.example/")))
    assert client.send(Request("GET", url(server))).status == 302


def hang(connection: socket.socket) -> None:
    time.sleep(3)


def dribble(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(60):
        connection.sendall(b"x")
        time.sleep(0.05)


@pytest.mark.parametrize("behaviour", [hang, dribble])
def test_a_server_that_takes_its_time_is_given_up(start: Start, client: Https, behaviour: Behaviour) -> None:
    began = time.monotonic()
    with pytest.raises(Unreachable, match=r"gave no whole answer within 0\.8 s"):
        client.send(Request("GET", url(start(behaviour))))
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    ("behaviour", "certificate", "words"),
    [
        (answers(b"hello\r\n"), {}, "not HTTP"),
        (answers(b""), {}, "not HTTP"),
        (answers(page()), {"days": -1}, "certificate that is not trusted"),
        (answers(page()), {"name": "other.example", "strict": False}, "certificate that is not trusted"),
    ],
)
def test_what_went_wrong_is_told_without_the_url(start: Start, client: Https, behaviour: Behaviour, certificate: Any, words: str) -> None:
    with pytest.raises(Unreachable, match=words) as raised:
        client.send(Request("GET", url(start(behaviour, **certificate))))
    assert HOST in str(raised.value) and TOKEN not in str(raised.value) and "update" not in str(raised.value)
    assert raised.value.__suppress_context__


@pytest.mark.parametrize(
    ("address", "words"),
    [
        (f"https://no-such-host.invalid/?token={TOKEN}", "not found in the DNS"),
        (f"https://127.0.0.1:1/?token={TOKEN}", "was not reached"),
        (f"http://{HOST}/?token={TOKEN}", "without https"),
        (f"ftp://{HOST}/?token={TOKEN}", "without https"),
        (f"https://[{TOKEN}/", "cannot be read"),
        (f"https:///{TOKEN}", "without https"),
    ],
)
def test_an_address_that_cannot_be_called_is_told_without_its_secrets(client: Https, address: str, words: str) -> None:
    with pytest.raises(Unreachable, match=words) as raised:
        client.send(Request("GET", address))
    assert TOKEN not in str(raised.value)


@pytest.mark.parametrize("path", [f"/\r\nX-Evil: {TOKEN}", f"/{TOKEN} HTTP/1.1", f"/{TOKEN}\x00", f"/{TOKEN}ö"])
def test_a_secret_that_no_request_can_hold_is_not_sent_and_not_shown(start: Start, client: Https, path: str) -> None:
    heard: list[bytes] = []
    server = start(listening(heard))
    for request in (Request("GET", url(server, path)), Request("GET", url(server, "/"), {"Authorization": path})):
        try:
            client.send(request)
        except Unreachable as error:
            assert TOKEN not in str(error)
    assert not any(b"\r\nX-Evil" in text for text in heard)


def test_a_device_that_is_not_there_is_not_called_through(start: Start, tmp_path: Path) -> None:
    client = Https(CONTACT, interface="no-such-device", roots=authority().roots(tmp_path))
    with pytest.raises(Unreachable, match="was not reached"):
        client.send(Request("GET", url(start(answers(page())))))


def test_it_calls_from_the_address_that_it_is_told(start: Start, tmp_path: Path) -> None:
    peers: list[str] = []

    def note(connection: socket.socket) -> None:
        peers.append(connection.getpeername()[0])
        answers(page())(connection)

    Https(CONTACT, sources={"ipv4": "127.0.0.9"}, roots=authority().roots(tmp_path)).send(Request("GET", url(start(note))))
    assert peers == ["127.0.0.9"]


def test_no_more_of_an_answer_is_read_than_any_provider_says(start: Start, client: Https) -> None:
    server = start(answers(page("200 OK", "x" * (3 << 20))))
    assert len(client.send(Request("GET", url(server))).body) == 1 << 20


def test_neither_a_request_nor_an_account_shows_its_secrets_by_itself() -> None:
    from plugins.module_utils.ddns.model import Account

    shown = repr(Request("GET", TOKEN, {"Authorization": TOKEN}, TOKEN.encode())) + repr(Account("a", "b", {}, {"token": TOKEN}))
    assert TOKEN not in shown
