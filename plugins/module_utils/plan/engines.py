# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which Caddy a Debian release has, and since when Caddy can do what.

Versions from the packages of bookworm (2.6.2), trixie (2.6.2) and trixie-backports (2.11.2); features from Caddy's release tags.
"""

from __future__ import annotations

from dataclasses import dataclass

PACKAGED = {"bookworm": {"distribution": (2, 6)}, "trixie": {"distribution": (2, 6), "backports": (2, 11)}}
NEWEST_TESTED = "trixie"


@dataclass(frozen=True)
class Feature:
    """Something a site or the proxy asks for that not every version has."""

    since: tuple[int, int]
    what: str


KEEP_STREAMS = Feature((2, 7), "keep WebSockets open during a reload")
ACME_PROFILE = Feature((2, 10), "ask for an ACME profile")


def version(text: str) -> tuple[int, int]:
    """(major, minor) of a package version such as `2.11.2-1~bpo13+1`; (0, 0) of anything else."""
    numbers = text.split("-")[0].split(":")[-1].split(".")
    return (int(numbers[0]), int(numbers[1])) if len(numbers) > 1 and numbers[0].isdigit() and numbers[1].isdigit() else (0, 0)


def choose(release: str, installed: str, wanted: tuple[int, int]) -> tuple[str, tuple[int, int]]:
    """Where Caddy comes from and which version that gives, for a release, what is installed there, and the version that is wanted.

    An installed Caddy that is new enough is left alone, wherever it came from.
    """
    present = version(installed)
    if present >= max(wanted, (2, 6)):
        return "installed", present
    offers = PACKAGED[release]
    for source, offered in offers.items():
        if offered >= wanted:
            return source, offered
    source = max(offers, key=lambda name: offers[name])
    return source, offers[source]
