"""A look at compose files of a person's own: which files count, what leaves the host, and where a proxy may send requests."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from plugins.module_utils.host import compose_files, reach
from plugins.module_utils.host.look import compose_alone

SECRET = "hunter2-hunter2"


class Host:
    """`docker compose` and the engine of a host, as far as the look asks them."""

    def __init__(self, config: dict[str, Any], *containers: dict[str, Any], answers: bool = True) -> None:
        self.config, self.containers, self.answers = config, containers, answers
        self.asked: list[list[str]] = []

    def command(self, words: Sequence[str]) -> tuple[int, str, str]:
        self.asked.append(list(words))
        if "version" in words:
            return (0, "2.26.1\n", "") if words[0] == "docker" else (127, "", "")
        return (0, json.dumps(self.config), 'time="x" level=warning msg="version is obsolete"') if self.config else (1, "", f'invalid "{SECRET}" in x')

    def engine(self, what: str) -> Any:
        if not self.answers:
            return None
        return (
            list(self.containers) if what.startswith("/containers/json") else {"Mountpoint": "/var/lib/docker/volumes/v/_data"} if "/volumes/" in what else None
        )

    def look(self, path: Path, proxy: str = "") -> dict[str, Any]:
        found = compose_files.look([{"compose": str(path), "proxy": proxy}], self.command, self.engine)[str(path)]
        assert isinstance(found, dict)
        return found


def made_from(*files: Path, project: str = "media") -> dict[str, Any]:
    labels = {"project": project, "service": "web", "project.config_files": ",".join(map(str, files)), "project.working_dir": str(files[0].parent)}
    return {"Id": "abc", "Names": ["/web"], "State": "running", "Labels": {f"com.docker.compose.{name}": value for name, value in labels.items()}}


def test_nothing_is_asked_of_a_host_without_such_files() -> None:
    its = Host({})
    assert compose_files.look([], its.command, its.engine) == {} and its.asked == []


def test_a_folder_stands_for_its_file_and_a_file_comes_with_what_overrules_it(tmp_path: Path) -> None:
    (tmp_path / "docker-compose.yml").touch()
    assert compose_files.files_of(tmp_path) == [tmp_path / "docker-compose.yml"]
    (tmp_path / "docker-compose.override.yml").touch()
    (tmp_path / "films.yml").touch()
    both = [tmp_path / "docker-compose.yml", tmp_path / "docker-compose.override.yml"]
    assert compose_files.files_of(tmp_path) == compose_files.files_of(both[0]) == both
    assert compose_files.files_of(tmp_path / "films.yml") == [tmp_path / "films.yml"]
    (tmp_path / "compose.yaml").touch()
    assert compose_files.files_of(tmp_path) == [tmp_path / "compose.yaml"]


def test_what_was_started_counts_also_from_files_of_other_names_and_through_another_path(tmp_path: Path) -> None:
    one, two = tmp_path / "a.yml", tmp_path / "b.yml"
    one.touch(), two.touch()
    (tmp_path / "link.yml").symlink_to(one)
    its = Host({"name": "media"}, made_from(tmp_path / "link.yml", two))
    found = its.look(one)
    assert found["files"] == [str(tmp_path / "link.yml"), str(two)] and len(found["containers"]) == 1
    assert its.asked[-1][:4] == ["docker", "compose", "-p", "media"]


@pytest.mark.parametrize("problem", ["no such file", "no compose file", "not installed", "does not answer", "does not accept"])
def test_what_cannot_be_looked_at_is_said_without_a_value_of_the_file(tmp_path: Path, problem: str) -> None:
    file = tmp_path / "compose.yml"
    file.touch()
    its = Host({} if problem == "does not accept" else {"name": "x"}, answers=problem != "does not answer")
    if problem == "not installed":
        its.command = lambda words: (127, "", "")  # type: ignore[method-assign]
    path = {"no such file": tmp_path / "x.yml", "no compose file": tmp_path / "empty"}.get(problem, file)
    (tmp_path / "empty").mkdir()
    found = its.look(path)
    assert problem in found["problem"] and SECRET not in found["problem"]


def test_of_an_environment_only_what_tells_of_proxies_and_names_leaves_the_host(tmp_path: Path) -> None:
    (tmp_path / "compose.yml").touch()
    environment = {
        "TRUSTED_PROXIES": "172.18.0.1",
        "OVERWRITECLIURL": "https://cloud.example.org",
        "MYSQL_PASSWORD": SECRET,
        "PROXY_TOKEN": SECRET,
        "DATABASE_URL": f"postgres://me:{SECRET}@db/x",
        "TZ": "Europe/Paris",
        "HOST_EMPTY": None,
    }
    found = Host({"name": "x", "services": {"web": {"image": "x", "environment": environment}}}).look(tmp_path / "compose.yml")
    assert found["services"]["web"]["told"] == {"TRUSTED_PROXIES": "172.18.0.1", "OVERWRITECLIURL": "https://cloud.example.org"}
    assert SECRET not in json.dumps(found)


def test_where_folders_are_on_the_host_is_found_for_volumes_too(tmp_path: Path) -> None:
    (tmp_path / "compose.yml").touch()
    rows = [
        {"type": "bind", "source": str(tmp_path), "target": "/config"},
        {"type": "bind", "source": str(tmp_path / "gone"), "target": "/gone"},
        {"type": "volume", "source": "data", "target": "/data"},
        {"type": "tmpfs", "target": "/tmp"},
    ]
    found = Host({"name": "x", "services": {"web": {"volumes": rows}}, "volumes": {"data": {"name": "x_data"}}}).look(tmp_path / "compose.yml")
    assert [(row["source"], row["kind"]) for row in found["services"]["web"]["mounts"]] == [
        (str(tmp_path), "folder"),
        (str(tmp_path / "gone"), "missing"),
        ("/var/lib/docker/volumes/v/_data", "missing"),
        ("", ""),
    ]


def test_where_a_proxy_sends_requests_is_read_in_its_files_and_not_in_their_comments(tmp_path: Path) -> None:
    (tmp_path / "Caddyfile").write_text("a {\n  reverse_proxy host.docker.internal:8123 # not other:99\n}\nb { reverse_proxy http://films:8096 10.0.0.2:80 }\n")
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d/x.conf").write_text("proxy_pass http://cloud:8080/x;")
    (tmp_path / "conf.d/x.log").write_text("nothing:1234")
    mounts = [{"source": str(tmp_path / name), "type": "bind", "kind": kind, "target": ""} for name, kind in (("Caddyfile", "file"), ("conf.d", "folder"))]
    assert compose_files.upstreams(mounts) == ["host.docker.internal:8123", "films:8096", "10.0.0.2:80", "cloud:8080"]


def test_the_gateway_of_a_default_route_is_read_as_the_kernel_writes_it(tmp_path: Path) -> None:
    head = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
    rows = "eth1\t000014AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\neth0\t00000000\t010014AC\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
    (tmp_path / "route").write_text(head + rows)
    assert reach.default_gateway(tmp_path / "route") == "172.20.0.1"
    (tmp_path / "route").write_text(head)
    assert reach.default_gateway(tmp_path / "route") == reach.default_gateway(tmp_path / "none") == ""


@pytest.mark.parametrize(("said", "expected"), [("v2.29.1", True), ("2.26.1-4", True), ("1.29.2", False), ("docker-compose version 1", False)])
def test_a_compose_that_stands_by_itself_counts_where_it_is_of_version_2(said: str, expected: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "docker-compose"
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert compose_alone(lambda words: (0, said)) == (str(program) if expected else "")
