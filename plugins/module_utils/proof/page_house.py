# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What listens on each host, and the network, on the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..address.model import FAMILIES
from ..network.report import CONNECTED, STATES
from ..network.seen import SPOKEN
from .style import mark
from .words import entries, esc, mapping, plural, sentences

REACH = {"any": "every address", "lan": "the home network", "loopback": "this machine alone"}
PROXIES = ("docker-proxy", "rootlessport", "dockerd")


def listening(audits: Mapping[str, Any]) -> str:
    return "".join(host_card(name, mapping(audit)) for name, audit in audits.items())


def host_card(name: str, audit: Mapping[str, Any]) -> str:
    """What nobody declared comes first; what only the machine itself reaches is folded away."""
    rows = ports(audit)
    shown = [one for one in rows if one["reach"] != "loopback"]
    shown.sort(key=lambda one: (bool(one["declared"] or one["known"]), one["port"], one["protocol"]))
    own = [one for one in rows if one["reach"] == "loopback"]
    strange = sum(not one["declared"] and not one["known"] for one in shown)
    told = f"{plural(strange, 'port')} that nobody declared" if strange else "all of it is declared" if shown else "nothing that others reach"
    if audit.get("message"):
        told = f"could not be looked at: {esc(audit['message'])}"
    head = f'<h3>{esc(name)} <span class="quiet">· {told}</span></h3>'
    unseen = "".join(f'<p class="quiet small unseen">Not seen: {esc(one)}</p>' for one in sentences(audit.get("unseen")))
    fold = f"<details><summary>{len(own)} more, for the machine alone</summary>{listed(own)}</details>" if own else ""
    return f'<div class="card host">{head}{listed(shown) if shown else ""}{fold}{unseen}</div>'


def ports(audit: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What listens, what Docker publishes and what a firewall redirects. A published port that Docker's own proxy listens on is one row, and so are the
    addresses at which the same one listens."""
    published = {key_of(one): one for one in entries(audit.get("published"))}
    rows = []
    for one in entries(audit.get("listening")):
        container = published.get(key_of(one), {}) if one.get("process") in PROXIES or one.get("container") else {}
        rows.append(port_row(one, who(one, container), one.get("reach")))
    met = {row["key"] for row in rows}
    for one in entries(audit.get("published")):
        if key_of(one) not in met:
            rows.append(port_row(one, who({}, one), one.get("reach") or reach_of(addresses(one))))
    for one in entries(audit.get("redirected")):
        place = " ".join(sentences([one.get("family"), one.get("table"), one.get("chain")]))
        rows.append(port_row(one, f"to {one.get('to', '')}, by a firewall rule ({place})", "any"))
    together: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in rows:
        found = together.setdefault((*row["key"], row["who"], row["reach"], row["declared"]), row)
        found["addresses"] = tuple(dict.fromkeys((*found["addresses"], *row["addresses"])))
    return list(together.values())


def key_of(one: Mapping[str, Any]) -> tuple[str, str]:
    return str(one.get("port")), str(one.get("protocol"))


def port_row(one: Mapping[str, Any], by: str, reach: object) -> dict[str, Any]:
    number = one.get("port")
    return {
        "key": key_of(one),
        "port": number if isinstance(number, int) else 0,
        "protocol": str(one.get("protocol") or "tcp"),
        "addresses": addresses(one),
        "reach": str(reach or "any"),
        "who": by,
        "declared": str(one.get("declared") or ""),
        "known": str(one.get("known") or ""),
    }


def addresses(one: Mapping[str, Any]) -> tuple[str, ...]:
    return sentences(one.get("addresses") or one.get("address") or ())


def reach_of(found: Sequence[str]) -> str:
    return "loopback" if found and all(one.startswith("127.") or one == "::1" for one in found) else "any"


def who(one: Mapping[str, Any], container: Mapping[str, Any]) -> str:
    name = container.get("container") or one.get("container")
    if name:
        image = f" ({container['image']})" if container.get("image") else ""
        return f"container {name}{image}"
    unit, process = str(one.get("unit") or ""), str(one.get("process") or "")
    return f"{process} ({unit})" if process and unit else process or unit or "not known"


def listed(rows: Sequence[Mapping[str, Any]]) -> str:
    heads = "".join(f'<th scope="col" role="columnheader">{one}</th>' for one in ("Port", "Open to", "Who", "Declared"))
    return (
        '<table class="ports" role="table"><colgroup><col><col><col><col></colgroup>'
        f'<thead role="rowgroup"><tr role="row">{heads}</tr></thead><tbody role="rowgroup">{"".join(line(one) for one in rows)}</tbody></table>'
    )


def line(one: Mapping[str, Any]) -> str:
    declared = f"{mark('ok')} {esc(one['declared'])}" if one["declared"] else f'<span class="warn">{mark("warning")} not declared</span>'
    if one["known"] and not one["declared"]:
        declared = f'<span class="quiet">{esc(one["known"])}</span>'
    elif one["reach"] == "loopback" and not one["declared"]:
        declared = '<span class="quiet">needs no line</span>'
    reach = f'{REACH.get(one["reach"], esc(one["reach"]))} <span class="quiet small">{esc(", ".join(one["addresses"]))}</span>'
    return (
        f'<tr role="row"><th scope="row" role="rowheader"><code>{one["port"] or "?"}/{esc(one["protocol"])}</code></th>'
        f'<td role="cell">{reach}</td><td role="cell">{esc(one["who"])}</td><td role="cell">{declared}</td></tr>'
    )


def network(picture: Mapping[str, Any], findings: str) -> str:
    """The diagnosis at a glance, then what it found."""
    if not picture:
        return ""
    rows: list[tuple[str, str]] = []
    verdicts, addresses = mapping(picture.get("verdicts")), mapping(picture.get("addresses"))
    for family in FAMILIES:
        verdict = str(verdicts.get(family) or "")
        known = ", ".join(sentences(addresses.get(family) or []))
        words = CONNECTED.get(verdict, verdict)
        if verdict or known:
            rows.append((SPOKEN[family], f"{known}, {words}" if known and verdict not in ("unknown", "none", "") else known or words))
    for port, states in mapping(picture.get("ports")).items():
        told = {family: STATES.get(state, str(state)) for family, state in mapping(states).items()}
        same = len(set(told.values())) == 1
        rows.append((f"Port {port}", next(iter(told.values())) if same else "; ".join(f"{SPOKEN.get(family, family)} {one}" for family, one in told.items())))
    if picture.get("impossible") or picture.get("challenges"):
        because = str(picture.get("because") or "")
        rows.append(("Certificates", str(picture.get("impossible") or "") or f"{' and '.join(sentences(picture['challenges']))} can work: {because}"))
    facts = "".join(f"<dt>{esc(label)}</dt><dd>{esc(told)}</dd>" for label, told in rows if told)
    calm = "" if findings else "<dt>Findings</dt><dd>Nothing is wrong.</dd>"
    return f'<dl class="card facts2">{facts}{calm}</dl>{findings}'
