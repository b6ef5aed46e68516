# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What follows a new certificate: it is taken from certbot into the store, copies are written, what serves it is reloaded, commands are run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from ..host.lock import alone
from . import copies
from .judge import validity
from .pem import Unusable, covers
from .settle import Places, Settlement
from .store import Run, Store

LIST = Path("/var/lib/exposure/certificates.json")
"""The certificates of this host, as the last run of the playbook left them: what its timer looks after."""

MARKS = Path("/var/lib/exposure/to-follow.json")

FOLLOWING = Path("/var/lib/exposure/to-follow.lock")
"""Held while what follows is noted or done: certbot's hook starts the unit that does it while the run that ordered goes on to do it too."""

PLACES = Places()

LONGEST = 300
"""Letters of a failed command's output that are told."""


@dataclass
class Deployed:
    """What was done: certificates that are new in the store, those whose copies changed, units reloaded, commands run; and what failed."""

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
    """The list as it was kept; empty where no run left one."""
    try:
        return list(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return []


def marked(path: Path = MARKS) -> list[str]:
    """Certificates that are new in the store, and of which not everything that follows was done."""
    try:
        return [str(name) for name in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError):
        return []


def mark(names: Iterable[str], path: Path = MARKS) -> None:
    """Keep these names, so that a reload or a command that failed, or a run that was killed before it, is made up for by the next."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(json.dumps(sorted(set(names))) + "\n", encoding="utf-8")
    temporary.replace(path)


@alone(FOLLOWING)
def deploy(
    certificates: Sequence[Mapping[str, Any]], store: Store, run: Run, now: datetime, places: Places = PLACES, say: Callable[[str], None] = lambda text: None
) -> Deployed:
    """Take over what certbot renewed and what is later than the store's, write copies, and do what follows. Waits while another does it."""
    done = Deployed()
    waiting = marked()
    for certificate in certificates:
        name = certificate["name"]
        try:
            if certificate["kind"] == "acme":
                mark([*marked(), name])
                if take_over(certificate, store, now, places):
                    say(f"installed {name}")
                    done.installed.append(name)
                elif name not in waiting:
                    mark(one for one in marked() if one != name)
            held = store.look(name).real
            if held and copies.write(copies.planned(certificate, held)):
                done.copied.append(name)
        except (Unusable, OSError) as reason:
            done.problems.append(f"certificate {name}: {reason}")
    done.installed += [name for name in waiting if name not in done.installed and name in {certificate["name"] for certificate in certificates}]
    follow(certificates, done, run)
    return done


def take_over(certificate: Mapping[str, Any], store: Store, now: datetime, places: Places) -> bool:
    """Install certbot's certificate where it is sound and not the one that the store has. Returns whether that changed anything."""
    found = Settlement(store, now, places=places).lineage(certificate["name"])
    if not found or validity(found.leaf, now) or not covers(found.leaf.names, certificate["hosts"]):
        return False
    held = store.look(certificate["name"]).real
    if held and held.leaf.not_before > found.leaf.not_before and covers(held.leaf.names, certificate["hosts"]):
        return False  # Caddy renewed it meanwhile: the later one serves
    return store.install(certificate["name"], found.fullchain, found.key)


def follow(certificates: Sequence[Mapping[str, Any]], done: Deployed, run: Run) -> None:
    """Reload what serves the certificates that are new, each unit once, and run the commands of those that are new or were copied."""
    mark([*marked(), *done.installed])
    before = len(done.problems)
    new = [certificate for certificate in certificates if certificate["name"] in done.installed]
    for unit in dict.fromkeys(unit for certificate in new for unit in certificate.get("reload") or []):
        if run(["systemctl", "is-active", "--quiet", unit])[0]:
            continue  # it reads the certificate when it starts
        code, output = run(["systemctl", "reload", unit])
        if code:
            done.problems.append(f"{unit} does not take the new certificate: {output.strip()[-LONGEST:]}")
        else:
            done.reloaded.append(unit)
    for certificate in certificates:
        after = certificate.get("after")
        if not after or certificate["name"] not in (*done.installed, *done.copied):
            continue
        code, output = run(after)
        done.ran.append(" ".join(after))
        if code:
            done.problems.append(f"certificate {certificate['name']}: '{' '.join(after)}' ended with {code}. {output.strip()[-LONGEST:]}".strip())
    if len(done.problems) == before:
        mark(name for name in marked() if name not in done.installed)
