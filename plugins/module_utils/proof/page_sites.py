# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The sites on the page: a row for each that reads at a glance, and below it everything that was checked."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .gather import Proof, Site
from .life import Life
from .style import mark
from .vantages import KINDS, WHOLE, Check, Vantage, by_name, together_by_name
from .words import esc

LINKABLE = re.compile(r"[a-z0-9.-]+(?::[0-9]+)?")
STATES = {"ok": "served as declared", "failed": "not served as declared", "unproven": "not looked at"}
ENGINES = {"caddy": "Caddy", "nginx": "nginx"}


def table(proof: Proof) -> str:
    if not proof.sites:
        return '<p class="card none">No site is declared.</p>'
    kinds = [kind for kind in KINDS if any(one.kind == kind for one in proof.vantages)]
    heads = "".join(f'<th scope="col" role="columnheader">{one}</th>' for one in ("Site", "Certificate", *(KINDS[kind] for kind in kinds)))
    rows = "".join(row(site, kinds, proof.vantages) for site in proof.sites)
    return (
        '<div class="card"><table class="sites" role="table"><caption class="hide">Every site, its certificate, and what was seen of it from where</caption>'
        f'<thead role="rowgroup"><tr role="row">{heads}</tr></thead>{rows}</table></div>'
    )


def row(site: Site, kinds: Sequence[str], vantages: Sequence[Vantage]) -> str:
    name = f'<a href="https://{site.place}/" rel="noreferrer">{esc(site.place)}</a>' if LINKABLE.fullmatch(site.place) else esc(site.place)
    cells = "".join(f'<td class="by" role="cell" data-label="{KINDS[kind]}">{at_a_glance(site, kind, vantages)}</td>' for kind in kinds)
    return (
        f'<tbody role="rowgroup"><tr role="row"><th scope="row" role="rowheader"><div class="site">{mark(site.state, STATES[site.state] + ": ")}'
        f'<div><b>{name}</b><span class="quiet">{way(site)}</span></div></div></th>'
        f'<td role="cell">{certificate(site)}</td>{cells}</tr>'
        f'<tr class="more" role="row"><td role="cell" colspan="{2 + len(kinds)}">{expanded(site, vantages)}</td></tr></tbody>'
    )


def way(site: Site) -> str:
    """Where a name leads: address, proxy, app."""
    proxy = f"{esc(site.proxy)}{f' ({ENGINES.get(site.engine, esc(site.engine))})' if site.engine else ''}"
    steps = [", ".join(esc(one) for one in site.addresses[:4]), proxy, ", ".join(esc(one) for one in site.leads_to[:4])]
    end = "<br>Its TLS ends at the app, which sees the proxy’s address in place of each client’s." if site.passthrough else ""
    return " → ".join(step for step in steps if step) + end


def certificate(site: Site) -> str:
    if not site.certificates:
        return '<span class="quiet small">no certificate seen</span>'
    life = site.certificates[0]
    more = f"<br>{len(site.certificates)} different ones are shown" if len(site.certificates) > 1 else ""
    return f'<div class="life">{esc(life.told)}{bar(life)}<div class="quiet small">{esc(life.renewal)}{more}</div></div>'


def bar(life: Life) -> str:
    """From its first moment to its last: how much is over, and a line where the renewal is due."""
    words = esc(f"issued {life.issued}, renewal due {life.due}, expires {life.expires}: {life.told}")
    spent = max(life.spent, 0.02)
    return f'<div class="bar {life.state}" role="img" aria-label="{words}" title="{words}"><i style="width:{spent:.1%}"></i><u style="left:{life.due_at:.1%}"></u></div>'


def at_a_glance(site: Site, kind: str, vantages: Sequence[Vantage]) -> str:
    """What all vantages of a kind saw together."""
    names = [one.name for one in vantages if one.kind == kind]
    states = together_by_name(one for one in site.checks if one.vantage in names)
    failed, proven = states.count("failed"), len(states) - states.count("unproven")
    if not states:
        looked = any(one.looked for one in vantages if one.kind == kind)
        return f'<span class="mark quiet">{mark("unproven")}{"nothing" if looked else "could not look"}</span>'
    if failed:
        return f'<span class="mark bad">{mark("failed")}{failed} of {len(states)} failed</span>'
    if not proven:
        return f'<span class="mark quiet">{mark("unproven")}not proven</span>'
    return f'<span class="mark">{mark("ok")}{proven} passed</span>'


def expanded(site: Site, vantages: Sequence[Vantage]) -> str:
    names = [one.name for one in vantages if any(check.vantage == one.name for check in site.checks)]
    if not names and not site.certificates:
        return '<span class="quiet small">Nothing was seen of it.</span>'
    heads = "".join(f'<th scope="col" role="columnheader">{esc(one)}</th>' for one in names)
    lines = "".join(
        f'<tr role="row"><th scope="row" role="rowheader">{esc(name, 80)}</th>'
        + "".join(f'<td role="cell" data-label="{esc(one, 80)}"><div>{words([check for check in checks if check.vantage == one])}</div></td>' for one in names)
        + "</tr>"
        for name, checks in by_name(site.checks)
    )
    checks = (
        '<table role="table"><caption class="hide">What each vantage saw</caption>'
        f'<colgroup><col class="c"><col span="{max(1, len(names))}"></colgroup>'
        f'<thead role="rowgroup"><tr role="row"><th scope="col" role="columnheader">Check</th>{heads}</tr></thead><tbody role="rowgroup">{lines}</tbody></table>'
    )
    told = (
        f"What was checked, from {' and '.join(esc(one) for one in names)}"
        if 0 < len(names) < 3
        else "What was checked, from each vantage"
        if names
        else "Certificate"
    )
    return f'<details><summary>{told}</summary><div class="inner">{checks if names else ""}{"".join(about(one) for one in site.certificates)}</div></details>'


def words(checks: Sequence[Check]) -> str:
    """A cell: each different thing that was seen, with its address where there are several."""
    if not checks:
        return '<span class="quiet">not checked here</span>'
    found: dict[tuple[str, str], list[str]] = {}
    for one in checks:
        found.setdefault((WHOLE[one.ok], one.detail), []).append(one.address)
    spoken = {"ok": "passed", "failed": "failed", "unproven": "not proven"}
    lines = []
    for (state, detail), addresses in found.items():
        where = f" [{', '.join(esc(one) for one in addresses)}]" if len(found) > 1 and any(addresses) else ""
        lines.append(f'<div class="seen">{mark(state, f"{spoken[state]}: ")}<span>{esc(detail) or spoken[state]}{where}</span></div>')
    return "".join(lines)


def about(life: Life) -> str:
    """A certificate in words."""
    rows = {
        "Certificate": ", ".join(life.names[:8]) + (f" and {len(life.names) - 8} more" if len(life.names) > 8 else "") or life.subject,
        "Subject": life.subject,
        "Issuer": life.issuer,
        "Life": f"{life.issued} to {life.expires}: {life.told}",
        "Renewal due": life.due,
        "Key": life.key,
        "SHA-256": life.fingerprint,
    }
    return f"<dl>{''.join(f'<dt>{label}</dt><dd>{esc(told)}</dd>' for label, told in rows.items() if told)}</dl>"
