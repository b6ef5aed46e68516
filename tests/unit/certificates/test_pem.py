"""What certificates and keys say, whatever stands in their files."""

from __future__ import annotations

import subprocess
from datetime import UTC, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from plugins.module_utils.certificates import make, pem
from plugins.module_utils.certificates.pem import Unusable, covers, due, key_block, pair, read_chain, read_key

from .authority import INTERMEDIATE, NOW, ROOT, STRANGER, chain, issue, key_pem, new_key, served


def test_a_certificate_says_its_names_times_and_issuer() -> None:
    leaf = issue(("Home.Example.org", "*.example.org", "192.168.1.10", "fd00::10"), INTERMEDIATE)
    found = read_chain(chain(leaf))
    assert len(found) == 2
    assert found[0].names == ("home.example.org", "*.example.org", "192.168.1.10", "fd00::10")
    assert found[0].not_before == NOW - timedelta(days=10) and found[0].not_before.tzinfo is UTC
    assert found[0].not_after == NOW + timedelta(days=80)
    assert int(found[0].serial, 16) == leaf.certificate.serial_number
    assert found[0].issuer == "CN=Test Intermediate" and not found[0].self_signed and not found[0].placeholder
    assert len(found[0].fingerprint) == 64


def test_the_times_are_right_where_the_library_knows_only_naive_ones() -> None:
    class Old:
        not_valid_after = NOW.replace(tzinfo=None)

    assert pem.moment(Old(), "not_valid_after") == NOW  # type: ignore[arg-type]


def test_a_placeholder_and_a_self_signed_certificate_are_told_apart() -> None:
    placeholder = make.placeholder(["home.example.org", "*.example.org", "192.168.1.10"], NOW).leaf
    assert placeholder.placeholder and placeholder.self_signed and placeholder.key_type == "ecdsa"
    assert placeholder.names == ("home.example.org", "*.example.org", "192.168.1.10")
    assert timedelta(days=3640) < placeholder.not_after - NOW < timedelta(days=3660)
    own = read_chain(issue().pem)[0]
    assert own.self_signed and not own.placeholder


def test_an_issuer_of_the_same_name_does_not_make_a_certificate_self_signed() -> None:
    twin = issue((), STRANGER, name="Stranger")
    assert not read_chain(twin.pem)[0].self_signed


@pytest.mark.parametrize("kind", ["ecdsa", "rsa", "ed25519"])
@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL], ids=["PKCS8", "traditional"])
def test_a_key_of_any_kind_is_read_and_belongs_to_its_certificate_alone(kind: str, form: PrivateFormat) -> None:
    if kind == "ed25519" and form is PrivateFormat.TraditionalOpenSSL:
        pytest.skip("there is no such form")
    key = new_key(kind)
    leaf = issue(key=key)
    found = read_key(key_pem(key, form=form))
    assert pem.key_matches(read_chain(leaf.pem)[0], found)
    assert not pem.key_matches(read_chain(issue().pem)[0], found)


def test_what_stands_around_the_blocks_is_passed_over_and_a_key_does_not_reach_the_chain() -> None:
    text, key = served()
    both = b"subject=/CN=home\r\n" + key + text.replace(b"\n", b"\r\n") + b"\0\x1b[2J"
    found = pair(both, b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n" + key)
    assert found.fullchain == text and found.key == key
    assert b"PRIVATE" not in found.fullchain + found.issuers
    assert found.issuers == INTERMEDIATE.pem


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "a PEM file is needed"),
        (b"hello", "a PEM file is needed"),
        (served()[1], "this is the private key"),
        (issue().certificate.public_bytes(Encoding.DER), "binary form"),
        (served()[0][:-100], "cut off"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "damaged"),
        (b"x" * (pem.LARGEST + 1), "larger than 1 MiB"),
    ],
    ids=["empty", "text", "key", "DER", "cut off", "garbage", "huge"],
)
def test_a_chain_that_is_none_is_refused_with_what_to_do(content: bytes, said: str) -> None:
    with pytest.raises(Unusable, match=said):
        read_chain(content)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no private key is in it"),
        (served()[0], "no private key is in it"),
        (served()[1][:-40], "cut off"),
        (served()[1] * 2, "more than one"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "damaged"),
        (key_pem(new_key(), b"secret"), "passphrase"),
        (key_pem(new_key(), b"secret", PrivateFormat.TraditionalOpenSSL), "passphrase"),
        (b"x" * (pem.LARGEST + 1), "larger than 1 MiB"),
    ],
    ids=["empty", "chain", "cut off", "two", "garbage", "encrypted", "encrypted traditional", "huge"],
)
def test_a_key_that_is_none_is_refused_with_what_to_do(content: bytes, said: str) -> None:
    with pytest.raises(Unusable, match=said):
        read_key(content)


