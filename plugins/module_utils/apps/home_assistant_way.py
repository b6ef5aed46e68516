# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The two ways to a Home Assistant's API: straight to where it listens, and through the proxy of this machine, as a visitor comes."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import Any

from ..probe import wire
from .home_assistant_api import NotLet, Ways

client: Any  # websocket-client; python3-websocket in Debian
try:
    import websocket as client
except ImportError:
    client = None

PATH = "/api/websocket"
REFUSES = 400
"""What Home Assistant answers to a proxy that it does not trust. A proxy whose app is not up answers 502 or 503."""
PATIENCE = 10.0
"""Seconds for a connection, and for each message."""


@dataclass(frozen=True)
class Instance:
    """A Home Assistant that runs elsewhere. `address`:`port`: where the proxy reaches it, over https with `tls`; `host`: its public name, as a visitor says
    it, with its port where that is not 443; `entry`: the port on which this machine's proxy takes visitors."""

    name: str
    address: str
    port: int
    tls: bool
    host: str
    entry: int


class Frames:
    """A WebSocket of websocket-client, as home_assistant_api.py needs one."""

    def __init__(self, raw: Any, url: str) -> None:
        try:
            self.socket = client.create_connection(url, timeout=PATIENCE, socket=raw, suppress_origin=True)
        except client.WebSocketBadStatusException as error:
            raw.close()
            if error.status_code == REFUSES:
                raise NotLet(f"{url} answers {REFUSES}: it comes from an address that is not trusted") from None
            raise OSError(f"{url} answers {error.status_code}") from None
        except client.WebSocketException as error:
            raw.close()
            raise OSError(str(error)) from None
        except BaseException:
            raw.close()
            raise

    def send(self, text: str) -> None:
        try:
            self.socket.send(text)
        except client.WebSocketException as error:
            raise OSError(str(error)) from None

    def receive(self) -> str:
        try:
            text = str(self.socket.recv())
        except client.WebSocketException as error:
            raise OSError(str(error)) from None
        if not text:  # what websocket-client gives where the other side closes
            raise OSError("it closed the connection")
        return text

    def close(self) -> None:
        self.socket.shutdown()


def sources(instance: Instance) -> list[str]:
    """The addresses of this machine from which its proxy comes to an instance: one for each address that its name has. Nothing is sent. Raises OSError."""
    found = []
    for address in wire.addresses(instance.address):
        if not wire.lacks(address):
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            with socket.socket(family, socket.SOCK_DGRAM) as channel:
                channel.connect(socket.getaddrinfo(address, instance.port, family, socket.SOCK_DGRAM)[0][4])
                found.append(str(channel.getsockname()[0]).partition("%")[0])
    return list(dict.fromkeys(found))


def ways(instance: Instance) -> Ways:
    """Both ways, and where the proxy comes from. Certificates are not judged here: the one way is the one that the proxy takes, the other never leaves this
    machine. Raises OSError where there is no way to it, and NotLet without websocket-client."""
    if client is None:
        raise NotLet("this Python has no websocket-client (python3-websocket in Debian)")

    def straight() -> Frames:
        raw = wire.connect(instance.address, instance.port, PATIENCE)
        place = f"[{instance.address}]" if ":" in instance.address else instance.address
        if instance.tls:
            return Frames(wire.secure(raw, None, verify=False, http2=False), f"wss://{place}:{instance.port}{PATH}")
        return Frames(raw, f"ws://{place}:{instance.port}{PATH}")

    def through() -> Frames:
        raw = wire.connect("127.0.0.1", instance.entry, PATIENCE)
        return Frames(wire.secure(raw, instance.host.partition(":")[0], verify=False, http2=False), f"wss://{instance.host}{PATH}")

    return Ways(straight, through, sources(instance))
