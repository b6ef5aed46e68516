# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""All providers by name. Each import stands by itself, so that only what is asked for is loaded and Ansible finds every file that a module may need."""

from __future__ import annotations

from typing import NoReturn

from .port import Provider

NAMES = (
    "cloudflare",
    "desec",
    "duckdns",
    "dyndns2",
    "dynu",
    "dynv6",
    "freedns",
    "gandi",
    "he",
    "hetzner",
    "inwx",
    "ipv64",
    "namecheap",
    "noip",
    "ovh",
    "porkbun",
    "rfc2136",
    "strato",
)


def provider(name: str) -> type[Provider]:
    """The provider of a name. Raises LookupError, with a text for the owner, where there is none."""
    return by_api(name) or by_update(name) or unknown(name)


def unknown(name: str) -> NoReturn:
    raise LookupError(
        f"There is no DDNS provider {name!r}: it is one of {', '.join(NAMES)}. Another one that speaks the protocol of Dyn is dyndns2 with server."
    )


def by_api(name: str) -> type[Provider] | None:
    """Providers whose API keeps records."""
    match name:
        case "cloudflare":
            from .cloudflare import Cloudflare

            return Cloudflare
        case "gandi":
            from .gandi import Gandi

            return Gandi
        case "hetzner":
            from .hetzner import Hetzner

            return Hetzner
        case "porkbun":
            from .porkbun import Porkbun

            return Porkbun
        case "rfc2136":
            from .rfc2136 import Rfc2136

            return Rfc2136
    return None


def by_update(name: str) -> type[Provider] | None:
    """Providers that are told an address."""
    match name:
        case "desec":
            from .desec import Desec

            return Desec
        case "duckdns":
            from .duckdns import DuckDns

            return DuckDns
        case "dyndns2":
            from .dyndns2 import Dyndns2

            return Dyndns2
        case "dynu":
            from .dynu import Dynu

            return Dynu
        case "dynv6":
            from .dynv6 import Dynv6

            return Dynv6
        case "freedns":
            from .freedns import FreeDns

            return FreeDns
        case "he":
            from .he import He

            return He
        case "inwx":
            from .inwx import Inwx

            return Inwx
        case "ipv64":
            from .ipv64 import Ipv64

            return Ipv64
        case "namecheap":
            from .namecheap import Namecheap

            return Namecheap
        case "noip":
            from .noip import NoIp

            return NoIp
        case "ovh":
            from .ovh import Ovh

            return Ovh
        case "strato":
            from .strato import Strato

            return Strato
    return None
