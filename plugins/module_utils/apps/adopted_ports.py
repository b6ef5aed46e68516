# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Published ports of a person's compose file are put on loopback: one value on one line changes, and every other byte stays.

The file is parsed for where things stand, never written back from the parse (as in yaml_block.py).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from .files import Unknown
from .yaml_block import compose, outline

SHORT = re.compile(
    r"((?P<address>\[[0-9a-fA-F:.]+\]|[0-9]+(\.[0-9]+){3}|\$\{[^}]*\}):(?=(\$\{[^}]*\}|[0-9]*):))?"
    r"((?P<published>\$\{[^}]*\}|[0-9]*):)?(?P<target>[0-9]+)(?P<protocol>/[a-z]+)?\Z"
)
"""`[[address:]published:]target[/protocol]` (Compose, Services, ports, short syntax), one port and no range."""
LEFT = "is laid out in a way that cannot be changed safely, and is left as it is"


def on_loopback(text: str, service: str, targets: Sequence[int], name: str) -> str:
    """The text of a compose file whose `service` publishes these ports inside on loopback alone; the same text where nothing is to be changed, or this file
    does not publish them. Raises `Unknown` where it cannot be done without touching something else."""
    ports = ports_of(compose(text, name), service)
    if ports is None:
        return text
    if ports.id != "sequence" or any(one.start_mark.index < ports.start_mark.index or one.start_mark.index > ports.end_mark.index for one in ports.value):
        raise Unknown(f"{name}: the list ports of {service} {LEFT}. {by_hand(targets)}")
    spans = [span for one in ports.value if (span := change(text, one, targets, name, service))]
    after = text
    for start, end, new in sorted(spans, reverse=True):
        after = after[:start] + new + after[end:]
    if spans and not only_ports_differ(text, after, service, name):
        raise Unknown(f"{name} {LEFT}. {by_hand(targets)}")
    return after


def by_hand(targets: Sequence[int]) -> str:
    listed = ", ".join(f'"127.0.0.1:{target}:{target}"' for target in targets)
    return f"Write it yourself, with the port outside that you have: ports: [{listed}]"


def entry(node: Any, key: str) -> Any:
    """A value of a mapping; None where it has no such line."""
    if node is None or node.id != "mapping":
        return None
    return next((value for name, value in node.value if name.value == key), None)


def ports_of(root: Any, service: str) -> Any:
    its = entry(entry(root, "services"), service)
    found = entry(its, "ports")
    if found is not None and found.start_mark.index < its.start_mark.index:
        raise Unknown(f"The ports of {service} are an alias of lines that stand elsewhere, which others may use too. Write them under {service} itself.")
    return found


def change(text: str, node: Any, targets: Sequence[int], name: str, service: str) -> tuple[int, int, str] | None:
    """Where an entry stands that has to change, and what to put there."""
    if node.id == "mapping":
        return change_long(text, node, targets, name, service)
    shown = str(node.value)
    found = SHORT.match(shown) if node.id == "scalar" else None
    if not found:
        if covers(shown, targets):
            raise Unknown(f"{name}: {service} publishes {shown!r}, a range with the port in it. {by_hand(targets)}")
        return None
    if int(found["target"]) not in targets or found["protocol"] not in (None, "/tcp"):
        return None
    address = found["address"] or ""
    if address in ("127.0.0.1", "[::1]"):
        return None
    loopback = "[::1]" if address.startswith("[") else "127.0.0.1"
    written = f"{loopback}:{found['published'] or ''}:{found['target']}{found['protocol'] or ''}"
    quote = text[node.start_mark.index] if text[node.start_mark.index] in "\"'" else '"'
    return node.start_mark.index, node.end_mark.index, f"{quote}{written}{quote}"


def covers(shown: str, targets: Sequence[int]) -> bool:
    """Whether a range such as 8000-8010:8000-8010 has one of the ports."""
    found = re.search(r"(\d+)-(\d+)(/tcp)?\Z", shown)
    return bool(found) and any(int(found[1]) <= target <= int(found[2]) for target in targets) if found else False


def change_long(text: str, node: Any, targets: Sequence[int], name: str, service: str) -> tuple[int, int, str] | None:
    """An entry in the long syntax: its `host_ip` is set, or added behind its `target`."""
    target, address, protocol = entry(node, "target"), entry(node, "host_ip"), entry(node, "protocol")
    if target is None or not target.value.isdigit() or int(target.value) not in targets or (protocol is not None and protocol.value != "tcp"):
        return None
    if address is not None:
        if address.value in ("127.0.0.1", "::1"):
            return None
        if address.start_mark.index < node.start_mark.index:
            raise Unknown(f"{name}: host_ip of a port of {service} is an alias. {by_hand(targets)}")
        return address.start_mark.index, address.end_mark.index, '"::1"' if ":" in address.value else "127.0.0.1"
    key = next(name for name, _ in node.value if name.value == "target")
    end = target.end_mark.index
    if node.flow_style:
        return end, end, ", host_ip: 127.0.0.1"
    newline = text.find("\n", end)
    end = len(text) if newline < 0 else newline
    ending = "\r\n" if text[end - 1 : end] == "\r" else "\n"
    end -= len(ending) - 1
    return end, end, f"{ending}{' ' * key.start_mark.column}host_ip: 127.0.0.1"


def only_ports_differ(before: str, after: str, service: str, name: str) -> bool:
    """Whether an edit left all but the list of ports as it was, and that as long as it was."""
    sides = [compose(text, name) for text in (before, after)]
    lists = [ports_of(side, service) for side in sides]
    if len(lists[0].value) != len(lists[1].value):
        return False
    for one in lists:
        one.value = []
    return bool(outline(sides[0]) == outline(sides[1]))
