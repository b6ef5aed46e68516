# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The authority and its page, brought into the state that was declared, and what that changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import authority_page
from .authority import Authority, Refused, Run
from .authority_files import read_chain


@dataclass
class Outcome:
    """Whether something changed (or would change), Ansible's diff of it, and the authority that is there then."""

    changed: bool = False
    diff: list[dict[str, str]] = field(default_factory=list)
    certificate: str = ""
    fingerprint: str = ""
    ends: str = ""


def settle(wanted: Mapping[str, Any], authority: Authority, run: Run, check: bool) -> Outcome:
    """`wanted` has state, certificate, key, replace, purge, page (a template) and page_directory. A key never shows."""
    outcome = Outcome()
    if wanted["state"] == "absent":
        leave(wanted, authority, check, outcome)
        return outcome
    if bool(wanted["certificate"]) != bool(wanted["key"]):
        raise Refused("local_ca_certificate and local_ca_key belong together: give both, or neither, and a CA is made on this host.")
    before = described(authority)
    if wanted["certificate"]:
        pair = Path(wanted["certificate"]), Path(wanted["key"])
        changed = authority.adopt(*pair, wanted["replace"], check)
    else:
        changed = authority.make(run, wanted["replace"], check)
    if changed:
        new = f"{read_chain(Path(wanted['certificate'])).described()}\n" if wanted["certificate"] else "a new CA, made by mkcert\n"
        note(outcome, str(authority.root), before, new if check else described(authority))
    if changed and check:
        note(outcome, wanted["page_directory"], "", "its page\n")
        return outcome
    page(wanted, authority, check, outcome)
    chain = authority.chain
    outcome.certificate, outcome.fingerprint, outcome.ends = authority.certificate.decode(), chain.fingerprint, f"{chain.ends:%Y-%m-%d}"
    return outcome


def page(wanted: Mapping[str, Any], authority: Authority, check: bool, outcome: Outcome) -> None:
    folder = Path(wanted["page_directory"])
    files = authority_page.render(wanted["page"], authority.chain, authority.root)
    for name in authority_page.differing(folder, files):
        before = f"{(folder / name).stat().st_size} bytes\n" if (folder / name).is_file() else ""
        note(outcome, str(folder / name), before, f"{len(files[name])} bytes, for the root {authority.chain.fingerprint}\n")
    if not check:
        authority_page.write(folder, files)


def leave(wanted: Mapping[str, Any], authority: Authority, check: bool, outcome: Outcome) -> None:
    """The page goes. The authority stays, unless it is to be purged: what it signed is trusted by clients."""
    folder = Path(wanted["page_directory"])
    if folder.exists():
        note(outcome, str(folder), "the page of the local CA\n", "")
        if not check:
            authority_page.remove(folder)
    if wanted["purge"] and authority.root.exists():
        note(outcome, str(authority.root), described(authority) or "no CA\n", "")
        if not check:
            authority.purge()


def described(authority: Authority) -> str:
    try:
        return f"{authority.chain.described()}\n" if authority.exists else ""
    except Refused as refusal:
        return f"{refusal}\n"


def note(outcome: Outcome, place: str, before: str, after: str) -> None:
    outcome.changed = True
    outcome.diff.append({"before_header": place, "after_header": place, "before": before, "after": after})
