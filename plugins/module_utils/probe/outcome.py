# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a look ends: as declared, not as declared, or not proven from here."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from ..acme.problem import printable

LONGEST = 300
"""Letters of a detail; servers' words are in it."""
SERVER, LAN, CONTROLLER, OUTSIDE = "server", "lan", "controller", "outside"
AT_HOME = (LAN, CONTROLLER)
VANTAGES = (OUTSIDE, CONTROLLER, LAN, SERVER)


@dataclass(frozen=True)
class View:
    """How this client looks: the address it connects to in place of a name's, seconds for a connection and for an answer, a PEM file it trusts
    too, and the ports it connects to where the probe names none. An `http_port` of 0: nothing comes in over http.

    `vantage`: where it stands. `own`: addresses it is known by. `local_root`: PEM file trusted for sites of the local authority alone.
    `store`: the folder of the store of certificates, on the server."""

    connect_to: str = ""
    timeout: float = 6.0
    roots: str = ""
    https_port: int = 443
    http_port: int = 80
    vantage: str = OUTSIDE
    own: tuple[str, ...] = ()
    local_root: str = ""
    store: str = ""


@dataclass(frozen=True)
class Outcome:
    """One check of one name, at one address where it has to do with one. `ok` is None for what cannot be proven from here. `detail` says what was
    seen; for a failure also what it means; `advice` what to do."""

    host: str
    site: str
    check: str
    address: str
    ok: bool | None
    detail: str
    advice: str = ""

    def __str__(self) -> str:
        return f"{self.host}: {self.check}{f' [{self.address}]' if self.address else ''}: {self.detail}"


class Wrong(Exception):
    """What was seen is not what was declared. The second argument is advice."""

    @property
    def advice(self) -> str:
        return str(self.args[1]) if len(self.args) > 1 else ""

    def __str__(self) -> str:
        return str(self.args[0])


class NotProven(Wrong):
    """It can be neither seen nor ruled out from here."""


def outcome(host: str, site: str, check: str, address: str, look: Callable[[], str]) -> Outcome:
    """What a look says, or why it ended."""

    def told(ok: bool | None, detail: str, advice: str = "") -> Outcome:
        return Outcome(host, site, check, address, ok, printable(detail, LONGEST), advice)

    try:
        return told(True, look())
    except NotProven as reason:
        return told(None, f"not proven: {reason}", reason.advice)
    except Wrong as reason:
        return told(False, str(reason), reason.advice)
    except ssl.SSLCertVerificationError as error:
        return told(False, f"the certificate is not valid for a client here: {error.verify_message}")
    except (OSError, http.client.HTTPException, ValueError) as error:
        return told(False, str(error) or type(error).__name__)
