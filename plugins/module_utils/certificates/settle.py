# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One run over a host's certificates: each name in the store ends with something that a proxy can start with, the best there is.

Everything is decided and checked first; only then is anything written.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from . import adopt, copies, disk, make
from .judge import TRUST, judge, validity
from .pem import Pair, Unusable, covers, due, names_text, pair, uncovered
from .store import Entry, Store

Wanted = Mapping[str, Any]


@dataclass(frozen=True)
class Places:
    """Where else on a host certificates and keys are."""

    lineages: Path = Path("/etc/letsencrypt/live")
    pending: Path = Path("/var/lib/exposure/pending")
    caddy: Path = adopt.CADDY
    trust: Path = TRUST


@dataclass
class Outcome:
    """What was done: names in the store that changed, names with only a placeholder, requests to be signed, names whose copies changed, host names
    that Caddy was handed a certificate for, and diffs."""

    changed_names: list[str] = field(default_factory=list)
    placeholders: list[str] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    new_keys: list[str] = field(default_factory=list)
    copied: list[str] = field(default_factory=list)
    handed: list[str] = field(default_factory=list)
    diff: list[dict[str, str]] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        return bool(self.changed_names or self.new_keys or self.copied or self.handed)


@dataclass
class Settlement:
    """One run. `files` holds chain and key by name, `issued` chains by name, `directory_url` the ACME CA whose certificates Caddy may have."""

    store: Store
    now: datetime
    files: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    issued: Mapping[str, str] = field(default_factory=dict)
    places: Places = Places()
    directory_url: str = ""
    check: bool = False

    def settle(self, certificates: Sequence[Wanted], hand_to_caddy: Sequence[str] = (), remove: Sequence[str] = ()) -> Outcome:
        """Raises Unusable with everything that is wrong, before anything is touched."""
        problems = self.contradictions(certificates, hand_to_caddy, remove)
        outcome, entries, chosen, planned = Outcome(), dict[str, Entry](), dict[str, Pair | None](), dict[str, list[copies.Copy]]()
        for wanted in certificates:
            name = str(wanted["name"])
            try:
                if obstacle := self.store.obstacle(name):
                    raise Unusable(obstacle)
                entries[name] = self.store.look(name)
                chosen[name] = self.choose(wanted, entries[name])
                if found := chosen[name]:
                    planned[name] = self.plan_copies(wanted, found, outcome)
            except Unusable as reason:
                problems += [f"Certificate {name}: {line}" for line in str(reason).splitlines()]
        if problems:
            raise Unusable("Nothing was changed.\n" + "\n".join(problems))
        for name in remove:
            self.take_out(name, outcome)
        for wanted in certificates:
            name = str(wanted["name"])
            if found := chosen[name]:
                self.put(name, entries[name], found, outcome)
                self.copy(wanted, planned[name], outcome)
            else:
                self.ask(wanted, outcome)
        outcome.handed = adopt.to_caddy(self.store, hand_to_caddy, self.directory_url, self.now, self.places.caddy, check=self.check)
        return outcome

    def contradictions(self, certificates: Sequence[Wanted], hand_to_caddy: Sequence[str], remove: Sequence[str]) -> list[str]:
        """What is wrong with the lists themselves. Raises Unusable where they cannot be read at all."""
        if incomplete := [dict(wanted) for wanted in certificates if not {"name", "hosts", "kind"} <= set(wanted)]:
            raise Unusable(f"Nothing was changed.\nA certificate needs name, hosts and kind: {incomplete}")
        names = [str(wanted["name"]) for wanted in certificates]
        wrong = {
            "it is there more than once. Give each a name of its own.": {name for name in names if names.count(name) > 1},
            "it is both wanted and to be removed. Take it out of one of the lists.": {*names} & {*remove},
            "it was given, but no certificate of that name is wanted here. Take it out, or add it to the list.": {*self.files, *self.issued} - {*names},
        }
        problems = [f"Certificate {name}: {problem}" for problem, about in wrong.items() for name in sorted(about)]
        if hand_to_caddy and not self.directory_url:
            problems.append("Caddy cannot be handed certificates without the directory of the ACME CA. Give acme_directory.")
        return problems

    def choose(self, wanted: Wanted, entry: Entry) -> Pair | None:
        """What the store shall hold; None where a certificate has to be requested first. Raises Unusable."""
        kind = wanted["kind"]
        if kind == "files":
            return self.own(wanted, entry)
        if kind == "local":
            return self.local(wanted, entry)
        if kind == "acme":
            return self.obtained(wanted, entry.real) or entry.pair or make.placeholder(wanted["hosts"], self.now)
        raise Unusable(f"its kind is {kind!r}. Write acme, local or files.")

    def own(self, wanted: Wanted, entry: Entry) -> Pair:
        given = self.files.get(wanted["name"])
        if not isinstance(given, Mapping):
            if entry.real:
                return entry.real
            raise Unusable("its files were not given. Name the chain and the key in the inventory, as paths on this controller.")
        chain, key = str(given.get("chain") or "").encode(), str(given.get("key") or "").encode()
        if problems := judge(chain, key, wanted["hosts"], self.now, self.places.trust):
            raise Unusable("\n".join(map(str, problems)))
        return pair(chain, key)

    def local(self, wanted: Wanted, entry: Entry) -> Pair | None:
        name, hosts = wanted["name"], wanted["hosts"]
        if name in self.issued:
            found = self.with_its_key(self.issued[name].encode(), [self.pending_key(name), entry.pair.key if entry.pair else None])
            wrong = [str(problem) for problem in validity(found.leaf, self.now)]
            if missing := uncovered(found.leaf.names, hosts):
                wrong.append(f"The issued certificate is not for {names_text(missing)}. Issue it from the request as it is.")
            if wrong:
                raise Unusable("\n".join(wrong))
            return found
        real = entry.real
        if real and not due(real.leaf, self.now) and covers(real.leaf.names, hosts) and real.leaf.key_type == (wanted.get("key_type") or "ecdsa"):
            return real
        return None

    def with_its_key(self, chain: bytes, keys: Sequence[bytes | None]) -> Pair:
        for key in keys:
            if key:
                with contextlib.suppress(Unusable):
                    return pair(chain, key)
        raise Unusable("the issued certificate belongs to none of the keys that were made here for it. Run again: a new request is made.")

    def obtained(self, wanted: Wanted, held: Pair | None) -> Pair | None:
        """What the store holds, unless it is due and certbot or Caddy has one that lasts longer: then a renewal did not reach the store."""
        if held and not due(held.leaf, self.now):
            return held
        certbot = self.lineage(wanted["name"])
        usable = [found for found in (certbot, adopt.from_caddy(wanted["hosts"], self.now, self.places.caddy, self.directory_url)) if found]
        usable = [found for found in usable if covers(found.leaf.names, wanted["hosts"]) and not validity(found.leaf, self.now)]
        if held and not any(found.leaf.not_after > held.leaf.not_after for found in usable):
            return held
        # The first one wins where both last equally long; whatever certbot has is better than a placeholder.
        return max(usable, key=lambda found: found.leaf.not_after, default=certbot)

    def lineage(self, name: str) -> Pair | None:
        """What certbot keeps under a name, if it is whole. Its files are links of root's to its archive."""
        content = []
        for file in ("fullchain.pem", "privkey.pem"):
            try:
                path = (self.places.lineages / name / file).resolve(strict=True)
                content.append(disk.read(path) or b"")
            except (OSError, RuntimeError, Unusable):
                return None
        with contextlib.suppress(Unusable):
            return pair(*content)
        return None

    def put(self, name: str, entry: Entry, found: Pair, outcome: Outcome) -> None:
        if found.leaf.placeholder:
            outcome.placeholders.append(name)
        if self.check:
            changed = self.store.differs(name, found) or bool(self.store.loose(name))
        else:
            changed = self.store.replace(name, entry, found)
            with contextlib.suppress(FileNotFoundError):
                (self.places.pending / f"{name}.key").unlink()
        if changed:
            outcome.changed_names.append(name)
            before = f"{entry.certificate.summary}\n" if entry.certificate else ""
            if entry.damage:
                before += f"{entry.damage}\n"
            place = str(self.store.place(name))
            after = f"{found.leaf.summary}\n"
            outcome.diff.append(
                {"before_header": place, "after_header": place, "before": before if before != after else f"{after}(other rights)\n", "after": after}
            )

    def plan_copies(self, wanted: Wanted, found: Pair, outcome: Outcome) -> list[copies.Copy]:
        try:
            return copies.planned(wanted, found)
        except copies.NotYet:
            if not self.check:
                raise
        # In check mode nobody has made the folders and users that an earlier task of a run makes.
        outcome.copied.append(str(wanted["name"]))
        return []

    def copy(self, wanted: Wanted, planned: list[copies.Copy], outcome: Outcome) -> None:
        name = str(wanted["name"])
        if not self.check and (held := self.store.look(name).pair):
            # A renewal may have come in between.
            planned = copies.planned(wanted, held)
        needed = [copy for copy in planned if copy.needed]
        if needed and not self.check:
            copies.write(needed)
        if needed:
            outcome.copied.append(name)
            outcome.diff += [copy.difference for copy in needed]

    def pending_key(self, name: str) -> bytes | None:
        try:
            return disk.read(self.places.pending / f"{name}.key")
        except OSError as error:
            raise Unusable(f"{self.places.pending} cannot be read: {error.strerror}. Repair it, and run again.") from error

    def ask(self, wanted: Wanted, outcome: Outcome) -> None:
        """A request for a certificate, with a key that stays on this host until the certificate comes."""
        name, hosts = wanted["name"], list(wanted["hosts"])
        key_type = wanted.get("key_type") or "ecdsa"
        csr = ""
        with contextlib.suppress(Unusable):
            key = self.pending_key(name)
            if key and make.kind(key) == key_type:
                csr = make.request(hosts, key)
        if not csr:
            outcome.new_keys.append(name)
            if not self.check:
                key = make.new_key(key_type)
                mine = os.geteuid(), os.getegid()
                try:
                    with disk.folder(self.places.pending, make=disk.Rights(*mine, 0o700)) as folder:
                        disk.tidy(folder)
                        disk.write(folder, f"{name}.key", key, disk.Rights(*mine, 0o600))
                except OSError as error:
                    raise Unusable(
                        f"The key for certificate {name} could not be kept in {self.places.pending}: {error.strerror}. Repair that, and run again."
                    ) from error
                csr = make.request(hosts, key)
        outcome.requests.append({"name": name, "hosts": hosts, "csr": csr})

    def take_out(self, name: str, outcome: Outcome) -> None:
        entry = self.store.look(name)
        there = entry != Entry() if self.check else self.store.remove(name)
        if there:
            outcome.changed_names.append(name)
            place = str(self.store.place(name))
            before = f"{entry.certificate.summary}\n" if entry.certificate else f"{entry.damage}\n"
            outcome.diff.append({"before_header": place, "after_header": place, "before": before, "after": ""})
