# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The machine's own hosts file, for a client that no DNS server of the home can tell."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .block import Torn, with_block
from .place import File, Place, text_of
from .records import Record, Refused, hosts_lines


def block_file(path: Path, wanted: Sequence[Record]) -> list[File]:
    """A file in the format of hosts(5) with our block in it, or without."""
    before = text_of(path)
    if before is None and not wanted:
        return []
    try:
        return [File(path, with_block(before or "", hosts_lines(wanted)))]
    except Torn as torn:
        raise Refused(f"{path} is left as it is: {torn}. Remove the lines with 'homeserver.exposure' and what is ours between them, and run again.") from torn


class HostsFile(Place):
    name, title = "hosts", "the hosts file"

    def present(self) -> bool:
        return True

    def files(self, wanted: Sequence[Record]) -> list[File]:
        return block_file(self.top / "etc/hosts", wanted)
