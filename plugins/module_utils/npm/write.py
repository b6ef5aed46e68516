# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What was carried over, as the files of an inventory, and in words for the terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from .left import CLOSED, DIFFERS, LOST, Left, shown
from .moved import Entry, Moved
from .yaml_text import Template, flow, item, scalar, variable

PATHS = ("chain", "key")
"""Lines of a certificate that are below the host's folder."""

ORDER = (
    (CLOSED, "Written as comments, because they would be open, or could not work"),
    (LOST, "Not carried over"),
    (DIFFERS, "Carried over, and not quite the same"),
)

CONNECTION = ("ansible_host", "ansible_port", "ansible_user", "ansible_connection", "ansible_become", "ansible_become_method", "ansible_python_interpreter")
"""What says how to reach a host, and is no secret."""


def with_paths(lines: Mapping[str, Any], folder: str) -> dict[str, Any]:
    """A certificate's lines with its files below `folder`."""
    return {key: Template(f"{folder}/{value}") if key in PATHS else value for key, value in lines.items()}


def commented(lines: list[str]) -> list[str]:
    return [f"  # {line.removeprefix('  ')}" for line in lines]


def wrapped(text: str, indent: str, first: str = "") -> list[str]:
    return textwrap.wrap(text, 140, initial_indent=first or indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False) or [indent]


def entries(name: str, given: list[Entry], folder: str) -> list[str]:
    """A list of entries; those that do not count are comments, each with its reasons before it."""
    live = [entry for entry in given if not entry.closed]
    made = [f"{name}:" if live else f"{name}: []"]
    for entry in given:
        written = item(with_paths(entry.lines, folder) if name == "exposure_certificates" else entry.lines)
        for reason in dict.fromkeys(entry.closed):
            made += wrapped(f"{shown(entry.where)}: {shown(reason, 1000)}", "  # ")
        made += commented(written) if entry.closed else written
    return made


def counts(moved: Moved) -> str:
    def many(number: int, what: str) -> str:
        return f"{number} {what}{'' if number == 1 else 's'}"

    live = sum(not entry.closed for entry in moved.sites)
    lost, differs = (sum(one.kind == kind for one in moved.left) for kind in (LOST, DIFFERS))
    closed = len(moved.sites) - live
    return (
        f"{many(live, 'site')} carried over, {closed} written as {'a comment' if closed == 1 else 'comments'}, "
        f"{many(lost, 'thing')} not carried over, {many(differs, 'difference')}"
    )


def host_file(moved: Moved, host: str, source: str) -> str:
    """`exposure.yml` of a host: the declaration, and below it all that is left."""
    folder = "{{ inventory_dir }}/host_vars/" + host
    made = ["---", *wrapped(f"From Nginx Proxy Manager's folder {shown(source)} on {shown(host)}: {counts(moved)}.", "# ")]
    for name, value in moved.variables.items():
        made += variable(name, value)
    if "dns" in moved.variables.get("exposure_acme", {}):
        made.append("# exposure_acme_credentials: in vault.yml beside this file")
    if moved.certificates:
        made += entries("exposure_certificates", moved.certificates, folder)
    made += entries("exposure_sites", moved.sites, folder)
    for line in told(moved.left):
        made.append(f"# {line}".rstrip())
    return "\n".join(made) + "\n"


def told(left: list[Left]) -> list[str]:
    """What is left, in words, one group after the other."""
    made: list[str] = []
    for kind, title in ORDER:
        own = [one for one in left if one.kind == kind]
        if own:
            made += ["", f"{title}:", ""]
        for one in own:
            head = one.what if one.where in one.what else f"{one.what} ({one.where})"
            made += wrapped(shown(head, 2000), "    ", "  - ")
            made += wrapped(shown(f"{one.why} {one.do}", 3000), "    ")
            made += [f"        {shown(line, 320)}" for line in one.lines]
    return made


def vault_file(credentials: Mapping[str, str], path: str) -> str:
    """`vault.yml` of a host."""
    head = ["---", "# The account at the DNS provider, as Nginx Proxy Manager had it. Encrypt it:", f"# ansible-vault encrypt {shown(path, 400)}"]
    made = [*head, "exposure_acme_credentials:"]
    for name, value in credentials.items():
        made += [f"  {line}" for line in variable(name, value)]
    return "\n".join(made) + "\n"


def hosts_file(host: str, variables: Mapping[str, Any]) -> str:
    """The host itself in the group `proxy`, and how it is reached."""
    lines = {name: variables[name] for name in CONNECTION if isinstance(variables.get(name), (str, int, bool))}
    made = ["---", "all:", "  children:", "    proxy:", "      hosts:", f"        {scalar(host)}: {flow(lines)}"]
    return "\n".join(made) + "\n"


def report(moved: Moved, written: list[str], kept: list[str], folder: str, host: str) -> str:
    """For the terminal: what was written, what was there already, what is left, and what to do next."""
    made = [f"Nginx Proxy Manager on {shown(host)}: {counts(moved)}."]
    made += [f"  written: {path}" for path in written]
    made += [f"  kept, because it was there and is not the same: {path} (-e import_overwrite=true writes it anew)" for path in kept]
    made += told(moved.left)
    made += [
        "",
        "Look at what was written, then see what it would do, and touches nothing:",
        f"  ansible-playbook -i {folder} playbooks/site.yml --check --diff",
    ]
    return "\n".join(made)
