"""A certificate of one's own is judged before it is installed: each problem is named, with what to do."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from plugins.module_utils.certificates.judge import TRUST, judge, trusted
from plugins.module_utils.certificates.pem import CERTIFICATE, read_chain

from .authority import INTERMEDIATE, NOW, ROOT, STRANGER, chain, issue, key_pem, new_key, served

HOSTS = ["home.example.org"]


def said(chain_pem: bytes, key: bytes, hosts: list[str] = HOSTS, trust: Path = Path("/nonexistent")) -> list[str]:
    return [str(problem) for problem in judge(chain_pem, key, hosts, NOW, trust)]


@pytest.mark.parametrize("root", [b"", ROOT.pem], ids=["without its root", "with its root"])
@pytest.mark.parametrize("kind", ["ecdsa", "rsa", "ed25519"])
def test_a_good_certificate_has_no_problem(kind: str, root: bytes) -> None:
    text, key = served(key=new_key(kind))
    assert said(text + root, key) == []


def test_a_self_signed_certificate_is_complete() -> None:
    own = issue()
    assert said(own.pem, own.key_pem) == []


def test_a_certificate_of_a_root_that_the_system_trusts_is_complete_by_itself(tmp_path: Path) -> None:
    (tmp_path / "roots.pem").write_bytes(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" + STRANGER.pem + ROOT.pem)
    leaf = issue(by=ROOT)
    assert said(leaf.pem, leaf.key_pem, trust=tmp_path / "roots.pem") == []
    false_root = issue((), name="Test Root")
    (tmp_path / "roots.pem").write_bytes(false_root.pem)
    assert "The chain is incomplete" in said(leaf.pem, leaf.key_pem, trust=tmp_path / "roots.pem")[0]


def test_the_system_s_own_trust_store_is_read() -> None:
    first = CERTIFICATE.search(TRUST.read_bytes())
    assert first and trusted(read_chain(first[0])[0].x509, TRUST)
    assert not trusted(ROOT.certificate, TRUST)


def test_every_problem_is_named_with_what_to_do() -> None:
    text, key = served()
    leaf = issue(by=INTERMEDIATE)
    late, early = served(start=NOW - timedelta(days=100)), served(start=NOW + timedelta(days=1))
    cases = {
        "The certificate cannot be read: no certificate is in it. A PEM file is needed": (b"hello", key),
        "The private key cannot be read: no private key is in it. A PEM file is needed": (text, b"hello"),
        "The private key is encrypted: it needs a passphrase": (chain(leaf), key_pem(leaf.key, b"secret")),
        "The private key does not belong to the certificate. Give the key that": (text, served()[1]),
        "The chain is out of order: the private key belongs to certificate 2 in the file, not to the first. Move that one": (
            INTERMEDIATE.pem + leaf.pem,
            leaf.key_pem,
        ),
        "The chain is out of order: certificate 1 is signed by certificate 3 in the file": (leaf.pem + ROOT.pem + INTERMEDIATE.pem, leaf.key_pem),
        "The chain is broken: certificate 2 in the file did not sign the one before it. Take out": (leaf.pem + STRANGER.pem, leaf.key_pem),
        "The chain is incomplete: who issued the certificate (CN=Test Intermediate) is not in the file. Use the file that holds the whole chain": (
            leaf.pem,
            leaf.key_pem,
        ),
        "The certificate expired at 2026-11-11 12:00 UTC. Have it renewed": late,
        "The certificate is not valid before 2026-11-22 12:00 UTC. Wait until then, or look at the clock of this host, which says 2026-11-21 12:00": early,
    }
    for start, (chain_pem, private) in cases.items():
        found = said(chain_pem, private)
        assert len(found) == 1 and found[0].startswith(start), (start, found)


def test_names_that_are_not_in_the_certificate_are_listed() -> None:
    text, key = served(("*.example.org",))
    (found,) = said(text, key, ["home.example.org", "example.org", "a.b.example.org"])
    assert found.startswith("The certificate is not for example.org, a.b.example.org. It is for *.example.org. Have one issued")


def test_a_name_in_the_subject_alone_is_none() -> None:
    text, key = served((), name="home.example.org")
    (found,) = said(text, key)
    assert "lists no name as subjectAltName" in found


def test_all_problems_are_named_at_once() -> None:
    leaf = issue(("other.example.org",), INTERMEDIATE, start=NOW - timedelta(days=100))
    found = said(leaf.pem, served()[1])
    assert [any(word in problem for problem in found) for word in ("does not belong", "incomplete", "expired", "not for home.example.org")] == [True] * 4


def test_an_issuer_of_the_right_name_with_another_key_breaks_the_chain() -> None:
    false = issue((), name="Test Intermediate")
    leaf = issue(by=INTERMEDIATE)
    assert "The chain is broken" in said(leaf.pem + false.pem, leaf.key_pem)[0]


def test_a_hostile_subject_does_not_reach_a_terminal() -> None:
    evil = issue((), name="Evil\x1b[2J\r\nroot")
    leaf = issue(("home.example.org",), evil)
    (found,) = said(leaf.pem, leaf.key_pem)
    assert "Evil" in found and found.isprintable()
