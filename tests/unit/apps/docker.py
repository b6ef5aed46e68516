"""A Docker for tests. It keeps its state in a file, so that it outlives a killed run.

An app does what its tag says: `v1` and `v2` are well, `sick` never is. Each, once it runs, brings its data to its own version, and none is well on
the data of a newer one: so who goes back needs the data from before, too.
"""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from plugins.module_utils.apps.engine import Container, Volume
from plugins.module_utils.apps.project import Places, Project, compose_of, services
from plugins.module_utils.apps.settings import Outcome, settle
from plugins.module_utils.apps.stacks import Stacks
from plugins.module_utils.release.disk import Failure

ORDER = ["v1", "v2", "sick"]
LOCK = threading.RLock()


def alone(method: Callable[..., Any]) -> Callable[..., Any]:
    """Stacks go side by side, and its state is one file."""

    @functools.wraps(method)
    def locked(*given: Any, **named: Any) -> Any:
        with LOCK:
            return method(*given, **named)

    return locked


class Clock:
    """Time passes only where somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Docker:
    """An `Engine` of a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "docker.json"
        if not self.file.exists():
            self.keep({"containers": {}, "images": ["app:v1"], "registry": ["app:v1", "app:v2", "app:sick"], "asked": []})

    def state(self) -> dict[str, Any]:
        return dict(json.loads(self.file.read_text()))

    def keep(self, state: dict[str, Any]) -> None:
        new = self.file.with_suffix(".new")
        new.write_text(json.dumps(state))
        new.replace(self.file)

    @alone
    def note(self, what: str) -> dict[str, Any]:
        state = self.state()
        state["asked"].append(what)
        self.keep(state)
        return state

    def asked(self) -> list[str]:
        return list(self.state()["asked"])

    def there(self) -> bool:
        return not (self.folder / "no docker").exists()

    def containers(self) -> list[Container]:
        if not self.there():
            raise Failure("Docker does not answer")
        rows = self.state()["containers"].items()
        return [Container(f"{p}-{s}", p, s, one["image"], one["state"]) for p, found in rows for s, one in found.items()]

    def volumes(self, project: str) -> list[Volume]:
        return [Volume(path.name, path) for path in sorted((self.folder / "volumes").glob(f"{project}_*"))]

    def has(self, image: str) -> bool:
        return image in self.state()["images"]

    @alone
    def pull(self, image: str) -> str:
        state = self.note(f"pull {image}")
        if image not in state["registry"]:
            return f"Error response from daemon: manifest for {image} not found"
        state["images"].append(image)
        self.keep(state)
        return ""

    @alone
    def up(self, project: Project, start: bool = True) -> str:
        state = self.note(f"up {project.name}")
        found = {}
        for name, service in services(compose_of(project.folder)).items():
            if service["image"] not in state["images"]:
                return f"no image {service['image']}"
            found[name] = {"image": service["image"], "state": "running" if start else "created", "level": service["environment"].get("LEVEL")}
            if start:
                self.migrate(Path(service["x-data"]), service["image"])
        state["containers"][project.name] = found
        self.keep(state)
        return ""

    def migrate(self, data: Path, image: str) -> None:
        version = image.partition(":")[2]
        file = data / "data" / "version"
        before = file.read_text() if file.exists() else "v1"
        if ORDER.index(version) > ORDER.index(before) or not file.exists():
            file.write_text(version)

    @alone
    def become(self, project: str, verb: str, state_of: str) -> str:
        state = self.note(f"{verb} {project}")
        if (self.folder / f"no {verb}").exists():
            return f"cannot {verb}"
        for one in state["containers"].get(project, {}).values():
            one["state"] = state_of
        self.keep(state)
        return ""

    def stop(self, project: str) -> str:
        return self.become(project, "stop", "exited")

    def start(self, project: str) -> str:
        return self.become(project, "start", "running")

    @alone
    def down(self, project: str, volumes: bool) -> str:
        state = self.note(f"down {project}{' with volumes' if volumes else ''}")
        state["containers"].pop(project, None)
        self.keep(state)
        return ""

    def logs(self, container: str, lines: int) -> list[str]:
        return ["starting", "the password is \x1b[31mhunter22", "database is too new"]

    def send(self, container: str, command: Sequence[str], out: Path | None, given: Path | None) -> str:
        self.note(f"send {container} {' '.join(command)}")
        if command[0] == "fails":
            return "access denied"
        if out:
            out.write_text(f"dump of {container}")
        return ""

    def run(self, command: Sequence[str]) -> tuple[int, str]:
        return 0, ""

    def listening(self) -> list[int]:
        return []

    def answers(self, health: Mapping[str, Any], name: str) -> str:
        """Whether the app's page says what it should: it runs, is not sick, and its data is not of a newer one."""
        project = health["url"].rpartition("/")[2]
        running = [one["image"] for one in self.state()["containers"].get(project, {}).values() if one["state"] == "running"]
        version = running[0].partition(":")[2] if running else ""
        data = (self.folder / "srv" / project / "data" / "version").read_text()
        if running and self.state()["containers"][project]["app"]["level"] == "too loud":
            return "it is too loud"
        return "" if version in ("v1", "v2") and version == data else f"it does not answer (app {version}, data {data})"


