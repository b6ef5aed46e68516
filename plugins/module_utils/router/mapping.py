# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Settles what is wished of a router with what it has. Only what is ours is renewed, moved or removed; what another has made stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .model import Backend, Entry, Kept, Mapping, RouterTrouble

WEEK = 604800
"""Seconds for which a router of UPnP's second version makes what is wished for ever (WANIPConnection:2, 2.3.9)."""
PORT_TAKEN = frozenset({718, 729})
STATIC = "If that is your own rule in the router and it leads to this server, set exposure_router to manual; else take it out there, or choose another port."


@dataclass(frozen=True)
class Remembered:
    """A mapping that was made before, and when (seconds since 1970). `lease`: seconds that the router granted, 0 for ever. `since`: the age of the
    router's list at that time, 0 where it told none."""

    mapping: Mapping
    made: float = 0
    lease: int = 0
    since: int = 0


@dataclass(frozen=True)
class Settled:
    """What became of a mapping, and a sentence where a person should know. `was`: where it led before. `made`, `lease`, `since` as in Remembered.
    `ours`: we made it, so we may take it away."""

    mapping: Mapping
    kept: Kept
    message: str = ""
    was: str = ""
    made: float = 0
    lease: int = 0
    since: int = 0
    ours: bool = True

    @property
    def remembered(self) -> Remembered:
        return Remembered(self.mapping, self.made, self.lease, self.since)


CHANGED = frozenset({Kept.MADE, Kept.MOVED, Kept.REMOVED})
BAD = frozenset({Kept.CONFLICT, Kept.REFUSED})


def settle(
    wished: Sequence[Mapping],
    backend: Backend,
    lease: int,
    check: bool,
    known: Sequence[Remembered] = (),
    now: float = 0,
    tag: str = "",
    purge: bool = True,
    gone: Sequence[Mapping] = (),
) -> list[Settled]:
    """Each wish, and each mapping that was ours and is wished no more. `check`: tell what would be done, and do nothing. `known`: what was made before.
    `tag`: the description that marks a mapping as ours, besides those of the wishes. `purge`: remove whatever is ours and not wished, else only
    `gone`. Raises RouterTrouble where the router does not answer at all."""
    table = {entry.mapping.key: entry for entry in backend.entries()} if backend.reads else {}
    if not backend.reads:
        backend.external_address()  # whether it answers, and how old its list is
    mine = {one.mapping.key: one for one in known}
    names = {mapping.key for mapping in wished}
    tags = {tag, *(mapping.description for mapping in (*wished, *gone))} - {""}
    old = {key: one.mapping for key, one in mine.items()} | {key: entry.mapping for key, entry in table.items() if is_ours(entry, mine, tags)}
    leaving = {mapping.key for mapping in gone} if not purge else set(old)
    taken = [removed(mapping, backend, table, check) for key, mapping in old.items() if key in leaving - names]
    done = [one for one in taken if one]
    inner: dict[tuple[str, int], Mapping] = {}
    for mapping in wished:
        first = inner.setdefault((mapping.protocol, mapping.port), mapping)
        if first is not mapping and not backend.reads:
            text = f"{mapping}: by NAT-PMP only one port can lead to {mapping.port}, and that is {first.external_port} already. Forward this one by hand."
            done.append(Settled(mapping, Kept.REFUSED, text))
        elif backend.reads:
            done.append(by_table(mapping, backend, table.get(mapping.key), mine.get(mapping.key), tags, lease, check, now))
        else:
            done.append(by_memory(mapping, backend, mine.get(mapping.key), lease, check, now))
    return done


def is_ours(entry: Entry, mine: dict[str, Remembered], tags: set[str]) -> bool:
    """By its description, or, as some routers write descriptions of their own, because it is just what was made before."""
    known = mine.get(entry.mapping.key)
    same = known is not None and (known.mapping.address, known.mapping.port) == (entry.mapping.address, entry.mapping.port)
    return entry.mapping.description in tags or same


