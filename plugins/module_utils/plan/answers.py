# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a proxy answers in an app's place, and which of its paths are passed on: the lines `proxy.answers` and `proxy.only` of the catalogue."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from .collection import House, Route
from .declaration import Place
from .filling import OPEN, fill
from .mistakes import Mistakes
from .model import Answer
from .options import decided

JSON = "application/json"
KNOWN = ("EXPOSURE_URL", "EXPOSURE_HOST", "EXPOSURE_HOSTS", "EXPOSURE_TIMEZONE")
"""What can stand in an answer as `${NAME}`, besides the app's options: what the proxy's own host knows."""
REDIRECTS = (301, 302, 303, 307, 308)
PLAIN = {200, 204, *range(400, 600)} - {444, *range(494, 500)}
"""Statuses without a body; nginx keeps some numbers for itself (https://nginx.org/en/docs/http/ngx_http_core_module.html#error_page)."""
HEADER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,99}\Z")
HEADER_VALUE = re.compile(r"(?=[^ ])[ -~]{1,1000}(?<! )\Z")
NOT_IN_HEADERS = re.compile(r"[$`{}\\]")
OWN_HEADERS = {
    *("connection", "content-length", "content-type", "date", "keep-alive", "location", "server", "transfer-encoding", "upgrade"),
    *("alt-svc", "referrer-policy", "strict-transport-security", "x-content-type-options"),
}
"""Headers that the proxy sets itself."""
LONGEST_BODY = 4000
"""Bytes, with each backslash doubled: a word of nginx's configuration has at most 4096 (ngx_conf_file.c, NGX_CONF_BUFFER)."""
TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
RISKY = re.compile(r"[$`'{}\x7f]")


def compact(value: object) -> str:
    """A value as JSON in plain ASCII on one line. Letters that mean something to a configuration file stand in its texts as `\\u` and their number, which
    every reader of JSON takes for the same. Raises TypeError or ValueError for what is no JSON."""
    shown = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return TEXT.sub(lambda text: RISKY.sub(lambda letter: f"\\u{ord(letter[0]):04x}", text[0]), shown)


def quoted_length(body: str) -> int:
    return len(body) + body.count("\\")


def check_answers(entry: Mapping[str, Any], place: Place, mistakes: Mistakes) -> None:
    """The lines of each answer mean something together, and no two are for one path."""
    seen: set[str] = set()
    for number, row in enumerate(entry["proxy"]["answers"], 1):
        where = f"proxy.answers[{number}]."

        def wrong(line: str, value: object, problem: str, write: str, where: str = where) -> None:
            mistakes.add(place.host, place.entry, f"{where}{line}", value, problem, write)

        path = row["path"] or ""
        if path == "/" and not row["exact"]:
            wrong("path", path, "the app would never be asked", "the path with exact: true, or a longer one")
        same = path if row["exact"] else path.rstrip("/")
        if path and same in seen:
            wrong("path", path, "the path stands there twice", "each path once")
        seen.add(same)
        if path and not mistakes.about(place.host, place.entry, f"{where}status", f"{where}redirect"):
            check_answer(row, set(entry["options"]), wrong)


def check_answer(row: Mapping[str, Any], options: set[str], wrong: Any) -> None:
    """One answer by itself. `wrong` takes a line of it, its value, why it is wrong, and what to write instead."""
    status = row["status"]
    if row["redirect"] and row["json"] is not None:
        wrong("redirect", row["redirect"], "an answer is either a redirect or a body", "either redirect or json")
    elif row["redirect"]:
        if row["redirect"].startswith("//"):
            wrong("redirect", row["redirect"], "it leads to another site", "a path of the app, such as /remote.php/dav")
        if status not in (None, *REDIRECTS):
            wrong("status", status, "it is not the status of a redirect", "301, or one of " + ", ".join(map(str, REDIRECTS[1:])))
    elif row["json"] is not None:
        if status is not None and (status not in PLAIN or status == 204):
            wrong("status", status, "no body is sent with it", "200, the same as without this line, or one from 400 on")
        try:
            length = quoted_length(compact(row["json"]))
        except (TypeError, ValueError):
            wrong("json", str(row["json"]), "it is not JSON", "texts, numbers, true, false, lists and mappings")
        else:
            if length > LONGEST_BODY:
                wrong("json", f"{length} bytes", f"it has more than {LONGEST_BODY} bytes", "less, or let the app answer")
    elif status is None:
        wrong("status", "(missing)", "it says neither what to answer nor where to go", "status, redirect or json")
    elif status not in PLAIN:
        wrong("status", status, "it cannot be an answer by itself", "200, 204, or one from 400 on, such as 404; for a redirect its target too")
    for name, value in row["headers"].items():
        check_header(name, OPEN.sub("", value), wrong)
    for name in sorted(set(names_in([row["json"], row["headers"]])) - options - {*KNOWN}):
        wrong("json" if name in names_in(row["json"]) else "headers", f"${{{name}}}", "the proxy does not know it", "one of " + ", ".join([*KNOWN, *options]))


