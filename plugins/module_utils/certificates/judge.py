# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a certificate of one's own can serve: everything that is wrong with it, in the words of whoever has to repair it."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from cryptography import x509

from .pem import CERTIFICATE, UNREADABLE, Certificate, Encrypted, Unusable, key_matches, names_text, read_chain, read_key, signed_by, uncovered

TRUST = Path("/etc/ssl/certs/ca-certificates.crt")
"""The roots that Debian's ca-certificates trusts."""


@dataclass(frozen=True)
class Problem:
    """What is wrong with a certificate, and what to do."""

    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.what}. {self.remedy}."


def judge(chain_pem: bytes, key_pem: bytes, wanted: Sequence[str], now: datetime, trust: Path = TRUST) -> list[Problem]:
    """Every problem of a certificate of one's own; none where it can serve the wanted names now. `trust` is a PEM file of the system's roots."""
    problems = []
    key = None
    try:
        key = read_key(key_pem)
    except Encrypted as reason:
        problems.append(Problem(*split("The private key is encrypted: ", reason)))
    except Unusable as reason:
        problems.append(Problem(*split("The private key cannot be read: ", reason)))
    try:
        chain = read_chain(chain_pem)
    except Unusable as reason:
        return [*problems, Problem(*split("The certificate cannot be read: ", reason))]
    leaf = chain[0]
    if key is not None and not key_matches(leaf, key):
        other = next((n for n, one in enumerate(chain, 1) if key_matches(one, key)), 0)
        if other:
            problems.append(
                Problem(f"The chain is out of order: the private key belongs to certificate {other} in the file, not to the first", "Move that one to the top")
            )
            leaf = chain[other - 1]
        else:
            problems.append(
                Problem("The private key does not belong to the certificate", "Give the key that this certificate was requested with, or have a new one issued")
            )
    problems += order(chain) if leaf is chain[0] else []
    problems += issuer_missing(chain, trust)
    problems += validity(leaf, now)
    if missing := uncovered(leaf.names, wanted):
        hint = f"It is for {names_text(leaf.names)}" if leaf.names else "It lists no name as subjectAltName, and browsers look nowhere else"
        problems.append(
            Problem(f"The certificate is not for {names_text(missing)}. {hint}", "Have one issued that lists every name, or take the name out of the inventory")
        )
    return problems


def split(start: str, reason: Exception) -> tuple[str, str]:
    """The two halves of a message of the form 'what is wrong: what to do'."""
    what, _, remedy = str(reason).partition(": ")
    return start + what, remedy[:1].upper() + remedy[1:]


def order(chain: Sequence[Certificate]) -> list[Problem]:
    """Each certificate must be signed by the next one (RFC 8446 allows others, but not every client sorts them)."""
    for number, (one, following) in enumerate(pairwise(chain), 1):
        if signed_by(one.x509, following.x509):
            continue
        elsewhere = next((n for n, other in enumerate(chain, 1) if other is not one and signed_by(one.x509, other.x509)), 0)
        if elsewhere:
            what = f"The chain is out of order: certificate {number} is signed by certificate {elsewhere} in the file, not by the one after it"
            return [Problem(what, "Put the server's own certificate first, then the one that signed it, and so on")]
        what = f"The chain is broken: certificate {number + 1} in the file did not sign the one before it"
        return [Problem(what, "Take out what does not belong there, and add the intermediate certificates of whoever issued it")]
    return []


def issuer_missing(chain: Sequence[Certificate], trust: Path) -> list[Problem]:
    """A certificate alone whose issuer is no trusted root: clients could not build the chain. One that ends in an intermediate is the norm."""
    if len(chain) > 1 or chain[0].self_signed or trusted(chain[0].x509, trust):
        return []
    what = f"The chain is incomplete: who issued the certificate ({names_text([chain[0].issuer])}) is not in the file"
    return [Problem(what, "Use the file that holds the whole chain, often called fullchain.pem, or append the issuer's intermediate certificates")]


def trusted(certificate: x509.Certificate, trust: Path) -> bool:
    try:
        blocks = CERTIFICATE.findall(trust.read_bytes())
    except OSError:
        return False
    for block in blocks:
        with contextlib.suppress(*UNREADABLE), warnings.catch_warnings():
            # Some old roots have serial numbers that the library grumbles about.
            warnings.simplefilter("ignore")
            if signed_by(certificate, x509.load_pem_x509_certificate(block)):
                return True
    return False


def validity(leaf: Certificate, now: datetime) -> list[Problem]:
    if now > leaf.not_after:
        return [Problem(f"The certificate expired at {leaf.not_after:%Y-%m-%d %H:%M} UTC", "Have it renewed, and give the new files")]
    if now < leaf.not_before:
        what = f"The certificate is not valid before {leaf.not_before:%Y-%m-%d %H:%M} UTC"
        return [Problem(what, f"Wait until then, or look at the clock of this host, which says {now:%Y-%m-%d %H:%M} UTC")]
    return []
