"""All sites in one call: their certificates, their vantage, and the time that it takes."""

from __future__ import annotations

import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from plugins.module_utils.probe import every, wire
from plugins.module_utils.probe.every import probe_all
from plugins.module_utils.probe.outcome import View

from .server import HOST, REDIRECT, Authority, Server, answers, authority, failing, page, proof, request, seen

Make = Callable[..., Server]


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[Server] = []

    def one(behaviour: Callable[[socket.socket], None], **more: object) -> Server:
        made.append(Server(behaviour, **more))  # type: ignore[arg-type]
        return made[-1]

    yield one
    for server in made:
        server.close()


@pytest.fixture
def roots(tmp_path: Path) -> str:
    return authority().roots(tmp_path)


def test_fifty_sites_are_looked_at_in_seconds(make: Make, roots: str, tmp_path: Path) -> None:
    servers = [make(answers(page()), context=authority().context(tmp_path)) for _ in range(50)]
    http = make(answers(REDIRECT))
    view = View("127.0.0.1", 6.0, roots, http_port=http.port)
    redirected = [{"host": HOST, "site": f"site-{number}", "path": "/", "https_port": server.port} for number, server in enumerate(servers)]
    started = time.monotonic()
    seen = probe_all(redirected, view)
    assert time.monotonic() - started < 15
    assert len(seen.certificates) == 50
    assert {outcome.check for outcome in seen.outcomes if outcome.ok is False} == {"redirect"}, "all but the port in the redirect, which is one for all"
    assert list(dict.fromkeys(outcome.site for outcome in seen.outcomes)) == [f"site-{number}" for number in range(50)]


@pytest.mark.parametrize("kind", ["silent", "resets", "plain", "endless header", "drip"])
def test_a_hostile_server_is_named_in_time_and_holds_up_no_other_site(kind: str, make: Make, roots: str, tmp_path: Path) -> None:
    def endless(connection: socket.socket) -> None:
        request(connection)
        while True:
            connection.sendall(b"X-More: " + b"y" * 60000 + b"\r\n")

    def reset(connection: socket.socket) -> None:
        connection.recv(1)  # or the reset may come while the other side still connects, and is told as such
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    def drip(connection: socket.socket) -> None:
        for _ in range(100):
            connection.sendall(b"\x16")
            time.sleep(0.05)

    context = authority().context(tmp_path)
    bad = {
        "silent": lambda: make(lambda connection: time.sleep(5)),
        "resets": lambda: make(reset),
        "plain": lambda: make(answers(page("400 Bad Request"))),
        "endless header": lambda: make(endless, context=context),
        "drip": lambda: make(drip),
    }[kind]()
    good = make(answers(page()), context=context)
    sites = [{"host": HOST, "site": "bad", "path": "/", "https_port": bad.port}, {"host": HOST, "site": "good", "path": "/", "https_port": good.port}]
    started = time.monotonic()
    outcomes = probe_all(sites, View("127.0.0.1", 0.5, roots, http_port=0)).outcomes
    assert time.monotonic() - started < 6
    told = {outcome.check: outcome for outcome in outcomes if outcome.site == "bad"}
    assert failing(told) == ["page"] and told["page"].detail
    assert not [outcome for outcome in outcomes if outcome.site == "good" and outcome.ok is False]
    assert kind == "endless header" or told["HTTP/2"].ok is None, "what follows from the one trouble is not told as another"


def test_everything_ends_by_the_deadline_and_who_was_not_looked_at_is_named(make: Make, roots: str) -> None:
    slow = make(lambda connection: time.sleep(5))
    sites = [{"host": HOST, "site": f"slow-{number}", "path": "/"} for number in range(70)]
    started = time.monotonic()
    seen = probe_all(sites, View("127.0.0.1", 4.0, roots, slow.port, slow.port), deadline=1.0)
    assert time.monotonic() - started < 4
    assert {outcome.site for outcome in seen.outcomes if outcome.ok is False} == {site["site"] for site in sites}
    assert "time for everything was over" in " ".join(seen.failures)


def test_a_resolver_that_hangs_does_not_hold_up_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "addresses", lambda name: time.sleep(5))
    started = time.monotonic()
    (outcome,) = probe_all([{"host": HOST, "path": "/"}], View(timeout=0.2), deadline=2.0).outcomes
    assert time.monotonic() - started < 3
    assert outcome.ok is False and "no answer in time" in outcome.detail


def test_a_name_of_the_home_network_that_nobody_outside_knows_is_no_failure_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "addresses", lambda name: (_ for _ in ()).throw(socket.gaierror(-2, "Name or service not known")))
    site = {"host": "nas.home.arpa", "site": "nas", "path": "/"}
    assert [outcome.ok for outcome in probe_all([site], View()).outcomes] == [None]
    assert [outcome.ok for outcome in probe_all([site], View(vantage="lan")).outcomes] == [False]


