"""A machine trusts the local CA and trusts it no longer: the real certutil and update-ca-certificates, on stores of the test's own."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from plugins.module_utils.trust.databases import Home
from plugins.module_utils.trust.root import Root, roots
from plugins.module_utils.trust.system_store import SystemStore
from plugins.module_utils.trust.trust import Machine, Outcome
from tests.tools import program
from tests.unit.certificates.signers import Signer, run

CERTUTIL = program("libnss3-tools", "/usr/bin/certutil")
NAME = "homeserver.exposure local CA"
PROFILES = (".pki/nssdb", ".mozilla/firefox/x1.default", "snap/firefox/common/.mozilla/firefox/x2.my own", ".var/app/org.mozilla.firefox/.mozilla/firefox/x3")


class House:
    """A machine below a folder: Debian's store with two authorities of Debian's in it, and a person's home."""

    def __init__(self, top: Path, uid: int = os.getuid(), gid: int = os.getgid()) -> None:
        self.top, self.home = top, top / "home/ann"
        self.commands: list[list[str]] = []
        for name in ("usr/local/share/ca-certificates", "etc/ssl/certs", "etc/ca-certificates/update.d", "usr/share/ca-certificates", "home/ann"):
            (top / name).mkdir(parents=True)
        for name in ("one", "two"):
            debians = Signer(top / "usr/share/ca-certificates", name)
            debians.path.rename(debians.path.with_suffix(".crt"))
            debians.key_path.unlink()
        (top / "etc/ca-certificates.conf").write_text("one.crt\ntwo.crt\n")
        self.uid, self.gid = uid, gid
        self.program = program("ca-certificates", "/usr/sbin/update-ca-certificates")
        self.store = SystemStore(top)
        self.machine = Machine(self.store, [Home(self.home, uid, gid)], self.run, CERTUTIL)
        self.run(["update-ca-certificates"])

    def run(self, command: Sequence[str]) -> tuple[int, str]:
        self.commands.append(list(command))
        if command[0] != "update-ca-certificates":
            return run(command)
        options = {"certsconf": "etc/ca-certificates.conf", "certsdir": "usr/share/ca-certificates", "localcertsdir": "usr/local/share/ca-certificates"}
        options |= {"etccertsdir": "etc/ssl/certs", "hooksdir": "etc/ca-certificates/update.d"}
        return run([self.program, *(word for name, path in options.items() for word in (f"--{name}", str(self.top / path)))])

    def database(self, name: str, password: str = "") -> Path:
        folder = self.home / name
        folder.mkdir(parents=True)
        (self.top / "password").write_text(f"{password}\n")
        made, output = run([CERTUTIL, "-N", "-d", f"sql:{folder}", *(["-f", str(self.top / "password")] if password else ["--empty-password"])])
        assert made == 0, output
        return folder

    def listed(self, name: str) -> list[str]:
        return [line for line in run([CERTUTIL, "-L", "-d", f"sql:{self.home / name}"])[1].splitlines() if "," in line and "S/MIME" not in line]

    def trusted_by_openssl(self, signer: Signer) -> list[bool]:
        """By the bundle, and by the folder with its hash links."""
        made = self.top / "etc/ssl/certs"
        stores = ["-no-CApath", "-CAfile", str(made / "ca-certificates.crt")], ["-no-CAfile", "-CApath", str(made)]
        return [run(["openssl", "verify", *store, str(signer.path)])[0] == 0 for store in stores]

    def present(self, signer: Signer, check: bool = False) -> Outcome:
        return self.machine.present(root_of(signer), check)

    def absent(self, check: bool = False) -> Outcome:
        return self.machine.absent(set(), check)

    def contents(self) -> dict[str, bytes]:
        return {str(path): path.read_bytes() if path.is_file() else b"" for path in self.top.rglob("*")}


def root_of(signer: Signer) -> Root:
    return roots(signer.pem.decode())[0]


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:{Path(program('ca-certificates', '/usr/sbin/update-ca-certificates')).parent}:/usr/sbin:/sbin")
    return House(tmp_path / "house")


