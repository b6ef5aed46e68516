# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a host exposes held against what was declared. Pure: nothing is looked at here.

Each cause is told once: a database that nobody declared is `database_open`, and not an undeclared listener besides.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from . import advice, known
from .advice import bracketed, place
from .findings import ERROR, NOTE, WARNING, Finding, finding, in_order
from .look import is_ssh
from .matching import covers, declaration, names_of, owner, undeclared
from .model import ADMITTED, ANY, LOOPBACK, Declared, Listening, Published, Redirected, Seen, reach_of, widest


@dataclass(frozen=True)
class Audit:
    """A host's look with its findings, the gravest first. `declared` are lines of the Plan, `allowed` those of the owner (`exposure_listening`)."""

    seen: Seen
    declared: tuple[Declared, ...]
    allowed: tuple[Declared, ...]
    findings: tuple[Finding, ...]

    def as_json(self) -> dict[str, Any]:
        """Lists with a row for each address, as docs/audit.md shows them."""
        return {
            "listening": [row for one in self.seen.listening for row in self.rows_listening(one)],
            "published": [
                {**{key: getattr(one, key) for key in ("port", "protocol", "container", "image", "project", "target")}, "address": address}
                for one in self.seen.published
                for address in one.addresses
            ],
            "redirected": [asdict(one) for one in self.seen.redirected],
            "findings": [asdict(one) for one in self.findings],
        }

    def rows_listening(self, one: Listening) -> Iterator[dict[str, Any]]:
        container = owner(one, self.seen.published)
        names = names_of(one, self.seen.published)
        for address in one.addresses:
            entry = declaration(address, one.port, one.protocol, names, (*self.declared, *self.allowed))
            yield {
                **{key: getattr(one, key) for key in ("port", "protocol", "process", "unit")},
                "address": address,
                "container": container.container if container else one.container,
                "reach": reach_of(address),
                "declared": entry.what if entry else "",
                "known": known.of_the_system(one.protocol, one.port, one.process),
            }


def judge(seen: Seen, declared: Iterable[Declared], allowed: Iterable[Declared] = ()) -> Audit:
    ours, owners = tuple(declared), tuple(allowed)
    found = [
        *unlooked(seen),
        *of_published(seen, ours, owners),
        *of_listening(seen, ours, owners),
        *of_redirected(seen, ours, owners),
        *of_rules(seen, ours),
        *of_absent(seen, ours, owners),
        *of_ssh(seen, owners),
    ]
    return Audit(seen, ours, owners, tuple(in_order([*found, *of_ipv6(seen, ours, owners)])))


def unlooked(seen: Seen) -> Iterator[Finding]:
    for what in seen.unseen:
        yield finding("not_looked", "this host", what, "See that the audit runs as root on the host (become: true), and look again.")


def elsewhere(one: Listening | Published, entries: Iterable[Declared]) -> str:
    """What a declaration says of the port for other addresses, as a sentence; '' where none does."""
    its = [entry for entry in entries if (entry.port, entry.protocol) == (one.port, one.protocol) and entry.address]
    listed = " and ".join(dict.fromkeys(bracketed(entry.address) for entry in its))
    return f" It is declared for {listed} alone ({its[0].what})." if its else ""


def of_published(seen: Seen, ours: tuple[Declared, ...], owners: tuple[Declared, ...]) -> Iterator[Finding]:
    wild = [(one, addresses) for one in seen.published if (addresses := undeclared(one, names_of(one), (*ours, *owners)))]
    for one, addresses in in_rows(wild):
        where, reach = place(one.port, one.protocol, addresses, one.last), widest(addresses)
        what = f"{'The service' if one.swarm else 'The container'} {one.container} ({one.image or 'no image'})"
        told = f"{what} is published there, and no line of the inventory wants that.{elsewhere(one, (*ours, *owners))}"
        if seen.ufw and reach == ANY:
            told += " ufw is on, and does not hold it back."
        program = known.database(one.target, names_of(one), [one.image])
        if program and one.protocol == "tcp":
            yield finding("database_open", where, f"{told} It is {program.title}.", advice.of_published(one, ours), ERROR if reach == ANY else WARNING)
        elif one.target in known.DOCKER_API and one.protocol == "tcp":
            yield finding("docker_api_open", where, f"{told} It is Docker's own interface.", advice.of_published(one, ours))
        elif one.protocol == "tcp" and (panel := known.panel(one.target, names_of(one))):
            yield finding("admin_panel_open", where, f"{told} It is the administration of {panel.title}.", advice.of_published(one, ours), weight(reach))
        else:
            yield finding("undeclared_published_port", where, told, advice.of_published(one, ours), weight(reach))


