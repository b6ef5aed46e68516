# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a person may declare: one table per kind of entry, and the reader that checks an entry against its table."""

from __future__ import annotations

import copy
import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from . import values
from .mistakes import Mistakes, Refused

PREFIX = "exposure_"
HIDDEN = "(secret, hidden)"
NOT_SHOWN = "(not shown)"
"""For a line that is not known: it may be a secret with a wrong name."""


@dataclass(frozen=True)
class Field:
    """One line that may be declared. `check` returns its value as the Plan uses it or raises `Refused`. The value of a secret shows nowhere."""

    check: Callable[[Any], Any]
    default: Any = None
    required: bool = False
    secret: bool = False


def anything(value: object) -> object:
    return value


def ports_of(value: object) -> dict[str, int]:
    """Ports on the host, by their names in the catalogue."""
    if not isinstance(value, Mapping):
        raise Refused("it is not a mapping", "names of ports and their numbers, such as {files: 9000}")
    return {values.slug(name): values.port(number) for name, number in value.items()}


def places_of(value: object) -> dict[str, str]:
    """Folders of an app, by their names in the catalogue, with where they are on the host."""
    if not isinstance(value, Mapping):
        raise Refused("it is not a mapping", "names of folders and where they are on the host, such as {config: /srv/media/config}")
    return {values.file_path(f"/{values.text(name)}").removeprefix("/"): values.file_path(place) for name, place in value.items()}


ACME = {
    "email": Field(values.e_mail, ""),
    "directory": Field(values.web_address, "https://acme-v02.api.letsencrypt.org/directory"),
    "staging": Field(values.boolean, False),
    "rehearsal": Field(values.web_address, ""),
    "ca_root": Field(values.file_path, ""),
    "challenges": Field(values.many(values.one_of("auto", "http-01", "tls-alpn-01", "dns-01")), ["auto"]),
    "dns": Field(values.slug, ""),
    "dns_wait": Field(values.duration, None),
    "key_type": Field(values.one_of("ecdsa", "rsa"), "ecdsa"),
    "profile": Field(values.slug, ""),
    "addresses": Field(values.many(values.address), []),
    "allow_private": Field(values.boolean, False),
}

EAB = {
    "kid": Field(values.word, required=True),
    "hmac_key": Field(values.base64url, required=True, secret=True),
}

PORTS = {
    "https": Field(values.port, 443),
    "http": Field(values.port_or_none, None),
}

PROOF = {
    "path": Field(values.path, "/"),
    "status": Field(values.many(values.status), []),
    "contains": Field(values.text, ""),
}

UPSTREAM = {
    "app": Field(values.slug, ""),
    "app_port": Field(values.slug, ""),
    "upstream": Field(values.upstream, ""),
    "upstream_name": Field(values.host, ""),
    "upstream_ca": Field(values.trust, ""),
}

PATH = {
    "path": Field(values.location, required=True),
    "strip": Field(values.boolean, False),
    **UPSTREAM,
}

SITE = {
    "name": Field(values.slug, required=True),
    "hosts": Field(values.many(values.host_name), []),
    **UPSTREAM,
    "paths": Field(anything, []),
    "redirect": Field(values.redirect, ""),
    "proxy": Field(values.text, ""),
    "tls": Field(values.one_of("acme", "local", "passthrough"), ""),
    "certificate": Field(values.slug, ""),
    "maintenance": Field(values.boolean, False),
    "accounts_replaced": Field(values.many(values.text), []),
    "proxy_protocol": Field(values.boolean, False),
    "http_upstream": Field(values.upstream, ""),
    "http_paths": Field(values.many(values.location), []),
    "hsts": Field(values.duration, 0),
    "max_body": Field(values.size, None),
    "read_timeout": Field(values.duration, None),
    "keep_streams": Field(values.duration, None),
    "buffering": Field(values.boolean, None),
    "compress": Field(values.boolean, None),
    "log_queries": Field(values.boolean, None),
    "probe": Field(anything, None),
}

COPY = {
    "path": Field(values.file_path, required=True),
    "content": Field(values.one_of("fullchain", "chain", "cert", "privkey", "dhparam"), required=True),
    "owner": Field(values.user_name, "root"),
    "group": Field(values.user_name, "root"),
    "mode": Field(values.mode, "0600"),
}

CERTIFICATE = {
    "name": Field(values.slug, required=True),
    "kind": Field(values.one_of("acme", "local", "files"), "acme"),
    "hosts": Field(values.many(values.certificate_name), []),
    "challenge": Field(values.one_of("auto", "http-01", "dns-01"), "auto"),
    "key_type": Field(values.one_of("ecdsa", "rsa"), ""),
    "chain": Field(values.file_path, ""),
    "key": Field(values.file_path, ""),
    "copies": Field(anything, []),
    "after": Field(values.many(values.word), []),
}

