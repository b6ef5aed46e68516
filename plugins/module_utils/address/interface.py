# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What this machine's own interfaces tell: its lasting addresses, the way out of the home, and whether that way is a tunnel. Read with iproute2."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..host.execute import execute as run_to_its_end
from .model import FAMILIES, IPV4
from .reserved import unfit

Run = Callable[[Sequence[str]], tuple[int, str]]

FOREVER = 4294967295
"""What iproute2 writes for a lifetime without end."""

FAR = {IPV4: "1.1.1.1", "ipv6": "2606:4700:4700::1111"}
"""Somewhere on the internet: the kernel is asked which way it would take there. Nothing is sent."""

TUNNEL_NAMES = re.compile(r"(tun|tap|wg|tailscale|nordlynx|proton|mullvad|zt|CloudflareWARP)[a-zA-Z0-9_.-]*$")


@dataclass(frozen=True)
class Own:
    """An address of an interface. `preferred`: seconds for which it stays preferred. `dynamic`: it was lent, by DHCP or a router's announcement."""

    address: str
    length: int
    device: str
    dynamic: bool = False
    preferred: int = FOREVER
    usable: bool = True
    """Not temporary (RFC 8981), deprecated, tentative, nor a duplicate of another machine's."""


@dataclass(frozen=True)
class Way:
    """How packets leave for the internet: the device, the address they leave from, the router, and whether the device is a tunnel."""

    device: str
    source: str = ""
    gateway: str = ""
    tunnel: bool = False


@dataclass(frozen=True)
class Look:
    """What the machine knows by itself. `ways`: family -> way, without an entry where there is none. `gateway`: the home's router (IPv4), also where
    a tunnel is the way out. `mac`: that of the device at home."""

    owns: tuple[Own, ...] = ()
    ways: tuple[tuple[str, Way], ...] = ()
    gateway: str = ""
    device: str = ""
    mac: str = ""

    def way(self, family: str) -> Way | None:
        return dict(self.ways).get(family)


def execute(command: Sequence[str]) -> tuple[int, str]:
    ended = run_to_its_end(command, 5)
    return ended.code, ended.output


class Unreadable(OSError):
    """This machine's own addresses cannot be read; the text says why."""


def look(interface: str = "", run: Run = execute, root: Path = Path("/"), families: Sequence[str] = FAMILIES) -> Look:
    """`interface`: the device that counts as the way out, '' for that of the default route. Raises `Unreadable`: a machine always has an address, so that
    where none can be read nothing is known."""
    code, output = run(["ip", "-j", "address", "show"])
    if code or not output:
        raise Unreadable(f"This server's own addresses cannot be read: 'ip -j address show' ended with {code}. Is the package iproute2 installed?")
    owns = tuple(own for entry in listed(output) for own in addresses(entry))
    ways = []
    for family in families:
        out = ("oif", interface) if interface else ()
        for route in parsed(run, f"-{family[-1]}", "route", "get", FAR[family], *out)[:1]:
            if route.get("dev") and route.get("type", "unicast") == "unicast":
                name = str(route["dev"])
                ways.append((family, Way(name, str(route.get("prefsrc", "")), str(route.get("gateway", "")), is_tunnel(name, root))))
    home = [route for route in parsed(run, "-4", "route", "show", "default") if route.get("gateway") and not is_tunnel(str(route.get("dev", "")), root)]
    home = [route for route in home if route.get("dev") == interface] or home
    home.sort(key=lambda route: int(route.get("metric", 0)))
    device = str(home[0].get("dev", "")) if home else next((way.device for _, way in ways), "")
    return Look(owns, tuple(ways), str(home[0]["gateway"]) if home else "", interface or device, mac(interface or device, root))


def parsed(run: Run, *words: str) -> list[dict[str, Any]]:
    """The answer of `ip -j`, empty where it has none."""
    code, output = run(["ip", "-j", *words])
    return [] if code else listed(output)


def listed(output: str) -> list[dict[str, Any]]:
    try:
        found = json.loads(output or "[]")
    except ValueError:
        return []
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def addresses(entry: dict[str, Any]) -> list[Own]:
    """The addresses of one device that are not for its cable alone."""
    found = []
    for one in entry.get("addr_info", []):
        if one.get("local") and one.get("scope") == "global":
            usable = not any(one.get(flag) for flag in ("temporary", "deprecated", "tentative", "dadfailed"))
            preferred = int(one.get("preferred_life_time", FOREVER))
            found.append(
                Own(
                    str(one["local"]), int(one.get("prefixlen", 0)), str(entry.get("ifname", "")), bool(one.get("dynamic")), preferred, usable and preferred > 0
                )
            )
    return found


def candidates(seen: Look, family: str, public: Sequence[str] = (), allow_private: bool = False) -> list[str]:
    """The addresses of the way out that may be published, the best first: a lasting one before one that was lent, then the longest prefix (DHCPv6
    before SLAAC), then the shortest to write, so that the choice stays the same (behaviour of ddclient's get_ip_from_interface)."""
    way = seen.way(family)
    if not way:
        return []
    fit = [
        own
        for own in seen.owns
        if own.device == way.device and own.usable and (":" in own.address) == (family != IPV4) and not unfit(own.address, public, allow_private)
    ]
    return [own.address for own in sorted(fit, key=lambda own: (own.dynamic, -own.length, len(own.address), own.address))]


def is_tunnel(device: str, root: Path = Path("/")) -> bool:
    """Whether a device leads elsewhere before it leads to the internet. A dial-up line (ppp) is no tunnel."""
    if device.startswith("ppp"):
        return False
    folder = root / "sys/class/net" / device
    try:
        return TUNNEL_NAMES.match(device) is not None or (folder / "tun_flags").exists() or "DEVTYPE=wireguard" in (folder / "uevent").read_text()
    except OSError:
        return False


def mac(device: str, root: Path = Path("/")) -> str:
    try:
        return (root / "sys/class/net" / device / "address").read_text().strip() if device else ""
    except OSError:
        return ""
