"""A home for tests: what its interfaces, its router and the internet say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from plugins.module_utils.address.detect import Here
from plugins.module_utils.address.interface import Look, Own, Way
from plugins.module_utils.address.model import IPV4, IPV6, Settings, Sighting
from plugins.module_utils.address.names import LOCAL, kind_of
from plugins.module_utils.address.reserved import parse

HOME, OTHER = "5.9.0.10", "5.9.0.20"
SIX = "2a01:4f8:1:2::10"
LAN = "192.168.1.10"


@dataclass
class Home:
    """An `Asker`. `said`: source -> address, or trouble where it is none; a source that is not in it does not answer. Of IPv6, `source/ipv6`."""

    said: Mapping[str, str] = field(default_factory=dict)
    owns: Sequence[Own] = (Own(LAN, 24, "eth0"),)
    device: str = "eth0"
    tunnel: bool = False
    ipv6: bool = False
    way: Sequence[str] = ()
    asked: list[str] = field(default_factory=list)

    def look(self, settings: Settings) -> Look:
        ways = [(IPV4, Way(self.device, LAN, "192.168.1.1", self.tunnel))] + ([(IPV6, Way(self.device, SIX, "fe80::1", self.tunnel))] if self.ipv6 else [])
        return Look(tuple(self.owns), tuple(ways), "192.168.1.1", "eth0", "aa:bb:cc:dd:ee:ff")

    def ask(self, name: str, family: str, settings: Settings, seen: Look) -> Sighting:
        self.asked.append(f"{name}/{family}")
        kind = kind_of(name)
        if kind not in LOCAL | {kind_of("dns:cloudflare"), kind_of("https:ipify")} or name == "interface":
            return Here().ask(name, family, settings, seen)
        text = self.said.get(f"{name}/{family}", self.said.get(name, "") if family == IPV4 else "")
        try:
            return Sighting(name, kind, family, parse(text, family))
        except ValueError:
            return Sighting(name, kind, family, trouble=text or "it did not answer in time")

    def hops(self, address: str, seen: Look) -> list[str]:
        return list(self.way)