LOCAL_CA = {
    "certificate": Field(values.file_path, ""),
    "key": Field(values.file_path, ""),
    "page": Field(values.host_name, ""),
}


def backup_of(value: object) -> dict[str, Any]:
    """What is kept of an app before another version of it starts: nothing (`false`), or all but what is left out."""
    if isinstance(value, bool):
        return {"make": value}
    if not isinstance(value, Mapping) or set(value) - {"leave_out"}:
        raise Refused("it does not say what is kept", "false for no backup, or {leave_out: [media]}")
    below = values.many(lambda path: values.file_path(f"/{values.text(path)}").removeprefix("/"))
    return {"leave_out": below(value["leave_out"])} if value else {}


def several(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 1000:
        raise Refused("it is not a number of backups", "a number such as 3")
    return value


BACKUPS = {
    "directory": Field(values.file_path, "/var/backups/exposure"),
    "keep": Field(several, 3),
}

APP = {
    "name": Field(values.slug, required=True),
    "app": Field(values.slug, ""),
    "version": Field(values.image_tag, ""),
    "image": Field(values.image, ""),
    "port": Field(values.port, 0),
    "network": Field(values.network, ""),
    "environment": Field(values.mapping_of(values.environment_name), {}),
    "options": Field(values.mapping_of(values.environment_name), {}),
    "ports": Field(ports_of, {}),
    "accounts_replaced": Field(values.many(values.text), []),
    "backup": Field(backup_of, {}),
    "compose": Field(values.file_path, ""),
    "service": Field(values.service, ""),
    "data": Field(places_of, {}),
    "proxied_by": Field(values.service, ""),
    "publish": Field(values.one_of("loopback"), ""),
    "state": Field(values.one_of("present", "absent"), "present"),
}

HOST = {
    "domain": Field(values.host_name, ""),
    "proxy": Field(values.one_of("caddy", "nginx"), "caddy"),
    "http3": Field(values.boolean, None),
    "ports": Field(anything, {}),
    "ddns": Field(anything, []),
    "public_address": Field(anything, {}),
    "router": Field(values.one_of("manual", "auto", "none"), "manual"),
    "router_lease": Field(values.duration, 3600),
    "acme": Field(anything, {}),
    "acme_eab": Field(anything, {}, secret=True),
    "acme_credentials": Field(values.mapping_of(values.credential_name), {}, secret=True),
    "certbot_source": Field(values.one_of("debian", "pypi"), "debian"),
    "certificates": Field(anything, []),
    "local_ca": Field(anything, {}),
    "sites": Field(anything, []),
    "apps": Field(anything, []),
    "address": Field(values.many(values.address), []),
    "app_tokens": Field(values.mapping_of(values.slug), {}, secret=True),
    "app_networks": Field(values.network, "172.30.0.0/16"),
    "backups": Field(anything, {}),
    "directory": Field(values.file_path, "/etc/exposure"),
    "app_directory": Field(values.file_path, ""),
    "timezone": Field(values.time_zone, "Etc/UTC"),
    "catalogue": Field(values.file_path, ""),
    "verify": Field(anything, {}),
    "listening": Field(anything, []),
    "watch": Field(anything, {}, secret=True),
    "purge": Field(values.many(values.slug), []),
    "confirm": Field(values.many(values.slug), []),
}


def page(value: object) -> str:
    """A file on the controller; '' for none."""
    return "" if value == "" else values.text(value)


VERIFY = {
    "connect_to": Field(values.address, ""),
    "roots": Field(values.text, ""),
    "from_controller": Field(values.boolean, True),
    "report": Field(page, None),
}


@dataclass(frozen=True)
class Place:
    """Where in the inventory an entry stands."""

    host: str
    entry: str = ""
    prefix: str = ""


def read(table: Mapping[str, Field], given: object, place: Place, mistakes: Mistakes) -> dict[str, Any]:
    """An entry checked against its table: every line of the table with its value or default. Mistakes are added, not raised."""
    taken: dict[str, Any] = {name: copy.copy(field.default) for name, field in table.items()}
    if not isinstance(given, Mapping):
        shown = HIDDEN if any(field.secret for field in table.values()) else given
        mistakes.add(place.host, place.entry, place.prefix.rstrip("."), shown, "it is not a mapping of names to values", "lines of the form name: value")
        return taken
    for name, value in given.items():
        where = f"{place.prefix}{name}"
        if name not in table:
            near = difflib.get_close_matches(str(name), table, 1, 0.6)
            known = f"{place.prefix}{near[0]}" if near else ", ".join(sorted(table))
            mistakes.add(place.host, place.entry, where, NOT_SHOWN, "there is no such line", known)
            continue
        if value is None and not table[name].required:
            continue
        try:
            taken[name] = table[name].check(value)
        except Refused as refusal:
            mistakes.add(place.host, place.entry, where, HIDDEN if table[name].secret else value, refusal.problem, refusal.write)
    for name, field in table.items():
        if field.required and taken[name] is None and name not in given:
            mistakes.add(place.host, place.entry, f"{place.prefix}{name}", "(missing)", "this line is needed", f"{name}: and its value")
    return taken


def read_parts(table: Mapping[str, Field], given: object, place: Place, what: str, mistakes: Mistakes) -> dict[int, dict[str, Any]]:
    """A list that is one line of an entry, each part read by its table: place in the list -> part. `place` is that of the entry."""
    if not isinstance(given, list):
        mistakes.add(place.host, place.entry, what, given, "it is not a list", f"{what}: and entries that begin with -")
        return {}
    parts = {number: read(table, part, Place(place.host, place.entry, f"{what}[{number}]."), mistakes) for number, part in enumerate(given, 1)}
    return {number: part for number, part in parts.items() if part["path"]}


def read_list(table: Mapping[str, Field], given: object, host: str, variable: str, mistakes: Mistakes) -> list[dict[str, Any]]:
    """A list of entries, each read by its table; what it is called in messages is its name, or its place in the list."""
    if not isinstance(given, list):
        mistakes.add(host, "", variable, given, "it is not a list", f"{variable}: and entries that begin with -")
        return []
    found = []
    kind = variable.removeprefix(PREFIX).rstrip("s")
    for number, entry in enumerate(given, 1):
        name = entry.get("name") if isinstance(entry, Mapping) else None
        place = Place(host, f"{kind} {name}" if isinstance(name, str) else f"{kind} number {number}")
        taken = read(table, entry, place, mistakes)
        if taken.get("name"):
            found.append(taken)
    return found


def read_host(variables: Mapping[str, object], host: str, mistakes: Mistakes) -> dict[str, Any]:
    """All `exposure_*` variables of one host, checked. Lists hold the entries that could be read."""
    given = {key.removeprefix(PREFIX): value for key, value in variables.items() if key.startswith(PREFIX)}
    taken = read(HOST, given, Place(host, "", PREFIX), mistakes)
    taken["ports"] = read(PORTS, taken["ports"], Place(host, "", "exposure_ports."), mistakes)
    elsewhere = taken["directory"] != HOST["directory"].default  # who has no room in /etc has none in /srv either
    taken["app_directory"] = taken["app_directory"] or (f"{taken['directory']}/apps" if elsewhere else "/srv/exposure")
    if taken["ports"]["http"] is None:  # who moves the one port does so because the others are taken
        taken["ports"]["http"] = 80 if taken["ports"]["https"] == 443 else 0
    taken["acme"] = read(ACME, taken["acme"], Place(host, "", "exposure_acme."), mistakes)
    if taken["acme_eab"]:
        taken["acme_eab"] = read(EAB, taken["acme_eab"], Place(host, "", "exposure_acme_eab."), mistakes)
    taken["backups"] = read(BACKUPS, taken["backups"], Place(host, "", "exposure_backups."), mistakes)
    taken["verify"] = read(VERIFY, taken["verify"], Place(host, "", "exposure_verify."), mistakes)
    taken["sites"] = read_list(SITE, taken["sites"], host, "exposure_sites", mistakes)
    taken["apps"] = read_list(APP, taken["apps"], host, "exposure_apps", mistakes)
    taken["local_ca"] = read(LOCAL_CA, taken["local_ca"], Place(host, "", "exposure_local_ca."), mistakes)
    taken["certificates"] = read_list(CERTIFICATE, taken["certificates"], host, "exposure_certificates", mistakes)
    for site in taken["sites"]:
        place = Place(host, f"site {site['name']}", "probe.")
        site["probe"] = read(PROOF, site["probe"], place, mistakes) if site["probe"] is not None else None
        site["paths"] = [{**part, "number": number} for number, part in read_parts(PATH, site["paths"], place, "paths", mistakes).items()]
    for certificate in taken["certificates"]:
        place = Place(host, f"certificate {certificate['name']}")
        certificate["copies"] = list(read_parts(COPY, certificate["copies"], place, "copies", mistakes).values())
    return taken