def by_table(mapping: Mapping, backend: Backend, entry: Entry | None, known: Remembered | None, tags: set[str], lease: int, check: bool, now: float) -> Settled:
    """A router that shows its mappings."""
    if entry is None:
        return made(mapping, backend, Kept.MADE, lease, check, now)
    there = entry.mapping
    same = (there.address, there.port) == (mapping.address, mapping.port)
    if not is_ours(entry, {mapping.key: known} if known else {}, tags):
        if same:
            return Settled(
                mapping, Kept.KEPT, f"{mapping}: a rule that was not made by us does this already ({there.description or 'without a name'}).", ours=False
            )
        named = f" ({there.description})" if there.description else ""
        text = f"{mapping}: port {mapping.external_port} leads to {there.address}:{there.port} already{named}, and is left so. {STATIC}"
        return Settled(mapping, Kept.CONFLICT, text, was=f"{there.address}:{there.port}")
    if same:
        # A router that shows no life of a mapping that it made for a time only is not believed.
        left = entry.left or (known.made + known.lease - now if known and known.lease else 0)
        # A router may grant less than was asked: what it shows and what has passed since make the whole life.
        granted = left + max(0.0, now - known.made) if known else WEEK
        fresh = (not entry.left and not (known and known.lease)) or left > min(lease or WEEK, WEEK, granted) / 2
        if fresh:
            return Settled(mapping, Kept.KEPT, made=known.made if known else now, lease=known.lease if known else entry.left)
        return made(mapping, backend, Kept.RENEWED, lease, check, now)
    was = f"{there.address}:{there.port}"
    if check:
        return Settled(mapping, Kept.MOVED, was=was)
    try:
        backend.remove(there)
    except RouterTrouble as trouble:
        life = f"ends by itself in {-(-entry.left // 60)} min" if entry.left else "stays until it is taken out in the router"
        text = f"{mapping}: the port still leads to {was}, where this server was before. {trouble} The old mapping {life}."
        return Settled(mapping, Kept.CONFLICT, text, was=was)
    outcome = made(mapping, backend, Kept.MOVED, lease, check, now)
    return Settled(**{**vars(outcome), "was": was})


def by_memory(mapping: Mapping, backend: Backend, known: Remembered | None, lease: int, check: bool, now: float) -> Settled:
    """A router that shows nothing: what was made before is believed until half of its life is over, or the router began its list afresh."""
    if known and (known.mapping.address, known.mapping.port) == (mapping.address, mapping.port):
        if not_restarted(known, backend.since(), now) and known.made <= now < known.made + known.lease / 2:
            return Settled(mapping, Kept.KEPT, made=known.made, lease=known.lease, since=known.since)
        return made(mapping, backend, Kept.RENEWED, lease, check, now)
    if known and not check:
        try:
            backend.remove(known.mapping)
        except RouterTrouble as trouble:
            return Settled(mapping, Kept.REFUSED, f"{mapping}: {trouble}")
    outcome = made(mapping, backend, Kept.MOVED if known else Kept.MADE, lease, check, now)
    return Settled(**{**vars(outcome), "was": f"{known.mapping.address}:{known.mapping.port}"}) if known else outcome


def not_restarted(known: Remembered, since: int, now: float) -> bool:
    """Whether a router's list is the one that the mapping went into: its age must have grown by seven eighths of the time at least (RFC 6886, 3.6)."""
    return since + 2 >= known.since + (now - known.made) * 7 / 8


def made(mapping: Mapping, backend: Backend, how: Kept, lease: int, check: bool, now: float) -> Settled:
    if check:
        return Settled(mapping, how)
    try:
        granted = backend.add(mapping, lease)
    except RouterTrouble as trouble:
        if trouble.code in PORT_TAKEN:
            return Settled(mapping, Kept.CONFLICT, f"{mapping}: port {mapping.external_port} belongs to another rule of the router, and is left so. {STATIC}")
        if not trouble.code:
            raise
        return Settled(mapping, Kept.REFUSED, f"{mapping}: {trouble}")
    return Settled(mapping, how, made=now, lease=granted, since=backend.since())


def removed(mapping: Mapping, backend: Backend, table: dict[str, Entry], check: bool) -> Settled | None:
    if backend.reads and mapping.key not in table:
        return None  # its life was over, or the router has forgotten it
    if not check:
        try:
            backend.remove(mapping)
        except RouterTrouble as trouble:
            if not trouble.code:
                raise
            return Settled(mapping, Kept.REFUSED, f"{mapping}: it could not be taken out. {trouble}")
    return Settled(mapping, Kept.REMOVED, was=f"{mapping.address}:{mapping.port}")
