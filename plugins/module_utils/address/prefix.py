# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Addresses of other machines at home: the prefix is the home's, the rest is theirs."""

from __future__ import annotations

import ipaddress
import re

LOCAL_BIT = 0x02
"""RFC 4291, appendix A: the bit of a MAC address that an interface identifier has the other way round."""


def combine(address: str, suffix: str, length: int = 64) -> str:
    """The first `length` bits of an IPv6 address, the rest from `suffix`: an address such as ::10, or a MAC address, from which the identifier is made as
    SLAAC makes it (EUI-64). Raises ValueError, with a sentence for the owner."""
    if not 1 <= length <= 127:
        raise ValueError(f"prefix_length {length} leaves nothing to put together: write a number from 1 to 127, such as 64.")
    mask = (1 << (128 - length)) - 1
    rest = host_part(suffix)
    if rest & ~mask:
        raise ValueError(f"suffix {suffix} is longer than what a prefix of {length} bits leaves: write it as ::10, without the prefix.")
    return str(ipaddress.IPv6Address((int(ipaddress.IPv6Address(address)) & ~mask) | rest))


def host_part(suffix: str) -> int:
    if re.fullmatch(r"[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}", suffix):
        octets = bytes.fromhex(suffix.replace(":", "").replace("-", ""))
        return int.from_bytes(bytes([octets[0] ^ LOCAL_BIT, *octets[1:3], 0xFF, 0xFE, *octets[3:]]), "big")
    try:
        return int(ipaddress.IPv6Address(suffix))
    except ValueError:
        raise ValueError(f"suffix {suffix} is neither the end of an IPv6 address, such as ::10, nor a MAC address.") from None
