"""The certificate store: what is there is whole, whatever happens to it."""

from __future__ import annotations

import grp
import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from plugins.module_utils.certificates.pem import LARGEST, Unusable
from plugins.module_utils.certificates.store import KEPT, Store

from .authority import INTERMEDIATE, chain, issue, served

GROUP = grp.getgrgid(os.getegid()).gr_name


def never(command: Sequence[str]) -> tuple[int, str]:
    raise AssertionError(command)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(never, tmp_path / "certificates", GROUP)


def versions(store: Store) -> list[Path]:
    return sorted(entry for entry in store.versions.iterdir() if entry.is_dir())


def test_a_certificate_is_installed_with_the_rights_that_a_proxy_needs(store: Store) -> None:
    leaf = issue(by=INTERMEDIATE)
    old = os.umask(0o077)
    try:
        assert store.install("home", chain(leaf), leaf.key_pem)
    finally:
        os.umask(old)
    place = store.root / "home"
    assert place.is_symlink() and str(place.readlink()).startswith(".versions/home-")
    assert (place / "fullchain.pem").read_bytes() == chain(leaf)
    assert (place / "chain.pem").read_bytes() == INTERMEDIATE.pem
    assert (place / "privkey.pem").read_bytes() == leaf.key_pem
    modes = {path.name: path.stat().st_mode & 0o777 for path in place.iterdir()}
    assert modes == {"fullchain.pem": 0o644, "chain.pem": 0o644, "privkey.pem": 0o640}
    assert [path.stat().st_mode & 0o777 for path in (store.root, store.versions, place)] == [0o755] * 3
    certificate = store.current("home")
    assert certificate and certificate.names == ("home.example.org",)
    assert store.names() == ["home"]


def test_openssl_finds_the_installed_pair_right(store: Store) -> None:
    store.install("home", *served())
    folder = store.root / "home"
    of_key = subprocess.run(["openssl", "pkey", "-in", str(folder / "privkey.pem"), "-pubout"], capture_output=True, check=True).stdout
    of_chain = subprocess.run(["openssl", "x509", "-in", str(folder / "fullchain.pem"), "-noout", "-pubkey"], capture_output=True, check=True).stdout
    assert of_key == of_chain


def test_the_same_certificate_again_changes_nothing(store: Store) -> None:
    pair = served()
    assert store.install("home", *pair)
    before = (store.root / "home").readlink()
    assert not store.install("home", *pair)
    assert (store.root / "home").readlink() == before and len(versions(store)) == 1


def test_of_old_versions_the_newest_two_stay_and_other_names_are_left_alone(store: Store) -> None:
    store.install("home-extra", *served())
    links = []
    for _ in range(8):
        store.install("home", *served())
        links.append((store.root / "home").readlink().name)
        left = {entry.name for entry in versions(store) if not entry.name.startswith("home-extra")}
        assert left == set(links[-KEPT - 1 :])
    assert store.current("home-extra") and store.current("home")


def test_a_pair_that_is_none_is_refused_and_what_was_there_stays(store: Store) -> None:
    store.install("home", *served())
    before = (store.root / "home").readlink()
    for pair in [(served()[0], served()[1]), (b"", b""), (served()[0], b"")]:
        with pytest.raises(Unusable):
            store.install("home", *pair)
    assert (store.root / "home").readlink() == before


@pytest.mark.parametrize("name", ["", "../home", "a/b", ".versions", "Home", "home\n", "-rf"])
def test_a_name_that_is_no_slug_reaches_no_path(store: Store, name: str) -> None:
    for act in (lambda: store.install(name, *served()), lambda: store.look(name), lambda: store.remove(name), lambda: store.placeholder(name, ["a.b"])):
        with pytest.raises(Unusable, match="cannot be the name of a certificate"):
            act()


def test_a_placeholder_is_written_once_and_only_where_nothing_works(store: Store) -> None:
    assert store.placeholder("home", ["home.example.org", "192.168.1.10"])
    certificate = store.current("home")
    assert certificate and certificate.placeholder
    assert not store.placeholder("home", ["home.example.org"])
    store.install("home", *served())
    assert not store.placeholder("home", ["home.example.org"])
    real = store.current("home")
    assert real and not real.placeholder and store.look("home").real


def swap_keys(folder: Path) -> None:
    (folder / "privkey.pem").write_bytes(served()[1])


def a_directory(folder: Path) -> None:
    (folder / "privkey.pem").unlink()
    (folder / "privkey.pem").mkdir()


def a_pipe(folder: Path) -> None:
    (folder / "fullchain.pem").unlink()
    os.mkfifo(folder / "fullchain.pem")


def a_link(folder: Path) -> None:
    (folder / "privkey.pem").rename(folder / "real.pem")
    (folder / "privkey.pem").symlink_to("real.pem")


