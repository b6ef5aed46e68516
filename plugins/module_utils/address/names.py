# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The names by which sources are chosen. Apart from the sources themselves, so that a look at what is local loads no TLS."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from .model import IPV4, SourceKind

KINDS = {
    "natpmp": SourceKind.ROUTER,
    "upnp": SourceKind.ROUTER,
    "interface": SourceKind.INTERFACE,
    "dns:cloudflare": SourceKind.DNS,
    "dns:opendns": SourceKind.DNS,
    "https:ipify": SourceKind.HTTPS,
    "https:icanhazip": SourceKind.HTTPS,
    "https:cloudflare": SourceKind.HTTPS,
    "command": SourceKind.COMMAND,
    "fixed": SourceKind.FIXED,
}
NAMES = tuple(KINDS)
DEFAULT = ("natpmp", "upnp", "interface", "dns:cloudflare", "https:ipify")
LOCAL = frozenset({SourceKind.ROUTER, SourceKind.INTERFACE})
OUTSIDE = frozenset({SourceKind.DNS, SourceKind.HTTPS})
BY_THEMSELVES = frozenset({SourceKind.FIXED, SourceKind.COMMAND})
"""What the owner said, which needs nobody's agreement."""


def kind_of(name: str) -> SourceKind:
    """The kind of a source. Raises ValueError for a name that is none, with a sentence for the owner."""
    if name in KINDS:
        return KINDS[name]
    if name.startswith("https:https://"):
        parts = urlsplit(name.removeprefix("https:"))
        if parts.hostname and not parts.username:
            return SourceKind.HTTPS
    raise ValueError(f"{name} is no source of an address: take {', '.join(NAMES)}, or https: followed by a whole web address that answers with it alone.")


def applicable(names: Iterable[str], family: str) -> list[str]:
    """Those that can know an address of a family: a router's protocols know IPv4 alone."""
    return [name for name in names if family == IPV4 or kind_of(name) != SourceKind.ROUTER]
