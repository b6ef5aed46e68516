# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A data folder of Nginx Proxy Manager as the inventory that says the same."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from . import providers
from .certificates import add_certificates
from .database import Unreadable, read_bytes
from .hosts import add_proxy_hosts, add_redirections
from .left import CLOSED, LOST, Left, shown
from .locations import BY_HAND
from .moved import Moved
from .names import Called
from .read import Found, custom_files, flag, lines_of, number, text
from .snippet import judge


def translate(found: Found, now: datetime, host_network: bool = False) -> Moved:
    """Everything in it, carried over or left with a reason. `now`: for certificates that have expired, without a time zone."""
    moved = Moved()
    called = Called()
    add_proxy_hosts(found, moved, called, host_network)
    add_redirections(found, moved, called)
    add_certificates(found, moved, now)
    add_switches(found, moved)
    add_dead_hosts(found, moved)
    add_streams(found, moved)
    add_access_lists(found, moved)
    add_custom(found, moved)
    add_settings(found, moved)
    return moved


def secrets(found: Found, needed: list[str]) -> dict[str, Any]:
    """What was needed of `Moved.needed`: `credentials`, the lines of the DNS provider, and `files`, path -> PEM. Raises Unreadable."""
    lines: dict[str, str] = {}
    files: dict[str, str] = {}
    for need in needed:
        kind, _, one = need.rpartition("-")
        certificate = number(one)
        if kind == "credentials" and certificate in found.credentials:
            lines = providers.credentials(found.credentials[certificate].text) or {}
        for path in custom_files(Path(found.folder), certificate) if kind == "files" and certificate in found.files else ():
            try:
                files[f"npm-{certificate}/{path.name}"] = read_bytes(path, 1024**2).decode()
            except UnicodeDecodeError:
                raise Unreadable(f"{path} is not a PEM file.") from None
    return {"credentials": lines, "files": files}


NONE = "There is nothing to do."

SWITCHES = (
    ("caching_enabled", "Cache Assets", "NPM kept pictures and scripts of the app for half an hour. Here the app is asked, as its own rules say.", NONE),
    (
        "block_exploits",
        "Block Common Exploits",
        "NPM refused requests with certain words in them. Here every request goes to the app.",
        "Keep the app up to date.",
    ),
    (
        "trust_forwarded_proto",
        "Trust Forwarded Proto Headers",
        "NPM believed what a proxy before it said of the scheme. Here no client is believed.",
        "If another proxy is in front, let its clients come here directly.",
    ),
)


def add_switches(found: Found, moved: Moved) -> None:
    """Switches of hosts that have no counterpart, each told once for all of them."""
    sites = {entry.where: entry.name for entry in moved.sites}
    pairs = [(f"proxy host {number(row['id'])}", row) for row in found.proxy_hosts]
    pairs += [(f"redirection host {number(row['id'])}", row) for row in found.redirections]
    pairs = [(where, row) for where, row in pairs if where in sites]

    def differ(rows: list[str], what: str, why: str, do: str) -> None:
        if rows:
            moved.differ(f"{what}: {', '.join(sites[one] for one in rows)}", ", ".join(rows), why, do)

    for column, what, why, do in SWITCHES:
        differ([where for where, row in pairs if flag(row, column)], what, why, do)
    with_one = [where for where, row in pairs if number(row.get("certificate_id")) in found.certificates]
    differ([where for where, _ in pairs if where not in with_one], "http alone", "NPM served it over http. Here it is https, and http leads there.", NONE)
    unforced = [where for where, row in pairs if where in with_one and not flag(row, "ssl_forced")]
    differ(
        unforced, "Force SSL is off", "NPM served it over http too. Here http leads to https.", "There is nothing to do, unless a device can only speak http."
    )
    hsts = [where for where, row in pairs if where in with_one and flag(row, "ssl_forced") and flag(row, "hsts_enabled")]
    differ(hsts, "HSTS", "NPM said preload, and includeSubDomains where that was on. Here the header has its time alone.", NONE)
    private = [entry.where for entry in moved.sites if entry.lines.get("tls") == "local"]
    cure = "Run playbooks/trust.yml for your computers, or give the site a public name."
    differ(private, "names of the home", "No public authority certifies them: they get tls: local, an authority of your own.", cure)
    unchecked = [entry.where for entry in moved.sites if "'upstream_ca': 'any'" in str(entry.lines)]
    cure = "To have it checked, write upstream_ca: a PEM file on the proxy, or take the line away for a public certificate."
    differ(unchecked, "https upstreams", "NPM did not check their certificates, and neither is it done here: upstream_ca: any.", cure)


