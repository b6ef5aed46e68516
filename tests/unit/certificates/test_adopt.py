"""What Caddy obtained is taken over, and what the store holds is handed to Caddy."""

from __future__ import annotations

import grp
import json
import os
import pwd
from datetime import timedelta
from pathlib import Path

import pytest

from plugins.module_utils.certificates import adopt
from plugins.module_utils.certificates.adopt import from_caddy, issuer_folder, safe, to_caddy
from plugins.module_utils.certificates.pem import Unusable, pair
from plugins.module_utils.certificates.store import Store

from .authority import NOW, issue, served

ME = pwd.getpwuid(os.geteuid()).pw_name
LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"
FOLDER = "acme-v02.api.letsencrypt.org-directory"


@pytest.fixture
def caddy(tmp_path: Path) -> Path:
    (tmp_path / "caddy/certificates").mkdir(parents=True)
    return tmp_path / "caddy"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(lambda command: (1, ""), tmp_path / "store", grp.getgrgid(os.getegid()).gr_name)


def put(caddy: Path, host: str, content: tuple[bytes, bytes], issuer: str = FOLDER) -> Path:
    folder = caddy / "certificates" / issuer / safe(host)
    folder.mkdir(parents=True)
    for kind, text in zip(("crt", "key"), content, strict=True):
        (folder / f"{safe(host)}.{kind}").write_bytes(text)
    return folder


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        (LETS_ENCRYPT, FOLDER),
        ("https://acme.isp.example:14000/dir", "acme.isp.example-14000-dir"),
        ("https://acme.zerossl.com/v2/DV90", "acme.zerossl.com-v2-dv90"),
        ("https://ca.lan/acme/home/directory/", "ca.lan-acme-home-directory"),
        ("https://ca.lan", "ca.lan"),
        ("https://ca.lan/", "ca.lan"),
        ("https://me@CA.lan/a//b", "ca.lan-a--b"),
        ("https://ca.lan/a%20b+c", "ca.lan-a_b_plus_c"),
        ("https://ca.lan/../..", "ca.lan--"),
    ],
)
def test_the_folder_of_a_ca_is_the_one_that_caddy_uses(url: str, folder: str) -> None:
    assert issuer_folder(url) == folder


def test_a_wildcard_has_the_file_name_that_caddy_uses() -> None:
    assert safe("*.example.org") == "wildcard_.example.org"


def test_a_certificate_for_all_hosts_is_taken_over(caddy: Path) -> None:
    content = served()
    put(caddy, "home.example.org", content)
    found = from_caddy(["home.example.org"], NOW, caddy)
    assert found and found.key == content[1] and found.fullchain == content[0]
    assert from_caddy(["home.example.org", "www.example.org"], NOW, caddy) is None
    assert from_caddy(["www.example.org"], NOW, caddy) is None


def test_a_wildcard_s_certificate_is_taken_over_for_a_name_below_it(caddy: Path) -> None:
    content = served(("*.example.org",))
    put(caddy, "*.example.org", content)
    for hosts in (["*.example.org"], ["a.example.org"], ["a.example.org", "b.example.org"]):
        found = from_caddy(hosts, NOW, caddy)
        assert found and found.key == content[1]
    assert from_caddy(["example.org"], NOW, caddy) is None


def test_what_is_due_damaged_or_not_yet_valid_is_not_taken_over(caddy: Path) -> None:
    put(caddy, "due.example.org", served(("due.example.org",), start=NOW - timedelta(days=61)))
    put(caddy, "early.example.org", served(("early.example.org",), start=NOW + timedelta(days=1)))
    put(caddy, "cut.example.org", (served(("cut.example.org",))[0][:200], served()[1]))
    put(caddy, "mixed.example.org", (served(("mixed.example.org",))[0], served()[1]))
    for name in ("due", "early", "cut", "mixed"):
        assert from_caddy([f"{name}.example.org"], NOW, caddy) is None


def test_only_the_wanted_ca_counts_and_never_caddy_s_own_or_a_test_ca(caddy: Path) -> None:
    for issuer in ("local", "acme-staging-v02.api.letsencrypt.org-directory"):
        put(caddy, "home.example.org", served(), issuer)
    assert from_caddy(["home.example.org"], NOW, caddy) is None
    put(caddy, "home.example.org", served(), "acme.zerossl.com-v2-dv90")
    assert from_caddy(["home.example.org"], NOW, caddy)
    assert from_caddy(["home.example.org"], NOW, caddy, LETS_ENCRYPT) is None


def test_of_two_the_one_that_lasts_longer_is_taken(caddy: Path) -> None:
    longer = served(start=NOW - timedelta(days=1))
    put(caddy, "home.example.org", served(start=NOW - timedelta(days=20)), "a.example")
    put(caddy, "home.example.org", longer, "b.example")
    put(caddy, "*.example.org", served(("*.example.org",), start=NOW - timedelta(days=20)), "c.example")
    found = from_caddy(["home.example.org"], NOW, caddy)
    assert found and found.key == longer[1]


