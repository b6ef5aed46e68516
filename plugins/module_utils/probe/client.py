# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether the app is told the address of its visitor, and nobody else's: judged from a page that shows what the app received."""

from __future__ import annotations

import ipaddress
import random
import re
from collections.abc import Iterable, Mapping

from ..address.reserved import inside
from .outcome import AT_HOME, OUTSIDE, NotProven, Wrong

PROXIES = "The proxy has to send its visitor's address alone (X-Forwarded-For), and the app has to trust this proxy alone."
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def forged() -> str:
    """An address that is nobody's: of the range for benchmarks (RFC 2544)."""
    return f"198.18.{random.randrange(256)}.{random.randrange(1, 255)}"


def claims(address: str) -> dict[str, str]:
    """Headers by which a visitor says that it is somebody else."""
    plain = ("X-Forwarded-For", "X-Real-IP", "X-Client-IP", "True-Client-IP", "CF-Connecting-IP")
    return {**dict.fromkeys(plain, address), "Forwarded": f"for={address}"}


def plain(text: str) -> Address | None:
    """An address as it is written in headers, None where it is none; IPv4 in IPv6 is IPv4."""
    bare = text.strip().strip('"').partition("%")[0]
    bare = bare[1:].partition("]")[0] if bare.startswith("[") else bare
    try:
        found = ipaddress.ip_address(bare)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def told(page: str, header: str) -> list[str]:
    """The values of a header on a page that shows it as a line or as JSON."""
    line = re.compile(rf'^[ \t]*"?{re.escape(header)}"?[ \t]*[:=][ \t]*\[?[ \t]*([^\r\n]*?)[ \t]*\]?,?[ \t\r]*$', re.IGNORECASE | re.MULTILINE)
    return [value.strip() for found in line.findall(page) for value in found.strip('"').split(",")]


def judge(page: str, echo: Mapping[str, str], claimed: str, own: Iterable[str], peers: Iterable[str], vantage: str, place: str = "") -> str:
    """What is to be said of the address on such a page. `claimed`: the forged one; `own`: those of this client, that of its connection first;
    `peers`: those of proxies; `place`: the site's own address, that was connected to. Raises Wrong or NotProven."""
    if claimed in page:
        raise Wrong(f"the app is told an address that its visitor made up ({claimed})", PROXIES)
    values = told(page, echo["header"])
    if not values:
        raise NotProven(f"{echo['path']} does not show {echo['header']}")
    seen = plain(values[0])
    if len(values) > 1 or seen is None:
        raise Wrong(f"the app is told {', '.join(values)} in {echo['header']}, in place of one address", PROXIES)
    mine = [address for address in map(plain, own) if address]
    if seen in mine:
        return f"the app sees {seen}, which is this client; made-up headers are ignored"
    if seen.is_loopback or seen in [plain(peer) for peer in peers]:
        raise Wrong(f"the app sees {seen}, the address of its proxy, in place of each visitor's", PROXIES)
    there = plain(place)
    if vantage == OUTSIDE and inside(str(seen)) and there and not inside(str(there)):
        advice = f"It is that of a router, of Docker's network or of another proxy, in place of each visitor's: see docs/proof.md. {PROXIES}"
        raise Wrong(f"the app sees {seen}, an address inside a network, although this client came from outside", advice)
    if mine and mine[0].version == seen.version and not mine[0].is_private:
        raise Wrong(f"the app sees {seen} in place of this client's {mine[0]}", "Something between replaces the address of visitors: see docs/proof.md.")
    if vantage in AT_HOME and inside(str(seen)):
        advice = "Your router replaces it (NAT loopback). playbooks/lan.yml leads names straight to the proxy at home."
        raise NotProven(f"the app sees {seen}, neither this client's address nor its proxy's", advice)
    return f"the app sees {seen}: neither made up nor its proxy's; this client stands behind NAT"
