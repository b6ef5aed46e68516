# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The rules of iptables, as iptables-save and ip6tables-save tell them, both those in nftables and the older kind beside it."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ..acme.problem import printable
from .model import Redirected
from .processes import Run

DOCKER_CHAINS = frozenset({"DOCKER", "DOCKER-INGRESS", "DOCKER_OUTPUT", "DOCKER_POSTROUTING"})
TARGETS = {"DNAT": "--to-destination", "REDIRECT": "--to-ports"}
FAMILIES = (("ip", "iptables", "ip_tables_names"), ("ip6", "ip6tables", "ip6_tables_names"))
ABSENT = 127


@dataclass
class Tables:
    """What was read: `drops` by family, `admits` as first and last port, `asked` whether any of the programs is there."""

    redirected: list[Redirected] = field(default_factory=list)
    drops: dict[str, str] = field(default_factory=dict)
    admits: set[tuple[int, int]] = field(default_factory=set)
    unseen: list[str] = field(default_factory=list)
    asked: bool = False


def look(run: Run, proc: Path = Path("/proc")) -> Tables:
    """The rules of both families. The older kind is asked only where the kernel has tables of it: asking would make them."""
    tables = Tables()
    for family, name, loaded in FAMILIES:
        commands = [f"{name}-nft-save"]
        if has_text(proc / "net" / loaded):
            commands.append(f"{name}-legacy-save")
        answers = [run([command]) for command in commands]
        if all(code == ABSENT for code, _ in answers):
            answers = [run([f"{name}-save"])]
        for code, output in answers:
            tables.asked = tables.asked or code != ABSENT
            if not code:
                understand(output, family, tables)
            elif code != ABSENT:
                tables.unseen.append(f"The rules of {name} could not be read ({name}-save); that takes root.")
    return tables


def has_text(path: Path) -> bool:
    try:
        return bool(path.read_text().strip())
    except OSError:
        return False


def understand(saved: str, family: str, tables: Tables) -> None:
    """`saved` is in the form of iptables-save(8)."""
    table = ""
    rules: list[tuple[str, list[str]]] = []
    for line in [*saved.splitlines(), "COMMIT"]:
        if line.startswith("*"):
            table, rules = line[1:].strip(), []
        elif line.startswith(":INPUT DROP") and table == "filter":
            tables.drops.setdefault(family, f"{'ip6tables' if family == 'ip6' else 'iptables'}, chain INPUT")
        elif line.startswith("-A "):
            try:
                words = shlex.split(line)
            except ValueError:
                continue  # no line of iptables-save
            rules.append((words[1], words[2:]))
        elif line == "COMMIT":
            if table == "filter":
                tables.admits |= {(port, last or port) for _, words in rules if value(words, "-j") == "ACCEPT" for port, last in ports_of(words)}
            if table == "nat":
                tables.redirected += redirected(rules, family)
            rules = []


def redirected(rules: Iterable[tuple[str, list[str]]], family: str) -> list[Redirected]:
    """The rules that send elsewhere what comes in, other than Docker's own."""
    listed = list(rules)
    jumps: dict[str, set[str]] = defaultdict(set)
    for chain, words in listed:
        jumps[chain] |= {value(words, "-j"), value(words, "-g")}
    reached, waiting = set(), ["PREROUTING"]
    while waiting:
        chain = waiting.pop()
        if chain not in reached:
            reached.add(chain)
            waiting += jumps.get(chain, ())
    found = []
    for chain, words in listed:
        target = value(words, "-j")
        if target not in TARGETS or chain not in reached or chain in DOCKER_CHAINS:
            continue
        to = value(words, TARGETS[target])
        sent = to if target == "DNAT" else f"this host:{to}" if to else "this host"
        protocol = value(words, "-p")
        rule = printable(f"-A {chain} {shlex.join(words)}", 300)
        for first, last in ports_of(words) or [(0, 0)]:
            found.append(Redirected(family, "nat", chain, rule, first, protocol if protocol in ("tcp", "udp") else "", sent, last))
    return found


def value(words: list[str], option: str) -> str:
    """What follows an option, '' where it is not there or is turned round by `!`."""
    if option not in words:
        return ""
    place = words.index(option)
    return words[place + 1] if place + 1 < len(words) and (not place or words[place - 1] != "!") else ""


def ports_of(words: list[str]) -> list[tuple[int, int]]:
    """(first, last) of each range that a rule is for; last is 0 for a single port."""
    found = []
    for part in (value(words, "--dport") or value(words, "--dports")).split(","):
        first, _, last = part.partition(":")
        if first.isdigit() and (not last or last.isdigit()):
            found.append((int(first), int(last or 0)))
    return found
