"""What was declared beyond a page: HSTS, HTTP/3, the size of a body, the visitor's address."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from plugins.module_utils.probe import quic
from plugins.module_utils.probe.outcome import Outcome, View
from plugins.module_utils.probe.site import Visit

from .server import REDIRECT, Behaviour, Server, answers, authority, failing, page, proof, request, seen
from .test_quic import answering, negotiation

See = Callable[..., dict[str, Outcome]]


@pytest.fixture
def see(tmp_path: Path) -> Iterator[See]:
    """What is said of a site whose server does this."""
    made: list[Server] = []

    def look(behaviour: Behaviour, **site: object) -> dict[str, Outcome]:
        made.extend([Server(behaviour, authority().context(tmp_path)), Server(answers(REDIRECT))])
        return seen(made[-2], made[-1], authority().roots(tmp_path), **site)

    yield look
    for server in made:
        server.close()


AGE = "Strict-Transport-Security: max-age=31536000"


@pytest.mark.parametrize(
    ("headers", "declared", "ok", "says"),
    [
        ([AGE], 31536000, True, "max-age=31536000"),
        (['Strict-Transport-Security: includeSubDomains; Max-Age="31536000"'], 31536000, True, "max-age=31536000"),
        ([], 31536000, False, "does not say max-age=31536000"),
        (["Strict-Transport-Security: max-age=0"], 31536000, False, "not max-age=31536000"),
        (["Strict-Transport-Security: forever"], 31536000, False, "does not say"),
        ([], 0, True, "none, as declared"),
        ([AGE], 0, True, "the app itself says"),
    ],
)
def test_hsts_is_as_declared(see: See, headers: list[str], declared: int, ok: bool, says: str) -> None:
    outcome = see(answers(page("200 OK", "Home", *headers)), hsts=declared)["HSTS"]
    assert outcome.ok is ok and says in outcome.detail


def test_http3_is_proven_by_its_offer_and_by_an_answer_over_udp(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    offer: list[str] = []
    speaks = quic.speaks_quic

    def behaviour(connection: socket.socket) -> None:
        answers(page("200 OK", "Home", *offer))(connection)

    server = Server(behaviour, authority().context(tmp_path))
    http = Server(answers(REDIRECT))
    roots = authority().roots(tmp_path)
    assert "HTTP/3" not in seen(server, http, roots)
    none = seen(server, http, roots, http3=True)["HTTP/3"]
    assert none.ok is False and "not offered" in none.detail
    offer.append(f'Alt-Svc: h3=":{server.port}"; ma=86400')
    shut = seen(server, http, roots, http3=True)["HTTP/3"]
    assert shut.ok is False and f"{server.port}/udp" in shut.advice
    with answering(negotiation(1)) as port:
        monkeypatch.setattr(quic, "speaks_quic", lambda address, _, timeout: speaks(address, port, timeout))
        assert seen(server, http, roots, http3=True)["HTTP/3"].ok is True
    server.close()
    http.close()


@pytest.mark.parametrize(("vantage", "ok"), [("outside", False), ("controller", None), ("lan", None)])
def test_silence_over_udp_is_a_failure_from_outside_alone(vantage: str, ok: bool | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    server = Server(lambda connection: answers(page("200 OK", "Home", f'Alt-Svc: h3=":{server.port}"'))(connection), authority().context(tmp_path))
    for said, wanted in ((None, ok), (False, False)):
        monkeypatch.setattr(quic, "speaks_quic", lambda *_, said=said: said)
        told = proof(server, server, authority().roots(tmp_path), 2, {"http3": True, "http_port": 0}, vantage=vantage).outcomes
        assert [one.ok for one in told if one.check == "HTTP/3"] == [wanted]
    server.close()


@pytest.mark.parametrize(
    ("vantage", "address", "port"),
    [("lan", "192.168.1.5", 80), ("controller", "192.168.1.5", 80), ("controller", "8.8.8.8", 8080), ("outside", "192.168.1.5", 8080)],
)
def test_at_home_http_may_lead_past_the_router_that_moves_the_port(vantage: str, address: str, port: int) -> None:
    assert Visit({"host": "home.example.org", "http_port": 8080}, address, View(vantage=vantage), 9e9).http_port == port


def takes(limit: int, reads: bool = True, answer: str = "404 Not Found") -> Behaviour:
    """A page, and for a body what a proxy with a limit does, that goes by Content-Length as nginx does; without `reads` it answers at once."""

    def behaviour(connection: socket.socket) -> None:
        head = request(connection)
        size = re.search(rb"Content-Length: (\d+)", head)
        if size is None:
            connection.sendall(page())
            return
        if limit and int(size[1]) > limit:
            connection.sendall(page("413 Request Entity Too Large"))
            return
        left = int(size[1]) - len(head.partition(b"\r\n\r\n")[2])
        while reads and left > 0 and (piece := connection.recv(65536)):
            left -= len(piece)
        connection.sendall(page(answer))

    return behaviour


MIB = 1 << 20


@pytest.mark.parametrize(
    ("promised", "server", "engine", "ok", "says"),
    [
        (0, takes(0), "nginx", True, "1049600 bytes are not refused"),
        (0, takes(MIB), "nginx", False, "1049600 bytes are refused (413), although any size is promised"),
        (3 * MIB, takes(3 * MIB), "caddy", True, f"{3 * MIB} bytes are not refused"),
        (3 * MIB, takes(2 * MIB), "caddy", False, "bytes are promised"),
        (500 * MIB, takes(0), "caddy", True, f"{8 * MIB} bytes are not refused"),
        (1000, takes(1000), "nginx", True, "1001 bytes are refused, as declared"),
        (1000, takes(0), "nginx", False, "no more than 1000 are allowed"),
        (1000, takes(0), "caddy", None, "before the limit of 1000 bytes was met"),
        (0, takes(0, reads=False), "caddy", True, "not refused"),
        (0, takes(0, answer="405 Method Not Allowed"), "caddy", True, "not refused"),
    ],
)
def test_a_body_of_the_promised_size_is_taken_and_a_larger_one_refused(
    see: See, promised: int, server: Behaviour, engine: str, ok: bool | None, says: str
) -> None:
    outcomes = see(server, max_body=promised, engine=engine)
    assert outcomes["body size"].ok is ok, outcomes["body size"]
    assert says in outcomes["body size"].detail
    assert failing(outcomes) == (["body size"] if ok is False else [])


def test_a_server_that_takes_no_body_is_given_up_in_time(see: See) -> None:
    def behaviour(connection: socket.socket) -> None:
        if b"POST" in request(connection):
            time.sleep(4)
        connection.sendall(page())

    started = time.monotonic()
    outcome = see(behaviour, timeout=0.5)["body size"]
    assert outcome.ok is None and "bytes were taken within" in outcome.detail
    assert time.monotonic() - started < 3


@pytest.mark.parametrize(
    ("value", "ok", "says"),
    [
        ("127.0.0.1", True, "which is this client"),
        ("{X_Forwarded_For}", False, "made up"),
        ("{X_Real_IP}", False, "made up"),
        ("{Forwarded}", False, "made up"),
        ("172.30.0.1", False, "the address of its proxy"),
    ],
)
def test_the_app_is_told_its_visitor_s_address_and_no_made_up_one(see: See, value: str, ok: bool, says: str) -> None:
    def behaviour(connection: socket.socket) -> None:
        head = request(connection)
        if b"X-Forwarded-For" not in head:
            connection.sendall(page())
            return
        headers = {key.replace("-", "_"): text for key, text in (line.split(": ", 1) for line in head.decode().strip().split("\r\n")[1:])}
        connection.sendall(page("200 OK", f"Home\nX-Forwarded-For: {value.format(**headers)}\n"))

    outcome = see(behaviour, echo={"path": "/", "header": "X-Forwarded-For"}, peers=["172.30.0.1"])["client address"]
    assert outcome.ok is ok and says in outcome.detail


def test_of_an_app_whose_tls_is_passed_through_only_what_concerns_tls_is_looked_at(see: See) -> None:
    outcomes = see(answers(page()), passthrough=True, http3=True, hsts=5, max_body=5)
    assert {"HTTP/2", "HTTP/3", "HSTS", "body size"}.isdisjoint(outcomes)
    assert not failing(outcomes) and outcomes["client address"].ok is None
