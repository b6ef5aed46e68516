"""What a probe says of sites that are served well, and of sites that are not."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from plugins.module_utils.probe import wire
from plugins.module_utils.probe.every import probe_all
from plugins.module_utils.probe.outcome import View
from plugins.module_utils.probe.site import AWAY

from .server import HOST, REDIRECT, Behaviour, Server, answers, authority, failing, page, request, seen

Make = Callable[..., Server]


@pytest.fixture
def make() -> Iterator[Make]:
    """Servers that are closed when the test ends."""
    made: list[Server] = []

    def one(behaviour: Behaviour, **more: object) -> Server:
        made.append(Server(behaviour, **more))  # type: ignore[arg-type]
        return made[-1]

    yield one
    for server in made:
        server.close()


@pytest.fixture
def roots(tmp_path: Path) -> str:
    return authority().roots(tmp_path)


def test_a_site_that_is_served_as_declared_passes_every_check(make: Make, roots: str, tmp_path: Path) -> None:
    https = make(answers(page()), context=authority().context(tmp_path))
    outcomes = seen(https, make(answers(REDIRECT)), roots)
    assert {check: outcome.detail for check, outcome in outcomes.items()} == {
        "name": "127.0.0.1",
        "DNS": "not proven: this client goes to a given address, whatever the name says (connect_to)",
        "reachable": f"port {https.port} answers",
        "certificate": "30 of 90 days left",
        "page": f"200, certificate valid for {HOST}",
        "redirect": "308 to https",
        "HTTP/2": "agreed by ALPN",
        "unknown name": "handshake refused",
        "no name": "handshake refused",
        "HSTS": "none, as declared",
        "body size": "1049600 bytes are not refused",
        "client address": "not proven: the app shows nobody's address",
    }
    assert [check for check, outcome in outcomes.items() if not outcome.ok] == ["DNS", "client address"]
    assert not failing(outcomes)


def test_a_certificate_for_another_name_is_no_valid_one(make: Make, roots: str, tmp_path: Path) -> None:
    outcome = seen(make(answers(page()), context=authority().context(tmp_path, "other.example.test")), make(answers(REDIRECT)), roots)["page"]
    assert not outcome.ok and "not valid for a client here" in outcome.detail and HOST in outcome.detail


def test_a_certificate_of_an_unknown_authority_is_no_valid_one(make: Make, tmp_path: Path) -> None:
    outcome = seen(make(answers(page()), context=authority().context(tmp_path)), make(answers(REDIRECT)))["page"]
    assert not outcome.ok and "unable to get local issuer certificate" in outcome.detail


def test_an_expired_certificate_is_no_valid_one(make: Make, roots: str, tmp_path: Path) -> None:
    outcome = seen(make(answers(page()), context=authority().context(tmp_path, days=-1)), make(answers(REDIRECT)), roots)["page"]
    assert not outcome.ok and "certificate has expired" in outcome.detail


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (page("502 Bad Gateway"), "/ answers 502 instead of 200: the app does not answer the proxy"),
        (page("503 Service Unavailable", AWAY), "/ answers 503 instead of 200: the app does not answer the proxy"),
        (page("503 Service Unavailable", "busy"), "/ answers 503 instead of 200"),
        (page("400 Bad Request"), "/ answers 400 instead of 200: does the app trust the proxy?"),
        (page("404 Not Found"), "/ answers 404 instead of 200"),
        (page(body="Welcome to nginx!"), "/ answers 200, but without the text 'Home': is it another app?"),
        (b"", "Remote end closed connection without response"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "SSH-2.0-OpenSSH_9.2"),
    ],
)
def test_a_page_that_is_not_the_apps_is_a_failure_that_says_why(make: Make, roots: str, tmp_path: Path, answer: bytes, says: str) -> None:
    outcome = seen(make(answers(answer), context=authority().context(tmp_path)), make(answers(REDIRECT)), roots)["page"]
    assert not outcome.ok and outcome.detail.strip() == says


@pytest.mark.proves("R58")
def test_a_site_in_maintenance_is_as_declared_and_what_its_app_would_say_is_not_proven(make: Make, roots: str, tmp_path: Path) -> None:
    rest = page("503 Service Unavailable", AWAY, "Retry-After: 30")
    outcomes = seen(
        make(answers(rest), context=authority().context(tmp_path)),
        make(answers(REDIRECT)),
        roots,
        maintenance=True,
        echo={"path": "/", "header": "X-Forwarded-For"},
    )
    assert outcomes["page"].ok and outcomes["page"].detail == "in maintenance, as declared: 503, and to come back after 30 s"
    for check in ("body size", "client address"):
        assert outcomes[check].ok is None and "in maintenance" in outcomes[check].detail
        assert "maintenance" in outcomes[check].advice


@pytest.mark.proves("R58")
@pytest.mark.parametrize("answer", [page(), page("503 Service Unavailable", "busy"), page("502 Bad Gateway", "", "Retry-After: 30")])
def test_a_site_that_is_to_be_in_maintenance_and_shows_something_else_is_a_failure(make: Make, roots: str, tmp_path: Path, answer: bytes) -> None:
    outcome = seen(make(answers(answer), context=authority().context(tmp_path)), make(answers(REDIRECT)), roots, maintenance=True)["page"]
    assert outcome.ok is False and "although the site is declared maintenance: true" in outcome.detail


def test_the_proof_knows_the_page_of_the_proxies() -> None:
    assert AWAY in (Path(__file__).resolve().parents[3] / "roles/caddy/files/away.html").read_text()


def test_without_a_declared_status_all_but_a_servers_fault_is_a_page(make: Make, roots: str, tmp_path: Path) -> None:
    for status, fine in (("401 Unauthorized", True), ("302 Found", True), ("503 Service Unavailable", False)):
        https = make(answers(page(status)), context=authority().context(tmp_path))
        assert seen(https, make(answers(REDIRECT)), roots, status=[], contains="")["page"].ok is fine


@pytest.mark.parametrize(
    "answer",
    [
        page(),
        page("404 Not Found"),
        page("308 Permanent Redirect", ""),
        page("302 Found", "", f"Location: https://{HOST}/probe?x=1"),
        page("308 Permanent Redirect", "", f"Location: https://{HOST}/"),
        page("308 Permanent Redirect", "", "Location: https://elsewhere.example/probe?x=1"),
        b"\x15\x03\x01\x00\x02\x02\x50",
    ],
)
def test_plain_http_that_is_not_sent_to_the_same_page_by_https_is_a_failure(make: Make, roots: str, tmp_path: Path, answer: bytes) -> None:
    outcomes = seen(make(answers(page()), context=authority().context(tmp_path)), make(answers(answer)), roots)
    assert failing(outcomes) == ["redirect"]


def test_http_that_is_closed_is_a_failure_of_the_redirect_alone(make: Make, roots: str, tmp_path: Path) -> None:
    http = make(answers(REDIRECT))
    http.close()
    outcomes = seen(make(answers(page()), context=authority().context(tmp_path)), http, roots)
    assert failing(outcomes) == ["redirect"]
    assert "refused" in outcomes["redirect"].detail


def test_a_server_without_http2_is_a_failure_of_that_alone(make: Make, roots: str, tmp_path: Path) -> None:
    outcomes = seen(make(answers(page()), context=authority().context(tmp_path, alpn=("http/1.1",))), make(answers(REDIRECT)), roots)
    assert failing(outcomes) == ["HTTP/2"]


def test_a_certificate_shown_to_who_asks_for_an_unknown_name_or_none_is_a_failure(make: Make, roots: str, tmp_path: Path) -> None:
    outcomes = seen(make(answers(page()), context=authority().context(tmp_path, strict=False)), make(answers(REDIRECT)), roots)
    assert failing(outcomes) == ["unknown name", "no name"]
    assert "is shown a certificate" in outcomes["unknown name"].detail


def websocket(answer: bytes, *frames: bytes) -> Behaviour:
    """A page, and for who asks for an upgrade this answer and these frames, each for itself."""

    def behaviour(connection: socket.socket) -> None:
        if b"Upgrade: websocket" not in request(connection):
            connection.sendall(page())
            return
        connection.sendall(answer)
        for frame in frames:
            time.sleep(0.05)
            connection.sendall(frame)

    return behaviour


SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
FRAME = b'\x81\x18{"type":"auth_required"}'


@pytest.mark.parametrize(
    ("answer", "frames", "detail"),
    [
        (SWITCH, [FRAME], "101 Switching Protocols"),
        (SWITCH + FRAME, [], "101 Switching Protocols"),
        (SWITCH[:20], [SWITCH[20:] + FRAME[:9], FRAME[9:]], "101 Switching Protocols"),
        (SWITCH, [b"\x88\x02\x03\xe8"], "/api/websocket is a WebSocket, but does not say 'auth_required'"),
        (page("400 Bad Request"), [], "/api/websocket answers 400 instead of 101 Switching Protocols"),
        (page("200 OK", "auth_required"), [], "/api/websocket answers 200 instead of 101 Switching Protocols"),
        (b"HTTP/1.0 502 Bad Gateway\r\n\r\n", [], "/api/websocket answers 502 instead of 101 Switching Protocols"),
        (b"", [], "/api/websocket answers 0 instead of 101 Switching Protocols"),
        (b"HTTP/1.1 " + b"1" * 5000 + b" x\r\n\r\n", [], "/api/websocket answers 0 instead of 101 Switching Protocols"),
    ],
)
def test_a_websocket_is_one_only_when_it_switches_and_says_its_first_word(
    make: Make, roots: str, tmp_path: Path, answer: bytes, frames: list[bytes], detail: str
) -> None:
    https = make(websocket(answer, *frames), context=authority().context(tmp_path))
    outcome = seen(https, make(answers(REDIRECT)), roots, websocket={"path": "/api/websocket", "expects": "auth_required"})["WebSocket"]
    assert (outcome.ok, outcome.detail) == (detail == "101 Switching Protocols", detail)


def test_an_app_that_can_be_reached_past_the_proxy_is_a_failure(make: Make, roots: str, tmp_path: Path) -> None:
    https, app, shut = make(answers(page()), context=authority().context(tmp_path)), make(answers(page())), make(answers(page()))
    shut.close()
    outcomes = seen(https, make(answers(REDIRECT)), roots, closed_ports=[app.port, shut.port])
    assert "can be reached past the proxy" in outcomes[f"port {app.port} closed"].detail
    assert not outcomes[f"port {app.port} closed"].ok and outcomes[f"port {shut.port} closed"].ok


def test_a_closed_port_ends_the_checks_early(make: Make) -> None:
    https = make(answers(page()))
    https.close()
    outcomes = seen(https, https)
    assert list(outcomes) == ["name", "DNS", "reachable"] and not outcomes["reachable"].ok


@pytest.mark.parametrize("host", ["no-such-name.invalid", f"{'x' * 64}.example.test", "a..example.test"])
def test_a_name_that_does_not_resolve_is_the_one_failure(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if host.endswith(".invalid"):
        monkeypatch.setattr(wire, "addresses", lambda name: (_ for _ in ()).throw(socket.gaierror(-2, "Name or service not known")))
    (outcome,) = probe_all([{"host": host, "path": "/"}], View()).outcomes
    assert outcome.ok is False and "does not resolve here" in outcome.detail


@pytest.mark.parametrize("host", ["home", f"{'x' * 64}.example.test", "a..example.test", "häuschen.example.test"])
def test_any_name_can_be_probed(host: str, make: Make, tmp_path: Path) -> None:
    https = make(answers(page()), context=authority().context(tmp_path))
    site = {"host": host, "path": "/ä b", "websocket": {"path": "/"}}
    outcomes = probe_all([site], View("127.0.0.1", 2.0, "", https.port, https.port)).outcomes
    assert "page" in failing({outcome.check: outcome for outcome in outcomes})


# Servers that take their time


def hang(connection: socket.socket) -> None:
    time.sleep(4)


def dribble(head: bytes, piece: bytes, pause: float = 0.05, listens: bool = True) -> Behaviour:
    """Says a little, again and again, for much longer than anybody should wait."""

    def behaviour(connection: socket.socket) -> None:
        if listens:
            request(connection)
        connection.sendall(head)
        until = time.monotonic() + 6
        while time.monotonic() < until:
            connection.sendall(piece)
            time.sleep(pause)

    return behaviour


def test_a_server_that_never_answers_is_given_up_in_time(make: Make, roots: str, tmp_path: Path) -> None:
    started = time.monotonic()
    outcomes = seen(make(hang), make(hang), roots, timeout=0.3, websocket={"path": "/"})
    assert time.monotonic() - started < 3
    assert not any(outcomes[check].ok for check in ("page", "redirect", "HTTP/2", "WebSocket"))
    assert "timed out" in outcomes["page"].detail


@pytest.mark.parametrize(
    "behaviour",
    [
        dribble(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x"),
        dribble(b"HTTP/1.1 200 OK\r\n", b"X-More: x\r\n"),
        dribble(b"", b"H"),
        dribble(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.001),
        dribble(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X-Trailer: x\r\n", 0.001),
        dribble(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    ],
    ids=["body", "headers", "status line", "continue", "trailers", "chunks"],
)
def test_a_server_that_dribbles_is_given_up_in_time(make: Make, roots: str, tmp_path: Path, behaviour: Behaviour) -> None:
    https = make(behaviour, context=authority().context(tmp_path))
    started = time.monotonic()
    outcomes = seen(https, make(behaviour), roots, timeout=0.5, contains="x" * 50)
    assert time.monotonic() - started < 3
    assert not outcomes["page"].ok and not outcomes["redirect"].ok
    assert outcomes["HTTP/2"].ok


@pytest.mark.parametrize("head", [SWITCH, b"HTTP/1.1 101 Switching"])
def test_a_websocket_that_dribbles_is_given_up_in_time(head: bytes, make: Make, roots: str, tmp_path: Path) -> None:
    def behaviour(connection: socket.socket) -> None:
        asked = request(connection)
        if b"Upgrade: websocket" in asked:
            dribble(head, b"\x89\x00", listens=False)(connection)
        connection.sendall(page())

    https = make(behaviour, context=authority().context(tmp_path))
    started = time.monotonic()
    outcome = seen(https, make(answers(REDIRECT)), roots, timeout=0.5, websocket={"path": "/", "expects": "auth"})["WebSocket"]
    assert outcome.ok is False and ("no whole answer within 0.5 s" in outcome.detail or "timed out" in outcome.detail)
    assert time.monotonic() - started < 4


# Servers that say anything

LINES = st.one_of(
    st.sampled_from(
        [
            b"HTTP/1.1 200 OK\r\n",
            b"HTTP/1.1 101 Switching Protocols\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\n",
            b"HTTP/0.9 \xb2\xb3\xb9\r\n",
            b"HTTP/1.1 " + b"9" * 5000 + b"\r\n",
            b"Content-Length: -1\r\n",
            b"Content-Length: " + b"9" * 5000 + b"\r\n",
            b"Content-Length: 99999999999999999999\r\n",
            b"Transfer-Encoding: chunked\r\n",
            b"Location: \xff\xfe\r\n",
            b"X: " + b"y" * 70000 + b"\r\n",
            b"X: y\r\n" * 120,
            b" folded\r\n",
            b": nameless\r\n",
            b"\r\n",
            b"ffffffffffffffffffff\r\n",
            b"-5\r\n",
            b"\0",
        ]
    ),
    st.binary(max_size=60),
)
GARBAGE = st.lists(LINES, max_size=6).map(b"".join)


@pytest.fixture(scope="module")
def babblers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[list[bytes], Server, Server, str]]:
    """A server with TLS and one without that say what is in the list."""
    folder = tmp_path_factory.mktemp("babblers")
    word = [b""]

    def say(connection: socket.socket) -> None:
        connection.settimeout(1)
        request(connection)
        connection.sendall(word[0])

    tls, plain = Server(say, authority().context(folder)), Server(lambda connection: connection.sendall(word[0]))
    yield word, tls, plain, authority().roots(folder)
    tls.close()
    plain.close()


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(garbage=GARBAGE)
@example(garbage=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\n")
@example(garbage=b"HTTP/1.1 101 x\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n")
def test_whatever_a_server_says_a_probe_ends_with_outcomes(garbage: bytes, babblers: tuple[list[bytes], Server, Server, str]) -> None:
    word, tls, plain, roots = babblers
    word[0] = garbage
    socketed = {"websocket": {"path": "/", "expects": "hello there"}, "contains": "a text that is not there"}
    over_tls = seen(tls, plain, roots, timeout=0.5, **socketed)
    assert over_tls["reachable"].ok and not over_tls["page"].ok and not over_tls["redirect"].ok and not over_tls["WebSocket"].ok
    without = seen(plain, tls, roots, timeout=0.5, **socketed)
    assert not any(without[check].ok for check in ("page", "redirect", "HTTP/2", "WebSocket"))


# Many sites


def test_sites_are_probed_side_by_side_and_told_in_their_order(make: Make, roots: str, tmp_path: Path) -> None:
    def slow(connection: socket.socket) -> None:
        time.sleep(0.2)
        answers(page())(connection)

    https, http = make(slow, context=authority().context(tmp_path)), make(answers(REDIRECT))
    view = View("127.0.0.1", 5.0, roots, https.port, http.port)
    sites = [{"host": HOST, "path": f"/{number}", "contains": "" if number % 2 else "not there"} for number in range(16)]
    started = time.monotonic()
    outcomes = probe_all(sites, view).outcomes
    assert time.monotonic() - started < 16 * 0.2
    assert [outcome.ok for outcome in outcomes if outcome.check == "page"] == [bool(number % 2) for number in range(16)]


def test_a_site_that_comes_up_meanwhile_is_waited_for_and_no_longer(make: Make, roots: str, tmp_path: Path) -> None:
    ready = threading.Event()
    https = make(lambda connection: answers(page() if ready.is_set() else page("502 Bad Gateway"))(connection), context=authority().context(tmp_path))
    view = View("127.0.0.1", 2.0, roots, https.port, make(answers(REDIRECT)).port)
    site = {"host": HOST, "path": "/"}
    assert probe_all([site], view, wait=0).failures
    threading.Timer(0.5, ready.set).start()
    started = time.monotonic()
    assert not probe_all([site], view, wait=20).failures
    assert 0.5 < time.monotonic() - started < 8
