# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who holds a socket: the systemd unit and the container of a process, by its control group (cgroups(7), the layout of systemd and of Docker)."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ..acme.problem import printable
from ..host.sockets import sockets
from .model import Listening, plain

Run = Callable[[Sequence[str]], tuple[int, str]]
"""Runs a command: exit code, and its output. 127 where there is no such command."""

CONTAINER = re.compile(r"(?:docker[-/]|libpod-|cri-containerd-)([0-9a-f]{64})|/lxc(?:\.payload\.|/)([A-Za-z0-9][\w.-]*)")
"""By number at Docker and Podman, whose prefixes begin names of services too (docker-registry.service); by name at LXC."""
UNIT = re.compile(r"/([^/]+\.(?:service|socket))(?=/|$)")


def group_of(process: int | str, proc: Path) -> str:
    """The control group of a process: that of version 2, or systemd's own of version 1; '' where it may not be seen."""
    try:
        rows = [line.split(":", 2) for line in (proc / str(process) / "cgroup").read_text(errors="replace").splitlines()]
    except OSError:
        return ""
    groups = {row[1]: row[2] for row in rows if len(row) == 3}
    # Docker with its own driver ("cgroupfs") on version 1 tells nothing to systemd's hierarchy.
    best = [groups.get("name=systemd", ""), groups.get("", ""), *groups.values()]
    return next((one for one in best if CONTAINER.search(one)), next((one for one in best if one not in ("", "/")), ""))


def container_of(group: str) -> str:
    """The container that a control group names: its number at Docker and Podman, its name at LXC."""
    found = CONTAINER.findall(group)
    return "".join(found[-1]) if found else ""


def unit_of(group: str) -> str:
    """The innermost systemd unit of a control group; `user@1000.service` means that a person's own systemd runs it and is left out before it."""
    units: list[str] = UNIT.findall(group)
    return units[-1] if units and not units[-1].startswith("user@") else ""


def is_users(group: str) -> bool:
    """Whether a person's own systemd started it."""
    return "/user.slice/" in group


def listening(run: Run, containers: Mapping[str, str], proc: Path = Path("/proc")) -> tuple[list[Listening], int]:
    """What listens, a row for each process and port, and how many sockets have an owner that could not be seen. `containers`: full number -> name."""
    inside = {container_of(group_of(process, proc)) for process in ("self", "1")}  # when all of this machine is a container
    rows: dict[Listening, set[str]] = defaultdict(set)
    opened: Mapping[tuple[str, str], str] | None = None
    unseen = 0
    for socket in sockets(proc):
        holder = socket.holder
        unseen += not holder.pid and socket.inode != "0"
        group = group_of(holder.pid, proc) if holder.pid > 1 else ""
        container = container_of(group)
        container = "" if container in inside else containers.get(container, container[:12])
        unit, address = "" if container else unit_of(group), plain(socket.address)
        opens = ""
        if any(one.pid == 1 for one in socket.holders):
            opened = systemd_sockets(run) if opened is None else opened
            opens = opened.get((address, str(socket.port))) or opened.get(("*", str(socket.port)), "")
        name = printable(holder.name)
        user = f"{unit} (user)" if unit and is_users(group) else unit
        rows[Listening((), socket.port, socket.protocol, name, holder.pid, user, printable(container), opens)].add(address)
    found = [Listening(tuple(sorted(addresses, key=order)), *fields_of(row)) for row, addresses in rows.items()]
    return sorted(found, key=lambda one: (one.port, one.protocol, one.process, one.pid)), unseen


def fields_of(row: Listening) -> tuple[int, str, str, int, str, str, str]:
    return row.port, row.protocol, row.process, row.pid, row.unit, row.container, row.opens


def order(address: str) -> tuple[bool, str]:
    return ":" in address, address


def systemd_sockets(run: Run) -> dict[tuple[str, str], str]:
    """(address or *, port) -> the socket unit for which systemd listens there (systemctl(1), list-sockets)."""
    code, output = run(["systemctl", "list-sockets", "--no-legend", "--no-pager", "--plain"])
    found = {}
    for line in output.splitlines() if not code else ():
        words = line.split()
        if len(words) < 2 or not words[1].endswith(".socket"):
            continue
        address, _, port = words[0].rpartition(":")
        if port.isdigit():
            found[address.strip("[]") or "*", port] = words[1]
    return found
