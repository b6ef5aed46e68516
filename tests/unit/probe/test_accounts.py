"""Log-ins that everybody knows, and apps that nobody owns yet, at real little servers that answer as apps do."""

from __future__ import annotations

import json
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from plugins.module_utils.probe import accounts
from plugins.module_utils.probe.accounts import Found, Look
from plugins.module_utils.probe.tried import DAY, Tried, containers_of

from .server import Server, authority, page, request

pytestmark = pytest.mark.proves("R54")

Answer = tuple[int, dict[str, str], str]
NOW = 1_795_000_000.0
NPM = {"user": "admin@example.com", "path": "/api/tokens", "json": {"identity": "admin@example.com", "secret": "changeme"}}
FORM = {"user": "admin", "path": "/login", "form": {"name": "admin", "pass word": "pä&ss"}, "granted": [302]}
ROW = {"password": "", "json": None, "form": None, "granted": [200], "refused": [400, 401, 422], "contains": "", "location": "", "cookie": ""}
HOME = {"path": "/api/onboarding", "status": [200], "contains": '"step": "user", "done": false', "location": ""}


class App:
    """A server that hears whole requests and answers each as `says` tells."""

    def __init__(self, says: Callable[[str, str, dict[str, str], str], Answer]) -> None:
        heard: list[tuple[str, str, dict[str, str], str]] = []
        self.heard = heard

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                heard.append((self.command, self.path, dict(self.headers), body))
                status, headers, text = says(*heard[-1])
                self.send_response(status)
                for name, value in headers.items():
                    for one in value.split("\n"):
                        self.send_header(name, one)
                self.end_headers()
                self.wfile.write(text.encode())

            do_POST = do_GET

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()


@contextmanager
def app(says: Callable[[str, str, dict[str, str], str], Answer] | Answer) -> Iterator[App]:
    made = App(says if callable(says) else lambda *_: says)
    try:
        yield made
    finally:
        made.server.shutdown()
        made.server.server_close()


def look(port: int, folder: Path, *log_ins: dict[str, Any], unclaimed: dict[str, Any] | None = None, now: float = NOW, **more: Any) -> Found:
    given = {"name": "npm", "title": "Proxy Manager", "version": more.pop("version", "2.13"), "address": "127.0.0.1", "port": port}
    given |= {"tls": more.pop("tls", False), "hosts": more.pop("hosts", {"npm.example.org": "npm"}), "url": more.pop("url", "https://npm.example.org")}
    rows = [{**ROW, "replace": f"Give {one['user']} another password", **one} for one in log_ins]
    containers = more.pop("containers", "c1")
    return Look({**given, "accounts": rows, "unclaimed": unclaimed}, folder, now, timeout=1.0, containers=lambda _: containers, **more).all()


def only(found: Found) -> tuple[bool | None, str]:
    (one,) = found.outcomes
    return one.ok, one.detail


def test_a_log_in_that_it_came_with_and_that_works_is_a_failure_with_what_to_do(tmp_path: Path) -> None:
    with app((200, {"Content-Type": "application/json"}, '{"token": "x"}')) as npm:
        (one,) = look(npm.port, tmp_path, NPM).outcomes
    assert (one.host, one.site, one.check, one.ok, one.advice) == ("npm.example.org", "npm", "accounts", False, "Give admin@example.com another password.")
    ((method, path, headers, body),) = npm.heard
    assert (method, path, headers["Host"], json.loads(body)) == ("POST", "/api/tokens", "npm.example.org", NPM["json"])
    assert not [name for name in headers if name.lower().startswith(("x-", "forwarded"))], "nobody's address is made up"
    assert "changeme" not in repr(one)


@pytest.mark.parametrize("status", [400, 401, 422])
def test_a_log_in_that_is_refused_was_replaced(status: int, tmp_path: Path) -> None:
    with app((status, {}, "no")) as npm:
        assert only(look(npm.port, tmp_path, NPM)) == (True, "replaced: admin@example.com")


def test_a_refused_log_in_is_not_tried_again_before_thirty_days_or_another_version_or_container(tmp_path: Path) -> None:
    with app((401, {}, "no")) as npm:
        for now in (NOW, NOW + 60, NOW + 29 * DAY):
            ok, told = only(look(npm.port, tmp_path, NPM, now=now))
        assert ok and told == "replaced: admin@example.com (seen on 2026-11-18)" and len(npm.heard) == 1
        for number, more in enumerate(({"version": "2.14"}, {"containers": "c2"}, {"now": NOW + 31 * DAY}), 2):
            assert only(look(npm.port, tmp_path, NPM, **more))[0] and len(npm.heard) == number
    assert stat.S_IMODE((tmp_path / "npm.json").stat().st_mode) == 0o600 and "changeme" not in (tmp_path / "npm.json").read_text()


