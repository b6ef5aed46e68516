"""The preflight, with a real name server and real web servers on loopback addresses, each of which plays an address of the internet."""

from __future__ import annotations

import contextlib
import http.server
import os
import socket
import ssl
import stat
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from plugins.module_utils.acme.lookup import Lookup
from plugins.module_utils.acme.preflight import Settings, check
from plugins.module_utils.acme.problem import Problem

from .name_server import free_port, serving

FOLDER = ".well-known/acme-challenge"
ZONE = """
@ NS ns
ns A 127.0.0.1
home A 127.0.0.1
www CNAME home
six A 127.0.0.1
six AAAA ::1
two A 127.0.0.1
two A 127.0.0.2
away A 127.0.0.2
stale A 127.0.0.1
stale AAAA fe80::1
lan A 192.168.1.2
carrier A 100.64.0.9
mixed A 127.0.0.1
mixed A 10.0.0.1
empty TXT "nothing"
locked A 127.0.0.1
locked CAA 0 issue "pki.goog"
alias CNAME elsewhere.example.
_acme-challenge.moved CNAME x.elsewhere.example.
_acme-challenge.lost CNAME x.nowhere.test.
"""
ROOT = "@ NS ns.\nns A 127.0.0.1\nlame.example. NS ns.casa.example."
OWN = ["127.0.0.1", "::1"]

Handler = Callable[[http.server.BaseHTTPRequestHandler], None]


@pytest.fixture(scope="module")
def dns_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    zones = {".": ROOT, "casa.example.": ZONE, "elsewhere.example.": "@ NS ns\nns A 127.0.0.1", "test.": "@ NS ns.casa.example."}
    with serving(tmp_path_factory.mktemp("names") / "nsd", zones, ("broken.example.",)) as port:
        yield port


