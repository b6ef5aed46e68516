# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a store's certificates are for: what certbot renewed is installed, copies are written, and what serves them is reloaded."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .copies import CopyRefused, write_copies
from .store import Run, Store, read_pair

LIST = Path("/var/lib/exposure/certificates.json")
"""The certificates of this host, as the last run of the playbook left them: what its timer looks after."""

LINEAGES = Path("/etc/letsencrypt/live")


@dataclass
class Deployed:
    """What was done: names of certificates that are new in the store, copies that were written, units that were reloaded; and what failed."""

    installed: list[str] = field(default_factory=list)
    copied: list[str] = field(default_factory=list)
    reloaded: list[str] = field(default_factory=list)
    ran: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        return bool(self.installed or self.copied or self.ran)


def remember(certificates: Sequence[Mapping[str, Any]], path: Path = LIST) -> bool:
    """Keep the list for the timer. Returns whether it is another than before."""
    text = json.dumps(list(certificates), indent=1, sort_keys=True) + "\n"
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
    return True


def remembered(path: Path = LIST) -> list[dict[str, Any]]:
    try:
        return list(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return []


def take_lineage(store: Store, name: str, lineages: Path = LINEAGES) -> bool:
    """Install what certbot keeps under a name, where it is sound. Returns whether that changed the store."""
    found = read_pair(lineages / name / "fullchain.pem", lineages / name / "privkey.pem", name)
    return bool(found) and store.install(name, found.chain, found.key)  # type: ignore[union-attr]


def deploy(
    certificates: Sequence[Mapping[str, Any]],
    store: Store,
    run: Run,
    already: Sequence[str] = (),
    lineages: Path = LINEAGES,
    say: Callable[[str], None] = lambda text: None,
) -> Deployed:
    """Install, copy, reload, and run what is declared after a change. `already` are names that were installed just before."""
    done = Deployed()
    units: list[str] = []
    for certificate in certificates:
        name = certificate["name"]
        new = name in already
        if certificate["kind"] == "acme" and take_lineage(store, name, lineages):
            say(f"installed {name}")
            new = True
        if new:
            done.installed.append(name)
            units += [unit for unit in certificate["reload"] if unit not in units]
        stored = store.current(name)
        copied: list[str] = []
        if stored and certificate["copies"] and not stored.leaf.placeholder:
            try:
                copied = write_copies(stored, certificate["copies"])
            except CopyRefused as refused:
                done.problems.append(f"certificate {name}: {refused}")
            done.copied += copied
        if certificate["after"] and stored and not stored.leaf.placeholder and (new or copied):
            code, output = run(certificate["after"])
            done.ran.append(" ".join(certificate["after"]))
            if code:
                done.problems.append(f"certificate {name}: '{' '.join(certificate['after'])}' ended with {code}. {output.strip()[-300:]}".strip())
    for unit in units:
        if run(["systemctl", "is-active", "--quiet", unit])[0]:
            continue
        code, output = run(["systemctl", "reload", unit])
        if code:
            done.problems.append(f"{unit} does not take the new certificate: {output.strip()[-300:]}")
        else:
            done.reloaded.append(unit)
    return done
