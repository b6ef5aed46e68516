# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What each place that resolves names has to offer, so that one transaction fits all of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .records import Record, Refused

Run = Callable[[Sequence[str]], tuple[int, str]]
"""Runs a command and gives (exit code, output)."""


@dataclass(frozen=True)
class File:
    """The whole content that a file is to have; None where there is to be no such file. `mode` is for one that is new."""

    path: Path
    content: str | None
    mode: int = 0o644


class Place(ABC):
    """A place on the machine whose files are below `top`. `process`: what its DNS server is called in /proc, '' where there is none; `unit` is
    its systemd unit."""

    name: str
    title: str
    process: str = ""
    unit: str = ""

    def __init__(self, top: Path = Path("/")) -> None:
        self.top = top

    @abstractmethod
    def present(self) -> bool:
        """Whether this machine has it."""

    @abstractmethod
    def files(self, wanted: Sequence[Record]) -> list[File]:
        """The files as they are to be. Without records, as they are without us. Files that are right already may be among them."""

    def complaint(self, run: Run) -> str:
        """What the program says against the files that are there now; '' where it takes them."""
        return ""

    def hold(self, run: Run) -> str:
        """What must be done before its files are touched. What went wrong, '' where nothing did."""
        return ""

    def load(self, run: Run) -> str:
        """Let it read them. What went wrong, '' where nothing did."""
        return ""

    def advice(self) -> str:
        """What to look at where the server runs and does not give our answers."""
        return ""

    def held(self) -> bool:
        """Whether an earlier run stopped it and was cut short before it started it again."""
        return False

    def running(self, run: Run) -> bool:
        return bool(self.unit) and run(["systemctl", "is-active", "--quiet", self.unit])[0] == 0


def text_of(path: Path) -> str | None:
    """A file's text as it is, None where there is none. A link is not followed: its folder may belong to the server's own user."""
    if path.is_symlink():
        raise Refused(f"{path} is a link, and is left as it is. Put the file itself there, or type the names yourself.")
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise Refused(f"{path} is not UTF-8 ({error}), and is left as it is. Save it as UTF-8.") from error
