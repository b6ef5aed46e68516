"""What one host sees: a real name server, real TLS and HTTP on loopback, and name servers that misbehave."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dns.flags
import dns.message
import dns.rrset
import pytest

from plugins.module_utils.acme.lookup import Lookup
from plugins.module_utils.address.model import Found, Settings, Sighting, SourceKind, Verdict
from plugins.module_utils.network import names, ports
from plugins.module_utils.network.observe import Task, doors, observe, settings_of, simply
from plugins.module_utils.network.ports import Door
from tests.unit.acme.name_server import serving
from tests.unit.probe.server import HOST, Server, answers, authority, page

ZONE = """
@ NS ns
ns A 127.0.0.1
home A 127.0.0.5
home AAAA ::1
www CNAME home
lost CNAME home.elsewhere.example.
empty TXT "nothing"
*.wild A 127.0.0.9
own.wild A 127.0.0.5
locked A 127.0.0.5
locked CAA 0 issue "letsencrypt.org; validationmethods=dns-01"
"""
TWO = """
@ NS ns
@ NS second
ns A 127.0.0.1
second A 127.0.0.2
home A 127.0.0.5
"""
ONLY_SECOND = """
@ NS second
second A 127.0.0.2
"""


@pytest.fixture(scope="module")
def dns_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    zones = {
        ".": "@ NS ns.\nns A 127.0.0.1",
        "casa.example.": ZONE,
        "elsewhere.example.": "@ NS ns\nns A 127.0.0.1\nhome A 127.0.0.8",
        "two.example.": TWO,
        "second.example.": ONLY_SECOND,
    }
    with serving(tmp_path_factory.mktemp("names") / "nsd", zones, ("broken.example.",)) as port:
        yield port


@pytest.fixture
def asked(dns_port: int) -> Lookup:
    return Lookup(("127.0.0.1",), dns_port, 1.0)


Reply = Callable[[dns.message.Message], dns.message.Message | None]


@contextlib.contextmanager
def second_server(port: int, reply: Reply) -> Iterator[None]:
    """A name server on 127.0.0.2 that says what a test wants."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        channel.bind(("127.0.0.2", port))
        channel.settimeout(0.05)
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                with contextlib.suppress(TimeoutError):
                    data, client = channel.recvfrom(4096)
                    if said := reply(dns.message.from_wire(data)):
                        channel.sendto(said.to_wire(), client)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def saying(a: str = "", flags: int = dns.flags.AA, rcode: int = 0, alias: str = "") -> Reply:
    """SOA, and A or an alias, with these flags."""

    def reply(question: dns.message.Message) -> dns.message.Message:
        answer = dns.message.make_response(question)
        answer.flags |= flags
        answer.set_rcode(rcode)
        wanted = question.question[0]
        if wanted.rdtype.name == "SOA":
            answer.answer.append(dns.rrset.from_text(wanted.name, 5, "IN", "SOA", "ns. host. 1 5 5 5 5"))
        if wanted.rdtype.name == "A" and a:
            answer.answer.append(dns.rrset.from_text(wanted.name, 77, "IN", "A", a))
        if alias and wanted.rdtype.name in ("A", "AAAA"):
            answer.answer.append(dns.rrset.from_text(wanted.name, 5, "IN", "CNAME", alias))
        return answer

    return reply


@pytest.mark.proves("R11")
def test_a_name_is_asked_for_at_the_name_servers_of_its_zone(asked: Lookup) -> None:
    look = names.look(["home.casa.example"], asked)["home.casa.example"]
    assert look["zone"] == "casa.example" and look["trouble"] == ""
    assert look["servers"] == {"127.0.0.1": {"addresses": {"A": ["127.0.0.5"], "AAAA": ["::1"]}, "ttl": 5, "alias": "", "trouble": ""}}
    assert look["resolved"] == {"A": ["127.0.0.5"], "AAAA": ["::1"], "trouble": ""}


def test_an_alias_is_followed_within_a_server_s_answer_and_to_other_servers(asked: Lookup, dns_port: int) -> None:
    looks = names.look(["www.casa.example", "lost.casa.example"], asked)
    assert looks["www.casa.example"]["servers"]["127.0.0.1"]["addresses"]["A"] == ["127.0.0.5"]
    assert looks["lost.casa.example"]["servers"]["127.0.0.1"]["addresses"]["A"] == ["127.0.0.8"]
    with second_server(dns_port, saying(alias="home.casa.example.")):
        far = names.look(["home.second.example"], asked)["home.second.example"]
    assert (far["alias"], far["zone"]) == ("home.casa.example", "casa.example")
    assert far["servers"]["127.0.0.1"]["addresses"]["A"] == ["127.0.0.5"]


