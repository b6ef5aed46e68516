# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The home's public addresses: every source is asked side by side, and an address is given only where enough of them agree."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from . import interface, router_source
from .agree import agree
from .interface import Look
from .model import FAMILIES, IPV4, IPV6, Found, Settings, Sighting, SourceKind, Verdict
from .names import DEFAULT, LOCAL, OUTSIDE, applicable, kind_of
from .prefix import combine
from .reserved import parse
from .verdict import judge


class Asker(Protocol):
    """What is around this machine. Tests give another."""

    def look(self, settings: Settings) -> Look: ...

    def ask(self, name: str, family: str, settings: Settings, seen: Look) -> Sighting:
        """One source, within the settings' timeout. Never raises."""

    def hops(self, address: str, seen: Look) -> list[str]:
        """The first routers on the way to an address."""


class Here:
    """This machine."""

    def look(self, settings: Settings) -> Look:
        return interface.look(settings.interface)

    def ask(self, name: str, family: str, settings: Settings, seen: Look) -> Sighting:
        kind = kind_of(name)
        if kind in OUTSIDE and not seen.way(family):
            return Sighting(name, kind, family, trouble=f"this server has no way to the internet by IPv{family[-1]}")
        if kind == SourceKind.ROUTER:
            return router_source.ask(name, settings, seen)
        if kind == SourceKind.INTERFACE:
            return of_interface(family, settings, seen)
        if kind == SourceKind.FIXED:
            return spoken(name, kind, family, settings.fixed.get(family, ""))
        if kind == SourceKind.COMMAND:
            return commanded(family, settings)
        from . import sources

        own = interface.candidates(seen, family, settings.public, settings.allow_private)
        way = seen.way(family)
        # By IPv6 the kernel would leave from a temporary address; the question goes out from the one that is to be published.
        source = own[0] if own and family == IPV6 else (way.source if way and settings.interface else "")
        return sources.ask(name, family, source, settings.timeout, settings.interface)

    def hops(self, address: str, seen: Look) -> list[str]:
        from .hops import hops

        return hops(address)


def detect(settings: Settings, local_only: bool = False, asker: Asker | None = None) -> dict[str, Found]:
    """What was found, for each family of the settings. `local_only`: only the router and the interface are asked, and their address is given without
    agreement: good for seeing whether anything changed, never for publishing. Raises ValueError for settings that cannot be, with a sentence for
    the owner."""
    here = asker or Here()
    names = chosen(settings)
    if local_only:
        names = [name for name in names if kind_of(name) in LOCAL or kind_of(name) == SourceKind.FIXED]
    seen = here.look(settings)
    wanted = [(name, family) for family in settings.families for name in applicable(names, family)]
    sightings = asked(here, local_first(wanted) if local_only else wanted, settings, seen, stop_early=local_only)
    return {
        family: found(family, [one for one in sightings if one.family == family], settings, seen, applicable(names, family), local_only, here)
        for family in settings.families
    }


def chosen(settings: Settings) -> list[str]:
    """The names of the sources to ask. Raises ValueError."""
    names = list(dict.fromkeys(settings.sources or DEFAULT))
    for name in names:
        kind_of(name)
    if settings.command and "command" not in names:
        names.append("command")
    if settings.fixed and "fixed" not in names:
        names.append("fixed")
    for family, address in settings.fixed.items():
        try:
            parse(address, family)
        except ValueError as error:
            raise ValueError(f"The fixed {family} address {address!r} cannot be: {error}.") from None
    if settings.suffix:
        combine("2001:db8::", settings.suffix, settings.prefix_length)
    if unknown := [family for family in settings.families if family not in FAMILIES]:
        raise ValueError(f"{unknown[0]} is no family of addresses: write ipv4 or ipv6.")
    return names


