# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One look at all that a host exposes: what listens, what Docker publishes, what the packet filter sends elsewhere."""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path

from . import published, rules
from .model import Listening, Seen
from .processes import Run, listening

SSHD = frozenset({"sshd", "sshd-session"})


def look(run: Run, root: Path = Path("/")) -> Seen:
    """What there is, as far as this user may see it; `unseen` says the rest. Never raises for what a host may be like."""
    proc = root / "proc"
    engine = published.ask(root)
    held, hidden = listening(run, dict(engine.names), proc)
    filters = rules.look(run, proc)
    unseen = [*([engine.trouble] if engine.trouble else []), *dict.fromkeys(filters.unseen)]
    if hidden and os.geteuid():  # for root, what is hidden is the kernel's, or in another space of processes
        unseen.append(f"Who holds {hidden} of the listening sockets could not be seen, so they are told without a name: that takes root.")
    return Seen(
        listening=tuple(held),
        published=engine.published,
        redirected=tuple(filters.redirected),
        held_back=filters.held_back,
        drops=filters.drops,
        admits=frozenset(filters.admits),
        ufw=ufw_is_on(root / "etc/ufw/ufw.conf"),
        global_ipv6=global_ipv6(proc / "net/if_inet6"),
        client_ports=client_ports(proc / "sys/net/ipv4/ip_local_port_range"),
        passwords=takes_passwords(run) if any(is_ssh(one) for one in held) else None,
        unseen=tuple(unseen),
    )


def is_ssh(one: Listening) -> bool:
    return one.protocol == "tcp" and (one.process in SSHD or one.opens == "ssh.socket")


def ufw_is_on(path: Path) -> bool:
    try:
        return any(line.strip().lower() == "enabled=yes" for line in path.read_text(errors="replace").splitlines())
    except OSError:
        return False


def global_ipv6(path: Path) -> tuple[str, ...]:
    """The host's lasting IPv6 addresses that the whole internet can send to: scope 00 in /proc/net/if_inet6 (address, index, prefix length, scope, flags,
    device), not unique local (fc00::/7), not those that change (flag 0x01) or end (0x20), and not those of Docker's bridges."""
    found = []
    try:
        rows = [line.split() for line in path.read_text().splitlines()]
    except OSError:
        return ()
    for row in rows:
        if len(row) < 6 or row[3] != "00" or int(row[4], 16) & 0x21 or row[5].startswith(("docker", "br-", "veth", "lo")):
            continue
        address = ipaddress.IPv6Address(int(row[0], 16))
        if address not in ipaddress.ip_network("fc00::/7"):
            found.append(str(address))
    return tuple(found)


def client_ports(path: Path) -> tuple[int, int]:
    """The ports from which the kernel gives one to who asks for none (ip-sysctl of the kernel's documentation)."""
    try:
        first, last = path.read_text().split()
        return int(first), int(last)
    except (OSError, ValueError):
        return Seen.client_ports


def takes_passwords(run: Run) -> bool | None:
    """Whether sshd lets people in by password (sshd(8), -T); None where it does not say."""
    code, output = run(["sshd", "-T"])
    settings = dict(line.lower().split(maxsplit=1) for line in output.splitlines() if " " in line)
    if code or "passwordauthentication" not in settings:
        return None
    return "yes" in (settings["passwordauthentication"], settings.get("kbdinteractiveauthentication", "no"))
