# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The rule that a person types into a router, where no protocol does it for them."""

from __future__ import annotations

from collections.abc import Sequence

from .model import Mapping


def instruction(mappings: Sequence[Mapping], mac: str = "", gateway: str = "", name: str = "") -> str:
    """What to open in the router, for a person. `mac`: that of this server's interface. `gateway`: the router's address. `name`: what the server is called."""
    if not mappings:
        return "Nothing has to be forwarded in the router."
    place = f" (http://{gateway}/)" if gateway else ""
    lines = [f"Open the settings of your router{place}, find 'port forwarding' or 'port sharing', and make:", ""]
    head = ("external port", "protocol", "to address", "port")
    rows = [(str(one.external_port), one.protocol.upper(), one.address, str(one.port)) for one in mappings]
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    lines += ["  " + "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in (head, *rows)]
    lines += ["", "So that the rule stays right, let the router always give this server the same address (DHCP reservation):", ""]
    device = ", ".join(part for part in (name, f"MAC {mac}" if mac else "") if part) or "this server"
    lines += [f"  {device}: {address}" for address in sorted({one.address for one in mappings})]
    return "\n".join(lines) + "\n"
