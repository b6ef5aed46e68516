"""What is documented is what can be found; what is asked for is understood or refused with words; nothing that is read can break the reading."""

from __future__ import annotations

import json
import re
import ssl
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plugins.module_utils.inspection import disk, greeting, model
from plugins.module_utils.inspection.findings import ERROR, KINDS, NOTE, OK, WARNING, Finding, finding, in_order, worst
from plugins.module_utils.inspection.inspector import Inspection, as_json
from plugins.module_utils.inspection.judge_served import ADVICE
from plugins.module_utils.inspection.model import UNREACHABLE, endpoint_of, name_of, place_of
from plugins.module_utils.inspection.read import Broken, read

from . import authority
from .authority import MIDDLE, NOW, make

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs/inspection.md").read_text()
DOCUMENTATION = yaml.safe_load(re.findall(r'DOCUMENTATION = r"""\n(.*?)"""', (ROOT / "plugins/modules/certificate_info.py").read_text(), re.DOTALL)[0])
FAST = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def test_the_page_explains_every_finding_with_its_weight_and_no_other() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.+?) \| (.+?) \|$", PAGE, flags=re.MULTILINE)
    assert sorted((name, weight) for name, weight, *_ in rows) == sorted((name, kind.severity) for name, kind in KINDS.items())


def test_every_way_of_not_being_reached_is_explained_and_has_advice() -> None:
    (row,) = re.findall(r"^\| `endpoint_unreachable`.*$", PAGE, flags=re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", row)) - {"endpoint_unreachable"} == set(UNREACHABLE) == set(ADVICE)


def test_every_finding_is_shown_by_a_test() -> None:
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py") if path.name != Path(__file__).name)
    assert [name for name in KINDS if f'"{name}"' not in tests] == []


def test_the_graver_comes_first_and_among_equals_the_cause() -> None:
    one, two, three = (finding(name, "a", "b") for name in ("root_sent", "untrusted_chain", "missing_intermediate"))
    assert [found.id for found in in_order([one, two, three, two])] == ["missing_intermediate", "untrusted_chain", "root_sent"]
    assert [worst([]), worst([one]), worst([one, two])] == [OK, NOTE, ERROR] and WARNING in {kind.severity for kind in KINDS.values()}


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ("home.example.org", ("home.example.org", 443)),
        ("Home.Example.org.:8443", ("home.example.org", 8443)),
        ("192.168.1.5:5001", ("192.168.1.5", 5001)),
        ("[2001:DB8::1]:8443", ("2001:db8::1", 8443)),
        ("[2001:db8::1]", ("2001:db8::1", 443)),
        ("2001:db8::1", ("2001:db8::1", 443)),
        ("München.example", ("xn--mnchen-3ya.example", 443)),
    ],
)
def test_an_endpoint_is_written_as_people_do(given: str, place: tuple[str, int]) -> None:
    assert place_of(given, 443) == place


NO_ENDPOINTS = ["", "a:0", "a:65536", "a:https", "[::1", "[a]:1", "a b", "a..b", "x" * 64 + ".example", "a\nb", ":443", "a:²"]
NO_ENDPOINTS += ["https://a.example/", "a/b", "a*.example", "fe80::1%a b"]


@pytest.mark.parametrize("given", NO_ENDPOINTS)
def test_what_is_no_endpoint_is_refused_with_words(given: str) -> None:
    with pytest.raises(ValueError, match=r"is no |is not a valid"):
        endpoint_of({"endpoint": given})


def test_the_name_that_is_asked_for_is_expected_unless_others_are_given() -> None:
    assert endpoint_of({"endpoint": "a.example"}).expected.names == ("a.example",)
    assert endpoint_of({"endpoint": "192.0.2.1", "sni": "b.example"}).expected.names == ("b.example",)
    assert endpoint_of({"endpoint": "192.0.2.1"}).expected.names == ("192.0.2.1",) and endpoint_of({"endpoint": "192.0.2.1"}).sni == ""
    assert endpoint_of({"endpoint": "a.example", "names": []}).expected.names == () and endpoint_of({"endpoint": "a.example", "sni": ""}).sni == ""
    assert endpoint_of({"endpoint": "a.example", "names": ["*.B.example"]}).expected.names == ("*.b.example",)


@pytest.mark.parametrize("service", model.STARTTLS_PORTS)
def test_every_service_has_its_port_and_its_dialogue(service: str) -> None:
    assert endpoint_of({"endpoint": "a.example", "starttls": service}).port == model.STARTTLS_PORTS[service] and service in greeting.DIALOGUES


