"""Services, failures, names, router, apps and disk, as a watch sees them."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from plugins.module_utils.command.failure import note
from plugins.module_utils.ddns.engine import account_key
from plugins.module_utils.ddns.settings import settings_of
from plugins.module_utils.ddns.state import AccountState, Latch, State
from plugins.module_utils.watch import apps, disk, failures, names, router, units
from plugins.module_utils.watch.gather import PAUSE, gather
from plugins.module_utils.watch.model import ERROR, WARNING, Look, Settings

HOUR = 3600.0
NOW = 1.8e9


def shown(**properties: str) -> str:
    given = {"LoadState": "loaded", "ActiveState": "active", "SubState": "running", "UnitFileState": "enabled", **properties}
    return "".join(f"{name}={value}\n" for name, value in given.items())


TIMER = {"SubState": "waiting", "NextElapseUSecRealtime": "Sat 2026-11-21 14:00:00 UTC", "NextElapseUSecMonotonic": ""}
STOPPED = {"ActiveState": "inactive", "SubState": "dead", "NextElapseUSecRealtime": "", "NextElapseUSecMonotonic": ""}


@pytest.mark.parametrize(
    ("unit", "properties", "expected"),
    [
        ("caddy.service", {}, []),
        ("caddy.service", {"ActiveState": "reloading"}, []),
        ("caddy.service", {"ActiveState": "activating", "SubState": "start-pre"}, []),
        ("caddy.service", {"ActiveState": "activating", "SubState": "auto-restart"}, [("service_down", ERROR)]),
        ("caddy.service", {"ActiveState": "activating", "SubState": "auto-restart-queued"}, [("service_down", ERROR)]),
        ("caddy.service", {"ActiveState": "failed", "SubState": "failed"}, [("service_down", ERROR)]),
        ("caddy.service", {"ActiveState": "inactive", "SubState": "dead"}, [("service_down", ERROR)]),
        ("caddy.service", {"LoadState": "not-found", "ActiveState": "inactive"}, [("unit_missing", ERROR)]),
        ("exposure-ddns.timer", TIMER, []),
        ("exposure-ddns.timer", {**TIMER, "SubState": "running", "NextElapseUSecRealtime": ""}, []),
        ("exposure-ddns.timer", {**TIMER, "NextElapseUSecRealtime": ""}, [("timer_stopped", ERROR)]),
        ("exposure-ddns.timer", {**TIMER, "NextElapseUSecRealtime": "", "NextElapseUSecMonotonic": "infinity"}, [("timer_stopped", ERROR)]),
        ("exposure-ddns.timer", STOPPED, [("timer_stopped", ERROR)]),
        ("exposure-ddns.timer", {**TIMER, "UnitFileState": "disabled"}, [("timer_not_enabled", WARNING)]),
    ],
)
def test_what_has_to_run_is_asked_of_systemd(unit: str, properties: dict[str, str], expected: list[tuple[str, str]]) -> None:
    asked: list[Sequence[str]] = []

    def run(command: Sequence[str]) -> tuple[int, str]:
        asked.append(command)
        return 0, shown() + "\n" + shown(**properties)

    found = units.look(Settings(units=("nginx.service", unit)), run)
    assert [(one.id, one.severity) for one in found.findings] == expected and all(one.about == unit for one in found.findings)
    assert len(asked) == 1 and asked[0][-2:] == ["nginx.service", unit]


def test_where_systemd_does_not_answer_nothing_is_taken_for_down() -> None:
    with pytest.raises(OSError, match="systemctl"):
        units.look(Settings(units=("nginx.service",)), lambda command: (1, ""))


def test_a_renewal_that_failed_is_told_with_its_last_words(tmp_path: Path) -> None:
    said = "home: the authority says no: too many orders\nexposure-certificates.service: Main process exited, code=exited, status=1/FAILURE\n"
    note("exposure-certificates.service", said + "Failed to start exposure-certificates.service - Renew certificates that are due.", tmp_path)
    (tmp_path / "half.json").write_text('{"unit": "ha')
    (one,) = failures.look(tmp_path).findings
    assert (one.id, one.about) == ("unit_failed", "exposure-certificates.service") and "too many orders." in one.what and "exited" not in one.what


def test_each_role_whose_unit_notes_its_failures_takes_the_notes_along_when_it_goes() -> None:
    roles = Path(__file__).resolve().parents[3] / "roles"
    noting = [unit for unit in roles.glob("*/files/*.service") if "\nOnFailure=exposure-failure@%n.service\n" in unit.read_text()]
    assert {unit.name for unit in noting} >= {"exposure-certificates.service", "exposure-certificates-deploy.service", "exposure-router.service"}
    for unit in noting:
        assert f"/var/lib/exposure/failures/{unit.name}.json" in (unit.parents[1] / "tasks/absent.yml").read_text(), unit.name


def test_nothing_failed_where_no_failure_was_ever_noted(tmp_path: Path) -> None:
    assert failures.look(tmp_path / "failures").findings == []


ACCOUNT = {"name": "duck", "provider": "duckdns", "hosts": ["home.duckdns.org"]}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A server that keeps a name."""
    (tmp_path / "settings.json").write_text(json.dumps({"accounts": [ACCOUNT]}))
    (tmp_path / "failures").mkdir()
    return tmp_path