@pytest.fixture
def owner(tmp_path: Path) -> Signer:
    return Signer(tmp_path, "owner")


@pytest.mark.proves("R35", "R36")
def test_the_system_trusts_the_root_and_no_longer(house: House, owner: Signer) -> None:
    before = house.contents()
    assert house.trusted_by_openssl(owner) == [False, False]
    assert house.present(owner).changed == [str(house.store.file)]
    assert house.trusted_by_openssl(owner) == [True, True] and house.store.file.stat().st_mode & 0o777 == 0o644
    assert house.present(owner) == Outcome()
    assert house.absent().changed == [str(house.store.file)]
    assert house.trusted_by_openssl(owner) == [False, False] and house.contents() == before
    assert house.absent() == Outcome()


@pytest.mark.proves("R35")
@pytest.mark.parametrize("name", PROFILES)
def test_a_browser_trusts_the_root_and_no_longer(house: House, owner: Signer, name: str) -> None:
    folder = house.database(name)
    assert str(folder) in house.present(owner).changed
    (line,) = house.listed(name)
    assert line.startswith(NAME) and line.split()[-1] == "C,,"
    assert house.present(owner) == Outcome()
    assert str(folder) in house.absent().changed and house.listed(name) == []
    assert house.absent() == Outcome()


def test_what_is_as_declared_is_only_read(house: House, owner: Signer) -> None:
    house.database(PROFILES[0])
    house.present(owner)
    before = house.contents()
    house.commands.clear()
    house.present(owner)
    assert house.contents() == before and not [command for command in house.commands if "-A" in command or "-D" in command or "update" in command[0]]


def test_check_mode_tells_the_same_and_touches_nothing(house: House, owner: Signer) -> None:
    house.database(PROFILES[1])
    before = house.contents()
    told = house.present(owner, check=True)
    assert house.contents() == before and told == house.present(owner)
    before = house.contents()
    told = house.absent(check=True)
    assert house.contents() == before and told == house.absent()


@pytest.mark.parametrize("same_subject", [True, False])
def test_a_new_authority_takes_the_place_of_the_old_one(house: House, owner: Signer, tmp_path: Path, same_subject: bool) -> None:
    (tmp_path / "new").mkdir()
    new = Signer(tmp_path / "new", "owner" if same_subject else "another")
    house.database(PROFILES[0])
    house.present(owner)
    assert len(house.present(new).changed) == 2 and house.present(new) == Outcome()
    assert house.trusted_by_openssl(owner) == [False, False] and house.trusted_by_openssl(new) == [True, True]
    (line,) = house.listed(PROFILES[0])
    assert root_of(new).fingerprint[:16] in line


def test_roots_of_earlier_authorities_go_too_and_others_stay(house: House, owner: Signer, tmp_path: Path) -> None:
    folder, old, other = house.database(PROFILES[0]), Signer(tmp_path, "old"), Signer(tmp_path, "other")
    for nickname, signer in ((f"{NAME} 0123456789abcdef", old), ("my company", other)):
        assert run([CERTUTIL, "-A", "-n", nickname, "-t", "C,,", "-i", str(signer.path), "-d", f"sql:{folder}"])[0] == 0
    house.absent()
    assert [line.split("  ")[0] for line in house.listed(PROFILES[0])] == ["my company"]
    house.present(owner)
    house.absent()
    assert [line.split("  ")[0] for line in house.listed(PROFILES[0])] == ["my company"]


def test_the_same_root_under_a_name_that_the_owner_gave_counts_and_goes(house: House, owner: Signer) -> None:
    folder = house.database(PROFILES[0])
    run([CERTUTIL, "-A", "-n", "by hand", "-t", "CT,C,", "-i", str(owner.path), "-d", f"sql:{folder}"])
    assert house.present(owner).changed == [str(house.store.file)]
    house.absent()
    assert house.listed(PROFILES[0]) == []


