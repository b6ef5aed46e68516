"""The local authority, with the real mkcert: made once, adopted, and signing what was declared and nothing else."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from plugins.module_utils.certificates.authority import Authority, Refused
from tests.unit.certificates.signers import NOW, Signer, authority, csr, new_key, request, run, verified

HOSTS = ["app.home.arpa", "*.dev.home.arpa", "localhost", "192.168.1.30", "fd00::30"]


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority of mkcert's, to copy: an RSA key takes its time."""
    root = tmp_path_factory.mktemp("model") / "local_ca"
    authority(root).make(run)
    return root


@pytest.fixture
def made(model: Path, tmp_path: Path) -> Authority:
    shutil.copytree(model, tmp_path / "local_ca")
    return authority(tmp_path / "local_ca")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_an_authority_is_made_once_and_its_key_is_for_root_alone(tmp_path: Path, umask: int) -> None:
    one = authority(tmp_path / "exposure/local_ca")
    before = os.umask(umask)
    try:
        assert one.make(run)
    finally:
        os.umask(before)
    assert names(one.root) == {"rootCA.pem", "rootCA-key.pem"}
    assert [mode(path) for path in (one.root, one.root / "rootCA.pem", one.root / "rootCA-key.pem")] == [0o755, 0o644, 0o400]
    first = one.certificate
    assert not one.make(run) and one.certificate == first


def test_making_one_touches_nothing_outside_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    authority(tmp_path / "local_ca").make(run)
    assert not names(tmp_path / "home")


def test_a_making_that_fails_leaves_nothing_and_says_why(tmp_path: Path) -> None:
    def fails(_: Sequence[str]) -> tuple[int, str]:
        return 1, "the disk is full"

    with pytest.raises(Refused, match="the disk is full"):
        Authority(tmp_path / "local_ca").make(fails)
    assert not names(tmp_path / "local_ca")


def test_check_mode_makes_adopts_and_signs_nothing(tmp_path: Path, made: Authority) -> None:
    new, owner = authority(tmp_path / "new"), Signer(tmp_path, "owner")
    assert new.make(run, check=True) and new.adopt(owner.path, owner.key_path, check=True) and not new.root.exists()
    assert made.sign([request("app", HOSTS)], run, check_only=True) == {}


@pytest.mark.proves("R35", "R36")
@pytest.mark.parametrize("host", ["app.home.arpa", "any.dev.home.arpa", "localhost", "192.168.1.30", "fd00::30"])
def test_a_client_that_trusts_the_root_accepts_what_is_signed(made: Authority, tmp_path: Path, host: str) -> None:
    chain = made.sign([request("app", HOSTS)], run)["app"]
    assert verified(tmp_path, made.certificate, chain, host).endswith("OK\n")
    stranger = Signer(tmp_path, "stranger")
    assert "unable to get local issuer" in verified(tmp_path, stranger.pem, chain, host)


def test_a_certificate_is_for_the_key_and_hosts_of_its_request_and_lasts_825_days(made: Authority) -> None:
    key = new_key()
    asked = [request("one", ["one.lan"], key=key), request("two", ["two.lan", "10.0.0.2"])]
    issued = made.sign(asked, run)
    one, two = (x509.load_pem_x509_certificate(issued[name]) for name in ("one", "two"))
    assert one.public_key() == key.public_key()
    assert one.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName) == ["one.lan"]
    assert two.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName) == ["two.lan"]
    assert 800 < (one.not_valid_after_utc - NOW).days <= 826
    assert ExtendedKeyUsageOID.SERVER_AUTH in one.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value


def test_the_key_is_never_in_what_is_given_back_nor_on_a_command_line(made: Authority) -> None:
    commands: list[str] = []

    def seen(command: Sequence[str]) -> tuple[int, str]:
        commands.append(" ".join(command))
        return run(command)

    issued = made.sign([request("app", ["app.lan"])], seen)
    assert issued["app"].count(b"BEGIN") == 1 and b"PRIVATE" not in issued["app"]
    assert commands and not any("BEGIN" in line for line in commands)


@pytest.mark.parametrize(
    ("asked", "declared"),
    [
        (["app.lan", "bank.example"], ["app.lan"]),
        (["app.lan"], ["app.lan", "10.0.0.1"]),
        (["*.lan"], ["app.lan"]),
        ([], ["app.lan"]),
        (["10.0.0.1"], ["10.0.0.2"]),
    ],
)
def test_a_request_for_other_hosts_than_declared_is_refused(made: Authority, asked: list[str], declared: list[str]) -> None:
    with pytest.raises(Refused, match=r"(?s)Certificate app: its signing request is for .*, and it was declared for .*Nothing was signed"):
        made.sign([{"name": "app", "hosts": declared, "csr": csr(asked)}], run)


SIGNATURE = "digital_signature"
USES = [SIGNATURE, "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"]
USAGE = dict.fromkeys([*USES, "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"], False)


