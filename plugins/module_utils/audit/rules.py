# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the packet filter sends elsewhere and what it holds back: the rules of nftables (libnftables-json(5)) and of iptables in both its kinds."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import iptables
from .model import Redirected
from .processes import Run

OURS = ("inet", "exposure")
"""The table of the role firewall (roles/firewall/templates/exposure.nft.j2)."""

DOCKER_CHAINS = iptables.DOCKER_CHAINS
DOCKER_TABLES = "docker-"
ABSENT = 127
PORT_FIELDS = (("tcp", "dport"), ("udp", "dport"), ("th", "dport"))
FAMILIES = {"ip": ("ip",), "ip6": ("ip6",), "inet": ("ip", "ip6")}
"""What comes to a host itself, by the family of a table; the other families see it on its way alone."""
MUTE = frozenset({"counter", "log", "drop", "reject"})


@dataclass
class Rules:
    """What was read. `held_back` is None where our table could not be asked for; `drops` and `admits` are those of Seen."""

    redirected: list[Redirected] = field(default_factory=list)
    held_back: dict[tuple[str, int], frozenset[str]] | None = None
    drops: dict[str, str] = field(default_factory=dict)
    admits: set[tuple[int, int]] = field(default_factory=set)
    unseen: list[str] = field(default_factory=list)
    foreign: list[Redirected] = field(default_factory=list)
    """Rules that iptables wrote into nftables: nft does not know where they lead, iptables-save does."""


def look(run: Run, proc: Path = Path("/proc")) -> Rules:
    """All rules of this network namespace that matter to what comes in. Never raises."""
    rules = Rules()
    nft = read_nft(run, rules)
    tables = iptables.look(run, proc)
    rules.unseen += tables.unseen
    rules.drops = {**tables.drops, **rules.drops}
    rules.admits |= tables.admits
    known = {(one.family, one.chain, one.port, one.last, one.protocol, one.to) for one in rules.redirected}
    rules.redirected += [one for one in tables.redirected if (one.family, one.chain, one.port, one.last, one.protocol, one.to) not in known]
    if not tables.asked:
        rules.redirected += rules.foreign
    if nft == ABSENT and not tables.asked and translates(proc):
        rules.unseen.append("The kernel translates addresses (nf_nat), and neither nft nor iptables is here to tell where to: install nftables.")
    return rules


def translates(proc: Path) -> bool:
    """Whether the kernel has the part that changes addresses."""
    try:
        return any(line.startswith("nf_nat ") for line in (proc / "modules").read_text().splitlines())
    except OSError:
        return False


def read_nft(run: Run, rules: Rules) -> int:
    """The rules of nftables, into `rules`; the exit code of nft."""
    code, output = run(["nft", "-j", "list", "ruleset"])
    if code == ABSENT:
        return code
    try:
        entries = json.loads(output)["nftables"] if not code else None
        if entries is not None:
            understand(entries, rules)
            return 0
    except (ValueError, KeyError, TypeError, AttributeError):
        rules.held_back = None  # half of a ruleset proves nothing
    rules.unseen.append("The rules of nftables could not be read (nft list ruleset); that takes root.")
    return code or 1


def understand(entries: Iterable[Mapping[str, Any]], rules: Rules) -> None:
    """`entries` are the objects of a ruleset, as nft lists them."""
    listed = list(entries)
    chains = {(one["family"], one["table"], one["name"]): one for entry in listed if (one := entry.get("chain"))}
    sets = {(one["family"], one["table"], one["name"]): list(one.get("elem", ())) for entry in listed if (one := entry.get("set") or entry.get("map"))}
    written = [(one, list(one.get("expr", ()))) for entry in listed if (one := entry.get("rule"))]
    jumps: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for rule, expressions in written:
        jumps[place(rule)] |= {str(verdict["target"]) for part in expressions for kind in ("jump", "goto") if (verdict := part.get(kind))}
    before = reached([key for key, chain in chains.items() if chain.get("hook") == "prerouting"], jumps)
    rules.held_back = {}
    for key, chain in chains.items():
        if chain.get("hook") == "input" and chain.get("policy") == "drop":
            drop(rules, key)
    for rule, expressions in written:
        family, table, chain = key = place(rule)
        ports, protocol = ports_of(expressions, {name: elements for (*where, name), elements in sets.items() if where == [family, table]})
        kinds = {kind for part in expressions for kind in part}
        if (family, table) == OURS:
            hold_back(expressions, rules.held_back)
            continue
        if "accept" in kinds:
            rules.admits.update(ports)
        if chains.get(key, {}).get("hook") == "input" and kinds <= MUTE and kinds & {"drop", "reject"}:
            drop(rules, key)
        if key not in before or chain in DOCKER_CHAINS or table.startswith(DOCKER_TABLES):
            continue
        for target, to in targets(expressions):
            known = rules.foreign if target in iptables.TARGETS else rules.redirected
            words = f"{narrowed(expressions)}{protocol or 'any protocol'} {shown(ports)} {target} to {to}, handle {rule.get('handle', '?')}"
            for first, last in ports or [(0, 0)]:
                known.append(Redirected(family, table, chain, words, first, protocol, to, last if last != first else 0))