def test_trust_that_was_switched_off_in_the_browser_is_given_again(house: House, owner: Signer) -> None:
    folder = house.database(PROFILES[0])
    house.present(owner)
    nickname = root_of(owner).nickname
    assert run([CERTUTIL, "-M", "-n", nickname, "-t", ",,", "-d", f"sql:{folder}"])[0] == 0
    assert house.present(owner).changed == [str(folder)] and house.listed(PROFILES[0])[0].endswith("C,,  ")


def test_a_database_behind_a_link_is_left_alone_and_named(house: House, owner: Signer, tmp_path: Path) -> None:
    folder = house.database(PROFILES[1])
    shutil.move(folder, tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    before = (tmp_path / "elsewhere/cert9.db").read_bytes()
    (refused,) = house.present(owner).refused
    assert f"{folder} is a symbolic link" in refused and (tmp_path / "elsewhere/cert9.db").read_bytes() == before


@pytest.mark.parametrize("linked", ["home/ann/.mozilla", "home/ann/.mozilla/firefox/x1.default/cert9.db"])
def test_a_link_on_the_way_to_a_database_is_not_followed(house: House, owner: Signer, tmp_path: Path, linked: str) -> None:
    house.database(PROFILES[1])
    shutil.move(house.top / linked, tmp_path / "elsewhere")
    (house.top / linked).symlink_to(tmp_path / "elsewhere")
    outcome = house.present(owner)
    assert outcome.changed == [str(house.store.file)] and len(outcome.refused) == 1


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
def test_a_database_that_is_somebody_else_s_is_left_alone(house: House, owner: Signer) -> None:
    folder = house.database(PROFILES[0])
    os.chown(folder / "cert9.db", 54321, 54321)
    outcome = house.present(owner)
    assert outcome.changed == [str(house.store.file)] and "does not belong" in outcome.refused[0]


def test_a_database_with_a_primary_password_is_named_and_stays_as_it_is(house: House, owner: Signer) -> None:
    locked, other = house.database(PROFILES[1], password="precious1"), house.database(PROFILES[0])
    before = (locked / "cert9.db").read_bytes()
    outcome = house.present(owner)
    assert outcome.changed == [str(house.store.file), str(other)] and "has a primary password" in outcome.failed[0]
    assert (locked / "cert9.db").read_bytes() == before


def test_without_certutil_the_package_is_named_and_only_where_a_browser_is(house: House, owner: Signer) -> None:
    machine = Machine(house.store, house.machine.homes, house.run, "no-such-certutil")
    assert machine.present(root_of(owner), False).missing == []
    house.database(PROFILES[0])
    assert machine.present(root_of(owner), False) == Outcome(missing=["libnss3-tools"])
    house.present(owner)
    assert machine.absent(set(), False) == Outcome(missing=["libnss3-tools"]) and house.store.trusts(root_of(owner))
    house.absent()
    assert house.absent() == Outcome()


def test_what_is_made_from_the_store_hears_of_the_removal(house: House, owner: Signer) -> None:
    hook = house.store.hooks / "javas"
    hook.write_text(f"#!/bin/sh\ncat >> {house.top}/heard\n")
    hook.chmod(0o755)
    house.present(owner)
    house.absent()
    link = house.top / "etc/ssl/certs/exposure-local-ca.pem"
    assert (house.top / "heard").read_text().splitlines() == [f"+{link}", f"-{link}"]


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may enter."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_a_database_is_changed_by_its_owner_and_not_by_root(open_folder: Path, owner: Signer) -> None:
    house = House(open_folder / "house", 54321, 54321)
    shutil.copy(CERTUTIL, open_folder / "certutil")
    machine = Machine(house.store, [Home(house.home, 54321, 54321)], house.run, str(open_folder / "certutil"))
    folder = house.database(PROFILES[1])
    for path in (house.home, *house.home.rglob("*")):
        os.chown(path, 54321, 54321)
    (folder / "cert9.db").chmod(0o600)
    assert str(folder) in machine.present(root_of(owner), False).changed
    assert {path.stat().st_uid for path in house.home.rglob("*")} == {54321}
    assert [command for command in house.commands if "-A" in command and "--reuid=54321" in command]
    assert len(house.listed(PROFILES[1])) == 1