def test_a_log_in_that_works_is_tried_in_every_run_until_it_is_replaced(tmp_path: Path) -> None:
    granted = [True]
    with app(lambda *_: (200 if granted[0] else 401, {}, "")) as npm:
        assert only(look(npm.port, tmp_path, NPM))[0] is False
        assert only(look(npm.port, tmp_path, NPM))[0] is False
        granted[0] = False
        assert only(look(npm.port, tmp_path, NPM)) == (True, "replaced: admin@example.com")
        look(npm.port, tmp_path, NPM)
    assert len(npm.heard) == 3


def test_one_failed_log_in_is_all_that_a_run_adds_to_what_an_app_counts(tmp_path: Path) -> None:
    second = {**NPM, "user": "root"}
    with app((401, {}, "no")) as npm:
        ok, told = only(look(npm.port, tmp_path, NPM, second))
        assert ok is None and "root: one log-in that fails is enough for a run" in told and len(npm.heard) == 1
        assert only(look(npm.port, tmp_path, NPM, second)) == (True, "replaced: admin@example.com (seen on 2026-11-18), root")
        assert len(npm.heard) == 2


def test_all_log_ins_that_work_are_named_in_one_run_and_one_that_worked_counts_until_it_is_tried_again(tmp_path: Path) -> None:
    second, status = {**NPM, "user": "root"}, [200]
    with app(lambda *_: (status[0], {}, "")) as npm:
        assert only(look(npm.port, tmp_path, NPM, second))[1].endswith("came with: admin@example.com, root")
        status[0] = 401
        ok, told = only(look(npm.port, tmp_path, NPM, second))
        assert ok is False and "root (on 2026-11-18; one log-in that fails is enough" in told and "admin@" not in told
        assert only(look(npm.port, tmp_path, NPM, second))[0] is True
        assert len(npm.heard) == 4


@pytest.mark.parametrize("status", [403, 429])
def test_a_ban_is_neither_yes_nor_no_and_is_not_asked_again_for_a_day(status: int, tmp_path: Path) -> None:
    with app((status, {}, "banned")) as npm:
        ok, told = only(look(npm.port, tmp_path, NPM))
        assert ok is None and f"/api/tokens answers {status}, which says neither yes nor no" in told
        ok, told = only(look(npm.port, tmp_path, NPM, now=NOW + 3600))
        assert ok is None and "repeated a day later" in told and len(npm.heard) == 1
        look(npm.port, tmp_path, NPM, now=NOW + DAY + 1)
        assert len(npm.heard) == 2


@pytest.mark.parametrize("status", [404, 405, 500, 503])
def test_an_app_that_takes_no_log_in_there_or_is_still_starting_is_asked_again_the_next_time(status: int, tmp_path: Path) -> None:
    with app((status, {}, "")) as npm:
        assert only(look(npm.port, tmp_path, NPM))[0] is None
        assert only(look(npm.port, tmp_path, NPM))[0] is None
    assert len(npm.heard) == 2


@pytest.mark.parametrize(
    ("mark", "granted", "refused"),
    [
        ({"location": "/dashboard"}, {"Location": "/dashboard?welcome=1"}, {"Location": "/login?error"}),
        ({"location": "/dashboard"}, {"Location": "http://other.example.net/dashboard"}, {"Location": "http://["}),
        ({"cookie": "session"}, {"Set-Cookie": "lang=en\nsession=abc; Path=/"}, {"Set-Cookie": "lang=en\nsession=; Max-Age=0"}),
    ],
)
def test_a_form_that_always_answers_302_is_told_apart_by_where_it_leads_or_by_its_cookie(
    mark: dict[str, str], granted: dict[str, str], refused: dict[str, str], tmp_path: Path
) -> None:
    with app((302, granted, "")) as cms:
        assert only(look(cms.port, tmp_path / "a", {**FORM, **mark}))[0] is False
    ((_, _, headers, body),) = cms.heard
    assert headers["Content-Type"] == "application/x-www-form-urlencoded" and body == "name=admin&pass+word=p%C3%A4%26ss"
    with app((302, refused, "")) as cms:
        assert only(look(cms.port, tmp_path / "b", {**FORM, **mark}))[0] is True
    assert len(cms.heard) == 1, "nobody follows it"


