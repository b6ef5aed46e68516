# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The places where names can be told, by the names that the module gives them."""

from __future__ import annotations

from collections.abc import Sequence

from .adguard_home import AdGuardHome
from .dnsmasq import Dnsmasq
from .hosts_file import HostsFile
from .pi_hole import PiHole
from .place import Place
from .records import Refused
from .unbound import Unbound

AUTO = "auto"
PLACES: dict[str, type[Place]] = {kind.name: kind for kind in (HostsFile, Dnsmasq, Unbound, AdGuardHome, PiHole)}


def chosen(names: Sequence[str], absent: bool = False, elsewhere: Sequence[str] = ()) -> list[Place]:
    """The places of this machine that are meant by `names`; `auto` is each DNS server on it. One that is named and is not there is a mistake,
    but where all is to go (`absent`): there, each that is meant is looked at for what an earlier run left. `elsewhere` are reached in
    another way than by files of this machine."""
    names = [name for name in names if name not in elsewhere]
    named = list(dict.fromkeys(name for name in names if name != AUTO))
    servers = [kind() for name, kind in PLACES.items() if name not in (HostsFile.name, *named, *elsewhere)] if AUTO in names else []
    places = [PLACES[name]() for name in named]
    if absent:
        return places + servers
    for place in places:
        if not place.present():
            raise Refused(f"There is no {place.title} on this host. Name what it has, or 'auto', or take the host out of the group lan_dns.")
    found = [place for place in servers if place.present()]
    if servers and not found and not places and not elsewhere:
        raise Refused(
            f"No DNS server that can be told the names is on this host (looked for: {', '.join(place.title for place in servers)}). "
            "Take it out of the group lan_dns, and type the names into what you have: lan.yml prints them."
        )
    return places + found
