# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Public CAs, by the host of their ACME directory: the names they go by in CAA records, and which of them have limits in production."""

from __future__ import annotations

from urllib.parse import urlsplit

SECTIGO = ("sectigo.com", "usertrust.com", "comodoca.com", "comodo.com", "entrust.net")

IDENTITIES: dict[str, tuple[str, ...]] = {
    "acme-v02.api.letsencrypt.org": ("letsencrypt.org",),
    "acme-staging-v02.api.letsencrypt.org": ("letsencrypt.org",),
    "dv.acme-v02.api.pki.goog": ("pki.goog",),
    "dv.acme-v02.test-api.pki.goog": ("pki.goog",),
    "acme.zerossl.com": SECTIGO,
    "acme.sectigo.com": SECTIGO,
    "api.buypass.com": ("buypass.com", "buypass.no"),
    "api.test4.buypass.no": ("buypass.com", "buypass.no"),
}
"""For a directory that does not tell them in meta.caaIdentities (RFC 8555, section 7.1.1)."""

TRIALS = frozenset({"acme-staging-v02.api.letsencrypt.org", "dv.acme-v02.test-api.pki.goog", "api.test4.buypass.no"})


def host(directory: str) -> str:
    """The host of a directory's address in lower case; '' where the address has none."""
    try:
        return urlsplit(directory).hostname or ""
    except ValueError:
        return ""


def has_limits(directory: str) -> bool:
    """Whether this is a public CA in production. Their test directories, and a CA of one's own, have no limits worth keeping."""
    return host(directory) in IDENTITIES.keys() - TRIALS


def identities(directory: str, told: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The names of the CA in CAA records: as its directory tells them, else as known; none where nobody knows."""
    return told or IDENTITIES.get(host(directory), ())
