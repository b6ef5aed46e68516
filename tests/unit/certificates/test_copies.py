"""Copies of a certificate where a service expects them: right in content and rights, and never written through somebody's link."""

from __future__ import annotations

import grp
import os
import pwd
import subprocess
from pathlib import Path
from typing import Any

import pytest

from plugins.module_utils.certificates import copies, disk
from plugins.module_utils.certificates.copies import DH_PARAMETERS
from plugins.module_utils.certificates.pem import Pair, Unusable, pair

from .authority import INTERMEDIATE, served

ME = pwd.getpwuid(os.geteuid()).pw_name
MINE = grp.getgrgid(os.getegid()).gr_name
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


@pytest.fixture
def found() -> Pair:
    return pair(*served())


def certificate(path: Path, content: str = "fullchain", **rights: str) -> dict[str, Any]:
    return {"name": "home", "copies": [{"path": str(path), "content": content, "owner": ME, "group": MINE, **rights}]}


def copy(wanted: dict[str, Any], found: Pair) -> bool:
    return copies.write(copies.planned(wanted, found))


def test_each_content_is_what_its_name_says(found: Pair, tmp_path: Path) -> None:
    contents = {"fullchain": found.fullchain, "chain": INTERMEDIATE.pem, "cert": found.leaf.pem, "privkey": found.key, "dhparam": DH_PARAMETERS}
    for content, expected in contents.items():
        assert copy(certificate(tmp_path / content, content), found)
        assert (tmp_path / content).read_bytes() == expected
        assert (tmp_path / content).stat().st_mode & 0o777 == (0o600 if content == "privkey" else 0o644)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(contents)


def test_a_copy_is_written_only_when_content_or_rights_differ(found: Pair, tmp_path: Path) -> None:
    wanted = certificate(tmp_path / "domain.key", "privkey", mode="0640")
    assert copy(wanted, found)
    inode = (tmp_path / "domain.key").stat().st_ino
    assert not copy(wanted, found) and (tmp_path / "domain.key").stat().st_ino == inode
    (tmp_path / "domain.key").chmod(0o666)
    assert copy(wanted, found) and (tmp_path / "domain.key").stat().st_mode & 0o777 == 0o640
    (tmp_path / "domain.key").write_bytes(b"")
    assert copy(wanted, found) and (tmp_path / "domain.key").read_bytes() == found.key
    assert copy(wanted, pair(*served()))


@root_only
def test_a_copy_belongs_to_whom_it_shall(found: Pair, tmp_path: Path) -> None:
    wanted = certificate(tmp_path / "chained.pem", owner="nobody", group="daemon")
    assert copy(wanted, found)
    assert (tmp_path / "chained.pem").owner() == "nobody" and (tmp_path / "chained.pem").group() == "daemon"
    os.chown(tmp_path / "chained.pem", 0, 0)
    assert copy(wanted, found) and (tmp_path / "chained.pem").owner() == "nobody"


def test_a_link_at_the_copy_s_place_is_not_followed(found: Pair, tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("precious")
    for target in (tmp_path / "victim", tmp_path / "nowhere"):
        place = tmp_path / "domain.key"
        place.unlink(missing_ok=True)
        place.symlink_to(target)
        with pytest.raises(Unusable, match=r"is a link, and is not followed. Remove it"):
            copy(certificate(place, "privkey"), found)
    assert (tmp_path / "victim").read_text() == "precious" and not (tmp_path / "nowhere").exists()


def test_a_link_put_there_between_the_look_and_the_writing_is_replaced_and_not_followed(found: Pair, tmp_path: Path) -> None:
    planned = copies.planned(certificate(tmp_path / "domain.key", "privkey"), found)
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "domain.key").symlink_to(tmp_path / "victim")
    assert copies.write(planned)
    assert (tmp_path / "victim").read_text() == "precious" and not (tmp_path / "domain.key").is_symlink()


@root_only
def test_a_folder_s_link_is_followed_when_root_made_it_and_not_when_an_app_did(found: Pair, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "far").symlink_to(tmp_path / "link")
    assert copy(certificate(tmp_path / "far/a.pem"), found) and (tmp_path / "real/a.pem").exists()
    os.chown(tmp_path / "link", 1, 1, follow_symlinks=False)
    for way in ("link", "far"):
        with pytest.raises(Unusable, match=r"leads through a link .link. that user 1 made, and is not followed. Name the real folder"):
            copy(certificate(tmp_path / way / "b.pem"), found)
    assert not (tmp_path / "real/b.pem").exists()


