# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What was sent beside the leaf, and how it is built: order, extras, dates, keys, signatures, names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from ..certificates.pem import canonical, is_address, names_text, uncovered
from . import identity
from .findings import NOTE, Finding, finding
from .model import Expected, Verdict
from .read import Cert
from .stores import climb

OLD_DIGESTS = ("md5", "sha1")
LEAST_BITS = {"rsa": 2048, "ecdsa": 256, "dsa": 1 << 20}
KEY_YEARS = timedelta(days=398)


def judge(chain: Sequence[Cert], verdicts: Sequence[Verdict], expected: Expected, earlier: Sequence[Cert], now: datetime, where: str) -> Iterator[Finding]:
    yield from unreadable(chain, where)
    yield from order(chain, where)
    yield from dates(chain, verdicts, now, where)
    yield from names(chain[0], expected.names, where)
    yield from strength(chain, where)
    yield from habits(chain, earlier, now, where)


def unreadable(chain: Sequence[Cert], where: str) -> Iterator[Finding]:
    for number, cert in enumerate(chain, 1):
        if cert.unreadable:
            what = f"{where}: certificate {number} of the chain has parts that cannot be read."
            yield finding("certificate_unreadable", what, "Have a new one issued by a program or authority that keeps to RFC 5280.", cert.unreadable)


def order(chain: Sequence[Cert], where: str) -> Iterator[Finding]:
    if chain[0].ca and len(chain) > 1 and any(not cert.ca for cert in chain[1:]):
        what = f"{where}: the first certificate is an authority's, not the server's."
        yield finding("wrong_order", what, "Put the server's own certificate first, then the one that signed it, and so on.", severity="error")
        return
    path = climb(chain)
    places = [next(place for place, cert in enumerate(chain) if cert is one or cert == one) for one in path]
    if places != sorted(places):
        what = f"{where}: the certificates of the chain are not in order."
        seen = [f"In the order in which they signed each other they are {', '.join(str(place + 1) for place in places)}."]
        yield finding("wrong_order", what, "Put each after the one that it signed. The file fullchain.pem of an ACME client is right.", seen)
    if len(path) > 1 and path[-1].self_signed:
        what = f"{where}: the root certificate is sent along."
        yield finding("root_sent", what, "Leave the last certificate out of the chain.", [f"It is {path[-1].summary}."])
    extra = [cert for place, cert in enumerate(chain) if cert not in path or chain.index(cert) != place]
    if extra:
        what = f"{where}: {'a certificate is' if len(extra) == 1 else f'{len(extra)} certificates are'} sent that nobody needs."
        advice = "Take out what stands there twice, or signed nothing in this chain."
        yield finding("extra_or_duplicate", what, advice, [f"It is {cert.summary}." for cert in extra])


def dates(chain: Sequence[Cert], verdicts: Sequence[Verdict], now: datetime, where: str) -> Iterator[Finding]:
    """Of what the leaf hangs on. An expired one that nobody needs is a note."""
    path = {cert.fingerprint: cert for cert in climb(chain)[1:]}
    from .read import Broken, read

    for verdict in verdicts:
        for der in verdict.path[1:]:
            try:
                cert = read(der)
            except Broken:
                continue
            path[cert.fingerprint] = cert
    needed = [cert for cert in path.values() if not cert.not_before <= now <= cert.not_after]
    spare = [cert for cert in chain[1:] if cert.fingerprint not in path and now > cert.not_after]
    for certs, severity in ((needed, ""), (spare, NOTE)):
        if certs:
            what = f"{where}: a certificate above the server's own {'has expired' if now > certs[0].not_after else 'is not valid yet'}."
            advice = "Serve the current intermediates of the authority (fullchain.pem of a fresh order); a root of your own has to be made anew."
            yield finding("expired_in_chain", what, advice, [f"It is {cert.summary}." for cert in certs], severity=severity)


