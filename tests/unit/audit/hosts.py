"""Looks at hosts for tests, and what was declared of them."""

from __future__ import annotations

from typing import Any

from plugins.module_utils.audit.findings import Finding
from plugins.module_utils.audit.judge import Audit, judge
from plugins.module_utils.audit.model import Declared, Listening, Published, Seen

EVERY = ("0.0.0.0", "::")
PROXY = (
    Declared(80, "tcp", "", "the proxy", "caddy"),
    Declared(443, "tcp", "", "the proxy", "caddy"),
    Declared(443, "udp", "", "the proxy", "caddy"),
)


def listens(port: int, process: str = "thing", *addresses: str, protocol: str = "tcp", **more: Any) -> Listening:
    return Listening(addresses or EVERY, port, protocol, process, **{"pid": 100, **more})


CADDY = tuple(listens(port, "caddy", "::", protocol=protocol, unit="caddy.service") for port, protocol in ((80, "tcp"), (443, "tcp"), (443, "udp")))


def publishes(port: int, target: int, image: str, *addresses: str, protocol: str = "tcp", **more: Any) -> Published:
    return Published(addresses or EVERY, port, protocol, target, more.pop("container", "box"), image, **more)


def audit(*listening: Listening, declared: tuple[Declared, ...] = (), allowed: tuple[Declared, ...] = (), **more: Any) -> Audit:
    return judge(Seen(listening=listening, **more), declared, allowed)


def found(audited: Audit) -> dict[str, Finding]:
    """Findings by name; a test that wants two of one kind counts them itself."""
    return {one.id: one for one in audited.findings}


def weights(audited: Audit) -> list[tuple[str, str]]:
    return [(one.id, one.severity) for one in audited.findings]
