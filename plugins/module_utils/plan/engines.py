# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which proxy and which certbot a Debian release has, and since when each can do what.

Versions from the packages of bookworm, trixie and trixie-backports; features from Caddy's release tags, nginx's CHANGES and certbot's CHANGELOG.
"""

from __future__ import annotations

from dataclasses import dataclass

Version = tuple[int, int]

PACKAGED: dict[str, dict[str, dict[str, Version]]] = {
    "caddy": {"bookworm": {"distribution": (2, 6)}, "trixie": {"distribution": (2, 6), "backports": (2, 11)}},
    "nginx": {"bookworm": {"distribution": (1, 22)}, "trixie": {"distribution": (1, 26)}},
}
CERTBOT: dict[str, Version] = {"bookworm": (2, 1), "trixie": (4, 0)}
OLDEST: dict[str, Version] = {"caddy": (2, 6), "nginx": (1, 22)}
RELEASES = tuple(CERTBOT)
NEWEST_TESTED = "trixie"
TITLES = {"caddy": "Caddy", "nginx": "nginx"}


@dataclass(frozen=True)
class Feature:
    """Something a site or the proxy asks for that not every version of an engine has."""

    engine: str
    since: Version
    what: str


KEEP_STREAMS = Feature("caddy", (2, 7), "keep WebSockets open during a reload")
BEHIND_SPLITTER = Feature("caddy", (2, 7), "see the real client behind the splitter that a site with tls: passthrough needs")
CADDY_PROFILE = Feature("caddy", (2, 10), "ask for an ACME profile")
HTTP3 = Feature("nginx", (1, 25), "speak HTTP/3")
PASS = Feature("nginx", (1, 26), "hand a connection from the splitter to a virtual host of its own")
CERTBOT_PROFILE: Version = (4, 0)


def version(text: str) -> Version:
    """(major, minor) of a package version such as `2.11.2-1~bpo13+1`; (0, 0) of anything else."""
    numbers = text.split("-")[0].split(":")[-1].split(".")
    return (int(numbers[0]), int(numbers[1])) if len(numbers) > 1 and numbers[0].isdigit() and numbers[1].isdigit() else (0, 0)


def choose(engine: str, release: str, installed: str, wanted: Version) -> tuple[str, Version]:
    """Where an engine comes from and which version that gives, for a release, what is installed there, and the version that is wanted.

    What is installed and new enough is left alone, wherever it came from.
    """
    present = version(installed)
    if present >= max(wanted, OLDEST[engine]):
        return "installed", present
    offers = PACKAGED[engine][release]
    for source, offered in offers.items():
        if offered >= wanted:
            return source, offered
    source = max(offers, key=lambda name: offers[name])
    return source, offers[source]
