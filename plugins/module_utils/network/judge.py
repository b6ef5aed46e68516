# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What all looks together mean for the exposure of a home. Pure: no network, no clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ..address.model import FAMILIES, IPV4, IPV6
from . import judge_names, judge_ports
from .challenge import OPEN, Choice, choose
from .findings import NOT_PROVEN, WARNING, Finding, finding, in_order
from .observe import OUTSIDE, SERVER
from .ports import HTTPS
from .seen import SPOKEN, Seen, Wish, place_of

VERSION = 1

ADDRESSES = {
    "cgnat": (
        "Your provider shares one public IPv4 address among many customers (CGNAT): nobody can come in over IPv4.",
        "Ask your provider for a public IPv4 address of your own; many give one on request or for a small fee. Or expose the sites over IPv6, or through a "
        "rented server with a tunnel to your home.",
    ),
    "double_nat": (
        "A second router stands between yours and the internet, so what yours forwards never arrives.",
        "Turn the outer one (often the provider's box) into a modem (bridge mode), or let it forward the same ports to yours, or connect the server to it.",
    ),
    "vpn_egress": (
        "The server goes out through a VPN or another line than the router's, so what is seen of it from outside is not your home.",
        "Name the device that leads to the router (exposure_address: interface), or leave the server out of the VPN.",
    ),
    "sources_disagree": (
        "The sources that were asked for your {family} address do not agree, so none is published.",
        "See below who says what. Take out a source that is wrong (exposure_address: sources), or run again where the address has just changed.",
    ),
    "unknown": (
        "Your public {family} address could not be found.",
        "See that the server reaches the internet, and that UPnP or NAT-PMP may be asked in the router; or state the address (exposure_address: fixed).",
    ),
}


@dataclass(frozen=True)
class Picture:
    """All that was found, with what the challenges for certificates follow from."""

    seen: Seen
    findings: tuple[Finding, ...]
    choice: Choice

    def kept(self, looked: str) -> dict[str, Any]:
        """What the server keeps of it, as JSON without secrets: from this the Plan may choose challenges. `looked` is the time."""
        return {
            "version": VERSION,
            "looked": looked,
            "hosts": list(self.seen.looks),
            **grounds(self.seen),
            **asdict(self.choice),
            "findings": [asdict(one) for one in self.findings],
        }


def judge(looks: Mapping[str, Mapping[str, Any]], wish: Wish, failed: Mapping[str, str] | None = None) -> Picture:
    """`looks`: host -> its look, as observe gives it. `failed`: host -> why it could not look."""
    seen = Seen(looks, wish, failed or {})
    grave = [*unlooked(seen), *of_addresses(seen), *judge_ports.judge(seen), *judge_names.judge(seen)]
    choice = choose(grounds(seen), wish.https_port, wish.http_port, wish.dns_provider, wish.engine, wish.wildcard)
    return Picture(seen, tuple(in_order(grave)), choice)


def grounds(seen: Seen) -> dict[str, Any]:
    """What a choice of challenges needs to know."""
    return {
        "outside": any(True for _ in seen.tries(OUTSIDE)),
        "verdicts": {family: seen.verdict(family) for family in FAMILIES},
        "addresses": seen.home,
        "published": seen.published,
        "ports": {str(port): {family: seen.states[scheme][family] for family in FAMILIES if seen.used(family)} for scheme, port in seen.wish.ports.items()},
        "caa": judge_names.forbidden_by_caa(seen),
    }


def unlooked(seen: Seen) -> Iterator[Finding]:
    """Hosts that were to look and could not."""
    for host, why in seen.failed.items():
        advice = "See that Ansible reaches it (ansible -m ping) and look again. What the others saw is told here all the same."
        yield finding("not_looked", f"{host} could not look.", [why], advice, NOT_PROVEN, [host])
    if not seen.at(SERVER) and not seen.failed:
        yield finding("not_looked", "No server was looked at.", [], "Put the host that carries the proxy into the group proxy.", NOT_PROVEN)


def of_addresses(seen: Seen) -> Iterator[Finding]:
    """How the home is connected, where that stands in the way."""
    if not seen.server:
        return
    for family in FAMILIES:
        found, verdict = seen.found(family), seen.verdict(family)
        name = "address_unknown" if verdict == "unknown" else verdict
        if verdict not in ADDRESSES or (verdict == "unknown" and (not found or seen.home[family] or (family == IPV6 and seen.home[IPV4]))):
            continue  # an address that was declared or reached from outside is known well enough
        what, advice = (text.format(family=SPOKEN[family]) for text in ADDRESSES[verdict])
        evidence = [f"{place_of(seen.server_name, seen.server)}: {sentence(one)}" for one in found.get("evidence", ())]
        works = seen.states.get(HTTPS, {}).get(IPV6) == OPEN if family == IPV4 else seen.states.get(HTTPS, {}).get(IPV4) == OPEN
        if works:
            evidence.append(f"Over {SPOKEN[IPV6 if family == IPV4 else IPV4]} the server is reached from outside.")
        if seen.states.get(HTTPS, {}).get(family) == OPEN and verdict != "unknown":
            works = True
            evidence.append(f"Over {SPOKEN[family]} the server is reached from outside all the same.")
        yield finding(name, what, evidence, found.get("advice") or advice, about=[SPOKEN[family]], severity=WARNING if works else "")


def sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