def local_first(wanted: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """UPnP takes long to find a router, so it comes after everything else."""
    return sorted(wanted, key=lambda one: one[0] == router_source.UPNP)


def asked(here: Asker, wanted: Sequence[tuple[str, str]], settings: Settings, seen: Look, stop_early: bool = False) -> list[Sighting]:
    """What each source said within the settings' time. `stop_early`: one after the other, and no second kind of router is asked once one answered."""
    if stop_early:
        done: list[Sighting] = []
        for name, family in wanted:
            if name != router_source.UPNP or not any(one.kind == SourceKind.ROUTER and one.address for one in done):
                done.append(here.ask(name, family, settings, seen))
        return done
    answers: queue.SimpleQueue[tuple[int, Sighting]] = queue.SimpleQueue()

    def one(index: int, name: str, family: str) -> None:
        try:
            answers.put((index, here.ask(name, family, settings, seen)))
        except Exception as error:
            answers.put((index, Sighting(name, kind_of(name), family, trouble=f"it could not be asked ({type(error).__name__})")))

    fallen = {index: Sighting(name, kind_of(name), family, trouble="it did not answer in time") for index, (name, family) in enumerate(wanted)}
    for index, (name, family) in enumerate(wanted):
        # Daemons: a look-up of a name can outlast every timeout, and must not keep this program from ending.
        threading.Thread(target=one, args=(index, name, family), daemon=True).start()
    deadline = time.monotonic() + settings.timeout + 0.5
    got: dict[int, Sighting] = {}
    while len(got) < len(wanted) and (left := deadline - time.monotonic()) > 0:
        try:
            index, sighting = answers.get(timeout=left)
        except queue.Empty:
            break
        got[index] = sighting
    return [got.get(index, fallen[index]) for index in range(len(wanted))]


def found(family: str, sightings: list[Sighting], settings: Settings, seen: Look, names: Sequence[str], local_only: bool, here: Asker) -> Found:
    agreement = agree(sightings, replace(settings, quorum=1) if local_only else settings, names)
    path = way_to(sightings, seen, here) if family == IPV4 and not local_only else []
    judged = judge(family, sightings, agreement.address, seen, settings, path)
    address, evidence = agreement.address, (*judged.evidence, *agreement.why)
    owners = any(one.address == address and one.kind in (SourceKind.FIXED, SourceKind.COMMAND) for one in sightings)
    if judged.verdict in (Verdict.CGNAT, Verdict.VPN_EGRESS) and address and not owners:
        evidence = (*evidence, f"{address} is not published, as it does not lead to this home.")
        address = ""
    if family == IPV6 and settings.suffix and address:
        address = combine(address, settings.suffix, settings.prefix_length)
        evidence = (*evidence, f"With the suffix {settings.suffix} that makes {address}.")
    return Found(family, address, judged.verdict, evidence, judged.advice, tuple(sightings))


def way_to(sightings: Sequence[Sighting], seen: Look, here: Asker) -> list[str]:
    """The first routers on the way to what the internet sees, looked at only where the router does not tell its address and nothing else explains it."""
    outside = {one.address for one in sightings if one.kind in OUTSIDE and one.address}
    told = any(one.kind in LOCAL and one.address for one in sightings)
    way = seen.way(IPV4)
    return here.hops(outside.pop(), seen) if len(outside) == 1 and not told and way and not way.tunnel else []


def of_interface(family: str, settings: Settings, seen: Look) -> Sighting:
    own = interface.candidates(seen, family, settings.public, settings.allow_private)
    if own:
        return Sighting("interface", SourceKind.INTERFACE, family, own[0])
    way = seen.way(family)
    trouble = f"{way.device} has no lasting public address of this family." if way else "No interface leads to the internet by this family."
    return Sighting("interface", SourceKind.INTERFACE, family, trouble=trouble)


def spoken(name: str, kind: SourceKind, family: str, text: str) -> Sighting:
    try:
        return Sighting(name, kind, family, parse(text, family)) if text else Sighting(name, kind, family, trouble="No address of this family is given.")
    except ValueError:
        return Sighting(name, kind, family, trouble="What it gave is no address of this family.")


def commanded(family: str, settings: Settings) -> Sighting:
    """The one line of the command's output that is an address of the family. It has no right of root: root runs it as nobody."""
    import os
    import pwd
    import subprocess

    kind = SourceKind.COMMAND
    if not settings.command:
        return Sighting("command", kind, family, trouble="No command is set.")
    try:
        nobody = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        done = subprocess.run(
            list(settings.command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=settings.timeout,
            check=False,
            user=nobody.pw_uid if nobody else None,
            group=nobody.pw_gid if nobody else None,
            extra_groups=[] if nobody else None,
        )
    except KeyError:
        return Sighting("command", kind, family, trouble="The command is not run as root, and this machine has no user nobody.")
    except subprocess.TimeoutExpired:
        return Sighting("command", kind, family, trouble=f"The command did not end within {settings.timeout:g} s.")
    except OSError as error:
        return Sighting("command", kind, family, trouble=f"The command could not be started: {error.strerror}.")
    if done.returncode:
        return Sighting("command", kind, family, trouble=f"The command ended with code {done.returncode}.")
    said = [
        one.address for one in (spoken("command", kind, family, line.strip()) for line in done.stdout.decode("ascii", "replace").splitlines()) if one.address
    ]
    if len(set(said)) > 1:
        return Sighting("command", kind, family, trouble=f"The command printed {len(set(said))} addresses of this family, where one is due.")
    return Sighting("command", kind, family, said[0]) if said else Sighting("command", kind, family, trouble="The command printed no address of this family.")
