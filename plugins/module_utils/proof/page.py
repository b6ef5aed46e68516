# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The proof as one page: nothing in it is loaded from anywhere, runs, or is taken for anything but text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ..network.findings import listed
from . import page_house, page_sites
from .gather import ATTENTION, FAILED, OK, UNPROVEN, Proof, distinct
from .said import Said, counted
from .style import CSS, SYMBOLS, mark
from .words import clock, esc, moment, plural

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
SEEN = 6
"""Sentences of evidence that are shown at once."""
NAME = 80
"""Letters of a name."""
KIND = {"error": "Problems", "warning": "Warnings", "note": "Notes"}
CLOSED = re.compile(r"port (\d+) closed")
WRONG = {
    "reachable": "not reachable",
    "name": "its name does not resolve",
    "redirect": "http is not sent to https",
    "unknown name": "answers to a name that is nobody's",
    "no name": "answers to who asks for no name",
    "HTTP/2": "no HTTP/2",
    "HTTP/3": "no HTTP/3",
    "WebSocket": "no WebSocket",
    "accounts": "everybody knows its log-in",
}
"""Checks whose names say what is hoped for."""
BY = {"site": "Seen from", "app": "Seen on", "certificate": "Seen from", "network": "Proven"}
WHERE = {"outside": "outside", "lan": "at home", "server": "on the server", "controller": ""}


def page(proof: Proof) -> str:
    """The whole HTML."""
    elsewhere = [one for one in proof.findings if one.source not in ("app", "network")]
    body = [
        verdict(proof),
        section("What is wrong", "".join(said(one) for one in proof.wrong)),
        section("Before somebody else does", "".join(said(one) for one in proof.findings if one.source == "app")),
        section("Sites", page_sites.table(proof)),
        *(
            section(title, "".join(said(one) for one in found) if severity != "note" else folded(found))
            for severity, title in KIND.items()
            if (found := [one for one in elsewhere if one.severity == severity])
        ),
        section("What listens", page_house.listening(proof.audits)),
        section("The network", page_house.network(proof.network, "".join(said(one) for one in proof.findings if one.source == "network"))),
    ]
    head = (
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        '<meta name="color-scheme" content="light dark"><meta name="robots" content="noindex"><meta name="referrer" content="no-referrer">',
        f"<title>{esc(proof.headline)}</title>",
        f"<style>\n{CSS}\n</style>",
    )
    content = "\n".join(one for one in body if one)
    return "\n".join(
        ['<!doctype html>\n<html lang="en">\n<head>', *head, f"</head>\n<body>{SYMBOLS}<main>", content, f"</main>\n{footer(proof)}</body></html>\n"]
    )


def section(title: str, content: str) -> str:
    return f"<section><h2>{title}</h2>{content}</section>" if content else ""


def verdict(proof: Proof) -> str:
    """The answer, and four facts."""
    below = {
        OK: "Seen as a visitor sees it, by machines that asked for every name.",
        FAILED: f"{plural(len(proof.wrong), 'thing')} to put right: below, with what to do.",
        ATTENTION: "Visitors are well served. Something else is to be put right: see below.",
        UNPROVEN: "No machine could look, so nothing is proven.",
    }[proof.state]
    if not proof.sites and proof.state == OK:
        below = "Declare one (exposure_sites), and run the playbook."
    return (
        f'<header class="card"><div class="verdict v-{proof.state}">{mark(proof.state)}<div><h1>{esc(proof.headline)}</h1><p>{below}</p></div></div>'
        f'<dl class="facts">{"".join(f"<div><dt>{label}</dt><dd>{told}</dd></div>" for label, told in facts(proof))}</dl></header>'
    )


def facts(proof: Proof) -> list[tuple[str, str]]:
    sites = distinct(proof.sites)
    good = len(sites) - len(distinct(one for one in proof.sites if one.state != OK))
    names = f"<span>{plural(len(proof.sites), 'name')}</span>" if len(proof.sites) != len(sites) else "<span>as declared</span>" if sites else ""
    ending = min(
        ((1 - life.spent if life.state != "over" else -1, site.host, life.told) for site in proof.sites for life in site.certificates[:1]), default=None
    )
    looked = [one.name for one in proof.vantages if one.looked]
    lost = [one.name for one in proof.vantages if not one.looked]
    missed = f"<span>{named(lost)} could not</span>" if lost else ""
    return [
        ("Sites", f"{good} of {len(sites)}{names}" if sites else "none"),
        ("Least life left", f"{esc(ending[2])}<span>{esc(ending[1], NAME)}</span>" if ending else "no certificate seen"),
        ("Also found", counted(one for one in proof.findings) or "nothing found"),
        ("Seen from", f"{named(looked) or 'nowhere'}{missed}"),
    ]


def said(one: Said) -> str:
    """One thing that is wrong or worth knowing."""
    if one.source == "site" and one.about:
        title, text = f"{esc(one.about[0], NAME) if len(one.about) == 1 else f'{len(one.about)} names'}: {esc(wrong(one.id), NAME)}", one.what
    else:
        title, text = esc(one.what[0] if one.what else one.id), one.what[1:]
    rows = [("To do", f'<p class="do">{esc(one.advice, 1000)}</p>')] if one.advice else []
    rows += [("Names", evidence(one.about))] if one.source == "site" and len(one.about) > 1 else []
    rows += [("Why", esc(one.why))] if one.why else []
    rows += [("Seen", evidence(one.seen))] if one.seen else []
    rows += [(BY[one.source], named(one.by))] if one.by and one.source in BY else []
    told = evidence(text) if text else ""
    listing = "".join(f"<dt>{label}</dt><dd>{content}</dd>" for label, content in rows)
    word = {"error": "Problem: ", "warning": "Warning: ", "note": "Note: "}[one.severity]
    ident = f' <span class="id">{esc(one.id, 60)}</span>' if one.source != "site" else ""
    return (
        f'<article class="card say {"note-" if one.severity == "note" else one.severity}"><h3>{mark(one.severity, word)}<span>{title}{ident}</span></h3>'
        f'<div class="in">{told}{f"<dl>{listing}</dl>" if listing else ""}</div></article>'
    )


def wrong(check: str) -> str:
    """What it means that a check failed, in a word or two."""
    port = CLOSED.fullmatch(check)
    return f"port {port[1]} is open" if port else WRONG.get(check, check)


def named(names: Iterable[str]) -> str:
    return listed([esc(one, NAME) for one in names], 6)


def evidence(texts: Sequence[str]) -> str:
    first = "".join(f"<p>{esc(one)}</p>" for one in texts[:SEEN])
    if len(texts) <= SEEN + 1:
        return first + "".join(f"<p>{esc(one)}</p>" for one in texts[SEEN:])
    rest = "".join(f"<p>{esc(one)}</p>" for one in texts[SEEN:])
    return f"{first}<details><summary>and {len(texts) - SEEN} more</summary>{rest}</details>"


def folded(found: Sequence[Said]) -> str:
    told = plural(len(found), "thing that needs", "things that need")
    return f'<details class="fold"><summary>{told} no hurry</summary>{"".join(said(one) for one in found)}</details>'


def footer(proof: Proof) -> str:
    when = moment(proof.made)
    places = [f"{esc(one.name, NAME)}{f' ({WHERE[one.kind]})' if WHERE[one.kind] else ''}" for one in proof.vantages if one.looked]
    return (
        f"<footer><p>Looked at {clock(when) if when else ''} from {', '.join(places) or 'nowhere'}.</p>"
        f"<p>Made by {esc(proof.by)}. The same as JSON lies beside this page. It tells much about your home: keep it to yourself.</p></footer>"
    )