@pytest.mark.parametrize(
    "extension",
    [
        x509.BasicConstraints(ca=True, path_length=None),
        x509.KeyUsage(**{**USAGE, "key_cert_sign": True}),
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]),
        x509.NameConstraints([x509.DNSName("lan")], None),
    ],
)
def test_a_request_to_become_more_than_a_server_is_refused(made: Authority, extension: x509.ExtensionType) -> None:
    with pytest.raises(Refused, match="asks for more than a server's certificate"):
        made.sign([request("app", ["app.lan"], more=[(extension, True)])], run)


@pytest.mark.parametrize("name", [x509.RFC822Name("me@example.org"), x509.UniformResourceIdentifier("https://example.org"), x509.DNSName("a b")])
def test_a_request_for_something_that_is_no_host_is_refused(made: Authority, name: x509.GeneralName) -> None:
    with pytest.raises(Refused, match=r"neither a host name"):
        made.sign([{"name": "app", "hosts": ["app.lan"], "csr": csr(["app.lan"], names=[name])}], run)


def test_a_server_s_usual_extensions_are_taken(made: Authority, tmp_path: Path) -> None:
    usual = [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (x509.KeyUsage(**{**USAGE, SIGNATURE: True}), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
    ]
    chain = made.sign([request("app", ["app.lan"], more=usual)], run)["app"]
    assert verified(tmp_path, made.certificate, chain, "app.lan").endswith("OK\n")


def test_a_request_whose_certificate_chromium_would_refuse_is_not_signed(made: Authority) -> None:
    with pytest.raises(Refused, match=r"its subjectAltName is not critical\. Chromium refuses"):
        made.sign([request("app", ["app.lan"], critical=False)], run)
    assert made.sign([request("app", ["app.lan"], critical=False, subject="app.lan")], run)


def test_all_wrong_requests_are_reported_and_none_is_signed(made: Authority) -> None:
    def never(command: Sequence[str]) -> tuple[int, str]:
        pytest.fail(f"{command} was run")

    forged = csr(["c.lan"]).replace(b"\nMI", b"\nMA")
    asked = [
        request("a", ["a.lan"]),
        {"name": "b", "hosts": ["b.lan"], "csr": "nonsense"},
        {"name": "c", "hosts": ["c.lan"], "csr": forged},
        request("a", ["x.lan"]),
    ]
    with pytest.raises(Refused) as refusal:
        made.sign(asked, never)
    assert [line.split()[1].strip(":") for line in str(refusal.value).splitlines() if line.startswith("Certificate")] == ["b", "c", "a"]


def test_signing_without_an_authority_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="Run the role local_ca here first"):
        authority(tmp_path / "none").sign([request("a", ["a.lan"])], run)


@pytest.mark.proves("R36")
def test_an_owner_s_ca_is_copied_and_signs(tmp_path: Path) -> None:
    owner, one = Signer(tmp_path, "owner"), authority(tmp_path / "local_ca")
    assert one.adopt(owner.path, owner.key_path) and not one.adopt(owner.path, owner.key_path) and not one.make(run)
    assert [mode(one.root / name) for name in ("rootCA.pem", "rootCA-key.pem")] == [0o644, 0o400]
    owner.key_path.unlink()
    assert one.certificate == owner.pem
    assert verified(tmp_path, owner.pem, one.sign([request("app", HOSTS)], run)["app"], "app.home.arpa").endswith("OK\n")


def test_with_an_owner_s_intermediate_the_chain_leads_to_the_root_and_the_root_is_what_clients_get(tmp_path: Path) -> None:
    root = Signer(tmp_path, "root")
    middle, one = Signer(tmp_path, "middle", root), authority(tmp_path / "local_ca")
    one.adopt(middle.path, middle.key_path)
    chain = one.sign([request("app", ["app.lan"])], run)["app"]
    assert one.certificate == root.pem and chain.endswith(middle.pem) and root.pem not in chain
    assert verified(tmp_path, root.pem, chain, "app.lan").endswith("OK\n")


def test_an_intermediate_without_its_root_is_refused(tmp_path: Path) -> None:
    middle = Signer(tmp_path, "middle", Signer(tmp_path, "root"))
    middle.path.write_bytes(middle.pem)
    with pytest.raises(Refused, match="the root that clients trust last"):
        authority(tmp_path / "local_ca").adopt(middle.path, middle.key_path)


def test_a_ca_that_may_not_sign_a_name_does_not_hand_out_what_clients_would_refuse(tmp_path: Path) -> None:
    owner = Signer(tmp_path, "owner", more=[x509.NameConstraints([x509.DNSName("home.arpa")], None)])
    one = authority(tmp_path / "local_ca")
    one.adopt(owner.path, owner.key_path)
    assert one.sign([request("app", ["app.home.arpa"])], run)
    with pytest.raises(Refused, match=r"clients would not accept it .*permitted subtree"):
        one.sign([request("app", ["app.lan"])], run)


