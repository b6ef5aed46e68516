# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether this machine still has the address at home to which the router's rule leads."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from ..address.interface import Look, Own
from ..address.model import IPV4


@dataclass(frozen=True)
class Lease:
    """`wished`: where the rule leads. `now`: the machine's address on its way out, '' where it has none. `moved`: it is another. `lent`: the router may
    give the machine another any day. `message`: what a person should do, '' for nothing."""

    wished: str
    now: str
    moved: bool
    lent: bool
    message: str = ""


def judge(wished: str, seen: Look) -> Lease:
    """`wished`: the address that the rule leads to."""
    owns = [own for own in seen.owns if ":" not in own.address]
    way = seen.way(IPV4)
    home = [own for own in owns if own.device == seen.device] or [own for own in owns if way and own.device == way.device]
    # Without a way out, as where the default route went with the old address, the network of the rule is still known.
    home = home or [own for own in owns if within(wished, own)]
    now = home[0] if home else None
    there = next((own for own in owns if own.address == wished), None)
    if there is None:
        if now is None:
            text = f"The router's rule leads to {wished}, but this server has no IPv4 address at home now. Look at its network connection."
            return Lease(wished, "", True, False, text)
        text = f"The router's rule leads to {wished}, but this server has {now.address} now."
        text = f"{text} {reservation(wished, seen.mac)} Or run the playbook again, which takes the new one."
        return Lease(wished, now.address, True, now.dynamic, text)
    text = f"{wished} was lent to this server and may become another's. {reservation(wished, seen.mac)}" if there.dynamic else ""
    return Lease(wished, wished, False, there.dynamic, text)


def within(address: str, own: Own) -> bool:
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(f"{own.address}/{own.length}", strict=False)
    except ValueError:
        return False


def reservation(address: str, mac: str) -> str:
    of = f" {mac}" if mac else ""
    return f"Reserve {address} for this server{of} in the router (DHCP reservation, or 'always assign the same address')."