def failed(folder: Path, unit: str, hours: float) -> None:
    (folder / "failures" / f"{unit}.json").write_text(json.dumps({"unit": unit, "since": NOW - hours * HOUR, "last": NOW, "said": "nobody answered\n"}))


def told(folder: Path) -> Look:
    return names.look(NOW, folder / "settings.json", folder / "state", folder / "failures")


def test_names_that_were_stopped_are_told_at_once_with_the_way_on(home: Path) -> None:
    (account,) = settings_of({"accounts": [ACCOUNT]}).accounts
    memory = State(home / "state", lambda: NOW)
    memory.accounts[account_key(account)] = AccountState(latches={"": Latch("auth", "KO", NOW - 60)})
    memory.save()
    failed(home, "exposure-ddns.service", 0)
    (one,) = told(home).findings
    assert (one.id, one.severity, one.about) == ("names_stopped", ERROR, "duck")
    assert "'KO'" in one.what and "exposure ddns --reset duck" in one.advice


@pytest.mark.parametrize(("hours", "expected"), [(0.5, []), (1.5, ["names_failing"])])
def test_a_provider_s_passing_trouble_is_told_after_an_hour(hours: float, expected: list[str], home: Path) -> None:
    failed(home, "exposure-ddns.service", hours)
    assert [one.id for one in told(home).findings] == expected
    assert failures.look(home / "failures").findings == []


def test_a_server_that_keeps_no_names_has_none_to_look_at(tmp_path: Path) -> None:
    assert told(tmp_path).findings == []
    (tmp_path / "settings.json").write_text("not json")
    with pytest.raises(OSError, match="playbook"):
        told(tmp_path)


@pytest.mark.parametrize(
    ("state", "hours", "expected"),
    [
        ({"code": 0, "mappings": [], "lan": [], "trouble": ""}, None, []),
        ({"code": 11, "mappings": [{"message": "443 leads to 192.168.1.5."}], "lan": [], "trouble": ""}, 0.1, ["router_refuses"]),
        ({"code": 12, "mappings": [], "lan": [], "trouble": "The router does not answer."}, 0.1, []),
        ({"code": 12, "mappings": [], "lan": [], "trouble": "The router does not answer."}, 30, ["router_failing"]),
    ],
)
def test_the_router_is_told_of_where_a_person_is_needed_or_it_lasts(state: dict[str, Any], hours: float | None, expected: list[str], home: Path) -> None:
    (home / "router.json").write_text(json.dumps(state))
    if hours is not None:
        failed(home, "exposure-router.service", hours)
    found = router.look(NOW, home / "settings.json", home, home / "failures").findings
    assert [one.id for one in found] == expected
    assert all(words in one.what for one in found for words in ["443 leads to" if state["code"] == 11 else "does not answer"])


class Engine:
    """A Docker engine's socket that gives these answers, by path."""

    def __init__(self, path: Path, answers: dict[str, Any]) -> None:
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(str(path))
        self.server.listen()
        self.answers = answers
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        while True:
            try:
                channel = self.server.accept()[0]
            except OSError:
                return
            with channel:
                path = channel.recv(65536).split()[1].decode().partition("?")[0]
                body = json.dumps(self.answers.get(path)).encode()
                channel.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


def container(app: str, state: str, status: str, service: str = "", number: str = "1") -> dict[str, Any]:
    labels = {apps.PROJECT: app, apps.SERVICE: service or app}
    return {"Id": number, "Names": [f"/{app}-1"], "Labels": labels, "State": state, "Status": status}


def rest(made: dict[str, Any]) -> dict[str, Any]:
    """As `docker compose run` leaves it."""
    return {**made, "Labels": {**made["Labels"], apps.ONE_OFF: "True"}}


@pytest.fixture
def docker(tmp_path: Path) -> Iterator[Engine]:
    engine = Engine(tmp_path / "docker.sock", {})
    yield engine
    engine.server.close()