def test_no_link_in_caddy_s_storage_is_followed(caddy: Path, tmp_path: Path) -> None:
    chain, key = served()
    (tmp_path / "secret.key").write_bytes(key)
    folder = put(caddy, "home.example.org", (chain, key))
    (folder / "home.example.org.key").unlink()
    (folder / "home.example.org.key").symlink_to(tmp_path / "secret.key")
    assert from_caddy(["home.example.org"], NOW, caddy) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_no_link_of_caddy_s_to_a_folder_is_followed_either(caddy: Path, store: Store, tmp_path: Path) -> None:
    put(tmp_path / "elsewhere", "home.example.org", served())
    (caddy / "certificates").rmdir()
    (caddy / "certificates").symlink_to(tmp_path / "elsewhere/certificates")
    os.chown(caddy / "certificates", 1, 1, follow_symlinks=False)
    assert from_caddy(["home.example.org"], NOW, caddy) is None
    store.install("home", *served())
    with pytest.raises(Unusable, match="that user 1 made"):
        to_caddy(store, ["home"], LETS_ENCRYPT, NOW, caddy, ME)


def test_no_storage_at_all_is_no_certificate(tmp_path: Path) -> None:
    assert from_caddy(["home.example.org"], NOW, tmp_path / "none") is None
    assert from_caddy(["home.example.org"], NOW, tmp_path / "none", LETS_ENCRYPT) is None


def test_caddy_is_handed_a_certificate_for_each_of_its_names_in_its_own_layout(caddy: Path, store: Store) -> None:
    content = served(("a.example.org", "*.b.example.org"))
    store.install("home", *content)
    for check, expected in ((True, False), (False, True)):
        assert to_caddy(store, ["home"], LETS_ENCRYPT, NOW, caddy, ME, check) == ["a.example.org", "*.b.example.org"]
        assert (caddy / "certificates" / FOLDER).exists() is expected
    assert to_caddy(store, ["home"], LETS_ENCRYPT, NOW, caddy, ME) == []
    for host, name in (("a.example.org", "a.example.org"), ("*.b.example.org", "wildcard_.b.example.org")):
        folder = caddy / "certificates" / FOLDER / name
        assert {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()} == {f"{name}.{kind}": 0o600 for kind in ("crt", "key", "json")}
        assert folder.stat().st_mode & 0o777 == 0o700
        assert ((folder / f"{name}.crt").read_bytes(), (folder / f"{name}.key").read_bytes()) == content
        assert json.loads((folder / f"{name}.json").read_text()) == {"sans": [host], "issuer_data": {"url": "", "ca": LETS_ENCRYPT}}
    assert from_caddy(["a.example.org"], NOW, caddy) == pair(*content)


def test_what_caddy_has_itself_stays_unless_it_is_due_or_damaged(caddy: Path, store: Store) -> None:
    hosts = ("good.example.org", "due.example.org", "cut.example.org")
    store.install("home", *served(hosts))
    own = put(caddy, hosts[0], served(hosts[:1]))
    put(caddy, hosts[1], served(hosts[1:2], start=NOW - timedelta(days=61)))
    put(caddy, hosts[2], (served()[0][:200], b""))
    before = (own / f"{hosts[0]}.crt").read_bytes()
    assert to_caddy(store, ["home"], LETS_ENCRYPT, NOW, caddy, ME) == list(hosts[1:])
    assert (own / f"{hosts[0]}.crt").read_bytes() == before
    assert to_caddy(store, ["home"], LETS_ENCRYPT, NOW, caddy, ME) == []


def test_a_placeholder_a_self_signed_or_a_due_certificate_is_not_handed_over(caddy: Path, store: Store) -> None:
    store.placeholder("empty", ["home.example.org"])
    own = issue()
    store.install("own", own.pem, own.key_pem)
    store.install("due", *served(start=NOW - timedelta(days=61)))
    store.install("early", *served(start=NOW + timedelta(days=1)))
    assert to_caddy(store, ["empty", "own", "due", "early", "missing"], LETS_ENCRYPT, NOW, caddy, ME) == []
    assert list((caddy / "certificates").iterdir()) == []


def test_killed_in_between_caddy_never_takes_half_of_each(caddy: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.install("home", *served())
    real = adopt.disk.write
    for last in ("key", "crt", "json"):
        folder = put(caddy, "home.example.org", served(start=NOW - timedelta(days=61)), issuer := f"{last}.example-directory")
        (folder / "home.example.org.json").write_text("{}")

        def write(parent: int, name: str, content: bytes, rights: adopt.disk.Rights, last: str = last) -> None:
            if name.endswith(last):
                raise KeyboardInterrupt
            real(parent, name, content, rights)

        monkeypatch.setattr(adopt.disk, "write", write)
        with pytest.raises(KeyboardInterrupt):
            to_caddy(store, ["home"], f"https://{last}.example/directory", NOW, caddy, ME)
        assert issuer == issuer_folder(f"https://{last}.example/directory") and not (folder / "home.example.org.json").exists()
        monkeypatch.undo()
        if last != "json":
            assert to_caddy(store, ["home"], f"https://{last}.example/directory", NOW, caddy, ME) == ["home.example.org"]


def test_a_host_without_caddy_is_said_so(caddy: Path, store: Store) -> None:
    store.install("home", *served())
    with pytest.raises(Unusable, match="There is no user nobody-at-all on this host"):
        to_caddy(store, ["home"], LETS_ENCRYPT, NOW, caddy, "nobody-at-all")
