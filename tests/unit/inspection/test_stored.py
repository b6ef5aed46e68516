"""Each finding that a certificate gives by itself, from a real certificate that has that fault and no other."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from plugins.module_utils.certificates.make import placeholder
from plugins.module_utils.inspection.findings import ERROR, NOTE, WARNING

from .authority import (
    DAY,
    HOST,
    LE,
    LE_ROOT,
    MIDDLE,
    NOW,
    ROOT,
    STRANGER,
    Made,
    authority,
    ids,
    make,
    named,
    new_key,
    rsa_key,
    stored,
)

Case = tuple[list[Made], list[str], dict[str, Any]]

STAGING = authority("(STAGING) Let's Encrypt", "(STAGING) Pseudo Plum E5", authority("(STAGING) ISRG", "(STAGING) Root"))
YAM = authority("ISRG", "(STAGING) Yonder Yam Root YR")
MKCERT = authority("mkcert development CA", "mkcert me@laptop")
CADDY = authority("", "Caddy Local Authority - 2026 ECC Root")
OLD_ROOT = authority("Old Trust", "Old Root", life=2900 * DAY)


def own(common: str, organisation: str = "", hosts: tuple[str, ...] = (HOST,)) -> list[Made]:
    return [make(hosts, name=named(organisation, common))]


CASES: dict[str, Callable[[], Case]] = {
    "a good one": lambda: ([make(by=MIDDLE), MIDDLE], [], {}),
    "a good one of RSA": lambda: ([make(by=MIDDLE, key=rsa_key()), MIDDLE], [], {}),
    "an address": lambda: ([make(("192.168.1.5", "2001:db8::1"), MIDDLE), MIDDLE], [], {"names": ["192.168.1.5", "2001:DB8:0::1"]}),
    "an international name": lambda: ([make(("xn--mnchen-3ya.example",), MIDDLE), MIDDLE], [], {"names": ["München.example"]}),
    "no common name": lambda: ([make(by=MIDDLE, name=named()), MIDDLE], [], {}),
    "expired": lambda: ([make(by=MIDDLE, life=5 * DAY), MIDDLE], ["expired"], {}),
    "not yet valid": lambda: ([make(by=MIDDLE, start=NOW + timedelta(hours=2)), MIDDLE], ["not_yet_valid"], {}),
    "a wrong name": lambda: ([make(("other.example.org",), MIDDLE), MIDDLE], ["name_mismatch"], {}),
    "CN only": lambda: ([make((), MIDDLE, name=named(common=HOST)), MIDDLE], ["name_mismatch"], {}),
    "a wildcard one label too short": lambda: ([make(("*.example.org",), MIDDLE), MIDDLE], ["wildcard_depth"], {"names": ["a.home.example.org"]}),
    "a wildcard without its apex": lambda: ([make(("*.example.org",), MIDDLE), MIDDLE], ["wildcard_depth"], {"names": ["example.org"]}),
    "a wildcard that fits": lambda: ([make(("*.example.org",), MIDDLE), MIDDLE], [], {}),
    "no intermediate": lambda: ([make(by=MIDDLE, aia="http://ca.example/i.crt")], ["missing_intermediate", "untrusted_chain"], {}),
    "a stranger's root": lambda: ([make(by=STRANGER)], ["untrusted_chain"], {}),
    "order": lambda: ([make(by=(low := authority("Example Trust", "Lower", MIDDLE))), MIDDLE, low], ["wrong_order"], {}),
    "root sent": lambda: ([make(by=MIDDLE), MIDDLE, ROOT], ["root_sent"], {}),
    "one twice": lambda: ([make(by=MIDDLE), MIDDLE, MIDDLE], ["extra_or_duplicate"], {}),
    "one that belongs to nobody": lambda: ([make(by=MIDDLE), MIDDLE, STRANGER], ["extra_or_duplicate"], {}),
    "an expired intermediate": lambda: ([make(by=(old := authority("A", "B", ROOT, life=2900 * DAY))), old], ["expired_in_chain"], {}),
    "self-signed": lambda: (own(HOST), ["self_signed", "untrusted_chain"], {}),
    "mkcert": lambda: ([make(by=MKCERT, public=False)], ["local_ca"], {"roots": [MKCERT]}),
    "mkcert, not trusted": lambda: ([make(by=MKCERT, public=False)], ["untrusted_chain", "local_ca"], {}),
    "Caddy's own": lambda: ([make(by=CADDY, public=False)], ["local_ca"], {"roots": [CADDY]}),
    "staging": lambda: ([make(by=STAGING), STAGING], ["staging_ca", "untrusted_chain"], {}),
    "staging without the word in its organisation": lambda: ([make(by=YAM, public=False)], ["staging_ca", "untrusted_chain"], {}),
    "staging of old": lambda: ([make(by=authority("", "Fake LE Intermediate X1"))], ["staging_ca", "untrusted_chain"], {}),
    "Traefik's": lambda: (own("TRAEFIK DEFAULT CERT"), ["placeholder_certificate", "untrusted_chain"], {}),
    "Kubernetes'": lambda: (own("Kubernetes Ingress Controller Fake Certificate", "Acme Co"), ["placeholder_certificate", "untrusted_chain"], {}),
    "a vendor's": lambda: (own("synology", "Synology Inc."), ["placeholder_certificate", "untrusted_chain"], {}),
    "localhost's": lambda: (own("localhost"), ["placeholder_certificate", "untrusted_chain"], {}),
    "RSA with 1024 bits": lambda: ([make(by=MIDDLE, key=rsa_key(1024)), MIDDLE], ["weak_key"], {}),
    "P-192": lambda: ([make(by=MIDDLE, key=ec.generate_private_key(ec.SECP192R1())), MIDDLE], ["weak_key"], {}),
    "SHA-1": lambda: ([make(by=MIDDLE, digest=hashes.SHA1()), MIDDLE], ["weak_signature"], {}),
    "a root with SHA-1 is as good as any": lambda: sha1_root(),
    "must-staple": lambda: ([make(by=MIDDLE, staple=True), MIDDLE], ["must_staple_without_ocsp"], {}),
    "must-staple with an answer": lambda: ([make(by=MIDDLE, staple=True, ocsp="http://o.example"), MIDDLE], [], {}),
    "an old one of Let's Encrypt": lambda: ([make(by=LE, ocsp="http://e99.o.lencr.org"), LE], ["ocsp_url_in_old_le_certificate"], {"roots": [LE_ROOT]}),
    "a public one for a year": lambda: ([make(by=LE, life=365 * DAY), LE], ["validity_too_long"], {"roots": [LE_ROOT]}),
    "a private one for ten years": lambda: ([make(by=MIDDLE, life=3650 * DAY, public=False), MIDDLE], ["local_ca"], {}),
    "an unexpected issuer": lambda: ([make(by=MIDDLE), MIDDLE], ["issuer_unexpected"], {"issuer": "Let's Encrypt"}),
    "an expected issuer": lambda: ([make(by=LE), LE], [], {"issuer": "let's encrypt", "roots": [LE_ROOT]}),
}


def sha1_root() -> Case:
    old = authority("O", "R", digest=hashes.SHA1())
    return [make(by=old), old], ["root_sent"], {"roots": [old]}


@pytest.mark.parametrize("case", CASES)
def test_a_fault_is_named_and_no_other(case: str, tmp_path: Path) -> None:
    chain, wanted, given = CASES[case]()
    found = stored(tmp_path, *chain, **given)
    assert ids(found) == wanted, [str(one) for one in found]
    assert all(one.what and one.why and one.advice.endswith((".", ")", "crt")) for one in found)