@pytest.mark.parametrize(("given", "why"), [({"ca": False}, "is not the certificate of a CA"), ({"ended": True}, "has ended on")])
def test_what_is_no_valid_ca_is_refused(tmp_path: Path, given: dict[str, bool], why: str) -> None:
    owner = Signer(tmp_path, "owner", **given)
    with pytest.raises(Refused, match=why):
        authority(tmp_path / "local_ca").adopt(owner.path, owner.key_path)
    assert not (tmp_path / "local_ca").exists()


def test_a_key_that_does_not_match_is_encrypted_or_is_missing_is_refused(tmp_path: Path) -> None:
    owner, other, one = Signer(tmp_path, "owner"), Signer(tmp_path, "other"), authority(tmp_path / "local_ca")
    secret = tmp_path / "secret.key"
    secret.write_bytes(owner.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"precious")))
    for path, why in (
        (other.key_path, "they do not match"),
        (secret, "is encrypted with a password"),
        (tmp_path / "no.key", "cannot be read on this host"),
        (owner.path, "holds no private key"),
    ):
        with pytest.raises(Refused, match=why):
            one.adopt(owner.path, path)
    assert not one.root.exists()


def test_an_owner_may_take_key_and_certificate_off_the_host_once_they_are_copied(tmp_path: Path) -> None:
    owner, other, one = Signer(tmp_path, "owner"), Signer(tmp_path, "other"), authority(tmp_path / "local_ca")
    one.adopt(owner.path, owner.key_path)
    for path in (owner.key_path, owner.path):
        path.unlink()
        assert not one.adopt(owner.path, owner.key_path)
    other.key_path.unlink()
    with pytest.raises(Refused, match="cannot be read on this host"):
        one.adopt(other.path, other.key_path, replace=True)


def test_a_key_without_its_certificate_is_kept_aside_and_not_lost(made: Authority) -> None:
    key = (made.root / "rootCA-key.pem").read_bytes()
    (made.root / "rootCA.pem").unlink()
    assert made.make(run) and (made.root / "rootCA-key.pem").read_bytes() != key
    (aside,) = (made.root / "replaced").iterdir()
    assert (aside / "rootCA-key.pem").read_bytes() == key


def test_another_ca_is_refused_until_it_is_asked_for_and_the_old_one_is_kept(made: Authority, tmp_path: Path) -> None:
    owner, old, key = Signer(tmp_path, "owner"), made.certificate, (made.root / "rootCA-key.pem").read_bytes()
    with pytest.raises(Refused, match="local_ca_replace: true"):
        made.adopt(owner.path, owner.key_path)
    assert made.certificate == old
    assert made.adopt(owner.path, owner.key_path, replace=True) and made.certificate == owner.pem
    (aside,) = (made.root / "replaced").iterdir()
    assert aside.name.startswith(f"{NOW:%Y}") and mode(aside.parent) == mode(aside) == 0o700
    assert (aside / "rootCA.pem").read_bytes() == old and (aside / "rootCA-key.pem").read_bytes() == key and mode(aside / "rootCA-key.pem") == 0o400
    assert not made.adopt(owner.path, owner.key_path, replace=True)


def test_an_authority_that_has_ended_signs_no_more_and_is_made_anew_on_command(tmp_path: Path) -> None:
    one, ended = authority(tmp_path / "local_ca"), Signer(tmp_path, "ended", ended=True)
    one.root.mkdir()
    shutil.copy(ended.path, one.root / "rootCA.pem")
    shutil.copy(ended.key_path, one.root / "rootCA-key.pem")
    for refused in (lambda: one.sign([request("a", ["a.lan"])], run), lambda: one.make(run)):
        with pytest.raises(Refused, match="has ended on"):
            refused()
    assert one.make(run, replace=True) and one.sign([request("a", ["a.lan"])], run) and not one.make(run, replace=True)


def test_a_replacement_that_was_cut_off_is_completed_by_the_next_run(made: Authority, tmp_path: Path) -> None:
    owner = Signer(tmp_path, "owner")
    old = (made.root / "rootCA.pem").read_bytes()
    made.adopt(owner.path, owner.key_path, replace=True)
    (made.root / "rootCA.pem").write_bytes(old)
    with pytest.raises(Refused, match="do not match"):
        made.sign([request("a", ["a.lan"])], run)
    assert made.adopt(owner.path, owner.key_path, replace=True)
    assert made.sign([request("a", ["a.lan"])], run) and len(list((made.root / "replaced").iterdir())) == 1


def test_a_purge_takes_the_authority_and_nothing_that_is_not_its_own(made: Authority) -> None:
    (made.root / "notes.txt").write_text("mine")
    with pytest.raises(Refused, match=r"notes\.txt"):
        made.purge()
    assert made.exists
    (made.root / "notes.txt").unlink()
    made.purge()
    assert not made.root.exists()
