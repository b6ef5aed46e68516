# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""By whom a certificate is: a test environment, a program that had none, a household, or an authority that the world knows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from ..certificates.pem import PLACEHOLDER
from .model import Verdict
from .read import STEP, Cert

STAGING = re.compile(r"\(STAGING\)|\bFake LE (?:Intermediate|Root)\b")
"""In organisations and common names, never in a list of intermediates, which change (https://letsencrypt.org/docs/staging-environment/)."""

PLACEHOLDERS = {
    re.compile(re.escape(PLACEHOLDER)): "the placeholder with which this collection lets a proxy start",
    re.compile(r"TRAEFIK DEFAULT CERT"): "Traefik's own, which it shows where it has none",
    re.compile(r"Kubernetes Ingress Controller Fake Certificate|Acme Co\Z"): "that of a Kubernetes ingress that has none",
    re.compile(r"snakeoil", re.IGNORECASE): "Debian's snakeoil certificate",
    re.compile(r"Nginx Proxy Manager"): "the dummy of Nginx Proxy Manager",
    re.compile(r"Internet Widgits Pty Ltd|SomeOrganization\Z|Default Company Ltd"): "an example of OpenSSL's",
    re.compile(r"\Alocalhost(?:\.localdomain)?\Z"): "one for localhost alone",
    re.compile(
        r"Synology|QNAP|Ubiquiti|\bUniFi\b|TP-Link|AVM GmbH|fritz\.?box|MikroTik|ASUSTeK|NETGEAR", re.IGNORECASE
    ): "one that the device was delivered with",
    re.compile(r"webConfigurator|OPNsense|OpenWrt|Proxmox|VMware", re.IGNORECASE): "one that the system made for its own pages",
}
"""Words of the subject of a certificate that is for nobody in particular. Only what signed itself, or has no public issuer, is looked at."""

LOCAL = {
    re.compile(r"mkcert development CA|\Amkcert "): "mkcert",
    re.compile(r"Caddy Local Authority"): "Caddy's internal authority",
    re.compile(r"\ASmallstep|\bstep-ca\b", re.IGNORECASE): "step-ca",
    re.compile(r"\APebble (?:Intermediate|Root) CA"): "Pebble, an authority for tests",
}

LONGEST_PUBLIC = ((datetime(2029, 3, 15, tzinfo=UTC), 47), (datetime(2027, 3, 15, tzinfo=UTC), 100), (datetime(2026, 3, 15, tzinfo=UTC), 200))
"""Days that a public certificate may live when issued since (CA/Browser Forum ballot SC-081v3)."""
BEFORE = 398

CLASSIC, TLSSERVER, SHORTLIVED, PRIVATE = "classic", "tlsserver", "shortlived", "private"


def staging(chain: Iterable[Cert]) -> str:
    """The word that tells a test environment, '' where there is none."""
    return next((word for cert in chain for word in cert.words if STAGING.search(word)), "")


def placeholder(leaf: Cert) -> str:
    """What kind of placeholder a leaf is, '' for none."""
    if leaf.public:
        return ""
    return next((what for pattern, what in PLACEHOLDERS.items() for word in leaf.subject_words if pattern.search(word)), "")


def local(chain: Sequence[Cert], verdicts: Iterable[Verdict], added: frozenset[str]) -> str:
    """The household's authority by which a chain is, '' for none: known by its name, or because its root was given."""
    leaf = chain[0]
    if leaf.self_signed or leaf.public:
        return ""
    for cert in chain:
        for word in cert.issuer_words:
            for pattern, what in LOCAL.items():
                if pattern.search(word):
                    return what
    if STEP in leaf.extensions:
        return "step-ca"
    for verdict in verdicts:
        if verdict.ok and (verdict.store.startswith("/") or root_of(verdict) in added):
            return f"an authority that you gave ({leaf.who})"
    return ""


def root_of(verdict: Verdict) -> str:
    from hashlib import sha256

    return sha256(verdict.path[-1]).hexdigest() if verdict.path else ""


def profile(leaf: Cert) -> str:
    """What kind of life a certificate has (https://letsencrypt.org/docs/profiles/)."""
    if not leaf.public:
        return PRIVATE
    if leaf.life <= timedelta(days=10):
        return SHORTLIVED
    return TLSSERVER if leaf.life <= timedelta(days=47) and not leaf.common_names else CLASSIC


def longest(leaf: Cert) -> int:
    """Days that a public certificate may live, by its first day."""
    return next((days for since, days in LONGEST_PUBLIC if leaf.not_before >= since), BEFORE)


def names_issuer(wanted: str, chain: Iterable[Cert]) -> bool:
    """Whether the words of an authority's name, as an owner writes it, stand in an issuer of the chain."""
    return any(wanted.lower() in word.lower() for cert in chain for word in (*cert.issuer_words, cert.issuer))
