"""What an app takes by a command of its own: looked at, given where it differs, never with a secret in an argument."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from plugins.module_utils.apps.commands import Outcome, execute, tell
from plugins.module_utils.apps.files import Unknown

ID = "c0ffee" * 10
LOOK = ["php", "occ", "config:system:get", "trusted_domains", "1"]
DO = ["php", "occ", "config:system:set", "trusted_domains", "1", "--value=cloud.example.org"]


class Nextcloud:
    """Docker with a running Nextcloud, which keeps what it is told."""

    def __init__(self, domain: str = "", running: bool = True, deaf: bool = False) -> None:
        self.domain, self.running, self.deaf = domain, running, deaf
        self.asked: list[list[str]] = []
        self.environments: list[dict[str, str]] = []

    def __call__(self, command: Sequence[str], environment: Mapping[str, str]) -> tuple[int, str, str]:
        self.asked.append(list(command))
        self.environments.append(dict(environment))
        if command[1] == "ps":
            return 0, f"{ID}\tcloud\tnextcloud\tFalse\n{'d' * 60}\tcloud\tnextcloud\tTrue\n" if self.running else "", ""
        inner = list(command[command.index(ID) + 1 :])
        if inner == LOOK:
            return (0, f"{self.domain}\n", "a warning") if self.domain else (1, "", "")
        if self.deaf:
            return 1, "", "\x1b[31mDatabase is locked\x1b[0m, password pr3cious"
        self.domain = inner[-1].partition("=")[2]
        return 0, "set", ""

    def told(self) -> int:
        return sum("config:system:set" in command for command in self.asked)


def stack(**changes: Any) -> dict[str, Any]:
    command = {"service": "nextcloud", "user": "www-data", "look": LOOK, "want": "cloud.example.org", "do": DO, "environment": {}, **changes}
    return {"name": "cloud", "state": "present", "commands": [command]}


def test_an_app_is_told_once_and_then_only_asked(tmp_path: Path) -> None:
    docker = Nextcloud()
    outcome = tell([stack()], tmp_path, docker, False)
    assert outcome.changed == ["cloud"] and docker.domain == "cloud.example.org"
    assert outcome.diff[0]["before"] == "" and outcome.diff[0]["after"] == "cloud.example.org\n"
    assert docker.asked[1] == ["docker", "exec", "--user", "www-data", ID, *LOOK] and docker.asked[2] == ["docker", "exec", "--user", "www-data", ID, *DO]
    assert tell([stack()], tmp_path, docker, False) == Outcome() and docker.told() == 1


def test_an_answer_that_differs_is_replaced_and_shown(tmp_path: Path) -> None:
    outcome = tell([stack()], tmp_path, Nextcloud("old.example.org"), False)
    assert (outcome.diff[0]["before"], outcome.diff[0]["after"]) == ("old.example.org\n", "cloud.example.org\n")


def test_check_mode_asks_and_tells_nothing(tmp_path: Path) -> None:
    docker = Nextcloud("old.example.org")
    outcome = tell([stack()], tmp_path, docker, True)
    assert outcome.changed == ["cloud"] and docker.told() == 0 and docker.domain == "old.example.org"


def test_a_container_that_does_not_run_is_said_in_check_mode_and_stops_a_real_run(tmp_path: Path) -> None:
    outcome = tell([stack()], tmp_path, Nextcloud(running=False), True)
    assert outcome.changed == [] and "nextcloud does not run" in outcome.unseen[0]
    with pytest.raises(Unknown, match="nextcloud does not run"):
        tell([stack()], tmp_path, Nextcloud(running=False), False)


def test_an_app_that_does_not_take_it_is_quoted_without_its_secrets_and_colours(tmp_path: Path) -> None:
    (tmp_path / "cloud.env").write_text("PASSWORD=pr3cious\n")
    with pytest.raises(Unknown) as refused:
        tell([stack()], tmp_path, Nextcloud(deaf=True), False)
    assert "Database is locked" in str(refused.value) and "(hidden)" in str(refused.value)
    assert "pr3cious" not in str(refused.value) and "\x1b" not in str(refused.value)


def test_a_secret_is_in_the_environment_of_the_command_and_in_no_argument(tmp_path: Path) -> None:
    (tmp_path / "cloud.env").write_text("PASSWORD=pr3cious\n")
    docker = Nextcloud()
    tell([stack(environment={"OC_PASS": "${PASSWORD}"})], tmp_path, docker, False)
    assert docker.asked[2][:7] == ["docker", "exec", "--user", "www-data", "--env", "OC_PASS", ID] and docker.environments[2] == {"OC_PASS": "pr3cious"}
    assert not any("pr3cious" in word for command in docker.asked for word in command)
    assert docker.environments[1] == docker.environments[3] == {}


def test_without_a_name_there_is_nothing_to_tell_and_without_commands_docker_is_not_asked(tmp_path: Path) -> None:
    docker = Nextcloud()
    assert tell([stack(want="")], tmp_path, docker, False) == Outcome() and docker.told() == 0
    docker = Nextcloud()
    assert tell([{"name": "a", "state": "present", "commands": []}, {**stack(), "state": "absent"}], tmp_path, docker, False) == Outcome()
    assert docker.asked == []


def test_a_program_that_is_not_there_is_said_and_nothing_is_run(tmp_path: Path) -> None:
    def run(command: Sequence[str], _: Mapping[str, str]) -> tuple[int, str, str]:
        assert "config:system:set" not in command
        return (0, f"{ID}\tcloud\tnextcloud\tFalse\n", "") if command[1] == "ps" else (127, "", 'exec: "php": executable file not found in $PATH')

    with pytest.raises(Unknown, match=r"cannot be asked .*executable file not found"):
        tell([stack()], tmp_path, run, False)


def test_a_command_is_run_without_a_shell_and_its_output_is_apart_from_its_errors() -> None:
    script = "import os, sys; print(sys.argv[1], os.environ['KEY']); print('oh', file=sys.stderr); sys.exit(3)"
    assert execute([sys.executable, "-c", script, "$(id); *"], {"KEY": "v"}) == (3, "$(id); * v\n", "oh\n")
    assert execute(["/nowhere/docker"], {})[0] == 127


def image() -> str:
    """An image of this machine with a shell, '' where there is none (or no Docker)."""
    try:
        listed = subprocess.run(["docker", "images", "--format", "{{.Repository}}:{{.Tag}}"], capture_output=True, text=True, timeout=20, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return next((name for name in listed.split() if name.startswith("exposure-bed/client:current")), "")


def test_a_real_container_is_told_with_a_secret_from_the_environment(tmp_path: Path) -> None:
    found = image()
    if not found:
        pytest.skip("make images builds the image that this runs")
    labels = {"project": "writers-told", "service": "app", "oneoff": "False"}
    given = [word for name, value in labels.items() for word in ("--label", f"com.docker.compose.{name}={value}")]
    started = ["docker", "run", "--detach", "--rm", "--network", "none", "--name", "writers-told", "--entrypoint", "sleep", *given, found, "120"]
    subprocess.run(started, check=True, capture_output=True, timeout=60)
    try:
        (tmp_path / "writers-told.env").write_text("KEY=a b;$(id)\n")
        command = {"service": "app", "user": "", "look": ["cat", "/tmp/told"], "want": "a b;$(id)", "do": ["sh", "-c", 'printf %s "$TOLD" > /tmp/told']}
        told = {"name": "writers-told", "state": "present", "commands": [{**command, "environment": {"TOLD": "${KEY}"}}]}
        assert tell([told], tmp_path, execute, True).changed == ["writers-told"]
        assert tell([told], tmp_path, execute, False).changed == ["writers-told"]
        assert tell([told], tmp_path, execute, False) == Outcome()
    finally:
        subprocess.run(["docker", "rm", "--force", "writers-told"], check=False, capture_output=True, timeout=60)
