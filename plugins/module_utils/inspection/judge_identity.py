# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who vouches for a certificate, and who believes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..certificates.pem import names_text
from . import identity
from .findings import NOTE, WARNING, Finding, finding
from .model import Expected, Verdict
from .read import Cert
from .stores import NO_ISSUER, climb

UNABLE_TO_VERIFY_FIRST = 21


def judge(chain: Sequence[Cert], verdicts: Sequence[Verdict], expected: Expected, added: frozenset[str], where: str) -> Iterator[Finding]:
    """`where` is the address or file, for people."""
    leaf = chain[0]
    path = climb(chain)
    believed = [verdict.store for verdict in verdicts if verdict.ok]
    doubted = [verdict for verdict in verdicts if verdict.ok is False]
    codes = [f"Store {verdict.store}: OpenSSL {verdict.code}, {verdict.text}." for verdict in doubted]
    issued = f"It is {leaf.summary}."
    test = identity.staging(chain)
    empty = "" if test else identity.placeholder(leaf)
    home = "" if test or empty else identity.local(chain, verdicts, added)
    explained = bool(test or empty or leaf.self_signed)
    if test:
        what = f"{where}: the certificate comes from a test environment (staging)."
        advice = "Take staging: true out of exposure_acme, or let your ACME client use the authority's production directory, and order again."
        yield finding("staging_ca", what, advice, [issued, f"Its chain names {test}."])
    elif empty:
        what = f"{where}: a placeholder is shown, {empty}."
        advice = "Let the server use the certificate that was issued for this name, or have one issued; then reload it."
        yield finding("placeholder_certificate", what, advice, [issued])
    elif leaf.self_signed:
        what = f"{where}: the certificate signed itself."
        advice = "Have one issued by an authority; for a device at home the local authority (tls: local) will do."
        yield finding("self_signed", what, advice, [issued, *codes], severity=NOTE if believed else "")
    elif home:
        told = f"Stores that trust it here: {names_text(believed)}."
        advice = "Nothing, where this was intended. Devices need its root (trust.yml, or the authority's page)."
        yield finding("local_ca", f"{where}: the certificate is by {home}.", advice, [issued, told])
    top = path[-1]
    alone = len(path) == 1 and not leaf.self_signed and bool(leaf.ca_issuers)
    if alone and not test and any(verdict.code in (NO_ISSUER, UNABLE_TO_VERIFY_FIRST) for verdict in doubted):
        what = f"{where}: the intermediate certificate of {leaf.who} is missing."
        advice = f"Serve fullchain.pem in place of cert.pem. The missing one can be had at {leaf.ca_issuers[0]}"
        yield finding("missing_intermediate", what, advice, [issued, *codes])
        explained = True
    for verdict in verdicts:
        if verdict.ok is None and not verdict.lost:
            what = f"{where}: the store {verdict.store} could not be asked."
            yield finding(
                "trust_store_unreadable", what, "Give a PEM file with the roots, readable here, or install what is missing.", [verdict.text], [verdict.store]
            )
    if doubted and not (believed and (home or leaf.self_signed)):
        what = f"{where}: the certificate is not trusted by {names_text([verdict.store for verdict in doubted])}."
        chained = f"The chain ends with a certificate by {top.who}."
        advice = "Serve the whole chain of a public authority, or give the root of your own with trust."
        if explained:
            advice = "Correct what the finding above names; this follows from it."
        stores = [verdict.store for verdict in doubted]
        yield finding("untrusted_chain", what, advice, [*codes, chained], stores, severity=WARNING if believed else "")
    if expected.issuer and not identity.names_issuer(expected.issuer, chain):
        what = f"{where}: the certificate is by {leaf.who}, not by {expected.issuer}."
        advice = "Find out who ordered it, and see which server answers there. Where you changed the authority, correct the expectation."
        yield finding("issuer_unexpected", what, advice, [issued])
