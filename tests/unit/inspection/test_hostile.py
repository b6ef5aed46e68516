"""Servers that mean ill, or are something else: each is named, and none costs more than its time."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509

from plugins.module_utils.inspection import inspector
from plugins.module_utils.inspection.inspector import Inspection
from plugins.module_utils.inspection.model import endpoint_of
from plugins.module_utils.inspection.side_by_side import side_by_side
from tests.unit.probe.server import Behaviour, Server, answers, page

from .authority import HOST, MIDDLE, ROOT, ids, make, served, server_context, settings, trust
from .servers import dripping, resets, says_once, silent

ALERT = b"\x15\x03\x03\x00\x02\x02\x28"
HELLO_REQUEST = b"\x16\x03\x03\x00\x04\x00\x00\x00\x00"
WARNING = b"\x15\x03\x03\x00\x02\x01\x5a"
HUGE = b"\x16\x03\x03\x40\x00\x02\xff\xff\xff" + b"\0" * 16380

HOSTILE: dict[str, tuple[Behaviour, tuple[str, ...]]] = {
    "says nothing": (silent, ("timeout",)),
    "closes": (lambda channel: None, ("reset",)),
    "resets": (resets, ("reset",)),
    "speaks HTTP": (answers(page("400 Bad Request")), ("plain_http_on_tls_port",)),
    "speaks HTTP at once": (says_once(page("400 Bad Request")), ("plain_http_on_tls_port",)),
    "speaks SSH": (says_once(b"SSH-2.0-OpenSSH_9.2\r\n"), ("not_tls",)),
    "refuses by an alert": (says_once(ALERT), ("tls_alert",)),
    "an endless handshake": (dripping(HELLO_REQUEST, 0.01), ("timeout", "not_tls", "tls_alert")),
    "endless warnings": (dripping(WARNING, 0.01), ("timeout", "not_tls", "tls_alert")),
    "a handshake of 16 MB": (dripping(HUGE, 0.001), ("timeout", "not_tls", "too_large")),
    "a slow drip": (dripping(b"\x16", 0.2), ("timeout", "not_tls")),
    "noise": (dripping(bytes(range(256)), 0.01), ("not_tls", "timeout")),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_server_is_named_in_time(kind: str, tmp_path: Path) -> None:
    behaviour, wanted = HOSTILE[kind]
    server = Server(behaviour)
    began = time.monotonic()
    (found,) = served(server.port, trust(tmp_path, ROOT), {"timeout": 0.7, "checks": ("no_sni", "old_tls")})
    server.close()
    assert found.id == "endpoint_unreachable" and found.kind in wanted, found
    assert time.monotonic() - began < 2.5 and found.what.isprintable()


def test_a_closed_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    (found,) = served(port, trust(tmp_path, ROOT))
    assert found.kind == "refused"


def test_a_certificate_of_a_megabyte_is_named(tmp_path: Path) -> None:
    huge = make(by=MIDDLE, extra=[x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x04\x83\x10\x00\x00" + b"\0" * (1 << 20))])
    server = Server(silent, server_context(tmp_path, [huge]))
    (found,) = served(server.port, trust(tmp_path, ROOT))
    server.close()
    assert (found.id, found.kind) == ("endpoint_unreachable", "too_large")


@pytest.mark.parametrize("talk", ["smtp", "imap", "xmpp", "ldap", "mysql", "postgres"])
@pytest.mark.parametrize("words", [b"2" * 9000, b"220-a\r\n", b"* OK\r\n", b"\xff" * 3000, b"<a>"], ids=["no end", "for ever", "lines", "bytes", "tags"])
def test_a_greeting_without_end_is_left(talk: str, words: bytes, tmp_path: Path) -> None:
    def behaviour(channel: socket.socket) -> None:
        for _ in range(3000):
            channel.sendall(words)

    server = Server(behaviour)
    began = time.monotonic()
    (found,) = served(server.port, trust(tmp_path, ROOT), {"timeout": 1.0}, starttls=talk)
    server.close()
    assert found.kind in ("starttls_not_offered", "timeout", "reset", "not_tls", "no_route") and time.monotonic() - began < 3


def test_many_silent_servers_cost_one_deadline(tmp_path: Path) -> None:
    server = Server(silent)
    endpoints = [endpoint_of({"endpoint": f"h{number}.example:{server.port}", "connect_to": "127.0.0.1"}) for number in range(300)]
    began = time.monotonic()
    results = Inspection(settings(timeout=1.0, deadline=1.5)).run(endpoints)
    server.close()
    assert time.monotonic() - began < 4
    assert {result.findings[0].kind for result in results} == {"timeout", "deadline"} and len(results) == 300


def test_a_resolver_that_hangs_holds_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspector, "addresses_of", lambda _: time.sleep(30))
    began = time.monotonic()
    (result,) = Inspection(settings(timeout=0.1, deadline=0.5)).run([endpoint_of({"endpoint": HOST})])
    assert result.findings[0].kind == "dns" and time.monotonic() - began < 2


def test_what_fails_by_a_mistake_of_ours_is_not_hidden() -> None:
    def wrong() -> int:
        raise RuntimeError("mistake")

    works: list[Callable[[], int]] = [lambda: 1, wrong]
    with pytest.raises(RuntimeError, match="mistake"):
        side_by_side(works, time.monotonic() + 5)


def test_a_good_server_among_hostile_ones_is_inspected(tmp_path: Path) -> None:
    good, bad = Server(lambda channel: None, server_context(tmp_path, [make(by=MIDDLE), MIDDLE])), Server(silent)
    given = [{"endpoint": f"{HOST}:{port}", "connect_to": "127.0.0.1", "trust": [trust(tmp_path, ROOT)]} for port in [bad.port] * 20 + [good.port]]
    results = Inspection(settings(timeout=1.0)).run([endpoint_of(one) for one in given])
    good.close()
    bad.close()
    assert [ids(result.findings) for result in results] == [["endpoint_unreachable"]] * 20 + [[]]