def drop(rules: Rules, chain: tuple[str, str, str]) -> None:
    for family in FAMILIES.get(chain[0], ()):
        rules.drops.setdefault(family, f"nftables, table {chain[0]} {chain[1]}")


def place(rule: Mapping[str, Any]) -> tuple[str, str, str]:
    return str(rule["family"]), str(rule["table"]), str(rule["chain"])


def reached(starts: Iterable[tuple[str, str, str]], jumps: Mapping[tuple[str, str, str], set[str]]) -> set[tuple[str, str, str]]:
    """The chains that packets come to from these."""
    found, waiting = set(), list(starts)
    while waiting:
        key = waiting.pop()
        if key not in found:
            found.add(key)
            waiting += [(key[0], key[1], target) for target in jumps.get(key, ())]
    return found


def ports_of(expressions: Iterable[Mapping[str, Any]], sets: Mapping[str, list[Any]]) -> tuple[list[tuple[int, int]], str]:
    """The ranges of ports that a rule is for, none where it is for all, and its protocol ('' for all). `sets`: the named ones of its table."""
    ports: list[tuple[int, int]] = []
    protocol = ""
    for part in expressions:
        match = part.get("match")
        if match and match.get("op") in ("==", "in"):
            left, right = match["left"], match["right"]
            payload = left.get("payload", {}) if isinstance(left, Mapping) else {}
            if (payload.get("protocol"), payload.get("field")) in PORT_FIELDS:
                protocol = payload["protocol"] if payload["protocol"] != "th" else protocol
                ports += [found for one in members(right, sets) if (found := span(one))]
            elif isinstance(left, Mapping) and left.get("meta", {}).get("key") == "l4proto" and right in ("tcp", "udp"):
                protocol = str(right)
        elif (sent := part.get("dnat")) and isinstance(sent.get("addr"), Mapping) and "map" in sent["addr"]:
            key = sent["addr"]["map"].get("key", {}).get("payload", {})
            if (key.get("protocol"), key.get("field")) in PORT_FIELDS:
                protocol = str(key["protocol"])
                pairs = members(sent["addr"]["map"].get("data"), sets)
                ports += [found for one in pairs if isinstance(one, list) and one and (found := span(one[0]))]
    return ports, protocol


def members(value: object, sets: Mapping[str, list[Any]]) -> list[Any]:
    """What a match names: one value, or those of a set."""
    if isinstance(value, str) and value.startswith("@"):
        return sets.get(value[1:], [])
    if isinstance(value, Mapping) and "set" in value:
        return list(value["set"])
    return [value]


def span(value: object) -> tuple[int, int] | None:
    """First and last port; None for what is no port, such as the name of a set."""
    if isinstance(value, int):
        return value, value
    if isinstance(value, Mapping) and isinstance(value.get("range"), list) and all(isinstance(one, int) for one in value["range"]):
        return int(value["range"][0]), int(value["range"][1])
    return None


def shown(ports: Iterable[tuple[int, int]]) -> str:
    words = [str(first) if first == last else f"{first}-{last}" for first, last in ports]
    return f"dport {', '.join(words)}" if words else "every port"


def narrowed(expressions: Iterable[Mapping[str, Any]]) -> str:
    """For whom a rule is besides its ports, as words before it."""
    words = ""
    for part in expressions:
        match = part.get("match") or {}
        left, right = match.get("left"), match.get("right")
        kind = (left.get("payload", {}).get("field") or left.get("meta", {}).get("key")) if isinstance(left, Mapping) else ""
        if kind in ("saddr", "daddr", "iifname", "iif"):
            words += f"{kind} {'! ' if match.get('op') == '!=' else ''}{right if isinstance(right, str) else 'of a set'} "
    return words


def targets(expressions: Iterable[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """(dnat or redirect, where to) of a rule."""
    found = []
    for part in expressions:
        if (xt := part.get("xt")) and xt.get("name") in iptables.TARGETS:
            found.append((str(xt["name"]), "what iptables-save tells alone (install iptables)"))
        for kind in ("dnat", "redirect"):
            if kind in part:
                sent = part[kind] or {}
                address, port = sent.get("addr", ""), sent.get("port", "")
                address = address if isinstance(address, str) else "several addresses"
                port = port if isinstance(port, int | str) else "several ports"
                host = f"[{address}]" if ":" in address else address or "this host"
                found.append((kind, f"{host}:{port}" if port else host))
    return found


def hold_back(expressions: Iterable[Mapping[str, Any]], held: dict[tuple[str, int], frozenset[str]]) -> None:
    """A rule of ours: what comes to an address and port from anybody but these is dropped."""
    address, port, sources, drops = "", 0, frozenset[str](), False
    for part in expressions:
        drops = drops or "drop" in part
        match = part.get("match") or {}
        left, right = match.get("left"), match.get("right")
        what = left.get("payload", {}).get("field") if isinstance(left, Mapping) else None
        if what == "daddr" and isinstance(right, str):
            address = right
        elif what == "dport" and isinstance(right, int):
            port = right
        elif what == "saddr" and match.get("op") == "!=":
            sources = frozenset(str(one) for one in members(right, {}))
    if drops and address and port:
        held[address, port] = sources