def test_aliases_that_lead_to_each_other_end(asked: Lookup, dns_port: int) -> None:
    with second_server(dns_port, saying(alias="other.second.example.")):
        look = names.look(["home.second.example"], asked)["home.second.example"]
    assert not any(told["addresses"].get("A") for told in look["servers"].values())


def test_names_without_an_address_and_names_that_are_not_there_have_none(asked: Lookup) -> None:
    looks = names.look(["empty.casa.example", "nobody.casa.example"], asked)
    for look in looks.values():
        assert look["servers"]["127.0.0.1"]["addresses"] == {"A": [], "AAAA": []} and look["servers"]["127.0.0.1"]["trouble"] == ""


def test_a_broken_zone_is_told_as_such(asked: Lookup) -> None:
    look = names.look(["home.broken.example"], asked)["home.broken.example"]
    assert look["trouble"] == "servfail" and look["servers"] == {}


def test_a_wildcard_shows_in_a_name_that_nobody_made(asked: Lookup) -> None:
    looks = names.look(["own.wild.casa.example", "home.casa.example"], asked)
    assert looks["own.wild.casa.example"]["sibling"] == {"A": ["127.0.0.9"], "AAAA": []}
    assert looks["home.casa.example"]["sibling"] == {"A": [], "AAAA": []}


def test_caa_is_read_for_each_challenge(asked: Lookup) -> None:
    caa = names.look(["locked.casa.example"], asked, ("letsencrypt.org",))["locked.casa.example"]["caa"]
    assert {challenge: bool(problems) for challenge, problems in caa.items()} == {"http-01": True, "tls-alpn-01": True, "dns-01": False}
    assert names.look(["locked.casa.example"], asked)["locked.casa.example"]["caa"] == {}


def test_each_name_server_is_heard_by_itself(asked: Lookup, dns_port: int) -> None:
    with second_server(dns_port, saying("127.0.0.6")):
        servers = names.look(["home.two.example"], asked)["home.two.example"]["servers"]
    assert {server: told["addresses"]["A"] for server, told in servers.items()} == {"127.0.0.1": ["127.0.0.5"], "127.0.0.2": ["127.0.0.6"]}
    assert servers["127.0.0.2"]["ttl"] == 77


def test_a_server_that_does_not_serve_the_zone_is_not_believed(asked: Lookup, dns_port: int) -> None:
    with second_server(dns_port, saying(rcode=5)):
        look = names.look(["home.two.example"], asked)["home.two.example"]
    assert look["silent"] == {"127.0.0.2": "REFUSED"} and list(look["servers"]) == ["127.0.0.1"]


def test_an_answer_of_somebody_in_between_is_not_taken_for_the_servers(asked: Lookup, dns_port: int) -> None:
    with second_server(dns_port, saying("127.0.0.6", flags=dns.flags.RA)):
        told = names.look(["home.second.example"], asked)["home.second.example"]["servers"]["127.0.0.2"]
    assert told["trouble"] == names.BETWEEN and told["addresses"] == {}


def test_silent_name_servers_take_bounded_time(asked: Lookup, dns_port: int) -> None:
    began = time.monotonic()
    with second_server(dns_port, lambda question: None):
        look = names.look([f"{number}.second.example" for number in range(8)], asked)["0.second.example"]
    assert look["silent"] == {"127.0.0.2": "timeout"} and look["servers"] == {}
    assert time.monotonic() - began < 5


# Ports


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Server, Server]]:
    """A server's https and http."""
    redirect = page("308 Permanent Redirect", "", f"Location: https://{HOST}/there")
    servers = Server(answers(page()), authority().context(tmp_path)), Server(answers(redirect))
    yield servers
    for server in servers:
        server.close()


def knock(server: Server | int, scheme: str = "https", name: str = HOST, timeout: float = 2.0) -> ports.Tried:
    return ports.knock(Door(name, "127.0.0.1", server if isinstance(server, int) else server.port, scheme), timeout)