def test_an_answer_of_200_to_everything_is_told_apart_by_its_text_however_it_is_spaced(tmp_path: Path) -> None:
    account = {**NPM, "contains": '"success": true'}
    for body, ok in (('{"success":true}', False), ('{ "success" : true }', False), ('{"success":false}', True)):
        with app((200, {}, body)) as emon:
            assert only(look(emon.port, tmp_path / body.replace("/", ""), account))[0] is ok


def test_a_password_alone_is_http_basic(tmp_path: Path) -> None:
    with app(lambda *heard: (200 if heard[2].get("Authorization") == "Basic YWRtaW46YWRtaW4=" else 401, {}, "")) as device:
        assert only(look(device.port, tmp_path, {"user": "admin", "password": "admin", "path": "/status"}))[0] is False
    assert device.heard[0][:2] == ("GET", "/status")


def test_log_ins_of_which_nobody_can_see_whether_they_work_are_told_until_their_owner_says_so(tmp_path: Path) -> None:
    tao = [{"user": user, "path": "", "replace": "Change it under Users"} for user in ("admin", "demo01")]
    found = look(1, tmp_path, *tao)
    assert only(found)[0] is None
    (finding,) = found.findings
    assert (finding["id"], finding["severity"], finding["about"]) == ("known_log_ins", "error", ["npm.example.org"])
    assert finding["what"] == "npm.example.org: Proxy Manager came with log-ins that everybody knows: admin, demo01."
    assert finding["advice"] == "Change it under Users. Then write accounts_replaced: [admin, demo01] in its entry of exposure_apps."