@pytest.mark.parametrize(
    ("containers", "policy", "expected"),
    [
        ([container("home", "running", "Up 2 hours (healthy)")], "no", []),
        ([container("home", "running", "Up 5 seconds (health: starting)")], "no", []),
        ([container("home", "running", "Up 2 hours (unhealthy)")], "no", [("app_unhealthy", "home")]),
        ([container("home", "exited", "Exited (1) 2 hours ago", "database")], "no", [("app_stopped", "home (database)")]),
        ([container("home", "exited", "Exited (0) 2 hours ago")], "unless-stopped", [("app_stopped", "home")]),
        ([container("home", "running", "Up"), container("home", "exited", "Exited (0) 2 hours ago", "prepare")], "no", []),
        ([container("home", "restarting", "Restarting (1) 3 seconds ago")], "always", [("app_stopped", "home")]),
        ([container("other", "running", "Up")], "no", [("app_missing", "home")]),
        ([container("home", "running", "Up"), rest(container("home", "exited", "Exited (1) 2 days ago"))], "no", []),
        ([rest(container("home", "running", "Up"))], "no", [("app_missing", "home")]),
        ([container("home", "created", "Created")], "unless-stopped", [("app_stopped", "home")]),
        ([container("home", "removing", "Removal In Progress")], "no", []),
    ],
)
def test_apps_are_told_of_where_they_do_not_run_or_are_not_well(
    containers: list[dict[str, Any]], policy: str, expected: list[tuple[str, str]], docker: Engine, tmp_path: Path
) -> None:
    docker.answers |= {"/containers/json": containers, "/containers/1/json": {"HostConfig": {"RestartPolicy": {"Name": policy}}}}
    found = apps.look(Settings(apps=("home",)), apps.engine(str(tmp_path / "docker.sock")))
    assert [(one.id, one.about) for one in found.findings] == expected


def test_an_engine_that_is_silent_is_one_finding_and_no_app_is_taken_for_gone(tmp_path: Path) -> None:
    found = apps.look(Settings(apps=("home", "media")), apps.engine(str(tmp_path / "docker.sock")))
    assert [one.id for one in found.findings] == ["docker_silent"] and found.unseen == {""}


def room(free: int, whole: int, files: int = 1000, free_files: int = 900) -> os.statvfs_result:
    """In MiB."""
    return os.statvfs_result((1 << 20, 1 << 20, whole, free, free, files, free_files, free_files, 0, 255))


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (room(5000, 20000), []),
        (room(900, 20000), [WARNING]),
        (room(190, 1000), [WARNING]),
        (room(100, 20000), [ERROR]),
        (room(40, 500), [ERROR]),
        (room(5000, 20000, 1000, 20), [WARNING]),
        (room(5000, 20000, 0, 0), []),
        (room(0, 0, 0, 0), []),
    ],
)
def test_a_disk_is_told_of_before_it_is_full(size: os.statvfs_result, expected: list[str]) -> None:
    found = disk.look(("/",), lambda path: size, lambda path: 1)
    assert [one.severity for one in found.findings] == expected


def test_a_disk_is_told_of_once_and_one_that_is_not_there_is_passed_over(tmp_path: Path) -> None:
    places = ("/", "/var", str(tmp_path / "nowhere"))
    assert [one.about for one in disk.look(places, lambda path: room(1, 1000), lambda path: Path(path).stat().st_dev * 0).findings] == ["/"]
    assert isinstance(disk.look(places).findings, list)


def test_a_look_that_fails_is_a_finding_and_the_others_go_on() -> None:
    def broken() -> Look:
        raise RuntimeError("a bug\nin a look")

    def fine() -> Look:
        found = Look("disk")
        found.add("disk_low", "/", "Full.", "Make room.")
        return found

    seen = gather({"apps": broken, "disk": fine}, (), lambda seconds: None)
    assert [(one.id, one.about) for one in seen.findings] == [("disk_low", "/"), ("not_looked", "apps")]
    assert "a bug in a look" in seen.findings[1].what and seen.unseen == {("apps", "")} and not seen.blind
    assert gather({"apps": broken}, (), lambda seconds: None).blind


def test_what_a_restart_explains_is_looked_at_again_before_it_is_told() -> None:
    looks: list[Look] = [Look("units"), Look("units")]
    looks[0].add("service_down", "nginx.service", "Down.", "Start it.")
    pauses: list[float] = []
    assert gather({"units": lambda: looks.pop(0)}, (), pauses.append).findings == [] and pauses == [PAUSE]
    down = Look("units")
    down.add("service_down", "nginx.service", "Down.", "Start it.")
    assert len(gather({"units": lambda: down}, (), pauses.append).findings) == 1
    assert len(gather({"units": lambda: down}, [down.findings[0].key], lambda seconds: pytest.fail("it is known")).findings) == 1
