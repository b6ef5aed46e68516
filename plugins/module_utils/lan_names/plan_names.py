# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The names of the Plan, for the home network: which addresses they get, and how a person types them into a server of another kind."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

from .records import Refused, dnsmasq_lines, hosts_lines, records, unbound_lines

UNIQUE_LOCAL = ipaddress.IPv6Network("fc00::/7")


def lasting(address: str) -> bool:
    """Whether an address that was found on a host is one to write down: a public IPv6 address changes with the provider's prefix, and the public
    DNS follows it."""
    found = ipaddress.ip_address(address)
    return found.version == 4 or found in UNIQUE_LOCAL


def addresses_of(proxy: str, hostvars: Mapping[str, Any]) -> list[str]:
    """A proxy's addresses on the home network: as declared, else those found on its default interface that last."""
    host = hostvars[proxy]
    declared = host.get("exposure_address") or []
    if declared:
        return [str(declared)] if isinstance(declared, str) else [str(one) for one in declared]
    return [str(one) for one in (host.get("homeserver_host") or {}).get("addresses", []) if lasting(one)]


def lan_names_records(names: Mapping[str, str], hostvars: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The Plan's names (name -> proxy) with the addresses of their proxies."""
    addresses = {proxy: addresses_of(proxy, hostvars) for proxy in sorted(set(names.values()))}
    lacking = [proxy for proxy, found in addresses.items() if not found]
    if lacking:
        raise Refused(
            f"No address on the home network is known for {', '.join(lacking)}. Write exposure_address: 192.168.1.10 (its address there) into its host_vars."
        )
    return [{"name": name, "addresses": addresses[names[name]]} for name in sorted(names)]


def lan_names_text(given: Sequence[Mapping[str, Any]]) -> str:
    """The records as a person types them into a server of another kind."""
    wanted = records(given)
    if not wanted:
        return "No site is declared, so there are no names for the home network."
    parts = {
        "Names of the home network. In a router, or any DNS server, each is a local record (A for IPv4, AAAA for IPv6):": [
            f"{record.name}  ->  {', '.join(record.addresses)}" for record in wanted
        ],
        "As lines of a hosts file (/etc/hosts; C:\\Windows\\System32\\drivers\\etc\\hosts):": hosts_lines(wanted),
        "For dnsmasq, also in OpenWrt:": dnsmasq_lines(wanted),
        "For unbound, also in OPNsense and pfSense:": unbound_lines(wanted),
    }
    return "\n\n".join("\n".join([title, *(f"  {line}" for line in lines)]) for title, lines in parts.items())
