# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an audit can find, how grave it is, and why it matters. docs/audit.md explains each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..acme.problem import printable

ERROR, WARNING, NOTE = "error", "warning", "note"
WEIGHT = {ERROR: 0, WARNING: 1, NOTE: 2}
LONGEST = 700

FINDINGS = {
    "docker_api_open": (ERROR, "Whoever reaches Docker's interface is root on this host: no password stands before it."),
    "database_open": (ERROR, "A database holds everything, is asked for by scanners within hours, and was not made to face strangers."),
    "firewall_rule_missing": (
        ERROR,
        "Without the rule everybody on the home network reaches the app past its proxy: no TLS, no limits, and headers that it believes.",
    ),
    "another_listens": (ERROR, "Visitors are not served by what you declared."),
    "undeclared_redirect": (WARNING, "The packet filter sends it on before anything that listens here is asked, and no line of the inventory wants it."),
    "admin_panel_open": (WARNING, "From this page the machine, its containers or its data are ruled."),
    "undeclared_published_port": (
        WARNING,
        "Docker lets a published port in before ufw and the input rules of a firewall see it: on all addresses means open, whatever those deny.",
    ),
    "undeclared_listener": (WARNING, "What nobody declared nobody looks after."),
    "ipv6_open_too": (WARNING, "Over IPv6 each machine has a public address of its own: no forwarding is needed to come in, only a router that lets it."),
    "ssh_open": (NOTE, "SSH is the key to the house, and scanners knock all day."),
    "declared_but_not_listening": (NOTE, "What is declared is not there."),
    "not_looked": (WARNING, "What was not seen is not known to be closed."),
}
"""Every finding, in the order in which they are told: its weight, and why it matters."""

ORDER = {name: place for place, name in enumerate(FINDINGS)}


@dataclass(frozen=True)
class Finding:
    """`where` is the port and its addresses, `seen` what is there, `do` what to do."""

    id: str
    severity: str
    where: str
    seen: str
    why: str
    do: str


def finding(name: str, where: str, seen: str, do: str, severity: str = "") -> Finding:
    """A finding with the weight of its kind, where none is given."""
    usual, why = FINDINGS[name]
    return Finding(name, severity or usual, printable(where, LONGEST), printable(seen, LONGEST), why, printable(do, LONGEST))


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """The gravest first, and among equals as they stand in FINDINGS."""
    return sorted(dict.fromkeys(findings), key=lambda one: (WEIGHT[one.severity], ORDER[one.id]))