@contextlib.contextmanager
def web(address: str, port: int, handler: Handler, context: ssl.SSLContext | None = None) -> Iterator[None]:
    """A web server of the standard library."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            handler(self)

        def log_message(self, *_: Any) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in address else socket.AF_INET

    server = Server((address, port), Answer)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def files(webroot: Path) -> Handler:
    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        path = webroot / request.path.lstrip("/")
        content = path.read_bytes() if path.is_file() else b"no such file"
        say(request, 200 if path.is_file() else 404, content)

    return answer


def say(request: http.server.BaseHTTPRequestHandler, status: int, content: bytes = b"", **headers: str) -> None:
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name, value)
    request.send_header("Content-Length", str(len(content)))
    request.end_headers()
    request.wfile.write(content)


class Home:
    """A home whose preflight the test runs."""

    def __init__(self, webroot: Path, dns_port: int) -> None:
        self.webroot, self.dns_port = webroot, dns_port
        self.http_port, self.https_port = free_port(), free_port()

    def check(self, *names: str, own: list[str] = OWN, challenge: str = "http-01", **others: Any) -> list[Problem]:
        values = {
            "directory": "https://acme-v02.api.letsencrypt.org/directory",
            "webroot": self.webroot,
            "nameservers": ("127.0.0.1",),
            "dns_port": self.dns_port,
            "http_port": self.http_port,
            "https_port": self.https_port,
            "timeout": 2.0,
        }
        certificate = {"name": "home", "hosts": list(names), "kind": "acme", "challenge": challenge}
        return check(certificate, own, Settings(**{**values, **others}))

    def kinds(self, *names: str, **others: Any) -> list[str]:
        return [f"{problem.severity} {problem.kind} {problem.identifier.partition('.')[0]}" for problem in self.check(*names, **others)]

    def serving(self, address: str = "127.0.0.1", handler: Handler | None = None) -> contextlib.AbstractContextManager[None]:
        return web(address, self.http_port, handler or files(self.webroot))


@pytest.fixture
def home(tmp_path: Path, dns_port: int) -> Home:
    return Home(tmp_path, dns_port)


@pytest.mark.proves("B09")
def test_a_home_that_is_ready_has_no_problem_and_nothing_is_left_in_its_webroot(home: Home) -> None:
    with home.serving(), home.serving("::1"):
        assert home.check("home.casa.example", "WWW.casa.example.", "six.casa.example") == []
    assert list(home.webroot.iterdir()) == []


def test_the_challenge_s_file_can_be_read_by_a_web_server_of_another_user(home: Home) -> None:
    modes = []

    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        path = home.webroot / request.path.lstrip("/")
        modes.extend(stat.S_IMODE(place.stat().st_mode) for place in (path, path.parent, path.parent.parent))
        files(home.webroot)(request)

    before = os.umask(0o077)
    try:
        with home.serving(handler=answer):
            assert home.check("home.casa.example") == []
    finally:
        os.umask(before)
    assert modes == [0o644, 0o755, 0o755]


def test_files_of_others_in_the_challenge_s_folder_stay(home: Home) -> None:
    (home.webroot / FOLDER).mkdir(parents=True)
    (home.webroot / FOLDER / "another").write_text("x")
    with home.serving():
        assert home.check("home.casa.example") == []
    assert [path.name for path in (home.webroot / FOLDER).iterdir()] == ["another"]


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("nothere", "no-address", "does not exist"),
        ("empty", "no-address", "neither an A nor an AAAA"),
        ("lan", "private-address", "192.168.1.2"),
        ("carrier", "private-address", "CGNAT"),
    ],
)
def test_a_name_that_does_not_lead_to_the_home_is_told(home: Home, name: str, kind: str, words: str) -> None:
    (problem,) = home.check(f"{name}.casa.example", webroot=None)
    assert (problem.kind, problem.severity) == (kind, "error")
    assert words in problem.seen


def test_a_zone_that_fails_has_its_own_problem(home: Home) -> None:
    assert home.kinds("home.broken.example") == ["error servfail home", "error caa-servfail home"]


def test_a_resolver_that_is_silent_has_its_own_problem(home: Home) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        started = time.monotonic()
        names = [f"n{number}.casa.example" for number in range(5)]
        found = home.kinds(*names, dns_port=silent.getsockname()[1], timeout=0.5)
        assert time.monotonic() - started < 3, "names are asked side by side"
    assert found == [f"error dns-timeout n{number}" for number in range(5)] + [f"warning caa-unread n{number}" for number in range(5)]


def test_an_address_of_this_very_server_is_the_home_s_whatever_the_router_says(home: Home) -> None:
    assert home.check("away.casa.example", own=["203.0.113.7"], allow_private=True, webroot=None) == []


def test_an_address_elsewhere_is_told_by_family(home: Home) -> None:
    own = ["203.0.113.7", "127.0.0.1"]
    (problem,) = home.check("stale.casa.example", own=own, allow_private=True, webroot=None)
    assert problem.kind == "wrong-aaaa" and "fe80::1" in problem.seen
    assert "your home has no public IPv6 address" in problem.seen and "turns to IPv4 only when IPv6 does not answer" in problem.seen
    (problem,) = home.check("lan.casa.example", own=own, allow_private=True, webroot=None)
    assert problem.kind == "wrong-a" and "your home has 127.0.0.1, 203.0.113.7" in problem.seen


def test_addresses_are_not_judged_where_the_home_s_own_are_unknown(home: Home) -> None:
    assert home.check("stale.casa.example", "lan.casa.example", own=[], allow_private=True, webroot=None) == []


def test_a_private_address_besides_a_public_one_is_told(home: Home) -> None:
    assert home.kinds("mixed.casa.example", webroot=None) == ["error private-address mixed"]


def test_an_address_of_this_server_where_nothing_listens_is_an_error_in_ipv6_too(home: Home) -> None:
    with home.serving():
        (problem,) = home.check("six.casa.example")
    assert (problem.kind, problem.severity) == ("path-refused", "error")
    assert "::1, an address of this very server" in problem.seen and "[::]:80" in problem.advice


def test_an_address_that_is_not_reached_from_inside_is_only_a_warning(home: Home) -> None:
    with home.serving():
        assert home.kinds("stale.casa.example", own=["127.0.0.1", "fe80::1"]) == ["warning unproven stale"]


def test_a_router_that_refuses_its_own_network_is_only_a_warning(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    # every loopback address is this machine's own: the router's can only be played by saying that it is not
    monkeypatch.setattr("plugins.module_utils.acme.addresses.on_this_machine", lambda _: False)
    (problem,) = home.check("home.casa.example")
    assert (problem.kind, problem.severity) == ("unproven", "warning")
    assert "Connection refused" in problem.seen and "the CA may still reach it" in problem.seen


def test_a_foreign_address_that_gives_the_challenge_s_file_leads_home_through_a_proxy(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plugins.module_utils.acme.addresses.on_this_machine", lambda _: False)
    own = ["203.0.113.7"]
    with home.serving():
        assert home.check("home.casa.example", own=own, allow_private=True) == []
        assert home.kinds("home.casa.example", own=own) == ["error private-address home"], "a private address proves nothing"
    assert home.kinds("home.casa.example", own=own, allow_private=True) == ["error wrong-a home"]


def test_one_of_two_addresses_that_leads_to_another_server_is_found(home: Home) -> None:
    def fritz(request: http.server.BaseHTTPRequestHandler) -> None:
        request.server_version, request.sys_version = "FRITZ!Box\x1b[2J UI", ""
        say(request, 200, b"<html>login</html>")

    with home.serving(), home.serving("127.0.0.2", fritz):
        (problem,) = home.check("two.casa.example", own=["127.0.0.1", "127.0.0.2"])
    assert (problem.kind, problem.severity) == ("path-wrong", "error")
    assert problem.seen == '127.0.0.2 answers the challenge\'s path with other content by a server that calls itself "FRITZ!Box [2J UI".'


def test_a_404_is_an_error(home: Home) -> None:
    with home.serving(handler=lambda request: say(request, 404)):
        (problem,) = home.check("home.casa.example")
    assert problem.kind == "path-wrong" and "HTTP status 404" in problem.seen


def test_what_is_no_http_is_an_error(home: Home) -> None:
    with home.serving(handler=lambda request: request.wfile.write(b"SSH-2.0-OpenSSH\r\n")):
        assert home.kinds("home.casa.example") == ["error path-wrong home"]


def test_the_name_is_asked_for_and_not_the_address(home: Home) -> None:
    asked = []

    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        asked.append(request.headers["Host"])
        files(home.webroot)(request)

    with home.serving(handler=answer):
        home.check("home.casa.example")
    assert asked == ["home.casa.example"]


def test_a_redirect_to_https_with_any_certificate_is_followed(home: Home, tmp_path: Path) -> None:
    pem = tmp_path / "pem"
    command = f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=wrong -keyout {pem} -out {pem}.crt"
    subprocess.run(command.split(), check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{pem}.crt", pem)
    redirect = home.serving(handler=lambda request: say(request, 301, Location=f"https://{request.headers['Host']}{request.path}"))
    with redirect, web("127.0.0.1", home.https_port, files(home.webroot), context):
        assert home.check("home.casa.example") == []


def test_a_redirect_to_another_name_is_followed_there(home: Home) -> None:
    redirect = home.serving(handler=lambda request: say(request, 302, Location=f"http://away.casa.example{request.path}"))
    with redirect, home.serving("127.0.0.2"):
        assert home.check("home.casa.example") == []


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("http://home.casa.example:8080/", "redirects to port 8080"),
        ("ftp://home.casa.example/", "does not follow"),
        ("http://127.0.0.1/", "bare address 127.0.0.1"),
        ("http://nothere.casa.example/", "no address"),
        ("http://[/", "no web address"),
        ("/again", "more than 10 times"),
    ],
)
def test_a_redirect_that_a_ca_does_not_follow_is_an_error(home: Home, location: str, words: str) -> None:
    with home.serving(handler=lambda request: say(request, 301, Location=location)):
        (problem,) = home.check("home.casa.example")
    assert problem.kind == "path-wrong" and words in problem.seen


def test_ten_redirects_are_followed(home: Home) -> None:
    count = []

    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        count.append(request.path)
        if len(count) <= 10:
            say(request, 307, Location=request.path)
        else:
            files(home.webroot)(request)

    with home.serving(handler=answer):
        assert home.check("home.casa.example") == []


def test_a_webroot_that_cannot_be_written_is_told(home: Home) -> None:
    assert home.kinds("home.casa.example", webroot=home.webroot / "missing") == ["error webroot home"]


def test_caa_is_looked_at_for_each_name(home: Home) -> None:
    assert home.kinds("home.casa.example", "locked.casa.example", webroot=None) == ["error caa locked"]


def test_a_ca_that_nobody_knows_is_not_judged_by_caa(home: Home) -> None:
    assert home.check("locked.casa.example", directory="https://acme.isp.example/dir", webroot=None) == []
    told = home.kinds("locked.casa.example", directory="https://acme.isp.example/dir", webroot=None, caa_identities=("isp.example",))
    assert told == ["error caa locked"]


def test_a_wildcard_needs_dns_01(home: Home) -> None:
    assert home.kinds("*.casa.example", webroot=None) == ["error wildcard *"]
    assert home.check("*.casa.example", "casa.example", "deep.down.casa.example", challenge="dns-01") == []


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("nobody.test", ["error zone nobody"]),
        ("lame.example", ["error zone lame"]),
        ("*.broken.example", ["error servfail broken", "error caa-servfail *"]),
        ("moved.casa.example", []),
        ("lost.casa.example", ["error zone lost"]),
        ("*.locked.casa.example", ["error caa *"]),
    ],
)
def test_for_dns_01_the_zone_must_be_served_and_caa_admit_the_ca(home: Home, name: str, found: list[str]) -> None:
    assert home.kinds(name, challenge="dns-01") == found


def test_an_alias_to_the_top_of_another_zone_is_still_in_its_own(home: Home) -> None:
    assert Lookup(["127.0.0.1"], home.dns_port, 2).zone_of("alias.casa.example") == "casa.example"


def test_only_certificates_of_a_ca_are_looked_at(home: Home) -> None:
    settings = Settings("https://acme.isp.example/dir", nameservers=("127.0.0.1",), dns_port=1)
    assert check({"name": "lan", "hosts": ["box.lan", "localhost"], "kind": "local", "challenge": ""}, [], settings) == []
