"""When a renewal is late: against the certificate's own life, and against what its authority says."""

from __future__ import annotations

import base64
import email.utils
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.module_utils.inspection import renewal
from plugins.module_utils.inspection.download import Failed, Page
from plugins.module_utils.inspection.findings import ERROR, WARNING, Finding
from plugins.module_utils.inspection.inspector import Inspection
from plugins.module_utils.inspection.model import Limits, file_of
from plugins.module_utils.inspection.read import Cert, read
from plugins.module_utils.inspection.renewal import Ari, Window

from .authority import DAY, HOST, LE, MIDDLE, NOW, ROOT, ids, make, settings, stored, trust

DIRECTORY = "https://acme.example/directory"
LIMITS = Limits()
LIVES = {"160 hours": timedelta(hours=160), "45 days": 45 * DAY, "64 days": 64 * DAY, "90 days": 90 * DAY}


def judged(cert: Cert, share_left: float, limits: Limits = LIMITS, window: Window | None = None) -> list[Finding]:
    now = cert.not_after - cert.life * share_left
    return list(renewal.judge(cert, now, limits, window, "here"))


@pytest.mark.proves("B02")
@pytest.mark.parametrize("life", LIVES)
@pytest.mark.parametrize(
    ("left", "severities"), [(0.99, []), (0.34, []), (0.33, [WARNING]), (0.17, [WARNING]), (0.16, [ERROR]), (0.01, [ERROR])], ids=lambda value: str(value)
)
def test_a_life_of_any_length_is_warned_of_at_a_third_and_grave_at_a_sixth(life: str, left: float, severities: list[str]) -> None:
    cert = read(make(by=MIDDLE, life=LIVES[life], public=False).der)
    found = judged(cert, left)
    assert [one.severity for one in found] == severities and set(ids(found)) <= {"lifetime_fraction_low"}


def test_days_can_be_given_as_well() -> None:
    cert = read(make(by=MIDDLE, life=90 * DAY, public=False).der)
    days = Limits(warn_days=40, critical_days=20)
    assert [[one.severity for one in judged(cert, left / 90, days)] for left in (41, 39, 19)] == [[], [WARNING], [ERROR]]


def test_a_public_certificate_that_nobody_renewed_after_two_thirds_is_overdue() -> None:
    assert ids(judged(read(make(by=LE).der), 0.3)) == ["lifetime_fraction_low", "renewal_overdue"]
    assert ids(judged(read(make(by=LE).der), 0.4)) == []


def test_expired_and_not_yet_valid_are_told_with_how_long() -> None:
    cert = read(make(by=MIDDLE).der)
    (late,) = renewal.judge(cert, cert.not_after + timedelta(hours=5), Limits(), None, "here")
    (soon,) = renewal.judge(cert, cert.not_before - timedelta(minutes=30), Limits(), None, "here")
    (later,) = renewal.judge(cert, cert.not_before - 9 * DAY, Limits(), None, "here")
    assert "expired 5 hours ago" in late.what and "in 30 minutes only" in soon.what and "clock" in soon.advice and "clock" not in later.advice


@pytest.mark.proves("B02")
def test_the_authority_s_window_decides_where_it_is_known() -> None:
    cert = read(make(by=LE).der)
    start, end = cert.not_before + 55 * DAY, cert.not_before + 57 * DAY
    assert judged(cert, 35 / 90, window=Window(start, end, first=end)) == []
    assert ids(judged(cert, 32.9 / 90, window=Window(start, end, first=end))) == ["renewal_overdue"]
    assert ids(judged(cert, 0.2, window=Window(start, cert.not_after, first=cert.not_after))) == ["lifetime_fraction_low"]


def test_a_window_that_moved_earlier_is_told() -> None:
    cert = read(make(by=LE).der)
    usual, moved = cert.not_before + 60 * DAY, cert.not_before + 20 * DAY
    (found,) = judged(cert, 0.9, window=Window(moved - DAY, moved, "https://ca.example/why", usual))
    assert found.id == "ari_window_moved_earlier" and any("https://ca.example/why" in text for text in found.seen)
    assert ids(judged(cert, 0.6, window=Window(moved - DAY, moved, first=moved))) == ["ari_window_moved_earlier", "renewal_overdue"]


