# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""unbound as Debian packages it: one file of ours in /etc/unbound/unbound.conf.d."""

from __future__ import annotations

from collections.abc import Sequence

from .place import File, Place, Run
from .records import MADE, Record, unbound_lines


class Unbound(Place):
    name, title, process, unit = "unbound", "unbound", "unbound", "unbound.service"

    def present(self) -> bool:
        return (self.top / "etc/unbound/unbound.conf").exists() and (self.top / "etc/unbound/unbound.conf.d").is_dir()

    def files(self, wanted: Sequence[Record]) -> list[File]:
        lines = [f"# {MADE}", *unbound_lines(wanted)]
        return [File(self.top / "etc/unbound/unbound.conf.d/exposure-lan-names.conf", "".join(f"{line}\n" for line in lines) if wanted else None)]

    def complaint(self, run: Run) -> str:
        code, output = run(["unbound-checkconf"])
        return output.strip() if code else ""

    def load(self, run: Run) -> str:
        code, output = run(["systemctl", "reload-or-restart", self.unit])
        return output.strip() or f"systemctl ended with {code}" if code else ""

    def advice(self) -> str:
        return 'Its /etc/unbound/unbound.conf must have the line include-toplevel: "/etc/unbound/unbound.conf.d/*.conf".'
