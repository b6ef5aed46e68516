"""Answers of a name server that a real one gives only when it is in trouble, or that are not its own."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator

import dns.message
import dns.rcode
import dns.tsig
import dns.update
import pytest

from plugins.module_utils.ddns.model import Account, Call, Kind
from plugins.module_utils.ddns.providers import rfc2136 as module
from plugins.module_utils.ddns.providers.json_api import Failed
from plugins.module_utils.ddns.providers.rfc2136 import Rfc2136

SECRET = "c2VjcmV0IG9mIHRoZSBob21lIHNlcnZlciwgMzIgYnl0ZXM="
KEY = dns.tsig.Key("home", SECRET, "hmac-sha256")
CALL = Call(("www.example.org",), {"ipv4": "198.51.100.2"})

Answer = Callable[[dns.message.Message], bytes | None]
"""What comes back for a message; None: nothing, and the connection is left open."""


def saying(code: int, signed: bool = True) -> Answer:
    def answer(message: dns.message.Message) -> bytes:
        said = dns.message.make_response(message)
        said.set_rcode(code)
        if not signed:
            said.tsig, said.keyring = None, None
        return bytes(said.to_wire())

    return answer


def updates_only(message: dns.message.Message) -> bytes | None:
    """A server that knows no prerequisites."""
    assert isinstance(message, dns.update.UpdateMessage)
    return saying(dns.rcode.FORMERR if message.prerequisite else dns.rcode.NOERROR)(message)


@contextlib.contextmanager
def server(answer: Answer) -> Iterator[tuple[int, list[dns.message.Message]]]:
    """The port of a name server on 127.0.0.1 that says always the same, and what it was sent."""
    asked: list[dns.message.Message] = []
    open_connections = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                open_connections.append(connection)
                stream = connection.makefile("rb")
                (length,) = struct.unpack("!H", stream.read(2))
                asked.append(dns.message.from_wire(stream.read(length), keyring=KEY))
                said = answer(asked[-1])
                if said is not None:
                    connection.sendall(struct.pack("!H", len(said)) + said)
                    connection.shutdown(socket.SHUT_RDWR)

        worker = threading.Thread(target=serve, daemon=True)
        worker.start()
        try:
            yield listener.getsockname()[1], asked
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            worker.join(5)
            for connection in open_connections:
                connection.close()


def provider(port: int, host: str = "127.0.0.1") -> Rfc2136:
    options = {"server": host, "port": str(port), "zone": "example.org", "key_name": "home"}
    return Rfc2136(Account("home", "rfc2136", options, {"key": SECRET}), None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        (dns.rcode.SERVFAIL, Kind.SERVER, "SERVFAIL"),
        (dns.rcode.NOTIMP, Kind.NOT_ALLOWED, "takes no updates"),
        (dns.rcode.NOTZONE, Kind.NOT_FOUND, "not in example.org"),
        (dns.rcode.REFUSED, Kind.NOT_ALLOWED, "policy"),
        (dns.rcode.FORMERR, Kind.UNKNOWN, "FORMERR"),
    ],
)
def test_each_refusal_is_told_by_its_kind(code: int, kind: Kind, words: str) -> None:
    with server(saying(code)) as (port, _):
        (outcome,) = provider(port).update(CALL)
    assert outcome.kind == kind and words in outcome.said and SECRET not in repr(outcome)


@pytest.mark.parametrize("code", [dns.rcode.NOERROR, dns.rcode.REFUSED, dns.rcode.NOTAUTH, dns.rcode.SERVFAIL])
def test_an_answer_without_a_signature_ends_nothing_for_good_and_proves_nothing(code: int) -> None:
    with server(saying(code, signed=False)) as (port, _):
        (outcome,) = provider(port).update(CALL)
    assert outcome.kind == Kind.UNKNOWN and ("signature" in outcome.said or "policy" in outcome.said)


@pytest.mark.parametrize("code", [dns.rcode.NOERROR, dns.rcode.REFUSED])
def test_a_dnspython_that_lets_such_an_answer_through_is_not_relied_on(code: int) -> None:
    """2.3, of Debian 12, does."""
    answer = dns.message.Message()
    answer.set_rcode(code)
    with pytest.raises(Failed) as failed:
        provider(53).judge(answer, signed=False)
    assert failed.value.outcome.kind == Kind.UNKNOWN


def test_a_server_that_knows_no_prerequisites_is_sent_the_update() -> None:
    with server(updates_only) as (port, asked):
        (outcome,) = provider(port).update(CALL)
    assert outcome.kind == Kind.GOOD
    assert sum(bool(message.update) for message in asked if isinstance(message, dns.update.UpdateMessage)) == 1


def test_all_names_and_families_go_into_one_message() -> None:
    hosts = tuple(f"h{number}.example.org" for number in range(50))
    with server(updates_only) as (port, asked):
        outcomes = provider(port).update(Call(hosts, {"ipv4": "198.51.100.2", "ipv6": "2001:db8::2"}))
    assert {outcome.kind for outcome in outcomes} == {Kind.GOOD} and len(outcomes) == 50
    assert len([message for message in asked if isinstance(message, dns.update.UpdateMessage) and message.update]) == 1


@pytest.mark.parametrize("said", [b"", b"<html>", b"\xff" * 12, bytes(12)], ids=repr)
def test_an_answer_that_is_none_is_no_accident(said: bytes) -> None:
    with server(lambda message: said) as (port, _):
        (outcome,) = provider(port).update(CALL)
    assert outcome.kind in (Kind.UNKNOWN, Kind.NETWORK) and outcome.said.isprintable()


def test_no_answer_in_time_is_a_trouble_of_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TIMEOUT", 0.3)
    with server(lambda message: None) as (port, _):
        (outcome,) = provider(port).update(CALL)
    assert outcome.kind == Kind.NETWORK and "no answer" in outcome.said


def test_a_server_that_cannot_be_reached_or_found_is_a_trouble_of_the_network() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    for host in ("127.0.0.1", "no-such-server.invalid"):
        (outcome,) = provider(port, host).update(CALL)
        assert outcome.kind == Kind.NETWORK and host in outcome.said
