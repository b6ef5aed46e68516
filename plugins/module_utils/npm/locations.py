# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The custom locations of a proxy host as `paths` of a site.

NPM writes `location <path> { proxy_pass <scheme>://<host>:<port><forward_path>; }` (backend/templates/_location.conf); a host with a `/` in it is cut there
(backend/internal/nginx.js, renderLocations). With a path after the port, nginx puts it in place of what the location matched
(nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_pass).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..plan import values
from ..plan.mistakes import Refused
from .left import shown
from .moved import Entry, Moved
from .read import lines_of, text
from .snippet import judge
from .upstream import target

BY_HAND = "Write what it did by hand, and take the # away."


def add_locations(entry: Entry, given: object, moved: Moved, host_network: bool) -> None:
    """Give a site the `paths` of its host. One that cannot be said closes the site: what it kept from the main app would reach that."""
    if given in (None, "", []):
        return
    if not isinstance(given, list):
        moved.close(entry, "Its custom locations cannot be read.", "Look at them in NPM, and write them as paths.")
        return
    paths: list[dict[str, Any]] = []
    for place in given:
        if not isinstance(place, dict):
            moved.close(entry, "One of its custom locations cannot be read.", "Look at it in NPM, and write it as one of its paths.")
            continue
        add_location(entry, place, paths, moved, host_network)
    if paths:
        entry.lines["paths"] = paths
        why = "nginx took /office for /officer too. Here it is /office and what is below it."
        moved.differ(f"paths of {entry.name}", entry.where, why, "There is nothing to do, unless the app uses such paths.")


def add_location(entry: Entry, place: Mapping[str, Any], paths: list[dict[str, Any]], moved: Moved, host_network: bool) -> None:
    path, host = text(place.get("path")).strip(), text(place.get("forward_host"))
    behind = lines_of(place.get("forward_path")).strip()
    if "/" in host:
        host, _, rest = host.partition("/")
        behind = f"/{rest}"
    what = f"location {shown(path)} of site {entry.name}"
    made = judge(lines_of(place.get("advanced_config")))
    if made.guards:
        moved.close(entry, "It has lines of nginx that may protect it, and they are not carried over.", BY_HAND, what, made.guards)
    if lost := [*made.free, *(f"{line}: {value}" for line, value in made.says.items())]:
        moved.lose(
            what, entry.where, "Its lines of nginx have no place in a path.", "Most apps do without. Set them for the whole site if they are needed.", lost
        )
    to = target(place.get("forward_scheme"), host, place.get("forward_port"), host_network)
    if to.why:
        moved.close(entry, to.why, to.do, what)
    if to.hint:
        moved.differ(what, entry.where, to.hint, "Write the new upstream for this path.")
    try:
        known = values.location(path)
    except Refused as refused:
        moved.close(entry, f"Its path cannot be said here: {refused.problem}.", f"Write {refused.write}.", what)
        return
    lines: dict[str, Any] = {"path": known, **upstream_lines(to.upstream)}
    whole = known.rstrip("/") == ""
    if behind not in ("", path) and behind != "/":
        moved.close(entry, f"It puts {shown(behind)} in place of its path, and a path here can only be kept or taken away.", BY_HAND, what)
    elif behind == "/" and not whole:
        lines["strip"] = True
        if not path.endswith("/"):
            moved.differ(
                what, entry.where, "nginx gave the app two slashes at the start of what came below this path. Here it is one.", "Look that the app works."
            )
    if whole:
        for line in ("upstream", "upstream_ca"):
            entry.lines.pop(line, None)
        entry.lines.update(upstream_lines(to.upstream))
    elif to.upstream:
        paths.append(lines)


def upstream_lines(upstream: str) -> dict[str, Any]:
    """The lines of an upstream. NPM takes any certificate that an https one shows (nginx' default, proxy_ssl_verify off)."""
    if not upstream:
        return {}
    return {"upstream": upstream, **({"upstream_ca": "any"} if upstream.startswith("https://") else {})}