def test_the_message_about_a_damaged_key_has_nothing_of_the_key() -> None:
    body = served()[1].splitlines()
    damaged = b"\n".join([body[0], body[1][:40], *body[2:]])
    with pytest.raises(Unusable) as refused:
        read_key(damaged)
    assert not any(line.decode() in str(refused.value) for line in body[1:-1])


@given(st.binary(max_size=400))
def test_no_content_makes_reading_fail_in_another_way(content: bytes) -> None:
    for wrapped in (content, b"-----BEGIN CERTIFICATE-----\n" + content + b"\n-----END CERTIFICATE-----\n"):
        with pytest.raises(Unusable):
            read_chain(wrapped)
    with pytest.raises(Unusable):
        read_key(b"-----BEGIN PRIVATE KEY-----\n" + content + b"\n-----END PRIVATE KEY-----\n")


@given(st.data())
def test_a_certificate_with_flipped_bytes_is_read_or_refused_and_nothing_else(data: st.DataObject) -> None:
    import base64

    der = bytearray(LEAF_DER)
    for _ in range(data.draw(st.integers(1, 4))):
        der[data.draw(st.integers(0, len(der) - 1))] = data.draw(st.integers(0, 255))
    block = b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(bytes(der)) + b"-----END CERTIFICATE-----\n"
    try:
        found = read_chain(block)[0]
    except Unusable:
        return
    assert found.not_after.tzinfo is UTC and found.summary.isprintable()


LEAF_DER = issue(("home.example.org", "192.168.1.10"), INTERMEDIATE).certificate.public_bytes(Encoding.DER)


def test_control_characters_in_a_subject_do_not_reach_a_terminal() -> None:
    evil = issue((), name="Evil\x1b[2J\r\nroot")
    leaf = issue(("home.example.org",), evil)
    assert "\x1b" not in (summary := read_chain(leaf.pem)[0].summary) and "\n" not in summary and "Evil" in summary


@pytest.mark.parametrize(
    ("names", "wanted", "result"),
    [
        (["a.example.org"], ["a.example.org"], True),
        (["a.example.org"], ["A.EXAMPLE.org."], True),
        (["*.example.org"], ["a.example.org"], True),
        (["*.example.org"], ["*.example.org"], True),
        (["*.example.org"], ["example.org"], False),
        (["*.example.org"], ["a.b.example.org"], False),
        (["*.example.org"], ["*.b.example.org"], False),
        (["a*.example.org"], ["ab.example.org"], False),
        (["*"], ["localhost"], False),
        (["localhost"], ["localhost"], True),
        (["a.example.org"], ["a.example.org", "b.example.org"], False),
        (["192.168.1.10"], ["192.168.1.10"], True),
        (["fd00::10"], ["FD00:0:0::10"], True),
        (["*.168.1.10"], ["192.168.1.10"], False),
        ([], ["a.example.org"], False),
        (["a.example.org"], [], True),
    ],
)
def test_a_wildcard_stands_for_one_label_and_an_address_for_itself(names: list[str], wanted: list[str], result: bool) -> None:
    assert covers(names, wanted) is result


@pytest.mark.parametrize(
    ("life", "left", "expected"),
    [
        (timedelta(days=90), timedelta(days=30, seconds=1), False),
        (timedelta(days=90), timedelta(days=30, seconds=-1), True),
        (timedelta(days=6), timedelta(days=3, seconds=1), False),
        (timedelta(days=6), timedelta(days=3, seconds=-1), True),
        (timedelta(days=10), timedelta(days=3.4), False),
        (timedelta(days=90), timedelta(days=-1), True),
    ],
)
def test_a_certificate_is_due_by_its_own_lifetime(life: timedelta, left: timedelta, expected: bool) -> None:
    certificate = read_chain(issue(start=NOW - life, life=life).pem)[0]
    assert due(certificate, NOW - left) is expected


@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
def test_openssl_reads_a_request_with_all_its_names(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "request.pem"
    file.write_text(make.request(["nas.lan", "*.nas.lan", "192.168.1.10", "localhost"], make.new_key(kind)))
    shown = subprocess.run(["openssl", "req", "-in", str(file), "-noout", "-text", "-verify"], capture_output=True, text=True, check=True)
    assert "DNS:nas.lan, DNS:*.nas.lan, IP Address:192.168.1.10, DNS:localhost" in shown.stdout
    assert "verify OK" in shown.stdout + shown.stderr


def test_a_request_for_a_name_too_long_for_a_subject_is_still_one(tmp_path: Path) -> None:
    host = f"{'a' * 60}.example.org"
    file = tmp_path / "request.pem"
    file.write_text(make.request([host], make.new_key("ecdsa")))
    shown = subprocess.run(["openssl", "req", "-in", str(file), "-noout", "-text"], capture_output=True, text=True, check=True)
    assert f"DNS:{host}" in shown.stdout and "critical" in shown.stdout


def test_a_key_block_is_taken_out_whole() -> None:
    assert key_block(b"before\n" + ROOT.key_pem + b"after") == ROOT.key_pem
