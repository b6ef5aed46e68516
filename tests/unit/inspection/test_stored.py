"""Each finding that a certificate gives by itself, from a real certificate that has that fault and no other."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from plugins.module_utils.certificates.judge import TRUST
from plugins.module_utils.certificates.make import placeholder
from plugins.module_utils.inspection.findings import NOTE, WARNING
from plugins.module_utils.inspection.inspector import Inspection, as_json
from plugins.module_utils.inspection.model import Expected, file_of

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
    settings,
    stored,
    trust,
    with_sha1,
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
    "one that may not issue": lambda: ([make(by=(leaf := make(("other.example",), MIDDLE))), leaf, MIDDLE], ["untrusted_chain", "extra_or_duplicate"], {}),
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
    "SHA-1": lambda: sha1_leaf(),
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
    root = authority("Example Trust", "Old Root", key=rsa_key())
    old = with_sha1(root, root)
    return [make(by=old), old], ["root_sent"], {"roots": [old]}


def sha1_leaf() -> Case:
    root = authority("Example Trust", "Root", key=rsa_key())
    return [with_sha1(make(by=root), root)], ["weak_signature"], {"roots": [root]}


@pytest.mark.parametrize("case", CASES)
def test_a_fault_is_named_and_no_other(case: str, tmp_path: Path) -> None:
    chain, wanted, given = CASES[case]()
    found = stored(tmp_path, *chain, **given)
    assert ids(found) == wanted, [str(one) for one in found]
    assert all(one.what and one.why and one.advice.endswith((".", ")", "crt")) for one in found)


def test_a_placeholder_of_this_collection_is_called_so(tmp_path: Path) -> None:
    path = tmp_path / "fullchain.pem"
    path.write_bytes(placeholder([HOST], NOW).fullchain)
    (result,) = Inspection(settings()).run([], [file_of({"path": str(path), "names": [HOST], "trust": [trust(tmp_path, ROOT)]})])
    assert ids(result.findings) == ["placeholder_certificate", "untrusted_chain"]


def test_a_self_signed_certificate_that_was_given_as_a_root_is_no_fault(tmp_path: Path) -> None:
    mine = make(name=named(common=HOST))
    (found,) = stored(tmp_path, mine, roots=[mine])
    assert (found.id, found.severity) == ("self_signed", NOTE)


def test_each_store_is_asked_by_itself(tmp_path: Path) -> None:
    good, other = trust(tmp_path, ROOT), trust(tmp_path, STRANGER)
    (found,) = stored(tmp_path, make(by=MIDDLE), MIDDLE, trust=[good, other])
    assert (found.id, found.severity, found.about) == ("untrusted_chain", WARNING, (other,)) and "OpenSSL 20" in found.seen[0]
    (unread,) = stored(tmp_path, make(by=MIDDLE), MIDDLE, trust=[good, "/nowhere.pem"])
    assert (unread.id, unread.about) == ("trust_store_unreadable", ("/nowhere.pem",)) and "No such file" in unread.seen[0]


def test_the_system_s_own_store_is_asked_unless_others_are_named(tmp_path: Path) -> None:
    root = re.search(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n", TRUST.read_bytes(), re.DOTALL)
    assert root
    path = tmp_path / "root.pem"
    path.write_bytes(root[0])
    (known,) = Inspection(settings()).run([], [file_of({"path": str(path)})])
    assert [(verdict.store, verdict.ok) for verdict in known.verdicts] == [("system", True)]
    assert "untrusted_chain" in ids(stored(tmp_path, make(by=MIDDLE), MIDDLE, trust=["system"]))
    assert "untrusted_chain" in ids(stored(tmp_path, make(by=MIDDLE), MIDDLE, trust=["certifi"]))


def test_what_follows_from_another_finding_says_so(tmp_path: Path) -> None:
    *_, follows = stored(tmp_path, make(by=MIDDLE, aia="http://ca.example/i.crt"))
    (alone,) = stored(tmp_path, make(by=STRANGER))
    assert "follows from it" in follows.advice and "give the root of your own" in alone.advice


def test_the_key_of_a_file_has_to_belong_to_it(tmp_path: Path) -> None:
    made, other = make(by=MIDDLE), new_key()
    good, wrong, broken = (tmp_path / name for name in ("good.pem", "wrong.pem", "broken.pem"))
    good.write_bytes(made.key_pem)
    wrong.write_bytes(Made(made.certificate, other).key_pem)
    broken.write_bytes(made.key_pem[:60])
    assert stored(tmp_path, made, MIDDLE, key=str(good)) == []
    (found,) = stored(tmp_path, made, MIDDLE, key=str(wrong))
    assert found.id == "key_does_not_match_certificate" and found.about == (str(wrong),)
    assert ids(stored(tmp_path, made, MIDDLE, key=str(broken))) == ids(stored(tmp_path, made, MIDDLE, key="/nowhere")) == ["file_unreadable"]
    assert not any(line.decode() in repr(found) for line in wrong.read_bytes().splitlines())


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", bytes(range(256)) * 9000, make().key_pem]
)
def test_a_file_without_a_certificate_is_a_finding(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "fullchain.pem"
    path.write_bytes(content)
    results = Inspection(settings()).run([], [file_of({"path": str(path)}), file_of({"path": "/nowhere/cert.pem"}), file_of({"path": str(tmp_path)})])
    assert [ids(result.findings) for result in results] == [["file_unreadable"]] * 3


def test_a_damaged_certificate_among_good_ones_is_a_finding(tmp_path: Path) -> None:
    path = tmp_path / "fullchain.pem"
    path.write_bytes(make(by=MIDDLE).pem + MIDDLE.pem + b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    (result,) = Inspection(settings()).run([], [file_of({"path": str(path), "trust": [trust(tmp_path, ROOT)]})])
    assert ids(result.findings) == ["certificate_unreadable"]


def test_a_key_that_is_used_for_years_is_told_from_the_certificates_before(tmp_path: Path) -> None:
    key = new_key()
    before = tmp_path / "cert1.pem"
    before.write_bytes(make(by=MIDDLE, key=key, start=NOW - 500 * DAY).pem)
    (found,) = stored(tmp_path, make(by=MIDDLE, key=key), MIDDLE, earlier=[str(before)])
    assert (found.id, found.severity) == ("key_reused_too_long", NOTE)
    assert stored(tmp_path, make(by=MIDDLE), MIDDLE, earlier=[str(before)]) == []
    (lost,) = stored(tmp_path, make(by=MIDDLE), MIDDLE, earlier=["/nowhere.pem"])
    assert (lost.id, lost.severity) == ("file_unreadable", NOTE)


@pytest.mark.parametrize(("days", "ago", "wrong"), [(398, 300, False), (199, 20, False), (201, 20, True)])
def test_how_long_a_public_certificate_may_live_depends_on_its_first_day(days: int, ago: int, wrong: bool, tmp_path: Path) -> None:
    start = datetime(2026, 3, 1, tzinfo=UTC) if ago == 300 else datetime(2026, 4, 1, tzinfo=UTC)
    found = stored(tmp_path, make(by=MIDDLE, start=start, life=days * DAY), MIDDLE, about={"now": start + DAY})
    assert ids([one for one in found if one.id == "validity_too_long"]) == ["validity_too_long"] * wrong


HOSTILE = (
    x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "evil\n\x1b[31m\u202eFAKE: all is well\u2028<script>alert(1)</script>")]),
    x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x" * 60)] * 200),
)


@pytest.mark.parametrize("name", HOSTILE, ids=["controls", "huge"])
def test_words_of_a_hostile_certificate_are_made_fit_to_be_shown(name: x509.Name, tmp_path: Path) -> None:
    path = tmp_path / "fullchain.pem"
    path.write_bytes(make(("a\n.example",), name=name).pem)
    inspection = Inspection(settings())
    told = as_json(inspection.run([], [file_of({"path": str(path), "names": [HOST]})])[0], inspection.settings)
    assert all(text.isprintable() for text in texts(told)) and max(map(len, texts(told))) < 2000


def texts(told: Any) -> list[str]:
    if isinstance(told, dict):
        return [text for key, value in told.items() for text in (key, *texts(value))]
    return [text for value in told for text in texts(value)] if isinstance(told, list) else [told] if isinstance(told, str) else []


def test_a_subject_that_is_not_utf_8_is_a_finding_and_the_rest_is_judged(tmp_path: Path) -> None:
    made = make(("home.example.net",), MIDDLE, name=named(common="Zimmer"), life=5 * DAY)
    content = made.der.replace(b"Zimmer", b"Zi\xfc\xffer")
    path = tmp_path / "fullchain.pem"
    path.write_bytes(b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(content) + b"-----END CERTIFICATE-----\n")
    (result,) = Inspection(settings()).run([], [file_of({"path": str(path), "names": [HOST], "trust": [trust(tmp_path, ROOT)]})])
    assert {"certificate_unreadable", "expired", "name_mismatch"} <= set(ids(result.findings))


def test_a_date_that_cannot_be_read_is_told_and_not_taken_for_an_old_one(tmp_path: Path) -> None:
    made = make(("home.example.org",), MIDDLE)
    for date in re.findall(rb"\x17\x0d(\d{12}Z)", made.der)[-1:]:
        content = made.der.replace(date, b"999999999999Z")
    path = tmp_path / "fullchain.pem"
    path.write_bytes(b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(content) + b"-----END CERTIFICATE-----\n")
    (result,) = Inspection(settings()).run([], [file_of({"path": str(path), "names": [HOST]})])
    assert not {"expired", "lifetime_fraction_low"} & set(ids(result.findings)) and result.findings[0].id in ("file_unreadable", "certificate_unreadable")


def test_a_chain_of_hundreds_is_judged_in_time(tmp_path: Path) -> None:
    key = new_key()
    many = [make((), name=named(common="Example Root"), ca=True, key=key) for _ in range(300)]
    began = time.monotonic()
    assert "extra_or_duplicate" in ids(stored(tmp_path, make(by=many[0]), *many))
    inspection = Inspection(settings())
    told = as_json(inspection.text(b"".join(one.pem for one in many), Expected()), inspection.settings)
    assert time.monotonic() - began < 5 and len(told["chain"]) < 20
