# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Proxy hosts and redirection hosts as sites.

A host that was protected in a way that is not carried over, or that was not served, is written as a comment: nothing becomes open by moving in.
What NPM does with each column: backend/templates/{proxy_host,redirection_host,_access,_hsts,_forced_ssl}.conf.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..plan import values
from ..plan.mistakes import Refused
from .left import shown, verbatim
from .locations import BY_HAND, add_locations, upstream_lines
from .moved import Entry, Moved
from .names import Called, read_names
from .read import Found, flag, lines_of, number, text
from .snippet import judge
from .upstream import target

HSTS = "730d"
"""63072000 seconds (backend/templates/_hsts_map.conf)."""


def add_proxy_hosts(found: Found, moved: Moved, called: Called, host_network: bool) -> None:
    for row in found.proxy_hosts:
        where = f"proxy host {number(row['id'])}"
        if (entry := begin(row, where, moved, called)) is None:
            continue
        to = target(row.get("forward_scheme", "http"), row.get("forward_host"), row.get("forward_port"), host_network)
        roots = [one for one in row.get("locations") or [] if isinstance(one, dict) and text(one.get("path")).strip() == "/"] if is_list(row) else []
        entry.lines.update(upstream_lines(to.upstream))
        if not roots:  # else NPM leaves its own location out (backend/internal/nginx.js, generateConfig)
            if to.why:
                moved.close(entry, to.why, to.do)
            if to.hint:
                moved.differ(f"site {entry.name}", where, to.hint, "Write the new upstream.")
        add_access(entry, row, found, moved)
        add_locations(entry, row.get("locations"), moved, host_network)
        end(entry, row, found, moved, "server_proxy")


def is_list(row: Mapping[str, Any]) -> bool:
    return isinstance(row.get("locations"), list)


def add_redirections(found: Found, moved: Moved, called: Called) -> None:
    for row in found.redirections:
        where = f"redirection host {number(row['id'])}"
        if (entry := begin(row, where, moved, called)) is None:
            continue
        scheme = "http" if text(row.get("forward_scheme")).lower() == "http" else "https"
        to = f"{scheme}://{text(row.get('forward_domain_name')).strip()}"
        try:
            entry.lines["redirect"] = values.redirect(to)
        except Refused as refused:
            cure = "Redirect to the site, or let the app at the other end do the rest."
            moved.close(entry, f"It leads to {shown(to)}, and a redirect here cannot: {refused.problem}.", cure)
        code = number(row.get("forward_http_code"), 302)
        different = [f"it answered {code}, and answers 308 here"] if code != 308 else []
        different += [] if flag(row, "preserve_path") else ["it left the path out, and keeps it here"]
        if different:
            does = "Browsers keep a 308 for good: be sure of it." if code in (302, 303, 307) else "There is nothing to do, in most cases."
            moved.differ(f"site {entry.name}", where, f"A redirect: {'; '.join(different)}.", does)
        end(entry, row, found, moved, "server_redirect")


def begin(row: Mapping[str, Any], where: str, moved: Moved, called: Called) -> Entry | None:
    """A site with its names, where a host has some; with a reason for each way in which NPM does not serve it."""
    names = read_names(row.get("domain_names"), where, moved)
    if not names.taken:
        moved.lose(where, where, "None of its names can be served here.", "Write the site by hand, with each of its names.")
        return None
    entry = Entry({"name": called.site(names.taken, number(row["id"])), "hosts": names.taken}, where)
    if names.home:
        entry.lines["tls"] = "local"
    moved.sites.append(entry)
    if not flag(row, "enabled", True):
        moved.close(entry, "It is switched off in NPM.", "Take the # away to switch it on.")
    meta = row.get("meta")
    if isinstance(meta, dict) and meta.get("nginx_online") is False:
        why = f"NPM could not serve it: {verbatim(text(meta.get('nginx_err')) or 'it does not say why')}."
        moved.close(entry, why, "If it is to be served, take the # away.")
    return entry


def add_access(entry: Entry, row: Mapping[str, Any], found: Found, moved: Moved) -> None:
    """An access list is not carried over, so the site is not."""
    given = row.get("access_list_id")
    one = 0 if given is None else number(given, -1)  # what is no number may have been meant to protect
    if not one:
        return
    known = found.access_lists.get(one)
    name = f"access list {shown((known or {}).get('name') or one)}"
    users, clients = found.users.get(one, 0), found.clients.get(one, [])
    does = [f"a log-in ({users} user{'s' if users != 1 else ''})"] if users else []
    does += [f"addresses: {', '.join(shown(rule, 60) for rule in clients[:20])}"] if clients else []
    said = " and ".join(does) if does else "nothing that the database still knows"
    why = f"It was protected by {name} ({said}), and would not be: access lists are not carried over."
    moved.close(entry, why, "Give the app a log-in of its own, or keep the site at home. Take the # away when it may be open to everybody.")


def end(entry: Entry, row: Mapping[str, Any], found: Found, moved: Moved, custom: str) -> None:
    """What proxy hosts and redirection hosts have in common after their own."""
    made = judge(lines_of(row.get("advanced_config")))
    entry.lines.update(made.says)
    if made.guards:
        why = "Its advanced configuration has lines that may protect it, and they are not carried over."
        moved.close(entry, why, BY_HAND, f"advanced configuration of site {entry.name}", made.guards)
    if made.free:
        what = f"advanced configuration of site {entry.name}"
        moved.lose(
            what,
            entry.where,
            "These lines have no counterpart here. They do not decide who gets in.",
            "Most apps do without. Look that yours works.",
            made.free,
        )
    for name in (custom, "http_top", "http"):
        its = judge(found.custom.get(name, ""), http=name != custom)
        if its.guards:
            why = f"nginx/custom/{name}.conf has lines that may protect it, and they are not carried over."
            entry.closed.append(f"{why} {BY_HAND}")
    served = number(row.get("certificate_id")) in found.certificates
    if served and flag(row, "ssl_forced") and flag(row, "hsts_enabled"):
        entry.lines["hsts"] = HSTS