def test_the_name_of_a_certificate_at_the_authority_is_that_of_the_rfc() -> None:
    """RFC 9773, 4.1: its example, key identifier 69:88:5B:6B:... and serial 00:87:65:43:21."""
    key = bytes.fromhex("69885b6b87464041e1b37b847bd0ae2cde01c8d4")
    cert = Cert(b"", make().certificate, "", serial="87654321", authority_key=key)
    assert renewal.identifier(cert) == "aYhba4dGQEHhs3uEe9CuLN4ByNQ.AIdlQyE"
    assert renewal.identifier(Cert(b"", make().certificate, "", serial="87654321")) == ""
    assert base64.urlsafe_b64decode("AIdlQyE=") == bytes.fromhex("0087654321")


class Authority:
    """Answers with a window, and counts how often it is asked."""

    def __init__(self, start: str = "2027-01-02T04:00:00Z", end: str = "2027-01-03T04:00:00Z", headers: dict[str, str] | None = None) -> None:
        self.window = {"start": start, "end": end}
        self.headers = {"retry-after": "21600"} if headers is None else headers
        self.asked: list[str] = []
        self.status = 200

    def get(self, url: str) -> Page:
        self.asked.append(url)
        if url == DIRECTORY:
            return Page(200, json.dumps({"renewalInfo": "https://acme.example/ari/"}).encode())
        return Page(self.status, json.dumps({"suggestedWindow": self.window, "explanationURL": "https://ca.example/why"}).encode(), self.headers)


def cert_of_nobody_known() -> Cert:
    return read(make(by=MIDDLE).der)


def test_an_answer_is_kept_for_as_long_as_the_authority_says(tmp_path: Path) -> None:
    authority, cert, keep = Authority(), cert_of_nobody_known(), tmp_path / "ari.json"
    for hours, asked in ((0, 2), (5, 2), (7, 4)):
        ari = Ari(authority.get, NOW + timedelta(hours=hours), keep)
        window = ari.window(cert, DIRECTORY)
        ari.save()
        assert len(authority.asked) == asked and window is not None and window.explanation == "https://ca.example/why"
    assert authority.asked[1] == f"https://acme.example/ari/{renewal.identifier(cert)}"


def test_the_first_window_is_remembered(tmp_path: Path) -> None:
    authority, cert, keep = Authority(), cert_of_nobody_known(), tmp_path / "ari.json"
    first = Ari(authority.get, NOW, keep)
    first.window(cert, DIRECTORY)
    first.save()
    authority.window = {"start": "2026-12-01T00:00:00Z", "end": "2026-12-02T00:00:00Z"}
    window = Ari(authority.get, NOW + DAY, keep).window(cert, DIRECTORY)
    assert window is not None and window.first is not None and window.end < window.first


def test_an_authority_that_fails_is_asked_again_later_only(tmp_path: Path) -> None:
    authority, cert, keep = Authority(), cert_of_nobody_known(), tmp_path / "ari.json"
    authority.status = 503
    for _ in range(2):
        ari = Ari(authority.get, NOW, keep)
        with pytest.raises(Failed, match="503"):
            ari.window(cert, DIRECTORY)
        ari.save()
    assert len(authority.asked) == 2


def test_what_an_authority_said_before_holds_while_it_fails(tmp_path: Path) -> None:
    authority, cert, keep = Authority(), cert_of_nobody_known(), tmp_path / "ari.json"
    for hours in (0, 24, 25):
        ari = Ari(authority.get, NOW + timedelta(hours=hours), keep)
        window = ari.window(cert, DIRECTORY)
        ari.save()
        assert window is not None and window.end.year == 2027
        authority.status = 503
    assert len(authority.asked) == 4


def test_what_is_kept_is_for_root_alone_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    keep, aim = tmp_path / "ari.json", tmp_path / "aim"
    aim.write_text("mine")
    (tmp_path / ".ari.json.new").symlink_to(aim)
    ari = Ari(Authority().get, NOW, keep)
    ari.window(cert_of_nobody_known(), DIRECTORY)
    ari.save()
    assert keep.stat().st_mode & 0o777 == 0o600 and json.loads(keep.read_text())
    assert aim.read_text() == "mine", "no link of another leads the writer elsewhere"


