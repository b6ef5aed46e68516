# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Addresses of other machines of the home: the prefix that the internet provider gave, and a host part that the machine keeps."""

from __future__ import annotations

import ipaddress
import re

MAC = re.compile(r"[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}")


def network(address: str, length: int) -> str:
    """The network of an address: 2001:db8:1::/64."""
    return str(ipaddress.IPv6Network((address, length), strict=False))


def joined(address: str, length: int, suffix: str) -> str:
    """The first `length` bits of an address, and the rest of the suffix: `::10`, or a MAC address, from which the host part is made by RFC 4291, appendix A.
    Raises ValueError where the suffix is neither."""
    if MAC.fullmatch(suffix):
        raw = bytes.fromhex(re.sub("[:-]", "", suffix))
        host = int.from_bytes(bytes([raw[0] ^ 2]) + raw[1:3] + b"\xff\xfe" + raw[3:])
    else:
        host = int(ipaddress.IPv6Address(suffix.partition("/")[0]))
    rest = (1 << (128 - length)) - 1
    return str(ipaddress.IPv6Address(int(ipaddress.IPv6Address(address)) & ~rest | host & rest))
