"""A whole run: what is found, who is told, what is remembered, and that no secret is in any of it."""

from __future__ import annotations

import http.server
import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from plugins.module_utils.command import watch
from plugins.module_utils.command.main import main
from plugins.module_utils.watch import certificates, tell, textfile
from plugins.module_utils.watch.model import ERROR, Finding, Look, Settings
from plugins.module_utils.watch.notice import Notice
from plugins.module_utils.watch.settings import Secrets, read_secrets
from plugins.module_utils.watch.state import State

HUSH = "hush-hush"
NTFY, MAIL = f"ntfys://{HUSH}@ntfy.example.org/home", f"mailtos://me:{HUSH}@example.org"
DAY = 86400.0


class Web:
    """A web server on this machine that keeps the paths it was asked for."""

    def __init__(self, status: int) -> None:
        self.paths: list[str] = []
        web = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                web.paths.append(self.path)
                self.send_response(status)
                self.end_headers()

            def log_message(self, *words: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/ping/{HUSH}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture(params=[200])
def web(request: pytest.FixtureRequest) -> Iterator[Web]:
    here = Web(request.param)
    yield here
    here.server.shutdown()
    here.server.server_close()


class Home:
    """A server whose disk may be full, with receivers that may be out of order."""

    def __init__(self, folder: Path, ping: str = "") -> None:
        self.folder, self.secrets = folder, Secrets((NTFY, MAIL), ping)
        self.full, self.broken = False, set[str]()
        self.got: list[tuple[str, Notice]] = []
        self.now = 1.8e9

    def look(self) -> Look:
        found = Look("disk")
        if self.full:
            found.add("disk_low", "/", f"The disk is full of {HUSH}.", "Make room.", ERROR)
        return found

    def send(self, url: str, notice: Notice) -> str:
        if url in self.broken:
            return "it was not reached."
        self.got.append((url, notice))
        return ""

    def run(self, hours: float = 1, **about: Any) -> int:
        self.now += hours * 3600
        settings = Settings(host="home", **about)
        return watch.watch(settings, self.secrets, [self.folder], {"disk": self.look}, send=self.send, pause=lambda seconds: None, clock=lambda: self.now)

    def heard(self) -> list[str]:
        titles = [notice.title for _, notice in self.got]
        self.got = []
        return titles


@pytest.fixture
def home(tmp_path: Path, web: Web) -> Home:
    return Home(tmp_path, web.url)


@pytest.mark.proves("R40")
def test_each_receiver_hears_of_trouble_once_of_what_is_urgent_daily_and_of_its_end(home: Home) -> None:
    assert home.run() == 0 and home.heard() == []
    home.full = True
    assert home.run() == 0 and home.heard() == ["home: / needs you"] * 2
    assert [home.heard() for _ in range(23) if home.run() == 0] == [[]] * 23
    assert home.run() == 0 and len(home.heard()) == 2
    home.full = False
    assert home.run() == 0 and home.heard() == []
    assert home.run() == 0 and home.heard() == ["home: all well again"] * 2


def test_a_notice_that_could_not_be_sent_waits_and_goes_with_the_next_as_one(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    home.full, home.broken = True, {NTFY}
    assert home.run() == 1 and [url for url, _ in home.got] == [MAIL]
    assert "receiver 1 (ntfys) could not be sent: it was not reached" in capsys.readouterr().err
    home.full, home.got = False, []
    assert [home.run(), home.run()] == [1, 1] and [url for url, _ in home.got] == [MAIL]
    home.broken, home.got = set(), []
    assert home.run() == 0
    ((url, notice),) = home.got
    assert url == NTFY and notice.title == "home: all well again" and "This could not be sent before" in notice.text and "home: / needs you" in notice.text
    assert home.run() == 0 and home.heard() == ["home: all well again"]


def test_no_secret_is_in_what_is_written_remembered_or_sent(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    home.full, home.broken = True, {NTFY}
    home.secrets = Secrets((*home.secrets.notify, HUSH), home.secrets.ping)
    home.run()
    said = capsys.readouterr()
    kept = "".join(path.read_text() for path in home.folder.iterdir())
    sent = "".join(f"{notice}" for _, notice in home.got)
    assert not any(HUSH in text for text in (said.out, said.err, kept, sent, repr(home.secrets)))
    assert "full of ***" in said.err


def test_who_is_no_receiver_any_more_is_not_waited_for(home: Home) -> None:
    home.full, home.broken = True, {NTFY}
    home.run()
    home.secrets = Secrets((), "")
    assert home.run() == 0 and json.loads((home.folder / "state.json").read_text())["waiting"] == {}


def test_the_ping_is_sent_when_it_was_looked_and_told_whatever_was_found(home: Home, web: Web) -> None:
    home.full = True
    assert home.run() == 0 and web.paths == [f"/ping/{HUSH}"]
    home.full, home.broken = False, {NTFY}
    home.run()
    home.run()
    assert len(web.paths) == 2  # the notice of its end was not heard


@pytest.mark.parametrize("web", [404], indirect=True)
def test_a_ping_that_is_refused_is_told_without_its_address(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert home.run() == 1
    said = capsys.readouterr().err
    assert "answered with 404" in said and HUSH not in said


@pytest.mark.parametrize("url", [f"http://127.0.0.1:1/{HUSH}", f"https://127.0.0.1:1/{HUSH}", f"gopher://{HUSH}", f"http://{HUSH}.invalid/"])
def test_a_ping_that_reaches_nobody_is_told_without_its_address(url: str) -> None:
    assert HUSH not in tell.ping(url).replace(f"{HUSH}.invalid was not", "") and tell.ping(url)


def test_a_check_tells_nobody_and_remembers_nothing(home: Home, web: Web) -> None:
    home.full = True
    watch.watch(Settings(), home.secrets, [home.folder], {"disk": home.look}, check=True, send=home.send, pause=lambda seconds: None)
    assert (home.got, web.paths, list(home.folder.iterdir())) == ([], [], [])


def test_for_a_program_everything_is_one_json(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    home.full = True
    code = watch.watch(Settings("home"), Secrets(), [home.folder], {"disk": home.look}, True, True, pause=lambda seconds: None)
    told = json.loads(capsys.readouterr().out)
    assert code == 0 and (told["host"], told["worst"], told["findings"][0]["id"]) == ("home", ERROR, "disk_low")
    assert set(told) == {"host", "at", "worst", "findings", "certificates", "troubles"}


def test_without_settings_the_command_says_what_makes_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watch", "--settings", str(tmp_path / "none.json")]) == 1
    assert "playbook" in capsys.readouterr().err
    (tmp_path / "wrong.json").write_text('{"colour": 1}')
    assert main(["watch", "--settings", str(tmp_path / "wrong.json")]) == 1
    assert main(["certificates", "status", "--settings", str(tmp_path / "none.json")]) == 1


def test_a_host_with_apps_alone_has_no_certificates_and_needs_no_library_to_say_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, certificates.__name__, None)  # as where cryptography is missing
    (tmp_path / "settings.json").write_text(json.dumps({"apps": ["media"]}))
    asked = ["certificates", "status", "--settings", str(tmp_path / "settings.json")]
    assert (main(asked), main([*asked, "--json"]), capsys.readouterr().out) == (0, 0, "No certificate is served or stored here.\n[]\n")


def test_a_test_with_nobody_to_tell_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "settings.json").write_text("{}")
    assert main(["watch", "--test", "--settings", str(tmp_path / "settings.json"), "--secrets", str(tmp_path / "none.json")]) == 1
    assert "exposure_watch" in capsys.readouterr().err


def test_credentials_that_systemd_did_not_hand_over_are_no_empty_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with pytest.raises(Exception, match="systemd could not hand"):
        read_secrets()
    (tmp_path / "secrets.json").write_text(json.dumps({"notify": [NTFY], "ping": ""}))
    assert read_secrets().notify == (NTFY,)


def test_prometheus_is_given_whole_lines_with_strange_names_escaped(tmp_path: Path) -> None:
    leaf = {"not_after": "2027-01-01T00:00:00+00:00"}
    strange = 'a"b\\c\nd'
    textfile.write(tmp_path, [Finding("disk", "disk_low", "/", ERROR, "", "")], [{"site": strange, "host": "h", "certificate": leaf, "life_left": 0.5}], 7.5)
    text = (tmp_path / "exposure.prom").read_text()
    assert 'exposure_certificate_life_left_ratio{site="a\\"b\\\\c\\nd",host="h"} 0.5' in text.splitlines()
    assert 'exposure_finding{id="disk_low",severity="error"} 1' in text and 'not_after_seconds{site="a\\"b\\\\c\\nd",host="h"} 1798761600' in text
    assert (tmp_path / "exposure.prom").stat().st_mode & 0o777 == 0o644 and len(list(tmp_path.iterdir())) == 1


def test_a_folder_of_prometheus_that_is_gone_is_told_and_not_made_and_the_ping_is_sent(home: Home, web: Web, capsys: pytest.CaptureFixture[str]) -> None:
    assert home.run(textfile=str(home.folder / "none")) == 1
    assert "could not be written" in capsys.readouterr().err and not (home.folder / "none").exists()
    assert web.paths == [f"/ping/{HUSH}"]


@pytest.mark.parametrize("tasks", ["absent", "units"])
def test_figures_that_nobody_keeps_any_more_go_before_the_unit_that_knows_where_they_are(tasks: str) -> None:
    text = (Path(__file__).resolve().parents[3] / f"roles/watch/tasks/{tasks}.yml").read_text()
    assert 0 < text.find("{{ homeserver_host.watch.textfile }}/exposure.prom") < text.find("exposure-watch.service.d")


def test_a_notice_waits_for_its_receiver_before_anything_is_sent(home: Home) -> None:
    def killed(url: str, notice: Notice) -> str:
        raise KeyboardInterrupt

    home.full = True
    with pytest.raises(KeyboardInterrupt):
        watch.watch(Settings("home"), home.secrets, [home.folder], {"disk": home.look}, send=killed, pause=lambda seconds: None)
    assert home.run() == 0 and len(home.heard()) == 2


def test_who_took_a_notice_of_a_run_that_was_cut_short_is_not_told_again(home: Home) -> None:
    def killed(url: str, notice: Notice) -> str:
        if url == MAIL:
            raise KeyboardInterrupt
        return home.send(url, notice)

    home.full = True
    with pytest.raises(KeyboardInterrupt):
        watch.watch(Settings("home"), home.secrets, [home.folder], {"disk": home.look}, send=killed, pause=lambda seconds: None, clock=lambda: home.now)
    assert home.run() == 0 and [url for url, _ in home.got] == [NTFY, MAIL]


def test_a_receiver_waits_for_a_bounded_number_of_notices() -> None:
    memory = State()
    for number in range(50):
        tell.queue(memory, Secrets((NTFY,)), Notice(str(number), "text"))
    assert [one["title"] for one in memory.waiting["1 (ntfys)"]] == [str(number) for number in range(30, 50)]
