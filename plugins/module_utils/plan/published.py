# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a person may declare of the home's address: names that a DNS provider keeps, and who is asked for the public address."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Any

from ..ddns.model import Option
from ..ddns.providers import registry
from . import values
from .declaration import HIDDEN, Field, Place, anything, read
from .mistakes import Mistakes, Refused

INTERFACE = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._@-]{1,15}\Z")
MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}\Z")
SOURCE = re.compile(r"(natpmp|upnp|interface|command|fixed|(dns|https):[a-z0-9]{1,40})\Z")

interface = values.matching(INTERFACE, "it is not the name of a network interface", "a name such as eth0, as `ip link` shows it")


def published_name(value: object) -> str:
    """A name that a DNS provider keeps: a host name, or a wildcard."""
    name = values.text(value)
    return f"*.{values.host_name(name[2:])}" if name.startswith("*.") else values.host_name(name)


def address_range(value: object) -> str:
    """A network of IPv4 or IPv6 whose host bits are zero."""
    try:
        return str(ipaddress.ip_network(values.text(value)))
    except ValueError:
        raise Refused("it is not a network", "a network such as 198.51.100.0/24, with all host bits zero") from None


def host_part(value: object) -> str:
    """The lasting end of an IPv6 address, as `::10`, or the MAC address that it is made of (RFC 4291, appendix A)."""
    shown = values.text(value).lower()
    if MAC.match(shown):
        return shown
    try:
        found = ipaddress.IPv6Address(shown)
    except ValueError:
        found = None
    if not found or not int(found) or int(found) >> 64:
        raise Refused("it is not the end of an IPv6 address", "the end such as ::10, or the MAC address of the machine")
    return str(found)


def address_source(value: object) -> str:
    """Who is asked for the public address."""
    shown = values.text(value)
    if shown.startswith("https:") and shown.count("/"):
        return f"https:{values.web_address(shown if shown.startswith('https://') else shown.removeprefix('https:'))}"
    if not SOURCE.match(shown):
        raise Refused("it is not a source of addresses", "natpmp, upnp, interface, dns:cloudflare, https:ipify, or an https address that says it")
    return shown


def whole_number(value: object) -> int:
    """A number from 0 to a million; in quotes too."""
    number = int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 8 else value
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= 1_000_000:
        raise Refused("it is not a whole number", "a number such as 60")
    return number


def secret_text(value: object) -> str:
    """A token or password: printable text on one line."""
    shown = values.text(value)
    if not shown.isprintable() or len(shown) > 4000:
        raise Refused("it has a line break or a control character, or no end", "the token on one line, as the provider shows it")
    return shown


def mapping_from(name: Callable[[Any], str], each: Callable[[Any], str]) -> Callable[[object], dict[str, str]]:
    """A mapping of checked names to checked values."""

    def check(value: object) -> dict[str, str]:
        if not isinstance(value, dict):
            raise Refused("a mapping is needed", "a mapping of names to values")
        return {name(key): each(entry) for key, entry in value.items()}

    return check


DDNS = {
    "provider": Field(values.one_of(*registry.NAMES), required=True),
    "name": Field(values.slug, ""),
    "hosts": Field(values.many(published_name), []),
    "families": Field(values.many(values.one_of("ipv4", "ipv6")), []),
    "suffixes": Field(mapping_from(published_name, host_part), {}),
    "prefix": Field(values.boolean, False),
    "when_gone": Field(values.one_of("keep", "clear"), "keep"),
    "state": Field(values.one_of("present", "absent"), "present"),
}
"""Besides the lines that its provider has (ddns/providers)."""

PUBLIC_ADDRESS = {
    "sources": Field(values.many(address_source), []),
    "quorum": Field(whole_number, 2),
    "families": Field(values.many(values.one_of("ipv4", "ipv6")), ["ipv4", "ipv6"]),
    "interface": Field(interface, ""),
    "fixed": Field(values.many(values.address), []),
    "command": Field(values.many(values.word), []),
    "suffix": Field(host_part, ""),
    "prefix_length": Field(whole_number, 64),
    "router": Field(values.address, ""),
    "allow_private": Field(values.boolean, False),
    "public": Field(values.many(address_range), []),
}


OPTION_CHECKS: dict[str, Callable[[Any], Any]] = {
    "text": secret_text,
    "word": values.matching(values.WORD, "it has letters that no provider takes here", "letters, digits and . _ ~ / = & ? % + , @ : - only"),
    "host_name": values.host_name,
    "web_address": values.web_address,
    "path": values.path,
    "integer": whole_number,
    "boolean": values.boolean,
}
"""How a line of a DDNS provider is checked, by what the provider says of it (ddns/model.py, Option)."""


def read_ddns(given: object, host: str, mistakes: Mistakes) -> list[dict[str, Any]]:
    """The entries of `exposure_ddns`, each by the lines that its provider has; those go into `options` and `secrets`, as texts."""
    if not isinstance(given, list):
        mistakes.add(host, "", "exposure_ddns", HIDDEN, "it is not a list", "exposure_ddns: and entries that begin with - provider:")
        return []
    found = []
    for number, entry in enumerate(given, 1):
        lines = entry if isinstance(entry, Mapping) else {}
        known = lines.get("provider") in registry.NAMES
        options = registry.provider(lines["provider"]).OPTIONS if known else {}
        own = {name: Field(check_of(option), None, option.required, option.secret) for name, option in options.items()}
        place = Place(host, f"ddns {lines['provider']}" if known else f"ddns number {number}")
        if known or not isinstance(entry, Mapping) or "provider" not in entry:
            taken = read({**DDNS, **own, **({} if known else {"token": Field(anything, secret=True)})}, entry, place, mistakes)
        else:  # what its other lines mean is not known
            taken = read(DDNS, {key: value for key, value in entry.items() if key in DDNS}, place, mistakes)
        given_lines = {name: as_text(value) for name in options if (value := taken.pop(name)) is not None}
        for kind, secret in (("options", False), ("secrets", True)):
            taken[kind] = {name: value for name, value in given_lines.items() if options[name].secret is secret}
        if known:
            found.append(taken)
    return found


def check_of(option: Option) -> Callable[[Any], Any]:
    if option.secret:
        return secret_text
    return OPTION_CHECKS[option.check] if option.check in OPTION_CHECKS else values.one_of(*option.check.split("|"))


def as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def read_published(host: dict[str, Any], name: str, mistakes: Mistakes) -> None:
    """Those lines of a host as `read_host` gave it, checked."""
    host["public_address"] = read(PUBLIC_ADDRESS, host["public_address"], Place(name, "", "exposure_public_address."), mistakes)
    host["ddns"] = read_ddns(host["ddns"], name, mistakes)
