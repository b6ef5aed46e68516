# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which line of the inventory is about which port, and by which names an owner may call what is there."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence

from . import known
from .model import LOOPBACK, Declared, Listening, Published, reach_of

HANDS_ON = frozenset({"docker-proxy", "dockerd", "rootlesskit"})
"""Processes that hold a port for a container: what is said of the container is said of them."""


SSHD, SSH_SOCKET = "sshd", "ssh.socket"
"""systemd holds the port until somebody comes; what is meant is sshd all the same."""


def covers(entry: Declared, address: str) -> bool:
    """Whether a declaration is for a listener at this address: one that is for every address is for each of them."""
    return not entry.address or ipaddress.ip_address(entry.address).is_unspecified or entry.address == address


def declaration(address: str, port: int, protocol: str, names: Iterable[str], entries: Iterable[Declared]) -> Declared | None:
    """The line of the inventory that wants it; for lines with a process, of these names alone."""
    held = tuple(names)
    fits = (one for one in entries if (one.port, one.protocol) == (port, protocol) and covers(one, address))
    return next((one for one in fits if not one.process or is_named(one.process, held)), None)


def is_named(process: str, names: Sequence[str]) -> bool:
    """Whether a process is meant; one that could not be seen gets the benefit of the doubt. The kernel cuts names to 15 letters."""
    held = [name for name in names if name]
    return not held or any(name in (process, process[:15]) for name in held)


def undeclared(one: Listening | Published, names: Iterable[str], entries: Sequence[Declared]) -> tuple[str, ...]:
    """Those of its addresses beyond loopback that no line wants."""
    held = tuple(names)
    return tuple(address for address in one.addresses if reach_of(address) != LOOPBACK and not declaration(address, one.port, one.protocol, held, entries))


def owner(one: Listening, published: Iterable[Published]) -> Published | None:
    """The container for which Docker holds a port."""
    if one.process not in HANDS_ON and one.process:
        return None
    return next((each for each in published if (each.port, each.protocol) == (one.port, one.protocol) and set(each.addresses) & set(one.addresses)), None)


def names_of(one: Listening | Published, published: Iterable[Published] = ()) -> tuple[str, ...]:
    """All by which an owner may call what is there: process, unit, container, image, project and service."""
    if isinstance(one, Published):
        return (one.container, known.image_name(one.image), one.project, one.service)
    container = owner(one, published)
    unit = one.unit.removesuffix(" (user)")
    units = (unit.removesuffix(".service"), unit, one.opens.removesuffix(".socket"), one.opens, SSHD if one.opens == SSH_SOCKET else "")
    return (one.process, one.container, *units, *(names_of(container) if container else ()))