def test_the_module_s_options_are_those_of_its_documentation() -> None:
    options = DOCUMENTATION["options"]
    assert set(options["endpoints"]["suboptions"]["starttls"]["choices"]) == set(greeting.DIALOGUES)
    assert tuple(options["checks"]["choices"]) == model.CHECKS and tuple(options["ask"]["choices"]) == model.QUESTIONS
    assert tuple(options["endpoints"]["suboptions"]["family"]["choices"]) == model.FAMILIES


def test_what_can_never_be_found_is_no_reason_to_fail() -> None:
    model.known(["error", "expired", "reload_needed", "dns", "critical"], KINDS)
    with pytest.raises(ValueError, match=r"expierd.*docs/inspection\.md"):
        model.known(["expierd"], KINDS)
    assert model.moment_of("2026-11-21T12:00:00Z") == model.moment_of("2026-11-21 13:00+01:00") == datetime(2026, 11, 21, 12, tzinfo=UTC)
    with pytest.raises(ValueError, match="is no time"):
        model.moment_of("yesterday")


@pytest.mark.parametrize("module", ["inspector", "look", "renewal", "crl"])
def test_dnspython_is_needed_for_caa_alone(module: str) -> None:
    script = f"import sys; sys.modules['dns'] = None; import plugins.module_utils.inspection.{module}"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


DER = [make(by=MIDDLE, crl="http://a/", ocsp="http://b/", aia="http://c/", staple=True).der, MIDDLE.der]


@FAST
@given(st.data())
def test_a_certificate_with_any_bytes_changed_is_read_or_refused(data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(DER)))
    for place, value in data.draw(st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), min_size=1, max_size=6)):
        content[place] = value
    judged(bytes(content))


@FAST
@given(st.sampled_from(DER), st.integers(0, 700), st.binary(max_size=30))
def test_a_certificate_that_is_cut_or_longer_is_read_or_refused(der: bytes, length: int, more: bytes) -> None:
    judged(der[:length] + more)


@FAST
@given(st.binary(max_size=400))
def test_anything_is_read_or_refused(content: bytes) -> None:
    judged(content)
    found = disk.text_of(content)
    assert found.certs or found.trouble


def judged(der: bytes) -> None:
    """Read, judged and told without an accident."""
    try:
        read(der)
    except Broken:
        return
    pem = ssl.DER_cert_to_PEM_cert(der).encode()
    inspection = Inspection(authority.settings(now=NOW))
    told = as_json(inspection.text(pem, model.Expected(("home.example.org",), trust=("/nowhere.pem",))), inspection.settings)
    assert all(text.isprintable() for text in json.loads(json.dumps(told, ensure_ascii=False))["certificate"]["names"])


class Said:
    """A connection that holds what was fuzzed, and takes whatever is said."""

    def __init__(self, words: bytes) -> None:
        self.words = words

    def settimeout(self, seconds: float) -> None:
        assert seconds > 0

    def sendall(self, words: bytes) -> None:
        pass

    def recv_into(self, buffer: Any) -> int:
        piece = self.words[: len(buffer)]
        self.words = self.words[len(piece) :]
        buffer[: len(piece)] = piece
        return len(piece)


STARTS = [
    b"",
    b"220 a\r\n250 b\r\n220 ",
    b"* OK\r\na OK",
    b"\x30\x84\xff\xff\xff\xff",
    b"\x30\x0c\x02\x01\x01\x78",
    b"\x0a\0\0\0\x0a8\0",
    b"\x20\0\0\0\x0a",
    b"<stream:features>",
]


@FAST
@given(st.sampled_from(sorted(greeting.DIALOGUES)), st.sampled_from(STARTS), st.binary(max_size=300))
def test_whatever_a_service_says_is_a_yes_or_a_no(service: str, start: bytes, words: bytes) -> None:
    try:
        greeting.greet(Said(start + words), service, "a.example", 5)  # type: ignore[arg-type]
    except greeting.NotOffered as reason:
        assert str(reason).isprintable()


@FAST
@given(st.text(max_size=80))
def test_whatever_is_given_as_an_endpoint_is_one_or_refused(text: str) -> None:
    try:
        host, port = place_of(text, 443)
    except ValueError:
        return
    assert host == name_of(host) and 0 < port < 65536 and host.isascii()


@given(st.text(max_size=600), st.lists(st.text(max_size=900), max_size=30))
def test_a_finding_is_always_fit_to_be_shown(what: str, seen: list[str]) -> None:
    found: Finding = finding("expired", what, what, seen, seen)
    assert all(text.isprintable() and len(text) <= 800 for text in (found.what, found.advice, *found.seen, *found.about)) and len(found.seen) <= 8
