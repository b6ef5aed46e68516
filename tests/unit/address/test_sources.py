"""What is made of the answers of name servers and web services: real ones over TLS, on ports of this machine."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from plugins.module_utils.address import sources
from plugins.module_utils.address.dns_message import question
from plugins.module_utils.address.model import IPV4, IPV6, Sighting
from plugins.module_utils.address.sources import PAGES, RESOLVERS, Page, ask
from tests.unit.probe.server import HOST, Server, authority

HOME = "5.9.0.10"


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every name is this machine, so that real names can be asked."""
    real = socket.getaddrinfo

    def found(host: str, port: int, *rest: int) -> object:
        if host == "nowhere.example":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real("127.0.0.1", port, *rest)

    monkeypatch.setattr(socket, "getaddrinfo", found)


def trusting(folder: Path) -> Callable[[], ssl.SSLContext]:
    return lambda: ssl.create_default_context(cafile=authority().roots(folder))


def web(body: bytes, status: str = "200 OK", more: str = "") -> Callable[[socket.socket], None]:
    def behave(channel: socket.socket) -> None:
        channel.recv(4096)
        channel.sendall(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode() + body)

    return behave


def answer_of(folder: Path, behaviour: Callable[[socket.socket], None], name: str = HOST, form: str = "text") -> Sighting:
    with contextlib.closing(Server(behaviour, authority().context(folder, name, strict=False, alpn=("http/1.1",)))) as server:
        place = f"https://{HOST}:{server.port}/ip"
        if form == "text":
            return ask(f"https:{place}", IPV4, timeout=3, context=trusting(folder))
        PAGES["https:cloudflare"] = Page(place, place, form)
        try:
            return ask("https:cloudflare", IPV4, timeout=3, context=trusting(folder))
        finally:
            PAGES["https:cloudflare"] = Page("https://www.cloudflare.com/cdn-cgi/trace", "https://www.cloudflare.com/cdn-cgi/trace", "trace")


BODIES = {
    "an address": (web(HOME.encode()), HOME, ""),
    "an address and the end of a line": (web(HOME.encode() + b"\n"), HOME, ""),
    "a page": (web(b"<html><body>5.9.0.10</body></html>"), "", "not an address alone"),
    "nothing": (web(b""), "", "not an address alone"),
    "IPv6 where IPv4 was asked for": (web(b"2a01:4f8::1"), "", "not an address alone"),
    "no ASCII": (web(b"\xff\xfe5.9.0.10"), "", "not an address alone"),
    "more than is read": (web(b"5.9.0.10" + b" " * 100_000), "", "far longer"),
    "an error": (web(b"5.9.0.10", "500 Internal Server Error"), "", "HTTP status 500"),
    "too many requests": (web(b"5.9.0.10", "429 Too Many Requests"), "", "HTTP status 429"),
    "a redirect, which is not followed": (web(b"", "302 Found", "Location: https://elsewhere.example/\r\n"), "", "HTTP status 302"),
    "no HTTP": (lambda channel: channel.sendall(channel.recv(4096)[:0] + b"SSH-2.0-OpenSSH\r\n"), "", "SSH-2.0"),
    "a closed connection": (lambda channel: None, "", "closed"),
}


@pytest.mark.parametrize(("behaviour", "address", "trouble"), BODIES.values(), ids=BODIES)
def test_a_web_service_is_believed_where_it_answers_with_the_address_alone(
    behaviour: Callable[[socket.socket], None], address: str, trouble: str, here: None, tmp_path: Path
) -> None:
    said = answer_of(tmp_path, behaviour)
    assert said.address == address and trouble in said.trouble


def test_a_web_service_with_another_s_certificate_is_not_believed(here: None, tmp_path: Path) -> None:
    said = answer_of(tmp_path, web(HOME.encode()), name="elsewhere.example.test")
    assert not said.address and "certificate is not valid" in said.trouble


TRACES = {
    "an address": (f"fl=1\nh=www.cloudflare.com\nip={HOME}\nwarp=off\n", HOME, ""),
    "the VPN": (f"ip={HOME}\nwarp=on\n", "", "WARP"),
    "the paid VPN": (f"ip={HOME}\nwarp=plus\n", "", "WARP"),
    "no address": ("h=www.cloudflare.com\n", "", "not an address"),
}


