# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""dnsmasq as Debian packages it: one file of ours in /etc/dnsmasq.d."""

from __future__ import annotations

from collections.abc import Sequence

from .place import File, Place, Run
from .records import MADE, Record, dnsmasq_lines

HELPER = "usr/share/dnsmasq/systemd-helper"
FOLDER = "/etc/dnsmasq.d,.dpkg-dist,.dpkg-old,.dpkg-new"
"""The folder as Debian gives it to the daemon (CONFIG_DIR in /etc/default/dnsmasq)."""


class Dnsmasq(Place):
    """Its records are part of its configuration, which it reads only when it starts (dnsmasq(8), NOTES)."""

    name, title, process, unit = "dnsmasq", "dnsmasq", "dnsmasq", "dnsmasq.service"

    def present(self) -> bool:
        """Not where only libvirt or NetworkManager use the program: their instances read other files."""
        units = ("usr/lib/systemd/system", "lib/systemd/system", "etc/systemd/system")
        return (self.top / "etc/dnsmasq.d").is_dir() and any((self.top / folder / self.unit).exists() for folder in units)

    def files(self, wanted: Sequence[Record]) -> list[File]:
        lines = [f"# {MADE}", *dnsmasq_lines(wanted)]
        return [File(self.top / "etc/dnsmasq.d/exposure-lan-names.conf", "".join(f"{line}\n" for line in lines) if wanted else None)]

    def complaint(self, run: Run) -> str:
        """The whole configuration, so that a contradiction to a person's own lines is found too."""
        code, output = run(["dnsmasq", "--test", "-7", FOLDER])
        return output.strip() if code else ""

    def load(self, run: Run) -> str:
        code, output = run(["systemctl", "restart", self.unit])
        return output.strip() or f"systemctl ended with {code}" if code else ""

    def advice(self) -> str:
        return "It must read /etc/dnsmasq.d (see CONFIG_DIR in /etc/default/dnsmasq), and no earlier line may give the name another address."