class House:
    """A host with stacks in a folder of a test."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.docker = folder, Docker(folder)
        self.places = Places(folder / "stacks", folder / "secrets", folder / "records", folder / "backups")
        self.died = ""

    def stack(self, version: str = "v1", name: str = "cloud", **more: Any) -> dict[str, Any]:
        directory = self.folder / "srv" / name
        service = {"image": f"app:{version}", "restart": "unless-stopped", "x-data": str(directory), "environment": {"ADMIN_PASSWORD": "hunter22"}}
        status = self.folder.stat()
        return {
            "name": name,
            "app": "app",
            "state": "present",
            "purge": False,
            "directory": str(directory),
            "version": version,
            "compose": {"name": name, "services": {"app": service}},
            "env": {"EXPOSURE_HOST": "cloud.example.org"},
            "secrets": ["TOKEN"],
            "folders": [{"path": str(directory / "data"), "owner": status.st_uid, "group": status.st_gid, "mode": "0750"}],
            "trust": None,
            "health": {"url": f"http://127.0.0.1/{name}", "wait": 5},
            "settings": [],
            "backup": {"make": True, "dumps": [], "leave_out": []},
            "conf": "",
            **more,
        }

    def settle(self, stack: Mapping[str, Any], check: bool) -> Outcome:
        """The real one, and one file of the app's besides."""
        outcome = settle([stack], self.places.secrets, self.docker.run, check)
        file = Path(stack["directory"]) / "data" / "app.conf"
        before = file.read_text() if file.exists() else ""
        if stack.get("conf") and before != stack["conf"]:
            outcome.changed = [stack["name"]]
            outcome.diff.append({"before_header": str(file), "after_header": str(file), "before": before, "after": stack["conf"]})
            if not check:
                assert not [one for one in self.docker.containers() if one.project == stack["name"] and one.state == "running"], "written while it runs"
                file.write_text(stack["conf"])
        return outcome

    def stacks(self, step: Any = lambda name: None) -> Stacks:
        return Stacks(self.docker, self.settle, self.places, step, Clock(), self.docker.answers)

    def bring(self, *stacks: Mapping[str, Any], check: bool = False, step: Any = lambda name: None) -> list[Any]:
        return self.stacks(step).bring(stacks, check)

    def data(self, file: str = "version", name: str = "cloud") -> str:
        return (self.folder / "srv" / name / "data" / file).read_text()

    def write(self, text: str, file: str = "letters", name: str = "cloud") -> None:
        (self.folder / "srv" / name / "data" / file).write_text(text)

    def runs(self, name: str = "cloud") -> str:
        """The image that runs, '' where none does."""
        found = [one for one in self.docker.containers() if one.project == name and one.state == "running"]
        return found[0].image if found else ""

    def serves(self, name: str = "cloud") -> bool:
        return bool(self.runs(name)) and not self.docker.answers({"url": f"http://127.0.0.1/{name}"}, "")

    def backups(self, name: str = "cloud") -> list[str]:
        return sorted(path.name for path in (self.places.backups / name).iterdir()) if (self.places.backups / name).exists() else []

    def unfinished(self) -> list[str]:
        found = [*self.places.records.glob("*"), *self.places.backups.glob("*/.*"), *self.places.projects.glob("*/releases/.*")]
        return [path.name for path in found]
