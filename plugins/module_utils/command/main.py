# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The command `exposure` on a server: what its timers run, from the same code that the modules run."""

from __future__ import annotations

import argparse
import sys

from .certificates import add_to as add_certificates
from .failure import add_to as add_failure


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="exposure", description="What keeps the sites of this server served.")
    areas = parser.add_subparsers(dest="area", required=True, metavar="AREA")
    add_certificates(areas.add_parser("certificates", help="order, renew and install certificates"))
    add_failure(areas.add_parser("failure", help="note that a unit failed"))
    given = parser.parse_args(arguments)
    return int(given.run(given))


if __name__ == "__main__":
    sys.exit(main())