def in_rows(listed: Iterable[tuple[Published, tuple[str, ...]]]) -> list[tuple[Published, tuple[str, ...]]]:
    """Ports of one container that follow each other, as FTP and games have them, made into one. `listed` is in the order of ports."""
    rows: list[tuple[Published, tuple[str, ...]]] = []
    for one, addresses in listed:
        for place_of, (row, its) in enumerate(rows):
            last = row.last or row.port
            follows = (one.port, one.target - one.port) == (last + 1, row.target - row.port)
            if follows and its == addresses and replace(row, port=one.port, target=one.target, last=0) == one:
                rows[place_of] = (replace(row, last=one.port), its)
                break
        else:
            rows.append((one, addresses))
    return rows


def weight(reach: str) -> str:
    return WARNING if reach == ANY else NOTE


def of_listening(seen: Seen, ours: tuple[Declared, ...], owners: tuple[Declared, ...]) -> Iterator[Finding]:
    rivals = set()
    for one in seen.listening:
        names = names_of(one, seen.published)
        addresses = undeclared(one, names, (*ours, *owners))
        if not addresses or owner(one, seen.published) or known.of_the_system(one.protocol, one.port, one.process) or is_ssh(one):
            continue
        if one.protocol == "udp" and is_clients(one, seen):
            continue
        where = place(one.port, one.protocol, addresses)
        wanted = next((entry for address in addresses if (entry := declaration(address, one.port, one.protocol, (), ours))), None)
        if wanted and (one.port, one.protocol) not in rivals:
            rivals.add((one.port, one.protocol))
            told = f"It is declared for {wanted.process} ({wanted.what}), but {described(one)} listens there."
            yield finding("another_listens", where, told, f"{advice.closed(one)} Then run playbooks/site.yml again.")
            continue
        yield from of_undeclared(one, addresses, names, seen, (*ours, *owners))


def of_undeclared(one: Listening, addresses: tuple[str, ...], names: tuple[str, ...], seen: Seen, entries: tuple[Declared, ...]) -> Iterator[Finding]:
    where, reach = place(one.port, one.protocol, addresses), widest(addresses)
    told = f"{sentence(described(one))} listens there, and no line of the inventory wants it.{elsewhere(one, entries)}"
    by = " and ".join(dict.fromkeys(seen.drops.values()))
    held = f" Your firewall ({by}) drops what it does not admit, and no rule of it names this port." if holds(one.port, families(addresses), seen) else ""
    its = [name for name in names if name == one.process or name != one.container]
    program, grave = known.database(one.port, names, its), ERROR if reach == ANY and not held else WARNING
    if one.protocol == "tcp" and one.port in known.DOCKER_API:
        what = f"{told} It is the port of Docker's own interface.{held}"
        do = (
            "Take the tcp:// entry out of hosts in /etc/docker/daemon.json, or -H tcp:// out of the unit (systemctl cat docker); systemctl restart docker. "
            "From afar use docker context create with ssh://."
        )
        yield finding("docker_api_open", where, what, do)
    elif one.protocol == "tcp" and program:
        what = f"{told} It is {program.title}, or has its port.{held}"
        do = advice.closed(one, program.listens if known.named(program, names) else "")
        yield finding("database_open", where, what, f"{do} {advice.meant(one.port, one.protocol, one.process)}", grave)
    elif one.protocol == "tcp" and (panel := known.panel(one.port, names)):
        do = f"{advice.closed(one, panel.listens)} Reach it through a site with a login, or by ssh -L {one.port}:127.0.0.1:{one.port}."
        yield finding("admin_panel_open", where, f"{told} It is the administration of {panel.title}.{held}", do, NOTE if held else weight(reach))
    else:
        yield finding("undeclared_listener", where, told + held, advice.of_listening(one), NOTE if held else weight(reach))


