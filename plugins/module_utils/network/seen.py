# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The looks of all hosts side by side, so that one can ask what was seen of an address, a port, a name."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ..address.model import FAMILIES, IPV4, IPV6
from .challenge import CLOSED, OPEN, OTHER, UNPROVEN
from .observe import INSIDE, OUTSIDE, SERVER
from .ports import HTTP, HTTPS, NO_ROUTE
from .ports import OPEN as ANSWERS

KIND = {IPV4: "A", IPV6: "AAAA"}
SPOKEN = {IPV4: "IPv4", IPV6: "IPv6"}
HOME_ONLY = tuple(map(ipaddress.ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")))
FORWARDED = ("kept", "made", "renewed", "moved", "")


@dataclass(frozen=True)
class Wish:
    """What the home is to be. `names` lead to the proxy. Ports are those of the public address. `addresses` are the public ones that the owner declared,
    `own` the server's at home. `mappings` are the router's rules as the role router leaves them, None where nobody knows them. `answering` are the schemes for
    which no proxy listens yet, and the diagnosis answered itself. `public` are networks that
    count as public, `allow_private` makes every address count so. The rest is for the choice of a challenge."""

    names: tuple[str, ...]
    https_port: int = 443
    http_port: int = 80
    addresses: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    mappings: tuple[Mapping[str, Any], ...] | None = None
    answering: tuple[str, ...] = ()
    public: tuple[str, ...] = ()
    allow_private: bool = False
    engine: str = "caddy"
    dns_provider: str = ""
    wildcard: bool = False

    @property
    def ports(self) -> dict[str, int]:
        """scheme -> port, without those that are not forwarded."""
        return {scheme: port for scheme, port in ((HTTPS, self.https_port), (HTTP, self.http_port)) if port}


def family_of(address: str) -> str:
    return IPV6 if ":" in address else IPV4


def home_only(address: str) -> bool:
    """Whether an address means something inside a home alone."""
    place = ipaddress.ip_address(address)
    return place.is_loopback or place.is_unspecified or place.is_link_local or any(place in net for net in HOME_ONLY if net.version == place.version)


def place_of(host: str, look: Mapping[str, Any]) -> str:
    place = "at home" if look["place"] == INSIDE else str(look["place"])
    return host if host == place else f"{host} ({place})"


@dataclass(frozen=True)
class Seen:
    """All looks: host -> look; one that could not be had has `failed` in place of what was seen."""

    looks: Mapping[str, Mapping[str, Any]]
    wish: Wish
    failed: Mapping[str, str] = field(default_factory=dict)

    def at(self, place: str) -> dict[str, Mapping[str, Any]]:
        return {host: look for host, look in self.looks.items() if look["place"] == place}

    @cached_property
    def server_name(self) -> str:
        return next(iter(self.at(SERVER)), "the server")

    @cached_property
    def server(self) -> Mapping[str, Any]:
        return next(iter(self.at(SERVER).values()), {})

    def found(self, family: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.server.get("found", {}).get(family, {})
        return found

    def verdict(self, family: str) -> str:
        return str(self.found(family).get("verdict", "unknown"))

    def is_public(self, address: str) -> bool:
        place = ipaddress.ip_address(address)
        if place.is_loopback or place.is_unspecified or place.is_link_local:
            return False
        return (
            self.wish.allow_private
            or place.is_global
            or any(place in net for net in map(ipaddress.ip_network, self.wish.public) if net.version == place.version)
        )

    # The server itself

    @cached_property
    def here(self) -> dict[tuple[str, str], set[str]]:
        """(name, scheme) -> what the server shows for it at its own addresses."""
        shown: dict[tuple[str, str], set[str]] = {}
        for tried in self.server.get("here", ()):
            if tried["outcome"] == ANSWERS and tried["shows"]:
                shown.setdefault((tried["name"], tried["scheme"]), set()).add(tried["shows"])
        return shown

    def listens(self, scheme: str) -> bool:
        return any(tried["outcome"] == ANSWERS for tried in self.server.get("here", ()) if tried["scheme"] == scheme)

    @cached_property
    def own(self) -> set[str]:
        """The server's addresses at home."""
        return {*self.wish.own, *(tried["address"] for tried in self.server.get("here", ()))}

    # Who answered where

    def tries(self, *places: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """(host, attempt) of the hosts at some places, for names that are looked at. Attempts that had no way out are left out."""
        for host, look in self.looks.items():
            if look["place"] in places:
                for tried in look.get("tried", ()):
                    if tried["name"] in self.wish.names and tried["outcome"] != NO_ROUTE:
                        yield host, tried

    def ours(self, tried: Mapping[str, Any]) -> bool:
        """Whether it was the server that answered: it showed what the server shows at home."""
        return bool(tried["outcome"] == ANSWERS and tried["shows"] and tried["shows"] in self.here.get((tried["name"], tried["scheme"]), ()))

    def strange(self, tried: Mapping[str, Any]) -> bool:
        """Whether somebody else answered. Where the server itself shows nothing for that name, nobody can tell."""
        return bool(tried["outcome"] == ANSWERS and tried["shows"] and not self.ours(tried) and self.here.get((tried["name"], tried["scheme"])))

    @cached_property
    def reached(self) -> set[str]:
        """Addresses at which somebody outside met the server: they lead home, whoever they belong to."""
        return {tried["address"] for _, tried in self.tries(OUTSIDE) if tried["scheme"] == HTTPS and self.ours(tried)}

    @cached_property
    def home(self) -> dict[str, list[str]]:
        """family -> the home's public addresses: as found and as declared; without either, those at which the server was reached."""
        known = [*(self.found(family).get("address", "") for family in FAMILIES), *self.wish.addresses]
        sure = {family: [one for one in dict.fromkeys(known) if one and family_of(one) == family] for family in FAMILIES}
        return {family: sure[family] or sorted(one for one in self.reached if family_of(one) == family) for family in FAMILIES}

    def used(self, family: str) -> bool:
        """Whether the home is to be reached by a family: it has an address, or may have one and names say so."""
        return bool(self.home[family]) or (family in self.published and self.verdict(family) != "none")

    @cached_property
    def public(self) -> set[str]:
        return {address for addresses in self.home.values() for address in addresses}

    def leads_home(self, address: str) -> bool:
        if address in self.home[family_of(address)] or address in self.reached or (self.wish.allow_private and address in self.own):
            return True
        return family_of(address) == IPV6 and (address in self.own or self.same_prefix(address))

    def same_prefix(self, address: str) -> bool:
        """Whether an IPv6 address is in a /64 of the home: then it is another machine of it, or an older address of the server."""
        place = ipaddress.ip_address(address)
        known = {*self.home[IPV6], *(one for one in self.own if ":" in one)}
        return any(place in ipaddress.ip_network(f"{one}/64", strict=False) for one in known if ipaddress.ip_address(one).is_global or self.is_public(one))

    def state(self, family: str, scheme: str) -> str:
        """A port of the home as the internet sees it."""
        if not self.listens(scheme):
            return UNPROVEN  # what nobody opens at home tells nothing of the way to it
        targets = self.home[family] or [address for name in self.wish.names for address in self.records(name)[family]]
        seen = [tried for _, tried in self.tries(OUTSIDE) if tried["scheme"] == scheme and tried["address"] in targets and not tried["own"]]
        if any(self.ours(tried) for tried in seen):
            return OPEN
        if any(self.strange(tried) for tried in seen):
            return OTHER
        return CLOSED if seen and all(tried["outcome"] != ANSWERS for tried in seen) else UNPROVEN

    @cached_property
    def states(self) -> dict[str, dict[str, str]]:
        """scheme -> family -> state."""
        return {scheme: {family: self.state(family, scheme) for family in FAMILIES} for scheme in self.wish.ports}

    def attempts(self, family: str, scheme: str, *places: str) -> list[str]:
        """What hosts met at the home's addresses, a sentence for each way in which it went."""
        seen: dict[tuple[str, str], None] = {}
        for host, tried in self.tries(*places):
            if tried["scheme"] == scheme and family_of(tried["address"]) == family and (tried["address"] in self.home[family] or not self.home[family]):
                seen[place_of(host, self.looks[host]), self.met(tried)] = None
        return [f"{host}: {what}." for host, what in seen]

    def met(self, tried: Mapping[str, Any]) -> str:
        where = f"port {tried['port']} of {tried['address']}"
        if tried["outcome"] != ANSWERS:
            return f"{where} {'refuses the connection' if tried['outcome'] == 'refused' else 'does not answer'}"
        if self.ours(tried):
            return f"{where} leads to {self.server_name}"
        if not tried["shows"]:
            return f"{where} is open, but nothing is shown for {tried['name']}"
        what = "another certificate" if tried["scheme"] == HTTPS else f"another answer ({tried['shows']})"
        return f"{where} shows {what} than {self.server_name} does"

    # Names

    def told(self, name: str) -> Mapping[str, Any]:
        told: Mapping[str, Any] = self.server.get("names", {}).get(name, {})
        return told

    def servers(self, name: str) -> dict[str, Mapping[str, Any]]:
        """The name servers that answered for a name."""
        return {server: told for server, told in self.told(name).get("servers", {}).items() if not told["trouble"]}

    def records(self, name: str) -> dict[str, list[str]]:
        """family -> addresses of a name: what any of its zone's servers says; where none could be asked, what resolvers say, those outside first."""
        said: Sequence[Mapping[str, Any]] = [told["addresses"] for told in self.servers(name).values()]
        if not said:
            asked = [look["names"][name]["resolved"] for look in (*self.at(OUTSIDE).values(), self.server) if name in look.get("names", {})]
            said = [one for one in asked if not one["trouble"]][:1]
        return {family: sorted({address for one in said for address in one.get(kind, ())}) for family, kind in KIND.items()}

    @cached_property
    def published(self) -> list[str]:
        """The families in which names can be reached: IPv6 first, as a CA asks."""
        return [family for family in (IPV6, IPV4) if any(self.records(name)[family] for name in self.wish.names)]

    def forwarded(self, scheme: str) -> Mapping[str, Any] | None:
        """The router's rule for a port, as the role router left it."""
        port = self.wish.ports[scheme]
        rules = self.wish.mappings or ()
        return next((rule for rule in rules if rule["external_port"] == port and rule["protocol"] == "tcp" and rule.get("outcome", "") in FORWARDED), None)
