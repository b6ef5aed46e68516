"""The page that offers the root: what phones and computers download, and what the page says."""

from __future__ import annotations

import hashlib
import plistlib
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from plugins.module_utils.certificates.authority import Refused
from plugins.module_utils.certificates.authority_files import read_chain
from plugins.module_utils.certificates.authority_page import CONTENT_TYPES, render
from plugins.module_utils.certificates.authority_state import Outcome, settle
from tests.unit.certificates.signers import Signer, authority, run

TEMPLATE = (Path(__file__).resolve().parents[3] / "roles/local_ca/files/page.html").read_text()


def wanted(tmp_path: Path, owner: Signer, **changes: Any) -> dict[str, Any]:
    page = {"page": TEMPLATE, "page_directory": str(tmp_path / "lib/page")}
    return {"state": "present", "certificate": str(owner.path), "key": str(owner.key_path), "replace": False, "purge": False, **page, **changes}


@pytest.fixture
def owner(tmp_path: Path) -> Signer:
    return Signer(tmp_path, "owner")


@pytest.mark.proves("R36")
def test_every_download_is_the_root_that_clients_are_to_trust(tmp_path: Path) -> None:
    root = Signer(tmp_path, "root")
    files = render(TEMPLATE, read_chain(Signer(tmp_path, "middle", root).path), tmp_path)
    assert set(files) == set(CONTENT_TYPES)
    assert files["root.pem"] == root.pem and x509.load_der_x509_certificate(files["root.crt"]) == root.certificate
    profile = plistlib.loads(files["root.mobileconfig"])
    (payload,) = profile["PayloadContent"]
    assert payload["PayloadType"] == "com.apple.security.root" and payload["PayloadContent"] == files["root.crt"]
    assert profile["PayloadType"] == "Configuration" and profile["PayloadUUID"] != payload["PayloadUUID"]


def test_no_download_has_a_key_and_the_same_root_gives_the_same_bytes(owner: Signer, tmp_path: Path) -> None:
    once, again = (render(TEMPLATE, read_chain(owner.path), tmp_path) for _ in range(2))
    assert once == again and not any(b"PRIVATE" in content for content in once.values())


class Links(HTMLParser):
    """What a page refers to, and what it leaves open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {value or "" for name, value in attrs if name in ("href", "src")}
        if tag not in ("meta", "path", "rect"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_shows_the_fingerprint_warns_and_asks_nothing_of_any_other_server(owner: Signer, tmp_path: Path) -> None:
    text = render(TEMPLATE, read_chain(owner.path), tmp_path)["index.html"].decode()
    links = Links(text)
    assert links.found == {"root.crt", "root.pem", "root.mobileconfig"} and not links.open
    assert not re.search(r"https?://|@import|url\(", text)
    digest = hashlib.sha256(owner.certificate.public_bytes(Encoding.DER)).hexdigest()
    assert "".join(re.findall(r"(?:[0-9A-F]{2}[:\n]?){32}", text)).replace(":", "").replace("\n", "").lower() == digest
    assert "can pretend to be" in text
    for system in ("Android", "iPhone", "Windows", "macOS", "Linux", "Firefox"):
        assert f"<summary>{system}" in text
    assert len(text.encode()) < 30_000


def test_a_name_in_a_certificate_is_a_text_on_the_page(tmp_path: Path) -> None:
    files = render(TEMPLATE, read_chain(hostile(tmp_path)), tmp_path)
    assert b"<b>me</b>" not in files["index.html"] and b"&lt;b&gt;me" in files["index.html"]


def hostile(folder: Path) -> Path:
    (folder / "<b>me<").mkdir()
    return Signer(folder, "<b>me</b>").path


def test_a_template_with_an_unknown_field_is_refused(owner: Signer, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="nonsense"):
        render("$nonsense", read_chain(owner.path), tmp_path)


def test_the_role_writes_the_page_once_repairs_it_and_takes_it_away(owner: Signer, tmp_path: Path) -> None:
    one, want = authority(tmp_path / "ca"), wanted(tmp_path, owner)
    page = Path(want["page_directory"])
    assert settle(want, one, run, check=True).changed and not page.exists() and not one.root.exists()
    first = settle(want, one, run, check=False)
    assert first.changed and {path.name for path in page.iterdir()} == set(CONTENT_TYPES) and first.certificate == owner.pem.decode()
    assert {path.stat().st_mode & 0o777 for path in page.iterdir()} == {0o644} and page.stat().st_mode & 0o777 == 0o755
    again = settle(want, one, run, check=False)
    assert not again.changed and again.diff == [] and again.fingerprint == first.fingerprint
    (page / "root.crt").write_bytes(b"another")
    assert settle(want, one, run, check=False).changed and (page / "root.crt").read_bytes() != b"another"
    gone = wanted(tmp_path, owner, state="absent")
    assert settle(gone, one, run, check=True).changed and page.exists()
    assert settle(gone, one, run, check=False).changed and not page.exists() and one.exists
    assert settle(gone, one, run, check=False) == Outcome()


def test_a_purge_is_on_command_alone_and_takes_the_key(owner: Signer, tmp_path: Path) -> None:
    one = authority(tmp_path / "ca")
    settle(wanted(tmp_path, owner), one, run, check=False)
    gone = wanted(tmp_path, owner, state="absent", purge=True)
    assert settle(gone, one, run, check=True).changed and one.exists
    assert settle(gone, one, run, check=False).changed and not one.root.exists()
    assert settle(gone, one, run, check=False) == Outcome()


@pytest.mark.parametrize("check", [True, False])
def test_a_diff_shows_no_key(owner: Signer, tmp_path: Path, check: bool) -> None:
    one, old = authority(tmp_path / "ca"), Signer(tmp_path, "old")
    settle(wanted(tmp_path, old), one, run, check=False)
    outcome = settle(wanted(tmp_path, owner, replace=True), one, run, check)
    shown = repr(outcome)
    assert outcome.diff and "PRIVATE" not in shown and owner.key_path.read_text().splitlines()[2] not in shown


def test_a_certificate_without_its_key_is_refused(owner: Signer, tmp_path: Path) -> None:
    shutil.copy(owner.path, tmp_path / "ca.pem")
    with pytest.raises(Refused, match="belong together"):
        settle(wanted(tmp_path, owner, key=""), authority(tmp_path / "ca"), run, check=False)