def described(one: Listening) -> str:
    """Who it is: process, unit, container."""
    if one.container:
        return f"{one.process or 'a process'} of the container {one.container}"
    if not one.process and not one.opens:
        return "the kernel, or a process that could not be seen,"
    unit = ", ".join(name for name in dict.fromkeys((one.unit, one.opens)) if name)
    return f"{one.process} ({unit})" if unit else f"{one.process} (of no service)"


def sentence(text: str) -> str:
    return text[:1].upper() + text[1:] if text.startswith(("the ", "a ")) else text


def families(addresses: Iterable[str]) -> set[str]:
    """Over which families these are reached; a socket on `::` takes IPv4 too, unless it was told not to (ipv6(7), IPV6_V6ONLY)."""
    return {family for address in addresses for family in (("ip", "ip6") if address == "::" else ("ip6",) if ":" in address else ("ip",))}


def holds(port: int, over: Iterable[str], seen: Seen) -> bool:
    """Whether the packet filter is likely to hold a port back over each of these families; only for what comes to the host itself."""
    return all(family in seen.drops for family in over) and not any(first <= port <= last for first, last in seen.admits)


def is_clients(one: Listening, seen: Seen) -> bool:
    """Whether a UDP socket is one from which a program asks others: the kernel chose its port."""
    first, last = seen.client_ports
    return first <= one.port <= last


def of_redirected(seen: Seen, ours: tuple[Declared, ...], owners: tuple[Declared, ...]) -> Iterator[Finding]:
    for one in seen.redirected:
        taken = [entry for entry in ours if one.covers(entry.port, entry.protocol)]
        narrow = bool(taken) and bool(one.port) and not is_to_ours(one, taken)
        named = any(one.port == entry.port and one.protocol in ("", entry.protocol) for entry in owners)
        if named and not (one.last and narrow):  # a line for the first port of a range says nothing of the proxy's amid it
            continue
        ports = f"port {one.port}" if one.port and not one.last else f"ports {one.port} to {one.last}" if one.port else "every port"
        where = f"{ports}{'/' + one.protocol if one.protocol else ''}, table {one.family} {one.table}, chain {one.chain}"
        told = f"A rule sends it to {one.to}: {one.rule}."
        if narrow:
            told += f" The inventory wants {taken[0].what} there."
        yield finding("undeclared_redirect", where, told, advice.of_redirected(one, not (one.last and narrow)), ERROR if narrow else "")


def is_to_ours(one: Redirected, taken: Sequence[Declared]) -> bool:
    return any(one.to == f"this host:{entry.port}" for entry in taken)


def of_rules(seen: Seen, ours: Iterable[Declared]) -> Iterator[Finding]:
    """Ports that only some may reach, without the rule that sees to it."""
    for entry in ours:
        if not entry.sources:
            continue
        where = place(entry.port, entry.protocol, [entry.address])
        wanted = " and ".join(entry.sources)
        do = "systemctl restart exposure-firewall.service (systemctl status says why where it fails). Then run playbooks/site.yml again."
        if seen.held_back is None:
            yield finding("not_looked", where, f"Only {wanted} may reach {entry.what}; whether the rule is loaded could not be seen (nft).", do)
        elif seen.held_back.get((entry.address, entry.port)) != frozenset(entry.sources):
            there = seen.held_back.get((entry.address, entry.port))
            told = f"the rule admits {' and '.join(sorted(there))}" if there else "the rule is not in the table inet exposure"
            yield finding("firewall_rule_missing", where, f"Only {wanted} may reach {entry.what}, but {told}.", do)