def test_links_in_a_circle_end(found: Pair, tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(Unusable, match="cannot be looked at"):
        copy(certificate(tmp_path / "a/x.pem"), found)


@pytest.mark.parametrize(
    ("about", "said"),
    [
        ({"path": "chained.pem"}, "not an absolute path"),
        ({"path": "/etc/../chained.pem"}, "not an absolute path"),
        ({"path": "/nonexistent/chained.pem"}, "the folder /nonexistent is not there. Install what reads the copy first"),
        ({"path": "/etc/passwd/chained.pem"}, "the folder /etc/passwd is not there"),
        ({"content": "everything"}, "its content is 'everything'. Write one of fullchain, chain, cert, privkey, dhparam"),
        ({"mode": "644"}, "'644' is not a mode"),
        ({"content": "privkey", "mode": "0644"}, "everybody could read the private key with mode 0644"),
        ({"owner": "nobody-at-all"}, "there is no user nobody-at-all on this host. Make the user first"),
        ({"group": "nobody-at-all"}, "there is no group nobody-at-all on this host. Make the group first"),
        ({"path": "/etc"}, "/etc is not a file. Move away what is there"),
    ],
)
def test_a_copy_that_cannot_be_is_refused_with_what_to_do(about: dict[str, str], said: str, found: Pair, tmp_path: Path) -> None:
    wanted = certificate(tmp_path / "chained.pem")
    wanted["copies"][0] |= about
    with pytest.raises(Unusable) as refused:
        copy(wanted, found)
    assert str(refused.value).startswith(f"copy {wanted['copies'][0]['path']}: ") and said in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_every_copy_that_cannot_be_is_named_and_none_is_written(found: Pair, tmp_path: Path) -> None:
    wanted = {"name": "home", "copies": [{"path": str(tmp_path / "a.pem"), "content": "cert"}, {"path": "b"}, {"path": "c"}]}
    with pytest.raises(Unusable, match=r"copy b: .*\ncopy c: "):
        copy(wanted, found)
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_file_is_left(found: Pair, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "huge").write_bytes(b"x" * ((1 << 20) + 1))
    for name, said in (("pipe", "is not a file"), ("huge", "is larger than 1 MiB")):
        with pytest.raises(Unusable, match=said):
            copy(certificate(tmp_path / name), found)


def test_what_a_killed_run_left_is_taken_away(found: Pair, tmp_path: Path) -> None:
    (tmp_path / f"{disk.PREFIX}0123").write_text("half a key")
    (tmp_path / f"{disk.PREFIX}folder").mkdir()
    copy(certificate(tmp_path / "domain.key", "privkey"), found)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{disk.PREFIX}folder", "domain.key"]


def test_a_difference_shows_rights_and_certificates_but_no_key(found: Pair, tmp_path: Path) -> None:
    for name in ("privkey", "cert"):
        copy(certificate(tmp_path / name, name), found)
    other = pair(*served())
    (key,) = copies.planned(certificate(tmp_path / "privkey", "privkey", mode="0640"), other)
    assert "PRIVATE" not in str(key.difference) and "0640" in key.difference["after"] and key.difference["before"] != key.difference["after"]
    (cert,) = copies.planned(certificate(tmp_path / "cert", "cert"), other)
    assert found.leaf.pem.decode() in cert.difference["before"] and other.leaf.pem.decode() in cert.difference["after"]


def test_the_dh_parameters_are_those_of_rfc_7919(tmp_path: Path) -> None:
    # p = 2^2048 - 2^1984 + {[2^1918 * e] + 560316 } * 2^64 - 1 (appendix A.1), with e as a series of exact fractions.
    numerator, denominator = 1, 1
    for n in range(1, 400):
        numerator, denominator = numerator * n + 1, denominator * n
    prime = 2**2048 - 2**1984 + ((2**1918 * numerator) // denominator + 560316) * 2**64 - 1
    file = tmp_path / "dh.pem"
    file.write_bytes(DH_PARAMETERS)
    shown = subprocess.run(["openssl", "asn1parse", "-in", str(file)], capture_output=True, text=True, check=True).stdout
    values = [int(line.rpartition(":")[2], 16) for line in shown.splitlines() if "INTEGER" in line]
    assert values == [prime, 2]
