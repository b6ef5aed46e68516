"""A systemd for tests. It keeps its state in files, so that it outlives a killed run, and it boots.

What a service does follows from the words in the files that it loads: `listen 80`, and for trouble `not valid`, `not loadable`
(neither at a start nor at a reload), `not reloadable` (a reload alone is refused; with `leaky` its sockets stay open all the same, as Caddy's
do), `deaf` (loaded, but listens on nothing).
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plugins.module_utils.release.tree import File, Tree


@dataclass
class Systemd:
    """A `Host` of a transaction, with units that read `<folder>/run/<unit>` and start from `<folder>/<unit>/current`."""

    folder: Path

    def __post_init__(self) -> None:
        (self.folder / "run").mkdir(parents=True, exist_ok=True)

    def root(self, unit: str) -> Path:
        return self.folder / "etc" / unit

    def live(self, unit: str) -> Path:
        return self.folder / "run" / unit

    def tree(self, text: str, unit: str = "web", port: int = 80, **more: Any) -> Tree:
        """A tree of one file, for a unit that listens on one port with it."""
        given = {
            "live": str(self.live(unit)),
            "unit": unit,
            "listens": (port,),
            "validate": ("check", "{tree}"),
            "files": (File("main.conf", f"listen {port}\n{text}\n".encode()),),
        }
        return Tree(str(self.root(unit)), **{**given, **more})

    # What is going on

    def state(self, unit: str) -> dict[str, Any]:
        path = self.folder / f"{unit}.state"
        return json.loads(path.read_text()) if path.exists() else {"active": False, "loaded": "", "leaked": ""}

    def loaded(self, unit: str = "web") -> str:
        """The configuration that the running process has in memory, '' when none runs."""
        state = self.state(unit)
        return state["loaded"] if state["active"] else ""

    def commands(self) -> list[str]:
        path = self.folder / "commands"
        return path.read_text().splitlines() if path.exists() else []

    def changing_commands(self) -> list[str]:
        return [command for command in self.commands() if "is-active" not in command]

    def files(self, unit: str = "web") -> dict[str, str]:
        """The files below `current`: what a person sees, and a boot starts from."""
        current = self.root(unit) / "current"
        return {str(path.relative_to(current)): path.read_text() for path in sorted(current.rglob("*")) if path.is_file()} if current.exists() else {}

    def leftovers(self, unit: str = "web") -> list[str]:
        root = self.root(unit)
        return [path.name for path in [*root.glob(".*"), *(root / "releases").glob(".*"), *(self.folder / "run").glob(".*")]]

    # What a person, or the power, does

    def boot(self, *units: str) -> None:
        """The machine starts: /run is empty, and each unit that has a release starts from it."""
        shutil.rmtree(self.folder / "run")
        (self.folder / "run").mkdir()
        for unit in units:
            self.become(unit, False, "")
            self.start(unit)

    def become(self, unit: str, active: bool, loaded: str, leaked: str = "") -> None:
        new = self.folder / f"{unit}.state.new"
        new.write_text(json.dumps({"active": active, "loaded": loaded, "leaked": leaked}))
        new.replace(self.folder / f"{unit}.state")

    # Host

    def run(self, command: Sequence[str]) -> tuple[int, str]:
        with (self.folder / "commands").open("a") as log:
            log.write(" ".join(command) + "\n")
        match list(command):
            case ["systemctl", "is-active", "--quiet", unit]:
                return (0, "") if self.state(unit)["active"] else (3, "")
            case ["systemctl", "start", unit]:
                return (0, "") if self.state(unit)["active"] else self.start(unit)
            case ["systemctl", "stop", unit]:
                if "not stoppable" in self.loaded(unit):
                    return 1, f"Job for {unit} failed: it does not stop"
                self.become(unit, False, "")
                return 0, ""
            case ["systemctl", "disable", unit]:
                (self.folder / f"{unit}.disabled").touch()
                return 0, ""
            case ["systemctl", "restart", unit]:
                return self.start(unit)
            case ["systemctl", "reload-or-restart", unit]:
                return self.reload(unit) if self.state(unit)["active"] else self.start(unit)
            case ["journalctl", *_]:
                return 0, "a line of the journal"
            case ["check", tree]:
                return (1, "line 2: not valid") if "not valid" in self.read(Path(tree)) else (0, "")
        raise AssertionError(f"nobody expected {command}")

    def start(self, unit: str) -> tuple[int, str]:
        live = self.live(unit)
        live.unlink(missing_ok=True)
        live.symlink_to(self.root(unit) / "current")
        text = self.own(unit) + self.read(live)
        works = bool(text) and "not loadable" not in text and not self.taken(unit, text)
        self.become(unit, works, text if works else "")
        return (0, "") if works else (1, f"Job for {unit} failed")

    def reload(self, unit: str) -> tuple[int, str]:
        text = self.own(unit) + self.read(self.live(unit))
        leaked = self.state(unit)["leaked"]
        if not text or "not loadable" in text or "not reloadable" in text:
            if "leaky" in text:
                self.become(unit, True, self.loaded(unit), leaked + text)
            return 1, f"Job for {unit} failed: reload refused"
        self.become(unit, True, text, leaked)
        return 0, ""

    def own(self, unit: str) -> str:
        """What a person has the unit serve besides."""
        path = self.folder / f"{unit}.own"
        return path.read_text() if path.exists() else ""

    def taken(self, unit: str, text: str) -> bool:
        """Whether another unit holds a port of this configuration."""
        wanted = set(re.findall(r"listen (\d+)", text))
        others = [path.stem for path in self.folder.glob("*.state") if path.stem != unit]
        return any(wanted & set(re.findall(r"listen (\d+)", self.loaded(other))) for other in others)

    def listening(self) -> list[int]:
        states = [self.state(path.stem) for path in self.folder.glob("*.state")]
        texts = [text for state in states if state["active"] for text in (state["loaded"], state["leaked"])]
        return [int(port) for text in texts if "deaf" not in text for port in re.findall(r"listen (\d+)", text)]

    @staticmethod
    def read(directory: Path) -> str:
        return "".join(path.read_text() for path in sorted(directory.rglob("*")) if path.is_file()) if directory.exists() else ""
