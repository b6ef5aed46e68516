"""Looks of a home as plain data: a server, a laptop beside it, a phone outside. All is well in it, and a test spoils one thing."""

from __future__ import annotations

import copy
from typing import Any

from plugins.module_utils.network.judge import Picture, judge
from plugins.module_utils.network.seen import Wish

V4, V6 = "62.2.3.4", "2a02:1:2:3::10"
LAN = "192.168.1.10"
NAMES = ("home.example.org", "media.example.org")
NS = ("9.9.1.1", "9.9.2.2")
OURS = "aa" * 32
OTHERS = "bb" * 32
TO_HTTPS = "308 https://{name}/"

Look = dict[str, Any]


def found(family: str, address: str, verdict: str, *evidence: str, advice: str = "") -> Look:
    return {"family": family, "address": address, "verdict": verdict, "evidence": list(evidence), "advice": advice, "sightings": []}


def shown(name: str, scheme: str) -> str:
    return OURS if scheme == "https" else TO_HTTPS.format(name=name)


def tried(name: str, address: str, scheme: str, outcome: str = "open", shows: str | None = None, own: bool = False, port: int = 0) -> Look:
    shows = (shown(name, scheme) if outcome == "open" else "") if shows is None else shows
    return {
        "name": name,
        "address": address,
        "port": port or (443 if scheme == "https" else 80),
        "scheme": scheme,
        "outcome": outcome,
        "shows": shows,
        "detail": "",
        "own": own,
    }


def all_tried(addresses: tuple[str, ...] = (V4, V6), outcome: str = "open", names: tuple[str, ...] = NAMES) -> list[Look]:
    return [tried(name, address, scheme, outcome) for name in names for address in addresses for scheme in ("https", "http")]


def told(a: list[str], aaaa: list[str], alias: str = "", trouble: str = "") -> Look:
    return {"addresses": {} if trouble else {"A": a, "AAAA": aaaa}, "ttl": 60, "alias": alias, "trouble": trouble}


def resolved(a: list[str], aaaa: list[str], trouble: str = "") -> Look:
    return {"A": a, "AAAA": aaaa, "trouble": trouble}


def name_look(a: list[str] | None = None, aaaa: list[str] | None = None) -> Look:
    a, aaaa = [V4] if a is None else a, [V6] if aaaa is None else aaaa
    return {
        "zone": "example.org",
        "alias": "",
        "trouble": "",
        "silent": {},
        "servers": {server: told(list(a), list(aaaa)) for server in NS},
        "resolved": resolved(list(a), list(aaaa)),
        "caa": {challenge: [] for challenge in ("http-01", "tls-alpn-01", "dns-01")},
        "sibling": {"A": [], "AAAA": []},
    }


class Home:
    """All looks of a home in which everything is right, to be spoilt before `picture` judges them."""

    def __init__(self, **wish: Any) -> None:
        self.wish = {"names": NAMES, "own": (LAN,), **wish}
        self.failed: dict[str, str] = {}
        self.looks: dict[str, Look] = {
            "home": {
                "place": "server",
                "ports": {"https": 443, "http": 80},
                "found": {"ipv4": found("ipv4", V4, "nat", "natpmp and https:ipify say 62.2.3.4"), "ipv6": found("ipv6", V6, "direct")},
                "names": {name: name_look() for name in NAMES},
                "here": all_tried((LAN, V6)),
                "tried": [*all_tried((V4,)), *({**one, "own": True} for one in all_tried((V6,)))],
            },
            "laptop": {"place": "inside", "names": {name: {"resolved": resolved([V4], [V6])} for name in NAMES}, "tried": all_tried()},
            "phone": {"place": "outside", "names": {name: {"resolved": resolved([V4], [V6])} for name in NAMES}, "tried": all_tried()},
        }

    @property
    def server(self) -> Look:
        return self.looks["home"]

    @property
    def laptop(self) -> Look:
        return self.looks["laptop"]

    @property
    def phone(self) -> Look:
        return self.looks["phone"]

    def without(self, *hosts: str) -> Home:
        for host in hosts:
            del self.looks[host]
        return self

    def record(self, name: str = NAMES[0], a: list[str] | None = None, aaaa: list[str] | None = None) -> None:
        """The DNS says this of a name, to everybody."""
        self.server["names"][name] = name_look(a, aaaa)
        for look in (self.laptop, self.phone):
            look["names"][name] = {"resolved": copy.deepcopy(self.server["names"][name]["resolved"])}

    def only_ipv4(self) -> Home:
        """A home without IPv6."""
        for name in NAMES:
            self.record(name, aaaa=[])
        self.server["found"]["ipv6"] = found("ipv6", "", "none")
        for look in self.looks.values():
            for key in ("here", "tried"):
                look[key] = [one for one in look.get(key, []) if ":" not in one["address"]]
        return self

    def change(self, host: str, address: str, scheme: str, outcome: str, shows: str | None = None, key: str = "tried") -> Home:
        """What a host meets at an address and port, for every name."""
        for one in self.looks[host][key]:
            if one["address"] == address and one["scheme"] == scheme:
                one |= tried(one["name"], address, scheme, outcome, shows, one["own"])
        return self

    def meets(self, host: str, name: str, address: str, outcome: str, shows: str | None = None) -> Home:
        self.looks[host]["tried"] += [tried(name, address, scheme, outcome, shows) for scheme in ("https", "http")]
        return self

    def picture(self) -> Picture:
        return judge(self.looks, Wish(**self.wish), self.failed)

    def ids(self) -> list[str]:
        return [one.id for one in self.picture().findings]