@pytest.mark.parametrize(("body", "address", "trouble"), TRACES.values(), ids=TRACES)
def test_cloudflare_s_trace_gives_the_address_unless_its_vpn_is_in_between(body: str, address: str, trouble: str, here: None, tmp_path: Path) -> None:
    said = answer_of(tmp_path, web(body.encode()), form="trace")
    assert said.address == address and trouble in said.trouble


def test_a_name_that_does_not_exist_is_told(tmp_path: Path, here: None) -> None:
    assert "no IPv4 address here" in ask("https:https://nowhere.example/", IPV4, timeout=1, context=trusting(tmp_path)).trouble


def test_a_service_that_stays_silent_ends_in_time(here: None, tmp_path: Path) -> None:
    said = ask("https:ipify", IPV4, timeout=0.2, context=trusting(tmp_path))
    assert not said.address and said.trouble


def record(kind: int, data: bytes, name: bytes = b"\xc0\x0c", family: int = 1) -> bytes:
    return name + struct.pack("!HHIH", kind, family, 0, len(data)) + data


def dns(*records: bytes, code: int = 0, other: bool = False) -> Callable[[socket.socket], None]:
    """A name server that gives these records to whatever it is asked."""

    def behave(channel: socket.socket) -> None:
        asked = channel.recv(4096)[2:]
        number = bytes([asked[0] ^ 1, asked[1]]) if other else asked[:2]
        message = number + struct.pack("!HHHHH", 0x8180 | code, 1, len(records), 0, 0) + asked[12:] + b"".join(records)
        channel.sendall(struct.pack("!H", len(message)) + message)

    return behave


DNS = {
    "a TXT record": ("dns:cloudflare", IPV4, dns(record(16, bytes([len(HOME)]) + HOME.encode(), family=3)), HOME, ""),
    "an A record": ("dns:opendns", IPV4, dns(record(1, socket.inet_aton(HOME))), HOME, ""),
    "an alias first": ("dns:opendns", IPV4, dns(record(5, b"\x01x\x00"), record(1, socket.inet_aton(HOME), b"\x01x\x00")), HOME, ""),
    "a refusal": ("dns:opendns", IPV4, dns(code=5), "", "refuses the question (DNS code 5)"),
    "no record": ("dns:opendns", IPV4, dns(), "", "holds no address"),
    "the answer to another question": ("dns:opendns", IPV4, dns(record(1, socket.inet_aton(HOME)), other=True), "", "was not asked"),
    "a text that is no address": ("dns:cloudflare", IPV4, dns(record(16, b"\x04home", family=3)), "", "not an address alone"),
    "an answer cut short": ("dns:opendns", IPV4, lambda channel: channel.sendall(channel.recv(4096)[:0] + b"\x00\x20\x00\x01"), "", "not an address alone"),
    "a closed connection": ("dns:opendns", IPV4, lambda channel: None, "", ""),
}


@pytest.mark.parametrize(("name", "family", "behaviour", "address", "trouble"), DNS.values(), ids=DNS)
def test_a_name_server_is_believed_where_it_answers_the_question(
    name: str, family: str, behaviour: Callable[[socket.socket], None], address: str, trouble: str, here: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolver = RESOLVERS[name]
    with contextlib.closing(Server(behaviour, authority().context(tmp_path, resolver.name, strict=False))) as server:
        real = sources.connected
        monkeypatch.setattr(sources, "connected", lambda host, port, *rest: real(host, server.port, *rest))
        said = ask(name, family, timeout=3, context=trusting(tmp_path))
    assert said.address == address and trouble in said.trouble


def test_a_name_server_s_own_address_is_taken_where_its_name_cannot_be_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def broken(*words: object) -> object:
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", broken)
    resolver = RESOLVERS["dns:cloudflare"]
    with contextlib.closing(
        Server(dns(record(16, bytes([len(HOME)]) + HOME.encode(), family=3)), authority().context(tmp_path, resolver.name, strict=False))
    ) as server:
        real = sources.connected
        monkeypatch.setattr(sources, "connected", lambda host, port, *rest: real(host, server.port, *rest[:-1], "127.0.0.1"))
        assert ask("dns:cloudflare", IPV4, timeout=3, context=trusting(tmp_path)).address == HOME


def test_the_questions_are_those_that_the_servers_answer() -> None:
    assert question(0x1234, "whoami.cloudflare", 16, 3) == bytes.fromhex("1234 0100 0001 0000 0000 0000 06") + b"whoami\x0acloudflare\0" + bytes.fromhex(
        "0010 0003"
    )
    assert IPV6 and RESOLVERS["dns:cloudflare"].name == "one.one.one.one"
