"""AdGuard Home over its HTTP API, against a server that keeps the rules of its internal/filtering/rewritehttp.go."""

from __future__ import annotations

import base64
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from plugins.module_utils.lan_names.adguard_api import Api, settle_over_api
from plugins.module_utils.lan_names.records import Record, Refused

PASSWORD = "hunter-2"
HOME = [Record("home.example.org", ("192.168.1.10", "fd00::10"))]
MOVED = [Record("home.example.org", ("192.168.1.99",))]
PAIRS = [("home.example.org", "192.168.1.10"), ("home.example.org", "fd00::10")]
PERSONS = ("nas.lan", "192.168.1.30")


class AdGuard(http.server.ThreadingHTTPServer):
    """Its rewrites, the calls that changed them, and after how many of these it fails."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.rewrites, self.changes, self.fails_after, self.page = [PERSONS], list[str](), 1000, b""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(http.server.BaseHTTPRequestHandler):
    server: AdGuard

    def say(self, code: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(code)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        if self.headers["Authorization"] != "Basic " + base64.b64encode(f"admin:{PASSWORD}".encode()).decode():
            return self.say(401)
        if self.path != "/control/rewrite/list":
            return self.say(302, Location="/login.html")
        listed = json.dumps([{"domain": domain, "answer": answer, "enabled": True} for domain, answer in self.server.rewrites]).encode()
        return self.say(200, self.server.page or listed)

    def do_POST(self) -> None:
        entry = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        pair = (entry["domain"], entry["answer"])
        verb = self.path.rpartition("/")[2]
        if len(self.server.changes) == self.server.fails_after:
            self.server.fails_after = 1000
            return self.say(500)
        self.server.changes.append(verb)
        held = self.server.rewrites
        self.server.rewrites = [*held, pair] if verb == "add" else [one for one in held if one != pair]
        return self.say(200)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def adguard() -> Iterator[AdGuard]:
    with AdGuard() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def note(tmp_path: Path) -> Path:
    return tmp_path / "notes/adguard.json"


def api(server: AdGuard, password: str = PASSWORD) -> Api:
    return Api(f"{server.url}/", "admin", password)


def test_rewrites_come_change_and_go_and_a_person_s_stay(adguard: AdGuard, note: Path) -> None:
    assert settle_over_api(api(adguard), note, HOME, check=True).changed == [adguard.url]
    assert adguard.changes == [] and not note.exists()
    settle_over_api(api(adguard), note, HOME, check=False)
    assert adguard.rewrites == [PERSONS, *PAIRS] and note.stat().st_mode & 0o777 == 0o600
    adguard.changes.clear()
    assert settle_over_api(api(adguard), note, HOME, check=False).changed == [] and adguard.changes == []
    outcome = settle_over_api(api(adguard), note, MOVED, check=False)
    assert adguard.rewrites == [PERSONS, ("home.example.org", "192.168.1.99")]
    assert "home.example.org -> 192.168.1.10\n" in outcome.diff[0]["before"] and "home.example.org -> 192.168.1.99\n" in outcome.diff[0]["after"]
    settle_over_api(api(adguard), note, [], check=False)
    assert adguard.rewrites == [PERSONS] and not note.exists()


def test_a_rewrite_that_a_person_made_before_us_stays_when_ours_go(adguard: AdGuard, note: Path) -> None:
    adguard.rewrites = [PAIRS[0]]
    settle_over_api(api(adguard), note, HOME, check=False)
    settle_over_api(api(adguard), note, [], check=False)
    assert adguard.rewrites == [PAIRS[0]]


@pytest.mark.parametrize("calls", [0, 1, 2])
def test_where_a_call_fails_those_before_it_are_undone_and_the_next_run_completes(adguard: AdGuard, note: Path, calls: int) -> None:
    settle_over_api(api(adguard), note, HOME, check=False)
    adguard.changes.clear()
    adguard.fails_after = calls
    with pytest.raises(Refused, match="answers 500"):
        settle_over_api(api(adguard), note, MOVED, check=False)
    assert sorted(adguard.rewrites) == sorted([PERSONS, *PAIRS])
    settle_over_api(api(adguard), note, MOVED, check=False)
    settle_over_api(api(adguard), note, [], check=False)
    assert adguard.rewrites == [PERSONS]


def test_a_wrong_password_is_told_without_the_password(adguard: AdGuard, note: Path) -> None:
    with pytest.raises(Refused, match="user or password is wrong") as refused:
        settle_over_api(api(adguard, "sword-9"), note, HOME, check=False)
    assert "sword-9" not in str(refused.value) and base64.b64encode(b"admin:sword-9").decode() not in repr(refused.value)


def test_a_redirect_is_not_followed_and_a_page_of_something_else_is_told(adguard: AdGuard, note: Path) -> None:
    with pytest.raises(Refused, match="answers 302"):
        settle_over_api(Api(f"{adguard.url}/elsewhere", "admin", PASSWORD), note, HOME, check=False)
    adguard.page = b"<html>Welcome</html>"
    with pytest.raises(Refused, match="is no AdGuard Home"):
        settle_over_api(api(adguard), note, HOME, check=False)


def test_a_server_that_cannot_be_asked_is_told(note: Path) -> None:
    with pytest.raises(Refused, match="cannot be asked"):
        settle_over_api(Api("http://127.0.0.1:1", "admin", PASSWORD), note, HOME, check=False)


@pytest.mark.parametrize(
    "url", ["nonsense", "http://[::1", "ftp://127.0.0.1:1", "file:///etc/hosts", "http://admin:hunter-2@127.0.0.1", "http://a b", "http://a:x"]
)
def test_an_address_of_no_pages_is_refused_and_a_password_in_it_is_not_repeated(url: str) -> None:
    with pytest.raises(Refused, match="not the address of its pages") as refused:
        Api(url, "admin", PASSWORD)
    assert PASSWORD not in str(refused.value)
