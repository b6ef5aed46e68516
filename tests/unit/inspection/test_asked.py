"""What others are asked, where the owner wants it: lists of revoked certificates, and CAA records."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from plugins.module_utils.acme.answer import FOUND, NO_NAME, SERVFAIL, TIMEOUT, Answer
from plugins.module_utils.inspection.download import Failed, Page, get
from plugins.module_utils.inspection.findings import ERROR, NOTE, WARNING, Finding
from plugins.module_utils.inspection.inspector import Inspection
from plugins.module_utils.inspection.model import endpoint_of, file_of
from tests.unit.probe.server import Server, answers, page

from .authority import DAY, HOST, LE, LE_ROOT, MIDDLE, NOW, ROOT, STRANGER, Made, ids, make, server_context, settings, trust
from .servers import dripping, resets, silent

URL = "http://crl.example/list.crl"


def revocations(by: Made = MIDDLE, *serials: int, until: timedelta = 7 * DAY) -> bytes:
    builder = x509.CertificateRevocationListBuilder().issuer_name(by.certificate.subject).last_update(NOW - 9 * DAY).next_update(NOW + until)
    for serial in serials:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(NOW - DAY)
        builder = builder.add_revoked_certificate(entry.add_extension(x509.CRLReason(x509.ReasonFlags.key_compromise), critical=False).build())
    return builder.sign(by.key, SHA256()).public_bytes(Encoding.DER)


def with_list(tmp_path: Path, body: bytes | Failed, status: int = 200, by: Made = MIDDLE) -> list[Finding]:
    def fetch(url: str, *_: object) -> Page:
        assert url == URL
        if isinstance(body, Failed):
            raise body
        return Page(status, body)

    path = tmp_path / "fullchain.pem"
    path.write_bytes(make(by=by, crl=URL, serial=4711).pem + by.pem)
    file = file_of({"path": str(path), "names": [HOST], "trust": [trust(tmp_path, ROOT)]})
    (result,) = Inspection(settings(ask=("crl",)), fetch=fetch).run([], [file])
    return list(result.findings)


def test_a_revoked_certificate_is_found_with_the_reason(tmp_path: Path) -> None:
    (found,) = with_list(tmp_path, revocations(MIDDLE, 17, 4711))
    assert (found.id, found.severity) == ("revoked", ERROR) and "keyCompromise" in found.seen[0]


@pytest.mark.parametrize(
    ("body", "status", "wanted"),
    [
        (revocations(MIDDLE, 17), 200, []),
        (revocations(until=-DAY), 200, ["crl_stale"]),
        (revocations(STRANGER, 4711), 200, ["crl_unreachable"]),
        (b"<html>", 200, ["crl_unreachable"]),
        (b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n", 200, ["crl_unreachable"]),
        (b"", 404, ["crl_unreachable"]),
        (Failed("crl.example gave no whole answer within 2 s"), 200, ["crl_unreachable"]),
    ],
    ids=["good", "stale", "of a stranger", "no list", "damaged", "missing", "silent"],
)
def test_a_list_that_says_nothing_is_told(body: Any, status: int, wanted: list[str], tmp_path: Path) -> None:
    assert ids(with_list(tmp_path, body, status)) == wanted


def test_a_list_whose_address_nobody_vouches_for_is_not_fetched(tmp_path: Path) -> None:
    path = tmp_path / "fullchain.pem"
    path.write_bytes(make(by=STRANGER, crl="http://127.0.0.1:1/admin").pem)

    def fetch(url: str, *_: object) -> Page:
        raise AssertionError(url)

    (result,) = Inspection(settings(ask=("crl",)), fetch=fetch).run([], [file_of({"path": str(path), "names": [HOST], "trust": [trust(tmp_path, ROOT)]})])
    assert ids(result.findings) == ["untrusted_chain"]


def test_a_list_is_fetched_once_for_many(tmp_path: Path) -> None:
    fetched = []

    def fetch(url: str, *_: object) -> Page:
        fetched.append(url)
        return Page(200, revocations())

    path, roots = tmp_path / "fullchain.pem", trust(tmp_path, ROOT)
    path.write_bytes(make(by=MIDDLE, crl=URL).pem + MIDDLE.pem)
    Inspection(settings(ask=("crl",)), fetch=fetch).run([], [file_of({"path": str(path), "trust": [roots]})] * 30)
    assert fetched == [URL]


def test_over_the_network_a_list_is_had_and_the_root_found_by_the_handshake_counts(tmp_path: Path) -> None:
    server = Server(answers(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + revocations(ROOT, 4711)))
    made = make(by=ROOT, crl=f"http://127.0.0.1:{server.port}/a?b=c", serial=4711)
    https = Server(lambda channel: None, server_context(tmp_path, [made]))
    endpoint = endpoint_of({"endpoint": f"{HOST}:{https.port}", "connect_to": "127.0.0.1", "trust": [trust(tmp_path, ROOT)]})
    (result,) = Inspection(settings(ask=("crl",))).run([endpoint])
    server.close()
    https.close()
    assert ids(result.findings) == ["revoked"]


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        (silent, "no whole answer"),
        (resets, "was not reached|not HTTP"),
        (dripping(b"HTTP/1.1 200 OK\r\nA: b\r\n", 0.05), "no whole answer|not HTTP"),
        (answers(page("200 OK", "x" * 3000)), "larger"),
        (answers(b"SSH-2.0\r\n"), "not HTTP"),
    ],
)
def test_a_server_of_lists_that_means_ill_is_left_in_time(behaviour: Any, said: str) -> None:
    server = Server(behaviour)
    with pytest.raises(Failed, match=said):
        get(f"http://127.0.0.1:{server.port}/", 0.6, most=1000)
    server.close()


def test_an_authority_is_asked_over_https_by_who_gives_no_roots_too(tmp_path: Path) -> None:
    server = Server(answers(page("200 OK", "{}")), server_context(tmp_path, [make(("localhost",), by=ROOT)]))
    with pytest.raises(Failed, match="is not trusted"):
        get(f"https://localhost:{server.port}/", 2)
    assert get(f"https://localhost:{server.port}/", 2, trust(tmp_path, ROOT)).status == 200
    server.close()


def test_without_any_store_the_system_s_is_asked() -> None:
    assert endpoint_of({"endpoint": HOST}, []).expected.trust == ("system",)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://a/", "http://", "http://[::1", "http://a:99999/", "http://a\r\nX: y/", "http://ü/", "http://127.0.0.1:1/\x00"]
)
def test_an_address_that_is_none_is_not_opened(url: str) -> None:
    with pytest.raises(Failed):
        get(url, 0.5)


def caa(flags: int, tag: str, value: str) -> Any:
    return SimpleNamespace(flags=flags, tag=tag.encode(), value=value.encode())


def with_caa(tmp_path: Path, records: list[Any] | str, hosts: tuple[str, ...] = (HOST,), **about: Any) -> list[Finding]:
    def ask(name: str, kind: str) -> Answer:
        assert kind == "CAA"
        if isinstance(records, str):
            return Answer(records)
        return Answer(FOUND, tuple(records)) if name == "example.org" else Answer(NO_NAME)

    path = tmp_path / "fullchain.pem"
    path.write_bytes(make(hosts, LE).pem + LE.pem)
    file = file_of({"path": str(path), "trust": [trust(tmp_path, LE_ROOT)]})
    (result,) = Inspection(settings(ask=("caa",), **about), ask).run([], [file])
    return list(result.findings)


MINE = "https://acme.example/acct/1"


@pytest.mark.parametrize(
    ("records", "hosts", "about", "wanted"),
    [
        ([], (HOST,), {}, []),
        ([caa(0, "issue", "letsencrypt.org")], (HOST,), {}, []),
        ([caa(0, "issue", "pki.goog")], (HOST,), {}, ["caa_forbids_issuer"]),
        ([caa(128, "tbs", "x")], (HOST,), {}, ["caa_forbids_issuer"]),
        (SERVFAIL, (HOST,), {}, ["caa_forbids_issuer"]),
        (TIMEOUT, (HOST,), {}, ["caa_unread"]),
        ([caa(0, "issue", "letsencrypt.org"), caa(0, "issuewild", ";")], ("*.example.org",), {}, ["caa_forbids_wildcard"]),
        ([caa(0, "issue", "letsencrypt.org"), caa(0, "issuewild", ";")], (HOST,), {}, []),
        ([caa(0, "issue", "letsencrypt.org; validationmethods=dns-01")], (HOST,), {}, []),
        ([caa(0, "issue", "letsencrypt.org; validationmethods=dns-01")], (HOST,), {"challenge": "http-01"}, ["caa_account_or_method_mismatch"]),
        ([caa(0, "issue", f"letsencrypt.org; accounturi={MINE}")], (HOST,), {"account": MINE}, []),
        ([caa(0, "issue", f"letsencrypt.org; accounturi={MINE}")], (HOST,), {"account": f"{MINE}2"}, ["caa_account_or_method_mismatch"]),
        ([caa(0, "issue", f"letsencrypt.org; accounturi={MINE}")], (HOST,), {}, ["caa_account_or_method_mismatch"]),
        ([caa(0, "issue", "pki.goog")], (HOST, "192.168.1.5"), {}, ["caa_forbids_issuer"]),
    ],
)
def test_caa_records_say_whether_the_next_renewal_is_allowed(
    records: Any, hosts: tuple[str, ...], about: dict[str, Any], wanted: list[str], tmp_path: Path
) -> None:
    assert ids(with_caa(tmp_path, records, hosts, **about)) == wanted


def test_an_account_that_is_not_known_makes_a_warning_and_a_silent_resolver_a_note(tmp_path: Path) -> None:
    (unknown,) = with_caa(tmp_path, [caa(0, "issue", f"letsencrypt.org; accounturi={MINE}")])
    (silence,) = with_caa(tmp_path, TIMEOUT)
    assert (unknown.severity, silence.severity) == (WARNING, NOTE)


def test_without_dnspython_it_is_said_that_caa_was_not_read(tmp_path: Path) -> None:
    path = tmp_path / "fullchain.pem"
    path.write_bytes(make(by=LE).pem + LE.pem)
    (result,) = Inspection(settings(ask=("caa",)), None).run([], [file_of({"path": str(path), "trust": [trust(tmp_path, LE_ROOT)]})])
    assert ids(result.findings) == ["caa_unread"]


def test_a_resolver_that_hangs_costs_the_deadline_and_what_was_seen_is_told(tmp_path: Path) -> None:
    def ask(name: str, kind: str) -> Answer:
        time.sleep(30)
        return Answer(NO_NAME)

    path = tmp_path / "fullchain.pem"
    path.write_bytes(make(by=LE, life=5 * DAY).pem + LE.pem)
    began = time.monotonic()
    file = file_of({"path": str(path), "trust": [trust(tmp_path, LE_ROOT)]})
    (result,) = Inspection(settings(ask=("caa",), timeout=0.2, deadline=0.5), ask).run([], [file])
    assert ids(result.findings) == ["expired", "caa_unread"] and time.monotonic() - began < 3


def test_a_question_to_the_dns_is_put_once(tmp_path: Path) -> None:
    asked = []

    def ask(name: str, kind: str) -> Answer:
        asked.append(name)
        return Answer(NO_NAME)

    path, roots = tmp_path / "fullchain.pem", trust(tmp_path, LE_ROOT)
    path.write_bytes(make((HOST, "www.example.org", "*.example.org"), LE).pem + LE.pem)
    Inspection(settings(ask=("caa",)), ask).run([], [file_of({"path": str(path), "trust": [roots]})])
    assert sorted(asked) == ["example.org", HOST, "org", "www.example.org"]