def names(leaf: Cert, wanted: Sequence[str], where: str) -> Iterator[Finding]:
    missing = uncovered(leaf.names, wanted)
    deep = {name: best for name in missing if (best := near(name, leaf.names))}
    if deep:
        what = f"{where}: no wildcard of the certificate reaches {names_text(list(deep))}."
        advice = f"Add to the certificate: {names_text(list(deep))}."
        yield finding("wildcard_depth", what, advice, [f"{name} is not covered by {best}." for name, best in deep.items()], deep)
    other = [name for name in missing if name not in deep]
    if other:
        what = f"{where}: the certificate is not for {names_text(other)}."
        seen = [f"It is for {names_text(leaf.names)}." if leaf.names else "It lists no name as subjectAltName, and clients look nowhere else."]
        if not uncovered([common.lower() for common in leaf.common_names], other):
            seen.append("The name stands in its common name (CN) alone, which clients ignore.")
        advice = "Have one issued that lists every name; where another certificate is meant to be shown, see which site answers there."
        yield finding("name_mismatch", what, advice, seen, other)


def near(name: str, has: Sequence[str]) -> str:
    """The wildcard that somebody took to cover a name: one for a parent of its parent, or for the name itself."""
    plain = canonical(name).removeprefix("*.")
    if is_address(plain):
        return ""
    return next((entry for entry in has if entry.startswith("*.") and (plain == entry[2:] or plain.endswith(entry[1:]))), "")


def strength(chain: Sequence[Cert], where: str) -> Iterator[Finding]:
    for number, cert in enumerate(chain, 1):
        if 0 < cert.key_bits < LEAST_BITS.get(cert.key_type, 0):
            what = f"{where}: the key of certificate {number} is too weak ({cert.key_type.upper()}, {cert.key_bits} bits)."
            yield finding("weak_key", what, "Have one issued with a key of ECDSA P-256, or RSA with 2048 bits at least.", [f"It is {cert.summary}."])
        if cert.digest in OLD_DIGESTS and not (cert.self_signed and number > 1):
            what = f"{where}: certificate {number} is signed with {cert.digest.upper()}."
            yield finding("weak_signature", what, "Have a new one issued; every authority signs with SHA-256 today.", [f"It is {cert.summary}."])


def habits(chain: Sequence[Cert], earlier: Sequence[Cert], now: datetime, where: str) -> Iterator[Finding]:
    leaf = chain[0]
    le = any("let's encrypt" in word.lower() for word in leaf.issuer_words)
    if leaf.must_staple and (not leaf.ocsp or le):
        what = f"{where}: the certificate asks for an OCSP answer that nobody gives."
        advice = "Order it anew without must-staple (certbot: without --must-staple)."
        yield finding("must_staple_without_ocsp", what, advice, [f"It is {leaf.summary}."])
    if le and leaf.ocsp:
        what = f"{where}: a certificate of Let's Encrypt that names an OCSP server is from before 2025-05-07."
        yield finding("ocsp_url_in_old_le_certificate", what, "Renew it, and see why nobody did.", [f"It names {leaf.ocsp[0]}."])
    if leaf.public and leaf.life > timedelta(days=(most := identity.longest(leaf)), seconds=1):
        what = f"{where}: the certificate lives for {leaf.life.days} days; {most} are allowed for one issued on {leaf.not_before:%Y-%m-%d}."
        yield finding("validity_too_long", what, "Have a new one issued.", [f"It is {leaf.summary}."])
    same = [cert.not_before for cert in earlier if cert.key_id and cert.key_id == leaf.key_id]
    first = min([leaf.not_before, *same])
    if now - first > KEY_YEARS and (same or leaf.public):
        what = f"{where}: the same key is in use since {first:%Y-%m-%d}."
        yield finding(
            "key_reused_too_long", what, "Let each renewal make a new key (certbot: without --reuse-key).", [f"{len(same)} earlier certificates have it."]
        )
