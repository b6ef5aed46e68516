# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Public names of a host of NPM, and what a site is called after them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from ..plan import values
from ..plan.mistakes import Refused
from .left import shown
from .moved import Moved

HOME_ONLY = {"local", "lan", "home", "internal", "localdomain", "intranet", "private", "corp", "test", "localhost"}
"""Last labels that no public authority certifies: RFC 6762, RFC 6761, ICANN's `internal`, and what routers use.
`home.arpa` is RFC 8375."""


@dataclass
class Names:
    """`taken`: names that one site can have. `home`: whether they are known at home alone."""

    taken: list[str] = field(default_factory=list)
    home: bool = False


def is_home_only(name: str) -> bool:
    return name.rpartition(".")[2] in HOME_ONLY or name.endswith((".home.arpa", ".fritz.box"))


def public_name(value: object) -> str:
    """A name as a site takes it. Raises Refused."""
    if isinstance(value, str) and not value.isascii() and len(value) < 254 and all(part.replace("-", "").isalnum() for part in value.split(".")):
        try:
            return values.host_name(value)
        except Refused as refused:
            if "idna" not in str(refused):
                raise
            return value.lower()  # the Plan knows it, on a computer that has the library
    return values.host_name(value)


def read_names(given: object, where: str, moved: Moved) -> Names:
    """The names of `domain_names`; those that no site can have are left with the reason."""
    if not isinstance(given, list):
        moved.lose("its names", where, "The list of its names cannot be read.", "Look at it in NPM, and write the site by hand.")
        return Names()
    found: list[str] = []
    for name in given:
        try:
            if isinstance(name, str) and name.startswith("*."):
                raise Refused("a wildcard stands for names that nobody wrote down", "each name by itself")
            if (one := public_name(name)) not in found:
                found.append(one)
        except Refused as refused:
            moved.lose(f"name {shown(name)}", where, f"It cannot be served here: {refused.problem}.", f"Write {refused.write}.")
    public = [name for name in found if not is_home_only(name)]
    if public and len(public) < len(found):
        for name in found:
            if name not in public:
                cure = "Write a second site for it, with tls: local."
                moved.lose(f"name {shown(name)}", where, "No public authority certifies it, and the other names of this host are public.", cure)
    return Names(public or found, bool(found) and not public)


class Called:
    """What sites are called: the first part of the first name, each once."""

    def __init__(self) -> None:
        self.used: set[str] = set()

    def site(self, names: list[str], number: int) -> str:
        first = names[0] if names else ""
        parts = first.split(".")
        candidates = [parts[0], "-".join(parts[:2]), "-".join(parts)] if parts[0] != "www" else ["-".join(parts[:2]), "-".join(parts)]
        tried = [re.sub(r"[^a-z0-9-]+", "-", one.lower())[:36].strip("-") for one in candidates]
        for one in [*tried, *(f"{tried[0]}-{count}" for count in range(2, 10)), f"site-{number}", *(f"site-{number}-{count}" for count in range(2, 6000))]:
            if values.SLUG.match(one) and one not in self.used and not re.match(r"npm-\d+\Z", one):
                self.used.add(one)
                return one
        raise ValueError("every name is used")


def covers(certified: object, hosts: list[str]) -> bool:
    """Whether a certificate's names are those of a site; a wildcard stands for one label (RFC 6125, 6.4.3)."""
    known = {str(name).lower() for name in certified} if isinstance(certified, list) else set()
    return all(host in known or f"*.{host.partition('.')[2]}" in known for host in hosts)


def certified_names(given: Any) -> list[str]:
    """The names of a certificate that an authority can be asked for."""
    found = []
    for name in given if isinstance(given, list) else []:
        try:
            found.append(values.certificate_name(name))
        except Refused:
            continue
    return list(dict.fromkeys(found))
