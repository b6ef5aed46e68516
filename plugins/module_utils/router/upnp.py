# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""UPnP IGD, the protocol of most home routers, by Debian's python3-miniupnpc. The package is imported only when a router is to be asked."""

from __future__ import annotations

import contextlib
import functools
import importlib
import socket
import time
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

from ..acme.problem import printable
from .model import Entry, Mapping, RouterTrouble

PACKAGE = "python3-miniupnpc"
MOST = 512
"""Entries that are read: a router that lists more, or never ends, is not believed."""
LONGEST_LEASE = 604800
"""Seconds, WANIPConnection:2, 2.3.9."""

CODES = {
    "ConflictInMappingEntry": 718,
    "Action not authorized": 606,
    "OnlyPermanentLeasesSupported": 725,
    "NoSuchEntryInArray": 714,
    "NoPortMapsAvailable": 728,
    "ConflictWithOtherMechanisms": 729,
    "Invalid Args": 402,
    "Action Failed": 501,
}
"""miniupnpc tells errors by these words alone (upnperrors.c)."""

SAID = {
    402: "it does not understand the request",
    501: "it failed without saying why, as routers do that have no public address themselves",
    606: "its owner has not allowed this: look for UPnP or 'automatic port forwarding' in its settings",
    718: "the port is taken already",
    728: "it has no room for another mapping",
    729: "the port is taken by the router itself",
}

SEARCH = (
    "M-SEARCH * HTTP/1.1",
    "HOST: 239.255.255.250:1900",
    'MAN: "ssdp:discover"',
    "MX: 1",
    "ST: urn:schemas-upnp-org:device:InternetGatewayDevice:1",
    "",
    "",
)
Result = TypeVar("Result")


class Upnp:
    """The router at `gateway`, or whichever answers where that is ''. `source`: this machine's address at home."""

    name = "upnp"
    reads = True

    def __init__(self, gateway: str = "", source: str = "", patience: float = 2.0, load: Callable[[], Any] | None = None) -> None:
        self.gateway, self.source, self.patience = gateway, source, patience
        self.load = load or (lambda: importlib.import_module("miniupnpc"))
        self.device: Any = None
        self.silent = ""

    def external_address(self) -> str:
        address = self.call(lambda device: device.externalipaddress())
        if not address:
            raise RouterTrouble("The router has no address on the internet (UPnP).")
        return printable(str(address), 45)

    def since(self) -> int:
        return 0

    def entries(self) -> list[Entry]:
        found: list[Entry] = []
        for index in range(MOST):
            row = self.call(functools.partial(row_of, index))
            if row is None:
                return found
            outer, protocol, (address, port), description, *_, left = row
            mapping = Mapping(int(outer), str(protocol).lower(), str(address), int(port), printable(str(description), 80))
            found.append(Entry(mapping, int(left)))
        raise RouterTrouble(f"The router lists more than {MOST} port mappings (UPnP), which cannot be.")

    def add(self, mapping: Mapping, lease: int) -> int:
        asked = min(lease, LONGEST_LEASE)
        words = (mapping.external_port, mapping.protocol.upper(), mapping.address, mapping.port, mapping.description, "")
        try:
            self.call(lambda device: device.addportmapping(*words, asked))
        except RouterTrouble as trouble:
            if trouble.code != 725 or not asked:
                raise
            # Error 725: this router keeps mappings for ever or not at all.
            self.call(lambda device: device.addportmapping(*words, 0))
            return 0
        return asked

    def remove(self, mapping: Mapping) -> None:
        try:
            self.call(lambda device: device.deleteportmapping(mapping.external_port, mapping.protocol.upper()))
        except RouterTrouble as trouble:
            if trouble.code != 714:
                raise

    def call(self, what: Callable[[Any], Result]) -> Result:
        """One request. miniupnpc raises bare exceptions, with what went wrong in words alone."""
        device = self.connected()
        try:
            return what(device)
        except Exception as error:
            code = CODES.get(str(error), 0)
            raise RouterTrouble(f"The router refuses by UPnP: {SAID.get(code) or printable(str(error), 100)}.", code) from None

    def connected(self) -> Any:
        """The router. `selectigd` takes any UPnP device for one, so a router is only what has an answer to the question for its address."""
        if self.device is None:
            if self.silent:
                raise RouterTrouble(self.silent)
            try:
                self.device = self.searched()
            except RouterTrouble as trouble:
                self.silent = str(trouble)
                raise
        return self.device

    def searched(self) -> Any:
        try:
            library = self.load()
        except ImportError:
            raise RouterTrouble(f"UPnP cannot be spoken here: the package {PACKAGE} is not installed.") from None
        silent = "No router answers UPnP: it does not speak it, or it is switched off there."
        place = find(self.gateway, self.source, self.patience) if self.gateway else ""
        try:
            if place:
                device = library.UPnP()
                device.selectigd(place)
            else:
                # A search to everybody: its answers come from an address that was not asked, so a firewall on this machine may drop them.
                device = library.UPnP(self.source or None)
                device.discoverdelay = int(self.patience * 1000)
                device.discover()
                device.selectigd()
            device.externalipaddress()
        except Exception as error:
            what = str(error)
            known = what in ("Success", "No UPnP device discovered", "Miniupnpc Unknown Error")
            raise RouterTrouble(silent if known else f"{silent[:-1]} ({printable(what, 80)}).") from None
        return device


def find(gateway: str, source: str = "", patience: float = 1.0) -> str:
    """The web address of a router's description, asked of the router alone (UPnP Device Architecture 1.1, 1.3.3), '' where it does not answer. A firewall
    knows the answer to such a question, and a description elsewhere than on the router is not taken."""
    deadline = time.monotonic() + min(patience, 1.0)
    with contextlib.suppress(OSError, ValueError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        channel.bind((source, 0))
        channel.connect((gateway, 1900))
        while (left := deadline - time.monotonic()) > 0:
            channel.send("\r\n".join(SEARCH).encode())
            channel.settimeout(min(left, 0.35))
            with contextlib.suppress(TimeoutError):
                while True:
                    place = location(channel.recv(2048))
                    if urlsplit(place).hostname == gateway and place.startswith("http://"):
                        return place
    return ""


def location(answer: bytes) -> str:
    """The LOCATION of an answer to a search."""
    lines = answer.decode("ascii", "replace").splitlines()
    if not lines or not lines[0].startswith("HTTP/1.1 200"):
        return ""
    return next((value.strip() for name, _, value in (line.partition(":") for line in lines[1:]) if name.strip().lower() == "location"), "")


def row_of(index: int, device: Any) -> Any:
    return device.getgenericportmapping(index)
