"""What is seen at real servers: through every way to TLS, by other clients too, and compared with the disk."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import subprocess
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from plugins.module_utils.inspection import look as looking
from plugins.module_utils.inspection.findings import ERROR, WARNING
from plugins.module_utils.inspection.inspector import Inspection, as_json
from plugins.module_utils.inspection.model import endpoint_of
from tests.unit.probe.server import Server

from .authority import DAY, HOST, MIDDLE, NOW, ROOT, STRANGER, Made, authority, ids, make, named, rsa_key, served, server_context, settings, trust
from .servers import REFUSALS, SERVICES, active_directory, exactly, line, says, silent, then_tls


@contextlib.contextmanager
def running(server: Server) -> Iterator[Server]:
    try:
        yield server
    finally:
        server.close()


def tls(folder: Path, *chain: Made, **about: object) -> Server:
    return Server(lambda channel: None, server_context(folder, chain, **about))


@pytest.fixture
def roots(tmp_path: Path) -> str:
    return trust(tmp_path, ROOT)


def test_a_good_endpoint_has_no_finding_and_all_is_told(tmp_path: Path, roots: str) -> None:
    with running(tls(tmp_path, leaf := make(by=MIDDLE), MIDDLE)) as server:
        endpoint = endpoint_of({"endpoint": f"{HOST}:{server.port}", "connect_to": "127.0.0.1", "trust": [roots], "issuer": "Example Trust"})
        inspection = Inspection(settings(checks=("no_sni", "old_tls")))
        (result,) = inspection.run([endpoint])
    told = as_json(result, inspection.settings)
    assert ids(result.findings) == [] and told["worst"] == "ok"
    assert told["certificate"]["names"] == [HOST] and told["certificate"]["serial"] == f"{leaf.certificate.serial_number:x}"
    assert told["trust"] == {roots: {"ok": True, "code": 0, "text": ""}} and told["tls"]["version"] == "TLSv1.3" and told["profile"] == "classic"
    assert len(told["chain"]) == 1 and told["addresses"] == ["127.0.0.1"] and told["life_left"] == pytest.approx(80 / 90, abs=0.001)


@pytest.mark.parametrize(
    ("chain", "wanted"),
    [
        (lambda: [make(by=MIDDLE, aia="http://ca.example/i.crt")], ["missing_intermediate", "untrusted_chain"]),
        (lambda: [make(by=STRANGER)], ["untrusted_chain"]),
        (lambda: [make()], ["self_signed", "untrusted_chain"]),
        (lambda: [make(by=MIDDLE, life=5 * DAY), MIDDLE], ["expired"]),
        (lambda: [make(("x.example",), MIDDLE), MIDDLE], ["name_mismatch"]),
        (lambda: [make(by=MIDDLE, key=rsa_key(1024)), MIDDLE], ["weak_key"]),
        (lambda: [make(by=(old := authority("A", "B", ROOT, life=2900 * DAY))), old], ["expired_in_chain"]),
        (lambda: [make(by=(low := authority("Example Trust", "Lower", MIDDLE))), MIDDLE, low], ["wrong_order"]),
    ],
    ids=["no intermediate", "stranger", "self-signed", "expired", "name", "RSA-1024", "expired intermediate", "order"],
)
def test_a_served_fault_is_named_and_no_other(chain: object, wanted: list[str], tmp_path: Path, roots: str) -> None:
    with running(tls(tmp_path, *chain())) as server:  # type: ignore[operator]
        found = served(server.port, roots)
    assert ids(found) == wanted, [str(one) for one in found]


def test_the_code_of_openssl_is_told_for_each_store(tmp_path: Path, roots: str) -> None:
    with running(tls(tmp_path, make(by=STRANGER))) as server:
        (found,) = served(server.port, roots, trust=[roots, "system"])
    assert [text for text in found.seen if "OpenSSL 20" in text] and found.about == (roots, "system")


def test_an_endpoint_that_answers_once_only_is_told_and_what_was_seen_is_judged(tmp_path: Path, roots: str) -> None:
    context, heard = server_context(tmp_path, [make(by=MIDDLE), MIDDLE]), []

    def behaviour(channel: socket.socket) -> None:
        heard.append(1)
        if len(heard) == 1:
            context.wrap_socket(channel, server_side=True).close()

    with running(Server(behaviour)) as server:
        (found,) = served(server.port, roots, trust=[roots, trust(tmp_path, ROOT, STRANGER)])
    assert (found.id, found.severity) == ("endpoint_unreachable", WARNING) and "not again" in found.what


def test_an_expired_root_is_named_although_dates_are_judged_apart(tmp_path: Path) -> None:
    old = authority("Example Trust", "Old", life=2999 * DAY)
    with running(tls(tmp_path, make(by=old))) as server:
        (found,) = served(server.port, trust(tmp_path, old))
        assert found.id == "expired_in_chain"
        renewed = authority("Example Trust", "Old", key=old.key)
        assert served(server.port, trust(tmp_path, old, renewed)) == []


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_is_asked_for_tls_in_its_own_words(service: str, tmp_path: Path, roots: str) -> None:
    context = server_context(tmp_path, [make(by=MIDDLE), MIDDLE])
    with running(Server(then_tls(SERVICES[service], context))) as server:
        assert served(server.port, roots, starttls=service) == []


@pytest.mark.parametrize("service", SERVICES)
def test_openssl_asks_these_servers_for_tls_in_the_same_words(service: str, tmp_path: Path) -> None:
    """Who wrote the one side wrote the other: that the servers here are like real ones is seen by a client that others wrote."""
    context = server_context(tmp_path, [make(by=MIDDLE), MIDDLE])
    with running(Server(then_tls(SERVICES[service], context))) as server:
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-starttls", service, "-xmpphost", HOST, "-servername", HOST, "-brief"]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20, check=False)
    assert "CONNECTION ESTABLISHED" in done.stdout + done.stderr, done.stdout + done.stderr


def test_active_directory_answers_with_long_lengths(tmp_path: Path, roots: str) -> None:
    with running(Server(then_tls(active_directory, server_context(tmp_path, [make(by=MIDDLE), MIDDLE])))) as server:
        assert served(server.port, roots, starttls="ldap") == []


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_without_tls_is_named(service: str, roots: str) -> None:
    with running(Server(says(REFUSALS[service]))) as server:
        (found,) = served(server.port, roots, starttls=service)
    assert (found.id, found.kind) == ("endpoint_unreachable", "starttls_not_offered")


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_that_says_nothing_ends_in_time(service: str, roots: str) -> None:
    with running(Server(silent)) as server:
        (found,) = served(server.port, roots, {"timeout": 0.3}, starttls=service)
    assert found.kind == "timeout"


def proxied(version: int, context: ssl.SSLContext, heard: list[bytes]) -> object:
    def behaviour(channel: socket.socket) -> None:
        if version == 1:
            heard.append(line(channel))
        else:
            heard.append(head := exactly(channel, 16))
            heard.append(exactly(channel, struct.unpack("!H", head[14:])[0]))
        with context.wrap_socket(channel, server_side=True):
            pass

    return behaviour


@pytest.mark.parametrize("version", [1, 2])
def test_the_proxy_protocol_is_spoken_first(version: int, tmp_path: Path, roots: str) -> None:
    heard: list[bytes] = []
    context = server_context(tmp_path, [make(by=MIDDLE), MIDDLE])
    with running(Server(proxied(version, context, heard))) as server:  # type: ignore[arg-type]
        assert served(server.port, roots, proxy_protocol=version) == []
        port = server.port
    if version == 1:
        assert heard[0].startswith(b"PROXY TCP4 127.0.0.1 127.0.0.1 ") and heard[0].endswith(f" {port}\r\n".encode())
    else:
        assert heard[0] == b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" and heard[1].endswith(struct.pack("!H", port))


def test_what_others_are_shown_without_a_name_is_told(tmp_path: Path, roots: str) -> None:
    other = server_context(tmp_path, [make(("secret.example.org",), MIDDLE), MIDDLE])
    mine = server_context(tmp_path, [make(by=MIDDLE), MIDDLE])

    def choose(channel: ssl.SSLObject, asked: str | None, _: ssl.SSLContext) -> None:
        channel.context = mine if asked == HOST else other

    other.sni_callback = choose  # type: ignore[assignment]
    with running(Server(lambda channel: None, other)) as server:
        (found,) = served(server.port, roots, {"checks": ("no_sni",)})
        assert found.id == "no_sni_differs" and "secret.example.org" in found.seen[0]
        assert served(server.port, roots) == []


def test_a_server_with_one_certificate_for_everybody_is_told_where_a_name_is_missing(tmp_path: Path, roots: str) -> None:
    with running(tls(tmp_path, make(("nas.example.org",), MIDDLE), MIDDLE)) as server:
        assert ids(served(server.port, roots, {"checks": ("no_sni",)})) == ["name_mismatch", "sni_ignored"]


def versions(folder: Path, low: str, high: str) -> Server:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return tls(folder, make(by=MIDDLE), MIDDLE, minimum_version=ssl.TLSVersion[low], maximum_version=ssl.TLSVersion[high])


def test_old_versions_are_found(tmp_path: Path, roots: str) -> None:
    with running(versions(tmp_path, "TLSv1", "TLSv1_3")) as server:
        assert ids(served(server.port, roots, {"checks": ("old_tls",)})) == ["tls_old_version_offered"]
    with running(versions(tmp_path, "TLSv1", "TLSv1_1")) as server:
        assert ids(served(server.port, roots, {"checks": ("old_tls",)})) == ["negotiated_below_1_2"]
    with running(versions(tmp_path, "TLSv1_2", "TLSv1_3")) as server:
        assert served(server.port, roots, {"checks": ("old_tls",)}) == []


def test_where_old_versions_cannot_be_spoken_nobody_claims_that_they_are_off(tmp_path: Path, roots: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "old", lambda: None)
    with running(tls(tmp_path, make(by=MIDDLE), MIDDLE)) as server:
        assert ids(served(server.port, roots, {"checks": ("old_tls",)})) == ["not_testable_here"]


def test_a_renewed_certificate_that_is_not_served_needs_a_reload(tmp_path: Path, roots: str) -> None:
    old, new = make(by=MIDDLE), make(by=MIDDLE, start=NOW - DAY)
    file = tmp_path / "fullchain.pem"
    with running(tls(tmp_path, old, MIDDLE)) as server:
        file.write_bytes(old.pem + MIDDLE.pem)
        assert served(server.port, roots, file=[str(file)]) == []
        file.write_bytes(new.pem + MIDDLE.pem)
        (found,) = served(server.port, roots, file=[str(file)])
        assert (found.id, found.kind, found.severity) == ("served_differs_from_disk", "reload_needed", ERROR)
        assert len(found.seen) == 2 and "SHA-256" in found.seen[0] and "reload" in found.advice


@pytest.mark.parametrize("stored", [{"start": NOW - 50 * DAY}, {"hosts": ("other.example",), "start": NOW - DAY}], ids=["older", "of another name"])
def test_another_file_than_the_one_that_is_served_is_a_wrong_path(stored: dict[str, object], tmp_path: Path, roots: str) -> None:
    file = tmp_path / "fullchain.pem"
    file.write_bytes(make(by=MIDDLE, **stored).pem)  # type: ignore[arg-type]
    with running(tls(tmp_path, make(by=MIDDLE), MIDDLE)) as server:
        (found,) = served(server.port, roots, file=[str(file)])
        assert (found.id, found.kind) == ("served_differs_from_disk", "wrong_path")
        assert ids(served(server.port, roots, file=["/nowhere.pem"])) == ["file_unreadable"]


def test_addresses_of_a_name_that_show_different_certificates_are_found(tmp_path: Path, roots: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(tls(tmp_path, make(by=MIDDLE), MIDDLE)) as one:
        context = server_context(tmp_path, [make(by=MIDDLE, life=5 * DAY), MIDDLE])
        listening = socket.create_server(("127.0.0.2", one.port))

        def other() -> None:
            while True:
                channel, _ = listening.accept()
                context.wrap_socket(channel, server_side=True).close()

        def serve() -> None:
            with contextlib.suppress(OSError):
                other()

        threading.Thread(target=serve, daemon=True).start()
        monkeypatch.setattr(looking, "addresses_of", lambda _: (["127.0.0.1", "127.0.0.2"], None))
        monkeypatch.setattr("plugins.module_utils.inspection.inspector.addresses_of", lambda _: (["127.0.0.1", "127.0.0.2", "127.0.0.3"], None))
        found = served(one.port, roots, family="all")
        listening.close()
    assert ids(found) == ["endpoint_unreachable", "expired", "address_differs"]
    assert "127.0.0.2" in found[1].what and found[0].about == ("127.0.0.3",) and found[2].about == ("127.0.0.1", "127.0.0.2")


def test_any_address_that_answers_will_do(tmp_path: Path, roots: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plugins.module_utils.inspection.inspector.addresses_of", lambda _: (["::1", "127.0.0.1"], None))
    with running(tls(tmp_path, make(by=MIDDLE), MIDDLE)) as server:
        assert served(server.port, roots) == []


def test_ipv6_is_looked_at(tmp_path: Path) -> None:
    context = server_context(tmp_path, [make(("::1",), MIDDLE), MIDDLE])
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as listening:

        def serve() -> None:
            context.wrap_socket(listening.accept()[0], server_side=True).close()

        threading.Thread(target=serve, daemon=True).start()
        endpoint = endpoint_of({"endpoint": f"[::1]:{listening.getsockname()[1]}", "trust": [trust(tmp_path, ROOT)]})
        (result,) = Inspection(settings()).run([endpoint])
    assert ids(result.findings) == []


def test_a_name_that_does_not_resolve_is_a_finding() -> None:
    (result,) = Inspection(settings()).run([endpoint_of({"endpoint": "no.such.host.invalid"})])
    assert [(one.id, one.kind) for one in result.findings] == [("endpoint_unreachable", "dns")]


def test_a_subject_without_any_name_is_shown_by_its_issuer(tmp_path: Path, roots: str) -> None:
    with running(tls(tmp_path, make((), MIDDLE, name=named()), MIDDLE)) as server:
        assert ids(served(server.port, roots)) == ["name_mismatch"]