def test_an_app_that_is_down_is_not_called_safe_and_nothing_is_remembered(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    found = look(port, tmp_path, NPM, unclaimed=HOME)
    assert [(one.check, one.ok) for one in found.outcomes] == [("owner", None), ("accounts", None)] and not found.findings
    assert Tried(tmp_path, "npm", NOW).kept == {}


def test_no_log_in_is_tried_where_that_cannot_be_remembered_or_nothing_may_change(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with app((200, {}, "")) as npm:
        ok, told = only(look(npm.port, tmp_path / "file", NPM))
        assert ok is None and "could not be remembered" in told
        assert only(look(npm.port, tmp_path, NPM, trying=False)) == (None, "not proven: admin@example.com: no log-in is tried in check mode")
    assert npm.heard == []


@pytest.mark.parametrize("content", ["", "[]", '{"x": 1}', '{"%s": {"ended": "refused", "at": "x"}}', '{"%s": {"ended": "refused", "at": 9e99}}'])
def test_a_spoilt_memory_costs_one_more_try_and_no_run(content: str, tmp_path: Path) -> None:
    with app((401, {}, "no")) as npm:
        look(npm.port, tmp_path, NPM)
        (key,) = json.loads((tmp_path / "npm.json").read_text())
        (tmp_path / "npm.json").write_text(content.replace("%s", key))
        assert only(look(npm.port, tmp_path, NPM))[0] is True
    assert len(npm.heard) == 2


@pytest.mark.parametrize("kind", ["silent", "drip", "resets", "no http", "endless"])
def test_a_hostile_app_ends_in_time_and_its_try_is_remembered(kind: str, tmp_path: Path) -> None:
    def behave(connection: socket.socket) -> None:
        request(connection)
        if kind == "silent":
            time.sleep(3)
        elif kind == "drip":
            for letter in b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1000:
                connection.sendall(bytes([letter]))
                time.sleep(0.05)
        elif kind == "no http":
            connection.sendall(b"220 smtp.example.org\r\n")
        elif kind == "endless":
            while True:
                connection.sendall(b"X: " + b"y" * 60000 + b"\r\n")

    server = Server(behave)
    started = time.monotonic()
    ok, told = only(look(server.port, tmp_path, NPM))
    assert ok is None and "no answer that can be read" in told and time.monotonic() - started < 3
    server.close()
    assert "repeated a day later" in only(look(server.port, tmp_path, NPM))[1]


def test_a_huge_page_is_read_in_part(tmp_path: Path) -> None:
    with app((200, {}, "x" * 4_000_000 + '"step":"user","done":false')) as home:
        assert only(look(home.port, tmp_path, unclaimed=HOME)) == (True, "it has an owner"), "what stands behind 256 KiB was not read"


def test_tls_inside_is_spoken_to_whoever_signed_it(tmp_path: Path) -> None:
    def behave(connection: socket.socket) -> None:
        request(connection)
        connection.sendall(page("401 Unauthorized", "no"))

    server = Server(behave, authority().context(tmp_path, strict=False))
    assert only(look(server.port, tmp_path, NPM, tls=True))[0] is True
    server.close()


@pytest.mark.parametrize("text", ['[{"step":"user","done":false},{"step":"analytics","done":false}]', '[\n {"step": "user", "done": false}]'])
def test_an_app_that_nobody_owns_is_told_with_where_to_open_it_and_fails_nothing(text: str, tmp_path: Path) -> None:
    with app((200, {}, text)) as home:
        found = look(home.port, tmp_path, unclaimed=HOME)
    assert only(found)[0] is None and home.heard[0][:2] == ("GET", "/api/onboarding")
    (finding,) = found.findings
    assert (finding["id"], finding["severity"]) == ("unclaimed", "warning")
    assert finding["advice"] == "Open https://npm.example.org now and make the first account."


@pytest.mark.parametrize("said", [(200, {}, '[{"step":"user","done":true},{"step":"analytics","done":false}]'), (404, {}, "Not found"), (401, {}, "")])
def test_an_app_with_an_owner_is_passed(said: Answer, tmp_path: Path) -> None:
    with app(said) as home:
        found = look(home.port, tmp_path, unclaimed=HOME)
    assert only(found) == (True, "it has an owner") and not found.findings


@pytest.mark.parametrize("said", [(400, {}, ""), (429, {}, ""), (502, {}, ""), (301, {"Location": "https://npm.example.org/"}, "")])
def test_an_answer_that_says_nothing_of_an_owner_proves_nothing(said: Answer, tmp_path: Path) -> None:
    with app(said) as home:
        assert only(look(home.port, tmp_path, unclaimed=HOME))[0] is None
    assert len(home.heard) == 1


def test_an_app_that_sends_its_first_visitor_to_its_setup_is_nobody_s(tmp_path: Path) -> None:
    wanted = {"path": "/", "status": [302], "contains": "", "location": "/install.html"}
    for location, findings in (("/install.html", 1), ("install.html", 1), ("/login.html", 0)):
        with app((302, {"Location": location}, "")) as dns:
            assert len(look(dns.port, tmp_path, unclaimed=wanted).findings) == findings


def test_every_name_of_an_app_tells_it_and_one_without_a_site_is_called_by_its_own(tmp_path: Path) -> None:
    with app((401, {}, "")) as npm:
        found = look(npm.port, tmp_path, NPM, hosts={"a.example.org": "a", "b.example.org": "b"})
        assert [(one.host, one.site) for one in found.outcomes] == [("a.example.org", "a"), ("b.example.org", "b")]
        assert [one.host for one in look(npm.port, tmp_path, NPM, hosts={}, url="").outcomes] == ["npm"]


def test_all_apps_are_looked_at_side_by_side_within_the_time(tmp_path: Path) -> None:
    slow = Server(lambda connection: time.sleep(4))
    given = {"title": "A", "version": "1", "address": "127.0.0.1", "port": slow.port, "tls": False, "hosts": {}, "url": "", "accounts": [], "unclaimed": HOME}
    started = time.monotonic()
    found = accounts.look_at([{**given, "name": f"app{number}"} for number in range(20)], 1.0, folder=str(tmp_path))
    assert time.monotonic() - started < 3
    assert [one.ok for one in found.outcomes] == [None] * 20 and json.dumps(found.told())
    slow.close()


def test_the_containers_of_a_project_are_known_by_their_ids_but_for_those_that_ran_once() -> None:
    labels = {"com.docker.compose.project": "npm"}
    rows = [{"Id": "b" * 64, "Labels": labels}, {"Id": "a" * 64, "Labels": labels}, {"Id": "c", "Labels": {**labels, "com.docker.compose.oneoff": "True"}}]
    asked: list[str] = []
    assert containers_of("npm", lambda path: asked.append(path) or rows) == f"{'a' * 16} {'b' * 16}"
    assert "com.docker.compose.project%3Dnpm" in asked[0]

    def silent(_: str) -> object:
        raise OSError("no such file")

    assert containers_of("npm", silent) == "" == containers_of("", silent)
