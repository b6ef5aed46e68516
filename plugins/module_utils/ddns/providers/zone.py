# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A name in its zone, as the APIs of DNS providers spell it."""

from __future__ import annotations

APEX = "@"


def ascii_name(name: str) -> str:
    """A name in small letters and Punycode (RFC 3490), without a dot at its end. A label that has no such form stays as it is, so that it is refused
    by whoever it is sent to."""
    return ".".join(_ascii_label(label) for label in name.strip().rstrip(".").lower().split("."))


def _ascii_label(label: str) -> str:
    if label.isascii():
        return label
    try:
        return label.encode("idna").decode("ascii")
    except UnicodeError:
        return label


def relative(host: str, zone: str) -> str | None:
    """The part of a name before its zone: `@` for the zone itself, None where the name is outside it. Both in any spelling."""
    name, place = ascii_name(host), ascii_name(zone)
    if name == place:
        return APEX
    return name.removesuffix(f".{place}") if name.endswith(f".{place}") else None


def parents(host: str) -> list[str]:
    """The zones in which a name may be, the longest first: itself and what is above it, down to two labels."""
    labels = ascii_name(host).removeprefix("*.").split(".")
    return [".".join(labels[start:]) for start in range(len(labels) - 1)]
