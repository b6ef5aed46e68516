# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The command `exposure` on a server: what its timers run, from the same code that the modules run."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

AddTo = Callable[[argparse.ArgumentParser], None]


def address_watch() -> AddTo:
    from .address_watch import add_to

    return add_to


def apps() -> AddTo:
    from .apps import add_to

    return add_to


def certificates() -> AddTo:
    from .certificates import add_to

    return add_to


def ddns() -> AddTo:
    from .ddns import add_to

    return add_to


def failure() -> AddTo:
    from .failure import add_to

    return add_to


def router() -> AddTo:
    from .router import add_to

    return add_to


def status() -> AddTo:
    from .status import add_to

    return add_to


def watch() -> AddTo:
    from .watch import add_to

    return add_to


AREAS: dict[str, tuple[str, Callable[[], AddTo]]] = {
    "address-watch": ("see when an address of this machine or of the router changes", address_watch),
    "apps": ("tell how the apps are, and where their data and passwords lie", apps),
    "certificates": ("order, renew and install certificates", certificates),
    "ddns": ("keep names at the addresses of the home", ddns),
    "failure": ("note that a unit failed", failure),
    "router": ("keep the router's rules for this server", router),
    "status": ("tell how names and rules are", status),
    "watch": ("look after all of it, and tell a person what has changed", watch),
}
"""Area -> what it is for, and how its options are come by: only the area that is called is imported, as from an archive Python compiles whatever it
imports, each time."""


def main(arguments: list[str] | None = None) -> int:
    given = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(prog="exposure", description="What keeps the sites of this server served.")
    areas = parser.add_subparsers(dest="area", required=True, metavar="AREA")
    for name, (purpose, load) in AREAS.items():
        area = areas.add_parser(name, help=purpose)
        if given[:1] == [name]:
            load()(area)
    called = parser.parse_args(given)
    return int(called.run(called))


if __name__ == "__main__":
    sys.exit(main())
