# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The root in the system's store, as Debian keeps it (update-ca-certificates(8))."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from .root import Refused, Root, Run, roots

NAME = "exposure-local-ca"


@dataclass(frozen=True)
class SystemStore:
    """The store of the machine whose files are below `top`."""

    top: Path = Path("/")

    @property
    def file(self) -> Path:
        return self.top / "usr/local/share/ca-certificates" / f"{NAME}.crt"

    @property
    def made(self) -> Path:
        return self.top / "etc/ssl/certs"

    @property
    def hooks(self) -> Path:
        return self.top / "etc/ca-certificates/update.d"

    def holds(self) -> list[Root]:
        """What stands in our file."""
        return roots(self.file.read_text(errors="replace")) if self.file.is_file() else []

    def trusts(self, root: Root) -> bool:
        """Whether the file is ours, and the bundle and the folder that programs read are made from it."""
        bundle, link = self.made / "ca-certificates.crt", self.made / f"{NAME}.pem"
        return self.holds() == [root] and link.exists() and bundle.exists() and root.pem.strip() in bundle.read_text(errors="replace")

    def empty(self) -> bool:
        return not os.path.lexists(self.file) and not self.links()

    def links(self) -> list[Path]:
        """Our link in the folder of all certificates, and those by its hash that lead to it (openssl-rehash(1))."""
        if not self.made.is_dir():
            return []
        found = [entry for entry in self.made.iterdir() if entry.is_symlink()]
        return sorted(entry for entry in found if entry.name == f"{NAME}.pem" or entry.readlink().name == f"{NAME}.pem")

    def trust(self, root: Root, run: Run) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(prefix=".exposure-", dir=self.file.parent)
        with os.fdopen(descriptor, "w") as out:
            out.write(root.pem)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(self.file)
        self.update(run)

    def untrust(self, run: Run) -> None:
        self.file.unlink(missing_ok=True)
        self.tell_hooks(run)
        self.update(run)

    def tell_hooks(self, run: Run) -> None:
        """Stores that are made from this one (Java's) hear of a removal by a line on the input of their hook, which is else only sent of Debian's own."""
        for hook in sorted(self.hooks.iterdir()) if self.hooks.is_dir() else []:
            run(["sh", "-c", 'printf "%s\\n" "-$1" | "$2"', "sh", str(self.made / f"{NAME}.pem"), str(hook)])

    def update(self, run: Run) -> None:
        """Our links go first: Debian's program makes the hash links anew only when a link of a certificate is new."""
        for link in self.links():
            link.unlink(missing_ok=True)
        code, output = run(["update-ca-certificates"])
        if code:
            raise Refused(f"The system's store could not be made anew: update-ca-certificates ended with {code}: {output.strip()[-600:]}")
