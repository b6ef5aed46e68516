# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the router says of its own address on the internet, which it has for IPv4 alone."""

from __future__ import annotations

from ..router.model import RouterTrouble
from .interface import Look
from .model import IPV4, Settings, Sighting, SourceKind
from .reserved import parse

NATPMP, UPNP = "natpmp", "upnp"


def ask(name: str, settings: Settings, seen: Look) -> Sighting:
    """The router's address by `natpmp` or `upnp`. The address may be a reserved one: that tells of a second NAT."""
    gateway = settings.router or seen.gateway
    source = source_for(seen)
    try:
        if name == NATPMP:
            from ..router.natpmp import PATIENCE, NatPmp

            said = NatPmp(gateway, source, min(PATIENCE, settings.timeout)).external_address()
        else:
            from ..router.upnp import Upnp

            said = Upnp(gateway, source, min(2.0, settings.timeout / 2)).external_address()
    except RouterTrouble as trouble:
        return Sighting(name, SourceKind.ROUTER, IPV4, trouble=str(trouble))
    try:
        address = parse(said, IPV4)
    except ValueError:
        return Sighting(name, SourceKind.ROUTER, IPV4, trouble=f"The router answered with {said!r}, which is no IPv4 address.")
    if address == "0.0.0.0":
        return Sighting(name, SourceKind.ROUTER, IPV4, trouble="The router has no IPv4 address on the internet now.")
    return Sighting(name, SourceKind.ROUTER, IPV4, address)


def source_for(seen: Look) -> str:
    """This machine's address on the router's side, also where a tunnel is the way out."""
    return next((own.address for own in seen.owns if own.device == seen.device and own.usable and ":" not in own.address), "")