def test_in_check_mode_nothing_is_kept(tmp_path: Path) -> None:
    ari = Ari(Authority().get, NOW, tmp_path / "ari.json", write=False)
    ari.window(cert_of_nobody_known(), DIRECTORY)
    ari.save()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("21600", timedelta(hours=6)),
        ("1", timedelta(minutes=1)),
        ("9999999999999", DAY),
        ("soon", timedelta(hours=6)),
        ("", timedelta(hours=6)),
        ("²", timedelta(hours=6)),
        pytest.param(email.utils.format_datetime(NOW + timedelta(hours=2), usegmt=True), timedelta(hours=2), id="a date in two hours"),
    ],
)
def test_retry_after_is_kept_within_bounds(said: str, kept: timedelta) -> None:
    assert renewal.retry_after({"retry-after": said}, NOW) == kept


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"suggestedWindow": []}', b'{"suggestedWindow": {"start": "x", "end": 7}}', b"[" * 100_000, b"\xff"])
def test_an_answer_that_is_none_is_refused(body: bytes) -> None:
    with pytest.raises(Failed):
        renewal.read_window(Page(200, body))


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"renewalInfo": 7}', b'{"renewalInfo": "file:///etc/passwd"}', b"[" * 100_000])
def test_a_directory_that_names_no_place_for_windows_is_asked_once(body: bytes) -> None:
    asked = []

    def fetch(url: str) -> Page:
        asked.append(url)
        return Page(200, body)

    ari = Ari(fetch, NOW)
    for _ in range(2):
        with pytest.raises(Failed, match="no renewalInfo"):
            ari.window(cert_of_nobody_known(), DIRECTORY)
    assert asked == [DIRECTORY]


@pytest.mark.parametrize("kept", ["", "[]", "{", '{"a": 1}', '{"%s": {"start": "x", "end": [], "until": true}}', '{"%s": {"end": 1e300, "until": 1e300}}'])
def test_a_damaged_cache_costs_a_question_and_nothing_else(kept: str, tmp_path: Path) -> None:
    cert, authority = cert_of_nobody_known(), Authority()
    (tmp_path / "ari.json").write_text(kept.replace("%s", renewal.identifier(cert)))
    assert Ari(authority.get, NOW, tmp_path / "ari.json").window(cert, DIRECTORY) is not None and len(authority.asked) == 2


def test_authorities_that_nobody_knows_are_not_asked(tmp_path: Path) -> None:
    assert Ari(Authority().get, NOW).window(read(make(by=MIDDLE).der)) is None
    assert Ari(Authority().get, NOW).window(read(make().der), DIRECTORY) is None
    assert renewal.directory_of(read(make(by=LE).der)) == "https://acme-v02.api.letsencrypt.org/directory"


def test_an_inspection_asks_and_tells(tmp_path: Path) -> None:
    authority = Authority("2026-10-01T00:00:00Z", "2026-10-02T00:00:00Z")
    path = tmp_path / "fullchain.pem"
    path.write_bytes(make(by=MIDDLE).pem + MIDDLE.pem)
    about: dict[str, Any] = {"ask": ("ari",), "directory": DIRECTORY}
    file = file_of({"path": str(path), "names": [HOST], "trust": [trust(tmp_path, ROOT)]})
    (result,) = Inspection(settings(**about), fetch=lambda url, *_: authority.get(url)).run([], [file])
    assert ids(result.findings) == ["ari_window_moved_earlier", "renewal_overdue"]
    authority.status = 500
    (result,) = Inspection(settings(**about), fetch=lambda url, *_: authority.get(url)).run([], [file])
    assert ids(result.findings) == ["ari_unreachable"]
    assert stored(tmp_path, make(by=MIDDLE), MIDDLE, roots=[ROOT], about={"ask": ("ari",)}) == []


@given(st.binary(max_size=300) | st.builds(lambda start, end: json.dumps({"suggestedWindow": {"start": start, "end": end}}).encode(), st.text(), st.text()))
def test_whatever_an_authority_answers_is_a_window_or_refused(body: bytes) -> None:
    try:
        window = renewal.read_window(Page(200, body))
    except Failed:
        return
    assert window.start < window.end


@given(st.text(max_size=60))
def test_whatever_stands_in_retry_after_gives_a_time_within_bounds(said: str) -> None:
    assert renewal.SHORTEST <= renewal.retry_after({"retry-after": said}, NOW) <= renewal.LONGEST
