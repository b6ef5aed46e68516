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
        f'<colgroup><col class="s"><col class="l"><col span="{max(1, len(kinds))}"></colgroup>'
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
    end = "<br>Its TLS ends at the app, which sees the proxy&#8217;s address in place of each client&#8217;s." if site.passthrough else ""
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
    over, due = f'<i style="width:{max(life.spent, 0.02):.1%}"></i>', f'<u style="left:{life.due_at:.1%}"></u>'
    return f'<div class="bar {life.state}" role="img" aria-label="{words}" title="{words}">{over}{due}</div>'


def at_a_glance(site: Site, kind: str, vantages: Sequence[Vantage]) -> str:
    """What all vantages of a kind saw together."""
    names = [one.name for one in vantages if one.kind == kind]
    states = together_by_name(one for one in site.checks if one.vantage in names)
    failed, proven = states.count("failed"), len(states) - states.count("unproven")
    if not states:
        looked = any(one.looked for one in vantages if one.kind == kind)
        return f'<span class="mark quiet">{mark("unproven")}{"nothing" if looked else "could not look"}</span>'
    if failed:
        return f'<span class="mark bad">{mark("failed")}{failed} failed<span class="hide"> of {len(states)}</span></span>'
    if not proven:
        return f'<span class="mark quiet">{mark("unproven")}not proven</span>'
    return f'<span class="mark">{mark("ok")}{proven} passed</span>'


def expanded(site: Site, vantages: Sequence[Vantage]) -> str:
    names = [one.name for one in vantages if any(check.vantage == one.name for check in site.checks)]
    if not names and not site.certificates:
        return '<span class="quiet small">Nothing was seen of it.</span>'
    heads = "".join(f'<th scope="col" role="columnheader">{esc(one, 80)}</th>' for one in ("Check", *names))
    rows = "".join(line(name, checks, names) for name, checks in by_name(site.checks))
    checks = (
        '<table role="table"><caption class="hide">What each vantage saw</caption>'
        f'<colgroup><col class="c"><col span="{max(1, len(names))}"></colgroup>'
        f'<thead role="rowgroup"><tr role="row">{heads}</tr></thead>'
        f'<tbody role="rowgroup">{rows}</tbody></table>'
    )
    told = "What was checked" if names else "Certificate"
    return f'<details><summary>{told}</summary><div class="inner">{checks if names else ""}{"".join(about(one) for one in site.certificates)}</div></details>'


def line(name: str, checks: Sequence[Check], vantages: Sequence[str]) -> str:
    """One check, as each vantage saw it."""
    cells = []
    for vantage in vantages:
        seen = [one for one in checks if one.vantage == vantage]
        look = "na" if not seen else "no" if any(one.ok is False for one in seen) else ""
        cells.append(f'<td role="cell" class="{look}" data-label="{esc(vantage, 80)}"><div>{words(seen)}</div></td>')
    return f'<tr role="row"><th scope="row" role="rowheader">{esc(name, 80)}</th>{"".join(cells)}</tr>'


def words(checks: Sequence[Check]) -> str:
    """A cell: each different thing that was seen, with its address where there are several."""
    if not checks:
        return '<span class="quiet" aria-hidden="true">&#8211;</span><span class="hide">not checked here</span>'
    found: dict[tuple[str, str], list[str]] = {}
    for one in checks:
        found.setdefault((WHOLE[one.ok], one.detail), []).append(one.address)
    spoken = {"ok": "passed", "failed": "failed", "unproven": "not proven"}
    lines = []
    for (state, detail), addresses in found.items():
        where = f" [{', '.join(esc(one) for one in addresses)}]" if len(found) > 1 and any(addresses) else ""
        lines.append(
            f'<div class="seen">{mark(state, f"{spoken[state]}: ")}<span>{esc(detail.removeprefix("not proven: ")) or spoken[state]}{where}</span></div>'
        )
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
