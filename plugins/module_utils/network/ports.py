# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who answers on a port of an address, for a name. Compared with what the server itself shows, it tells the server from a router's own page."""

from __future__ import annotations

import errno
import hashlib
import http.client
import secrets
import socket
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from ..acme.addresses import on_this_machine
from ..acme.problem import printable
from ..probe import wire

AT_ONCE = 24

OPEN = "open"
REFUSED = "refused"
SILENT = "silent"
NO_ROUTE = "no route"
"""This machine has no way to the address at all, such as one without IPv6: it proves nothing."""

HTTPS = "https"
HTTP = "http"

NOTHING_ROUTES = frozenset({errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


@dataclass(frozen=True)
class Door:
    """A port of an address, and the name that is asked for there. `scheme`: https or http."""

    name: str
    address: str
    port: int
    scheme: str = HTTPS


@dataclass(frozen=True)
class Tried:
    """How it went. `shows` is what tells one server from another: over https the SHA-256 of the certificate, over http the status and where it leads.
    It is '' where the port is open and nothing was shown. `own`: the address is this very machine's, so that nothing of the way to it was tried."""

    name: str
    address: str
    port: int
    scheme: str
    outcome: str
    shows: str = ""
    detail: str = ""
    own: bool = False


def knock_all(doors: Iterable[Door], timeout: float) -> list[dict[str, Any]]:
    """All of them side by side, each at most twice `timeout` seconds."""
    wanted = list(dict.fromkeys(doors))
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        return [asdict(tried) for tried in pool.map(lambda door: knock(door, timeout), wanted)]


def knock(door: Door, timeout: float) -> Tried:
    own = on_this_machine(door.address)

    def tried(outcome: str, shows: str = "", detail: str = "") -> Tried:
        return Tried(door.name, door.address, door.port, door.scheme, outcome, shows, printable(detail, 120), own)

    try:
        channel = wire.connect(door.address, door.port, timeout)
    except TimeoutError:
        return tried(SILENT)
    except ConnectionRefusedError:
        return tried(REFUSED)
    except OSError as error:
        return tried(NO_ROUTE if error.errno in NOTHING_ROUTES else SILENT, detail=error.strerror or str(error))
    try:
        return tried(OPEN, certificate(channel, door.name, timeout) if door.scheme == HTTPS else leads(channel, door.name, timeout))
    except (OSError, http.client.HTTPException, ValueError) as error:
        return tried(OPEN, detail=str(error) or type(error).__name__)


def certificate(channel: socket.socket, name: str, timeout: float) -> str:
    """SHA-256 of the certificate shown for a name. Closes the channel; raises OSError."""
    channel.settimeout(timeout)
    with wire.secure(channel, name, verify=False) as tls:
        return hashlib.sha256(tls.getpeercert(binary_form=True) or b"").hexdigest()


def leads(channel: socket.socket, name: str, timeout: float) -> str:
    """Status and target of the answer to a path that nobody has, the path itself left out. Closes the channel; raises OSError and what http.client raises."""
    path = f"/{secrets.token_hex(12)}"
    page = wire.fetch(channel, name, path, timeout)
    return printable(f"{page.status} {page.headers.get('location', '').replace(path, '/')}".strip(), 200)


def of_names(names: Iterable[str], addresses: Iterable[str], https_port: int, http_port: int) -> list[Door]:
    """Both ports of every address, for every name. A port that is 0 is left out."""
    places = list(addresses)
    pairs = [(name, address) for name in names for address in places]
    return [Door(name, address, port, scheme) for name, address in pairs for port, scheme in ((https_port, HTTPS), (http_port, HTTP)) if port]


def read(door: Mapping[str, Any]) -> Door:
    return Door(str(door["name"]), str(door["address"]), int(door["port"]), str(door.get("scheme", HTTPS)))


def outgoing(family: int) -> str:
    """This machine's address on the way to the internet, '' without such a way. Nothing is sent: connecting a UDP socket only looks at the routes."""
    far = "2001:4860:4860::8888" if family == socket.AF_INET6 else "8.8.8.8"
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((far, 9))
            return str(probe.getsockname()[0])
    except OSError:
        return ""


def shown_locally(names: Iterable[str], https_port: int, http_port: int, timeout: float) -> list[dict[str, Any]]:
    """What the server shows at its own addresses: on the way to the internet, or on loopback where there is none."""
    addresses = [outgoing(socket.AF_INET) or "127.0.0.1", outgoing(socket.AF_INET6)]
    return knock_all(of_names(names, [address for address in addresses if address], https_port, http_port), timeout)