def add_dead_hosts(found: Found, moved: Moved) -> None:
    for row in found.dead_hosts:
        where = f"404 host {number(row['id'])}"
        names = row.get("domain_names")
        told = ", ".join(shown(name) for name in names[:50]) if isinstance(names, list) else "(unreadable)"
        cure = (
            "There is nothing to do: a name that is not declared gets no certificate and no answer. "
            "For a page with 404, write a site with its names, and with paths but no upstream."
        )
        moved.lose(f"404 host {told}", where, "A site leads somewhere.", cure)
        made = judge(lines_of(row.get("advanced_config")))
        if lines := [*made.guards, *made.free]:
            moved.lose(f"advanced configuration of {where}", where, "The host is not carried over.", NONE, lines)


def add_streams(found: Found, moved: Moved) -> None:
    for row in found.streams:
        where = f"stream {number(row['id'])}"
        port = number(row.get("incoming_port"))
        to = f"{shown(row.get('forwarding_host'))}:{number(row.get('forwarding_port'))}"
        kinds = " and ".join(kind for kind, column in (("TCP", "tcp_forwarding"), ("UDP", "udp_forwarding")) if flag(row, column)) or "nothing"
        off = "" if flag(row, "enabled", True) else " It is switched off in NPM."
        tls = " NPM ended TLS for it." if number(row.get("certificate_id")) else ""
        why = f"Ports are not passed on here, only names.{tls}{off}"
        cure = (
            f"Let the router send {kinds} {port} to {to} itself. If TLS is spoken there and the app has its own certificate, "
            f"a site with tls: passthrough shares port 443 by its name (docs/passthrough.md)."
        )
        moved.lose(f"{kinds} {port} to {to}", where, why, cure)


def add_access_lists(found: Found, moved: Moved) -> None:
    used = {number(row.get("access_list_id")) for row in found.proxy_hosts}
    for one, row in found.access_lists.items():
        closed = "What it protected is written as a comment." if one in used else "No host uses it."
        users, clients = found.users.get(one, 0), found.clients.get(one, [])
        what = f"access list {shown(row.get('name') or one)}: {users} log-ins, {len(clients)} rules for addresses"
        why = f"There are no access lists here. {closed}"
        moved.lose(what, f"access list {one}", why, f"Its log-ins stay in access/{one} of NPM's folder.", [shown(rule, 100) for rule in clients[:200]])


ABOVE = {"server_proxy": ("proxy",), "server_redirect": ("redirection",), "http": ("proxy", "redirection"), "http_top": ("proxy", "redirection")}
"""Files of `nginx/custom`, and the kinds of hosts that their lines are for."""


def add_custom(found: Found, moved: Moved) -> None:
    for name, content in found.custom.items():
        made = judge(content, http=name in ("http", "http_top"))
        sites = [entry.name for entry in moved.sites if entry.where.startswith(ABOVE.get(name, ()))] if made.guards else []
        closes = bool(sites)
        why = "It has no counterpart here."
        if closes:
            why = f"It may protect sites, so those that it was for are written as comments: {', '.join(sites)}."
        lines = [*made.guards, *made.free, *(f"{line}: {value}" for line, value in made.says.items())]
        do = BY_HAND if closes else "Most apps do without. Look that yours work."
        what = f"nginx/custom/{name}.conf"
        moved.left.append(Left(CLOSED if closes else LOST, what, what, why, do, lines))


DEFAULT_SITES = {
    "congratulations": "NPM answered unknown names with a page of its own.",
    "404": "NPM answered unknown names with 404.",
    "444": "NPM did not answer unknown names.",
    "html": "NPM answered unknown names with a page of yours (nginx/default_www).",
}


def add_settings(found: Found, moved: Moved) -> None:
    for row in found.settings:
        value, where = text(row.get("value")), f"setting {shown(row.get('id'))}"
        if row.get("id") != "default-site":
            moved.lose(where, where, "It is not known here.", "Look at it in NPM.")
            continue
        meta = row.get("meta")
        to = meta.get("redirect") if isinstance(meta, dict) else ""
        why = f"NPM sent unknown names to {shown(to)}." if value == "redirect" else DEFAULT_SITES.get(value, f"NPM did {shown(value)} with unknown names.")
        moved.differ("default site", where, f"{why} Here they get no certificate and no answer.", "Declare each name that is to be answered.")
    count = len(found.accounts)
    why = f"The panel of NPM, on port 81, and its {count} account{'s' if count != 1 else ''} stay as they are until NPM is gone."
    moved.differ("the panel of NPM", "port 81", why, "Stop NPM when you have moved. Until then let nobody outside reach port 81.")