def test_a_host_without_ipv6_does_not_fail_a_name_that_has_it(make: Make, roots: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    https = make(answers(page()), context=authority().context(tmp_path))
    view, site = View("", 2.0, roots, https.port, 0, vantage="server"), {"host": HOST, "path": "/"}
    monkeypatch.setattr(wire, "lacks", lambda address: "IPv6" if ":" in address else "")
    monkeypatch.setattr(wire, "addresses", lambda name: ["2001:db8::1", "127.0.0.1"])
    seen = probe_all([site], view)
    (missing,) = [one for one in seen.outcomes if one.address == "2001:db8::1"]
    assert missing.ok is None and "no way to any IPv6 address" in missing.detail and not seen.failures
    monkeypatch.setattr(wire, "addresses", lambda name: ["2001:db8::1"])
    assert probe_all([site], view).failures, "where nothing else is left, the site is not reached from here"


def test_what_fails_is_looked_at_ever_more_seldom_and_no_body_is_sent_again(make: Make, roots: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[bytes] = []

    def behaviour(connection: socket.socket) -> None:
        heard.append(request(connection))
        connection.sendall(page("404 Not Found" if heard[-1].startswith(b"POST") else "200 OK"))

    pauses: list[float] = []
    sleep = time.sleep
    monkeypatch.setattr(every.time, "sleep", lambda seconds: (pauses.append(seconds), sleep(seconds)) if seconds >= 0.5 else sleep(seconds))
    https = make(behaviour, context=authority().context(tmp_path))
    view, site = View("127.0.0.1", 2.0, roots, https.port, https.port), {"host": HOST, "path": "/", "max_body": 2 << 20}
    seen = probe_all([site], view, wait=3.5)
    assert [failure.split(":")[1].strip().split(" ")[0] for failure in seen.failures] == ["redirect"]
    assert pauses[0] == 1 and 1.5 < pauses[1] <= 2
    assert sum(one.startswith(b"POST") for one in heard) == 1
    assert [one.ok for one in seen.outcomes if one.check == "body size"] == [True]
    pauses.clear()
    assert [one.split(":")[1] for one in probe_all([{**site, "hsts": 5}], View("127.0.0.1", 2.0, roots, https.port, 0), wait=9).failures] == [
        " HSTS [127.0.0.1]"
    ]
    assert not pauses, "no waiting heals that"


# Certificates


def test_what_is_wrong_with_a_certificate_is_told_with_what_to_do_and_once(make: Make, roots: str, tmp_path: Path) -> None:
    outcomes = seen(make(answers(page()), context=authority().context(tmp_path, days=-1)), make(answers(REDIRECT)), roots)
    assert failing(outcomes) == ["certificate", "page"]
    assert "expired" in outcomes["certificate"].detail and outcomes["certificate"].advice
    assert outcomes["body size"].ok is None


def test_each_certificate_is_told_whole_for_the_report(make: Make, roots: str, tmp_path: Path) -> None:
    seen = proof(make(answers(page()), context=authority().context(tmp_path)), make(answers(REDIRECT)), roots)
    (told,) = seen.certificates
    assert (told["host"], told["address"], told["certificate"]["names"]) == (HOST, "127.0.0.1", [HOST])
    assert 0.3 < told["life_left"] < 0.35 and told["trust"][roots]["ok"] is True


def test_without_cryptography_the_page_is_judged_all_the_same_and_what_is_missing_is_said(
    make: Make, roots: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    https = make(answers(page()), context=authority().context(tmp_path))
    monkeypatch.setitem(sys.modules, "plugins.module_utils.inspection.inspector", None)
    outcomes = seen(https, make(answers(REDIRECT)), roots)
    assert outcomes["certificate"].ok is None and "apt-get install python3-cryptography" in outcomes["certificate"].advice
    assert outcomes["page"].ok and seen(https, make(answers(REDIRECT)))["page"].ok is False


def test_the_home_s_own_authority_is_trusted_for_the_sites_that_are_declared_local_and_for_no_other(make: Make, roots: str, tmp_path: Path) -> None:
    https, http = make(answers(page()), context=authority().context(tmp_path)), make(answers(REDIRECT))
    assert not proof(https, http, site={"local": True}, local_root=roots).failures
    assert proof(https, http, site={"local": False}, local_root=roots).failures


# The server itself


def test_the_server_sees_whether_it_serves_what_is_in_its_store(make: Make, tmp_path: Path) -> None:
    https, http = make(answers(page()), context=authority().context(tmp_path)), make(answers(REDIRECT))
    stored = tmp_path / "store" / "home" / "fullchain.pem"
    stored.parent.mkdir(parents=True)
    stored.write_bytes((tmp_path / f"{HOST}.pem").read_bytes())

    def looked() -> dict[str, object]:
        outcomes = proof(https, http, site={"certificate": "home"}, vantage="server", store=str(stored.parents[1])).outcomes
        return {outcome.check: outcome for outcome in outcomes}

    fine = looked()
    assert list(fine) == ["name", "reachable", "certificate", "page"], "nothing else is the server's to say"
    assert not failing(fine), "nor whether a visitor trusts the certificate"
    renewed = Authority().certificate
    stored.write_bytes(renewed.public_bytes(serialization.Encoding.PEM))
    assert failing(looked()) == ["certificate"]


def test_a_failure_reads_as_a_sentence_with_name_check_and_address(make: Make, roots: str, tmp_path: Path) -> None:
    seen = proof(make(answers(page("502 Bad Gateway")), context=authority().context(tmp_path)), make(answers(REDIRECT)), roots)
    assert seen.failures == [f"{HOST}: page [127.0.0.1]: / answers 502 instead of 200: the app does not answer the proxy"]
    assert set(asdict(seen.outcomes[0])) == {"host", "site", "check", "address", "ok", "detail", "advice"}


def test_words_of_a_stranger_are_made_fit_to_be_shown(make: Make, roots: str, tmp_path: Path) -> None:
    hostile = b"HTTP/1.1 200 OK\r\nLocation: \x1b[31m\xe2\x80\xae" + b"x" * 5000 + b"\r\n\r\n"
    outcomes = seen(make(answers(page()), context=authority().context(tmp_path)), make(answers(hostile)), roots)
    assert failing(outcomes) == ["redirect"]
    assert outcomes["redirect"].detail.isprintable() and len(outcomes["redirect"].detail) <= 300