def of_absent(seen: Seen, ours: Iterable[Declared], owners: Iterable[Declared]) -> Iterator[Finding]:
    """What is declared and is not there: neither a listener, nor a published port, nor, for what the owner allowed, a rule that sends it on."""
    there: list[Listening | Published] = [*seen.listening, *seen.published]
    for entry in dict.fromkeys((*ours, *(one for one in owners if one.what == ADMITTED))):
        its = [one for one in there if (one.port, one.protocol) == (entry.port, entry.protocol)]
        if any(covers(entry, address) or ipaddress.ip_address(address).is_unspecified for one in its for address in one.addresses):
            continue
        where = place(entry.port, entry.protocol, [entry.address or "0.0.0.0"])
        if entry.what == ADMITTED and any(one.covers(entry.port, entry.protocol) for one in seen.redirected):
            continue
        if entry.what == ADMITTED:
            do = f"Take the line with port {entry.port} out of {ADMITTED}, where it is not needed any more."
            yield finding("declared_but_not_listening", where, f"{ADMITTED} has a line for it, and nothing listens.", do)
        else:
            do = f"Run playbooks/site.yml, or look at what is to run there: {whose_log(entry)}."
            yield finding("declared_but_not_listening", where, f"{sentence(entry.what)} is declared there, and nothing listens.", do)


def whose_log(entry: Declared) -> str:
    if entry.what.startswith("app "):
        return f"docker compose -p {entry.what.removeprefix('app ')} logs"
    return f"journalctl -u {entry.process}" if entry.process else "systemctl --failed"


def of_ssh(seen: Seen, owners: tuple[Declared, ...]) -> Iterator[Finding]:
    """SSH, once: it is nearly always meant, and its passwords are what matters."""
    its = [one for one in seen.listening if is_ssh(one) and one.reach != LOOPBACK]
    if not its:
        return
    addresses = sorted({address for one in its for address in one.addresses}, key=lambda one: (":" in one, one))
    where, reach = place(its[0].port, "tcp", addresses), widest(addresses)
    allowed = all(declaration(address, one.port, "tcp", names_of(one), owners) for one in its for address in one.addresses)
    if seen.passwords:
        do = (
            "Put your key there (ssh-copy-id) and try it. Then write PasswordAuthentication no and KbdInteractiveAuthentication no into "
            "/etc/ssh/sshd_config.d/keys.conf; systemctl reload ssh."
        )
        yield finding("ssh_open", where, "sshd listens there and lets people in by password.", do, WARNING if reach == ANY and not allowed else NOTE)
    elif not allowed:
        told = "sshd listens there, and takes keys only." if seen.passwords is False else "sshd listens there; whether it takes passwords could not be seen."
        do = f"See that the router does not forward it. To be asked no more: {ADMITTED}: [{{port: {its[0].port}, protocol: tcp, process: sshd}}]"
        yield finding("ssh_open", where, told, do)


def of_ipv6(seen: Seen, ours: tuple[Declared, ...], owners: tuple[Declared, ...]) -> Iterator[Finding]:
    """All undeclared ports that an IPv6 address of the internet leads to, in one finding."""
    if not seen.global_ipv6:
        return
    open_too = []
    every: list[Published | Listening] = [*seen.published, *seen.listening]
    for one in every:
        if isinstance(one, Listening) and (known.of_the_system(one.protocol, one.port, one.process) or (one.protocol == "udp" and is_clients(one, seen))):
            continue
        if isinstance(one, Listening) and (is_ssh(one) or holds(one.port, ["ip6"], seen)):
            continue
        addresses = undeclared(one, names_of(one, seen.published), (*ours, *owners))
        if any(address == "::" or address in seen.global_ipv6 for address in addresses):
            open_too.append(f"{one.port}/{one.protocol}")
    if open_too:
        listed = ", ".join(dict.fromkeys(open_too))
        where = f"{bracketed(seen.global_ipv6[0])}, {'port' if len(set(open_too)) == 1 else 'ports'} {listed}"
        told = "They listen on IPv6 as well, no line of the inventory wants them there, and this host has a public IPv6 address."
        do = "Close them as said for each of them. Until then see in your router that its IPv6 firewall lets in 80 and 443 alone, for this host alone."
        yield finding("ipv6_open_too", where, told, do)