def check_header(name: str, value: str, wrong: Any) -> None:
    if not HEADER_NAME.match(name):
        wrong("headers", name, "it is not the name of a header", "a name such as Access-Control-Allow-Origin")
    elif name.lower() in OWN_HEADERS:
        wrong("headers", name, "the proxy sets it itself", "the answer without it")
    elif value and (not HEADER_VALUE.match(value) or NOT_IN_HEADERS.search(value)):
        wrong("headers", value, f"the value of {name} has letters that no header of an answer can have", "plain ASCII without $ ` { } and backslash")


def names_in(value: object) -> list[str]:
    """The names that stand open as `${NAME}` in a value, at any depth."""
    if isinstance(value, Mapping):
        return [name for key, entry in value.items() for name in (*names_in(key), *names_in(entry))]
    if isinstance(value, list):
        return [name for entry in value for name in names_in(entry)]
    return OPEN.findall(value) if isinstance(value, str) else []


def base(route: Route) -> str:
    """Where a route's app is on its site: a path without the last slash, '' for the whole."""
    return "" if route.whole else str(route.part["path"]).rstrip("/")


def is_below(path: str, other: str) -> bool:
    return path == other or path.startswith(f"{other}/")


def on_site(route: Route, path: str) -> str:
    """A path of an app as its site has it. Where the app sees the site's own paths (no `strip`), one that lies in its part is that already."""
    own = base(route)
    return path if not route.part.get("strip") and is_below(path, own) else own + path


def passed_on(route: Route, preset: Mapping[str, Any]) -> list[str]:
    """The paths of a site that are passed to a route's app."""
    own = base(route)
    only = [path.rstrip("/") for path in preset.get("only", [])] or [""]
    if not route.part.get("strip"):
        if any(is_below(own, path) for path in only):
            return [own or "/"]
        only = [path for path in only if is_below(path, own)] or only
    return list(dict.fromkeys(on_site(route, path) or "/" for path in only))


def answers(own: Sequence[Route], routes: Sequence[Route], house: House) -> list[Answer]:
    """What a proxy answers itself on one site, the longest path first. `own`: the site's routes, `routes` all there are. What a person's `paths` send
    elsewhere goes there, and each path has one answer."""
    found: dict[str, Answer] = {}
    declared = [base(route) for route in own if not route.whole]
    for route in own:
        rows = route.own_entry["proxy"]["answers"] if route.own_entry else []
        known = facts(route, routes, house) if rows else {}
        for row in rows:
            # What is well known belongs to a name, wherever on it the app is (RFC 8615, section 3).
            known_place = row["path"].startswith("/.well-known/")
            path = row["path"] if known_place else on_site(route, row["path"])
            path = path if row["exact"] else path.rstrip("/")
            start = "" if known_place else base(route)
            if path not in found and not any(len(part) > len(start) and is_below(path, part) for part in declared):
                found[path] = answer(row, path, known, route, house)
    return sorted(found.values(), key=lambda one: (-len(one.path), one.path))


def facts(route: Route, routes: Sequence[Route], house: House) -> dict[str, str]:
    """What stands open in the answers of an app, as its stack is told it too, where it has one."""
    own = [other for other in routes if other.app is route.app and other.host == route.host and not other.part["app_port"]] if route.app else [route]
    hosts = list(dict.fromkeys(name for other in own for name in other.site["hosts"]))
    told = (house.url(own[0].proxy, hosts[0]), hosts[0], " ".join(hosts), house.hosts[route.host]["timezone"])
    options = decided(route.app, route.entry, route.host, house.mistakes) if route.app and route.entry else {}
    return {**options, **dict(zip(KNOWN, told, strict=True))}


def answer(row: Mapping[str, Any], path: str, known: Mapping[str, str], route: Route, house: House) -> Answer:
    """A row of the catalogue for one site."""
    if row["redirect"]:
        made = Answer(path, row["exact"], row["status"] or 301, on_site(route, row["redirect"]))
    elif row["json"] is not None:
        made = Answer(path, row["exact"], row["status"] or 200, body=compact(fill(row["json"], known)), type=JSON)
    else:
        made = Answer(path, row["exact"], row["status"])
    made.headers = fill(row["headers"], known)
    bad = [name for name, value in made.headers.items() if not HEADER_VALUE.match(value) or NOT_IN_HEADERS.search(value)]
    if (bad or quoted_length(made.body) > LONGEST_BODY) and route.app:
        problem = f"with them, what the proxy answers at {path} cannot be written" + (f" (header {bad[0]})" if bad else "")
        house.mistakes.add(route.host, f"app {route.app['name']}", "options", route.app["options"], problem, "shorter values of plain letters and digits")
    return made