DAMAGES: dict[str, Callable[[Path], object]] = {
    "an empty chain": lambda folder: (folder / "fullchain.pem").write_bytes(b""),
    "a chain cut off": lambda folder: os.truncate(folder / "fullchain.pem", 300),
    "an empty key": lambda folder: (folder / "privkey.pem").write_bytes(b""),
    "a key cut off": lambda folder: os.truncate(folder / "privkey.pem", 100),
    "another's key": swap_keys,
    "a huge key": lambda folder: (folder / "privkey.pem").write_bytes(b"x" * (LARGEST + 1)),
    "no key": lambda folder: (folder / "privkey.pem").unlink(),
    "no chain": lambda folder: (folder / "fullchain.pem").unlink(),
    "a directory for a key": a_directory,
    "a pipe for a chain": a_pipe,
    "a link for a key": a_link,
    "no version": lambda folder: folder.rename(folder.with_name("elsewhere")),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damage_is_noticed_and_can_be_filled_again(store: Store, name: str) -> None:
    pair = served()
    store.install("home", *pair)
    DAMAGES[name]((store.root / "home").resolve())
    entry = store.look("home")
    assert entry.pair is None and str(store.root) in entry.damage and store.current("home") is None
    assert store.install("home", *pair)
    assert store.look("home").damage == "" and store.current("home")


def test_a_damage_that_leaves_a_pair_is_mended_with_it(store: Store) -> None:
    pair = served()
    store.install("home", *pair)
    (store.root / "home/chain.pem").unlink()
    entry = store.look("home")
    assert entry.pair and "chain.pem is missing" in entry.damage
    assert store.placeholder("home", ["home.example.org"])
    assert (store.root / "home/chain.pem").read_bytes() == INTERMEDIATE.pem
    (store.root / "home/chain.pem").write_bytes(b"edited")
    assert "somebody changed" in store.look("home").damage
    assert store.install("home", *pair) and not store.look("home").damage


def test_a_link_that_leads_out_of_the_store_is_a_damage(store: Store, tmp_path: Path) -> None:
    other = Store(never, tmp_path / "other", GROUP)
    other.install("home", *served())
    store.install("nas", *served())
    (store.root / "home").symlink_to(other.root / "home")
    assert "is not a link to a version in this store" in store.look("home").damage
    (store.root / "home").unlink()
    (store.root / "home").symlink_to((store.root / "nas").readlink())
    assert store.look("home").damage and not store.look("nas").damage


def test_what_somebody_else_put_at_a_link_s_place_is_left(store: Store) -> None:
    store.root.mkdir()
    (store.root / "home").mkdir()
    (store.root / "home/letter.txt").write_text("dear")
    (store.root / "nas").write_text("dear")
    for name in ("home", "nas"):
        assert store.look(name).damage
        for act in (store.install, lambda name, *pair: store.remove(name)):
            with pytest.raises(Unusable, match=r"is left as it is. Look at it, move it away"):
                act(name, *served())
    assert (store.root / "home/letter.txt").read_text() == (store.root / "nas").read_text() == "dear"


def test_rights_that_somebody_loosened_are_tightened(store: Store) -> None:
    pair = served()
    store.install("home", *pair)
    key = store.root / "home/privkey.pem"
    key.chmod(0o644)
    assert store.install("home", *pair) and key.stat().st_mode & 0o777 == 0o640
    assert not store.install("home", *pair)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_key_s_group_is_given_back(store: Store) -> None:
    pair = served()
    store.install("home", *pair)
    key = store.root / "home/privkey.pem"
    os.chown(key, -1, 1)
    assert store.install("home", *pair) and key.stat().st_gid == os.getegid()


def test_a_missing_group_is_made_and_it_is_said_when_that_fails(tmp_path: Path) -> None:
    commands = []

    def run(command: Sequence[str]) -> tuple[int, str]:
        commands.append(list(command))
        return 10, "groupadd: cannot lock /etc/group"

    store = Store(run, tmp_path / "certificates", "exposure-no-such-group")
    with pytest.raises(Unusable, match=r"The group exposure-no-such-group could not be made .groupadd: cannot lock /etc/group.. Make it yourself"):
        store.install("home", *served())
    assert commands == [["groupadd", "--system", "exposure-no-such-group"]]
    assert store.look("home").pair is None


def test_a_name_is_removed_with_all_its_versions_and_nothing_else(store: Store) -> None:
    for name in ("home", "home", "home-extra"):
        store.install(name, *served())
    assert store.remove("home")
    assert store.names() == ["home-extra"] and store.current("home-extra") and len(versions(store)) == 1
    assert not store.remove("home")


def test_a_store_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = Store(never, tmp_path / "file/certificates", GROUP)
    with pytest.raises(Unusable, match=r"could not be changed.*What was served before is untouched"):
        store.install("home", *served())
    assert Store(never, tmp_path / "none", GROUP).names() == []