def test_a_server_is_known_by_its_certificate(site: tuple[Server, Server], tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Server(answers(page()), authority().context(tmp_path / "other"))
    first, again, stranger = knock(site[0]), knock(site[0]), knock(other)
    other.close()
    assert first.outcome == stranger.outcome == ports.OPEN
    assert first.shows == again.shows != stranger.shows and len(first.shows) == 64


def test_a_server_that_shows_no_certificate_for_a_name_shows_nothing(site: tuple[Server, Server]) -> None:
    tried = knock(site[0], name="unknown.example.test")
    assert (tried.outcome, tried.shows) == (ports.OPEN, "") and tried.detail


def test_over_http_a_server_is_known_by_where_it_leads(site: tuple[Server, Server]) -> None:
    assert knock(site[1], "http").shows == f"308 https://{HOST}/there"


def test_where_http_leads_is_told_without_the_path_that_was_asked() -> None:
    def echo(connection: socket.socket) -> None:
        path = connection.recv(4096).split()[1].decode()
        connection.sendall(page("308 Permanent Redirect", "", f"Location: https://{HOST}{path}"))

    server = Server(echo)
    assert {knock(server, "http").shows for _ in range(3)} == {f"308 https://{HOST}/"}
    server.close()


def test_what_a_stranger_says_over_http_is_printable() -> None:
    server = Server(answers(page("302 Found", "", "Location: http://router/\x1b[2J" + "a" * 500)))
    shows = knock(server, "http").shows
    server.close()
    assert shows.startswith("302 http://router/") and "\x1b" not in shows and len(shows) <= 200


def test_refused_and_silent_are_told_apart() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    assert knock(port).outcome == ports.REFUSED
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, contextlib.ExitStack() as stack:
        for _ in range(2):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        assert knock(full.getsockname()[1], timeout=0.5).outcome == ports.SILENT


def test_no_way_to_an_address_is_not_called_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(*_: object) -> socket.socket:
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(ports.wire, "connect", nowhere)
    assert knock(443).outcome == ports.NO_ROUTE


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_a_server_that_says_nothing_is_open_and_takes_bounded_time(scheme: str) -> None:
    over = threading.Event()
    server = Server(lambda connection: (over.wait(5), None)[1])
    began = time.monotonic()
    tried = knock(server, scheme, timeout=0.5)
    over.set()
    server.close()
    assert (tried.outcome, tried.shows) == (ports.OPEN, "") and time.monotonic() - began < 2


def test_an_address_of_the_machine_itself_proves_no_way_to_it(site: tuple[Server, Server]) -> None:
    assert knock(site[0]).own is True
    assert ports.Tried(HOST, "192.0.2.1", 443, "https", ports.SILENT).own is False


# A whole look


def found(address: str) -> dict[str, Found]:
    sighting = Sighting("natpmp", SourceKind.ROUTER, "ipv4", address)
    return {"ipv4": Found("ipv4", address, Verdict.NAT, ("natpmp says so",), "", (sighting,)), "ipv6": Found("ipv6", "", Verdict.NONE)}


def test_a_server_sees_its_addresses_its_names_and_itself(site: tuple[Server, Server], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "outgoing", lambda family: "127.0.0.1" if family == socket.AF_INET else "")
    https, http = (server.port for server in site)
    task = Task("server", (HOST,), (), https, http, https, http, 2.0)
    look = observe(task, lambda: found("127.0.0.1"), lambda wanted: {name: {"told": True} for name in wanted})
    assert look["found"]["ipv4"]["verdict"] == "nat" and look["found"]["ipv4"]["sightings"][0]["kind"] == "router"
    assert look["names"] == {HOST: {"told": True}}
    assert [one["shows"] for one in look["here"]] == [one["shows"] for one in look["tried"]]
    assert look["here"][1]["shows"] == f"308 https://{HOST}/there"


def test_another_host_tries_what_the_server_found(site: tuple[Server, Server], asked: Lookup) -> None:
    https, http = (server.port for server in site)
    told = names.look(["home.casa.example"], asked)
    server = {"ports": {"https": https, "http": http}, "found": {"ipv4": {"address": "127.0.0.1"}, "ipv6": {"address": ""}}, "names": told}
    wanted = doors([server])
    assert {(door["address"], door["port"]) for door in wanted} == {(a, p) for a in ("127.0.0.1", "127.0.0.5", "::1") for p in (https, http)}
    look = observe(Task("outside", ("localhost",), tuple(map(ports.read, wanted)), timeout=1.0), dict, None)
    outcomes = {(one["address"], one["port"]): one["outcome"] for one in look["tried"]}
    assert outcomes["127.0.0.1", https] == ports.OPEN and outcomes["127.0.0.5", https] == ports.REFUSED


def test_without_dnspython_the_system_is_asked() -> None:
    told = simply(["localhost", "no-such-name.invalid"])
    assert {*told["localhost"]["resolved"]["A"], *told["localhost"]["resolved"]["AAAA"]} & {"127.0.0.1", "::1"}
    assert told["no-such-name.invalid"]["resolved"]["trouble"]


def test_a_port_that_is_not_forwarded_is_not_tried() -> None:
    assert [door.scheme for door in ports.of_names([HOST], ["127.0.0.1"], 443, 0)] == ["https"]


def test_settings_of_the_search_are_read_and_a_slip_is_told() -> None:
    assert settings_of({"sources": ["natpmp"], "quorum": 1, "interface": "eth0"}) == Settings(sources=("natpmp",), quorum=1, interface="eth0")
    with pytest.raises(ValueError, match=r"sauces is not known; known are .*sources"):
        settings_of({"sauces": []})
