# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Pi-hole, versions 5 and 6."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .hosts_file import block_file
from .place import File, Place, Run, text_of
from .records import MADE, Record, hosts_lines


class PiHole(Place):
    """Version 6 reads every file of its folder `hosts`, and sees changes by itself (`hostsdir` in the configuration that pihole-FTL's
    src/config/dnsmasq_config.c writes; dnsmasq(8), --hostsdir): a file of ours stands there beside the one that it makes of `dns.hosts`.
    Version 5 has the one list custom.list, in which lines stay that its pages did not write; ours are marked there."""

    name, title, process, unit = "pi_hole", "Pi-hole", "pihole-FTL", "pihole-FTL.service"

    def __init__(self, top: Path = Path("/"), folder: str = "/etc/pihole") -> None:
        super().__init__(top)
        self.folder = top / folder.lstrip("/")

    @property
    def toml(self) -> Path:
        return self.folder / "pihole.toml"

    def present(self) -> bool:
        return self.toml.exists() or (self.folder / "setupVars.conf").exists()

    def files(self, wanted: Sequence[Record]) -> list[File]:
        lines = [f"# {MADE}", *hosts_lines(wanted)]
        own = File(self.folder / "hosts" / "exposure.list", "".join(f"{line}\n" for line in lines) if wanted else None)
        if self.toml.exists():
            left = block_file(self.folder / "custom.list", [])  # from before its upgrade to version 6
            return [own, *left]
        return [*block_file(self.folder / "custom.list", wanted), *([] if text_of(own.path) is None else [File(own.path, None)])]

    def load(self, run: Run) -> str:
        if self.toml.exists():
            return ""
        code, output = run(["pihole", "restartdns", "reload"])
        return output.strip() or f"pihole ended with {code}" if code else ""

    def advice(self) -> str:
        return "Look in its page 'Local DNS Records' for another address of the name."
