# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an inspection can find, how grave it is, and why that matters."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from ..acme.problem import printable
from ..network.findings import ERROR, NOTE, WARNING, WEIGHT, listed

__all__ = ["ERROR", "KINDS", "NOTE", "OK", "WARNING", "Finding", "finding", "in_order", "listed", "worst"]

OK = "ok"
LONGEST = 400
"""Letters of one sentence of evidence."""
MOST_SEEN = 8


class Kind(NamedTuple):
    """How grave a finding is where nothing speaks for another weight, and why it matters."""

    severity: str
    why: str


KINDS = {
    "endpoint_unreachable": Kind(ERROR, "Nobody can be served there, and nothing can be said of its certificate."),
    "file_unreadable": Kind(ERROR, "What cannot be read here cannot be served after the next restart either."),
    "certificate_unreadable": Kind(ERROR, "Clients that read strictly refuse such a certificate."),
    "trust_store_unreadable": Kind(ERROR, "Whether this store trusts the certificate cannot be said."),
    "placeholder_certificate": Kind(ERROR, "The server has no certificate for this name yet, or does not find it: browsers warn every visitor."),
    "staging_ca": Kind(ERROR, "It comes from a test environment, which no browser or app trusts."),
    "local_ca": Kind(NOTE, "It is valid only on devices to which you gave the authority's root."),
    "self_signed": Kind(ERROR, "Nobody vouches for it, so browsers warn and apps refuse."),
    "missing_intermediate": Kind(ERROR, "Many browsers fetch what is missing by themselves; phones, apps and command lines do not, and refuse."),
    "untrusted_chain": Kind(ERROR, "Clients with this store refuse the connection."),
    "expired": Kind(ERROR, "Every client refuses it."),
    "not_yet_valid": Kind(ERROR, "Every client whose clock is right refuses it."),
    "expired_in_chain": Kind(ERROR, "Clients that build the chain over it refuse; which do depends on their age."),
    "revoked": Kind(ERROR, "The authority declared it invalid: browsers refuse it within hours or days."),
    "name_mismatch": Kind(ERROR, "A client that asks for such a name refuses the certificate."),
    "wildcard_depth": Kind(ERROR, "A wildcard stands for exactly one label (RFC 6125, 6.4.3), so clients refuse it for such a name."),
    "sni_ignored": Kind(NOTE, "The server has one certificate for whoever asks, so another name needs another server, or a configuration for it."),
    "key_does_not_match_certificate": Kind(ERROR, "No server can start with this pair."),
    "served_differs_from_disk": Kind(ERROR, "What was renewed does not reach visitors; what is served will expire."),
    "address_differs": Kind(ERROR, "Which certificate visitors get depends on the address that they happen to take."),
    "issuer_unexpected": Kind(ERROR, "Somebody else than intended vouches for your name: a wrong configuration, or an order that you did not make."),
    "lifetime_fraction_low": Kind(WARNING, "Renewal should have happened by now; when the rest of its life is over, nobody gets in."),
    "renewal_overdue": Kind(WARNING, "A renewal that works would be done by now."),
    "ari_window_moved_earlier": Kind(ERROR, "The authority wants it renewed before its time, as before a mass revocation."),
    "caa_forbids_issuer": Kind(ERROR, "What is served works until it expires; the next renewal will fail."),
    "caa_forbids_wildcard": Kind(ERROR, "What is served works until it expires; the next renewal will fail."),
    "caa_account_or_method_mismatch": Kind(ERROR, "What is served works until it expires; the next renewal will fail."),
    "must_staple_without_ocsp": Kind(ERROR, "It obliges the server to show an OCSP answer that nobody gives any more; Firefox refuses it then."),
    "ocsp_url_in_old_le_certificate": Kind(WARNING, "Let's Encrypt ended OCSP on 2025-08-06: it is very old, or not from them."),
    "weak_key": Kind(ERROR, "Current clients refuse such keys, and they can be broken."),
    "weak_signature": Kind(ERROR, "Current clients refuse such signatures, and they can be forged."),
    "negotiated_below_1_2": Kind(ERROR, "Browsers no longer speak these versions."),
    "tls_old_version_offered": Kind(WARNING, "TLS 1.0 and 1.1 are abandoned (RFC 8996), and known attacks need them."),
    "validity_too_long": Kind(WARNING, "Browsers refuse certificates of public authorities that live longer than the rules of their time allow."),
    "no_sni_differs": Kind(WARNING, "Who asks for no name, as scanners do, learns of another one that you have."),
    "crl_stale": Kind(WARNING, "Whether it was revoked since is not known."),
    "wrong_order": Kind(WARNING, "Most clients sort the chain themselves; old ones refuse."),
    "crl_unreachable": Kind(NOTE, "Whether it was revoked is not known."),
    "caa_unread": Kind(NOTE, "Whether the next renewal is allowed is not known."),
    "ari_unreachable": Kind(NOTE, "When the authority wants it renewed is not known; its own life decides."),
    "root_sent": Kind(NOTE, "Harmless: clients have the root already, and each handshake grows by it."),
    "extra_or_duplicate": Kind(NOTE, "Harmless for nearly all clients, and each handshake grows by it."),
    "key_reused_too_long": Kind(NOTE, "Whoever once copied the key can still read and imitate."),
    "not_testable_here": Kind(NOTE, "The TLS library of this host cannot speak the old versions itself, so nobody here can say whether they are off."),
}
"""Every finding, in the order in which they are told: what causes others comes first. docs/inspection.md explains each."""

ORDER = {name: place for place, name in enumerate(KINDS)}


@dataclass(frozen=True)
class Finding:
    """`kind` tells apart what has one identifier ('' for most). `what` is one sentence, `seen` are sentences of what was seen, `why` says why it matters,
    `advice` what to do. `about`: names, addresses, files or stores."""

    id: str
    severity: str
    what: str
    why: str
    advice: str
    seen: tuple[str, ...] = ()
    about: tuple[str, ...] = ()
    kind: str = ""

    def __str__(self) -> str:
        return f"{self.what} {self.advice}"


def finding(name: str, what: str, advice: str, seen: Iterable[str] = (), about: Iterable[str] = (), kind: str = "", severity: str = "") -> Finding:
    """A finding with the weight of its kind, where none is given. Words of strangers are made fit to be shown."""
    told = tuple(dict.fromkeys(printable(one, LONGEST) for one in seen))
    if len(told) > MOST_SEEN:
        told = (*told[: MOST_SEEN - 1], f"And {len(told) - MOST_SEEN + 1} more.")
    shown = tuple(printable(one, 255) for one in dict.fromkeys(about))
    return Finding(name, severity or KINDS[name].severity, printable(what, LONGEST), KINDS[name].why, printable(advice, 2 * LONGEST), told, shown, kind)


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """The gravest first, and among equals what causes others."""
    return sorted(dict.fromkeys(findings), key=lambda one: (WEIGHT[one.severity], ORDER[one.id], one.about))


def worst(findings: Iterable[Finding]) -> str:
    return min((one.severity for one in findings), key=WEIGHT.__getitem__, default=OK)
