"""The page needs nothing and nobody, can be read by everybody, and takes no stranger's word for anything but text."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plugins.module_utils.proof.page import page
from plugins.module_utils.proof.style import CSS, DARK, LIGHT, READ_ON, SHAPES
from plugins.module_utils.proof.words import visible

from . import houses
from .houses import HOSTILE, SITES, proof

pytestmark = pytest.mark.proves("B01")
OURS = {"html", "head", "meta", "title", "style", "body", "svg", "symbol", "circle", "rect", "path", "use", "main", "header", "section", "footer", "article"}
OURS |= {"div", "span", "p", "b", "i", "u", "a", "br", "code", "dl", "dt", "dd", "h1", "h2", "h3", "details", "summary"}
OURS |= {"table", "caption", "colgroup", "col", "thead", "tbody", "tr", "th", "td"}


class Reader(HTMLParser):
    """What a browser makes of a page: its elements, its attributes, its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.titles: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in ("meta", "br", "col", "circle", "rect", "path", "use"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.words.append(data)
        if self.open[-1:] in (["h1"], ["h2"]):
            self.titles.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())


@pytest.fixture(scope="module", params=list(houses.VARIANTS))
def read(request: pytest.FixtureRequest) -> Reader:
    return Reader(page(proof(houses.VARIANTS[request.param]())))


def test_the_page_loads_nothing_and_runs_nothing(read: Reader) -> None:
    assert {tag for tag, _ in read.elements} <= OURS and not read.open
    for tag, attributes in read.elements:
        assert not any(name.startswith("on") or name in ("src", "srcset", "action", "background") for name in attributes), (tag, attributes)
        if "href" in attributes:
            own = attributes["href"].startswith("#") if tag == "use" else re.fullmatch(r"https://[a-z0-9.:-]+/", attributes["href"])
            assert own, attributes
    assert "url(" not in CSS and "@import" not in CSS
    policies = [one["content"] for tag, one in read.elements if one.get("http-equiv") == "Content-Security-Policy"]
    assert len(policies) == 1 and policies[0].startswith("default-src 'none'; style-src 'unsafe-inline'")


def test_every_mark_has_words_or_stands_beside_some(read: Reader) -> None:
    used = {one["href"][1:] for tag, one in read.elements if tag == "use"}
    assert used <= set(SHAPES)
    assert all(one.get("aria-hidden") == "true" for tag, one in read.elements if tag == "svg")
    assert all(one.get("aria-label") for tag, one in read.elements if one.get("role") == "img")


def test_tables_have_headers_that_a_screen_reader_tells(read: Reader) -> None:
    heads = [one for tag, one in read.elements if tag == "th"]
    assert heads and all(one.get("scope") in ("col", "row") and one.get("role") in ("columnheader", "rowheader") for one in heads)


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("letters", "ground"), READ_ON)
def test_letters_can_be_read_on_their_ground(colours: dict[str, str], letters: str, ground: str) -> None:
    bright, dim = sorted((luminance(colours[letters]), luminance(colours[ground])), reverse=True)
    assert (bright + 0.05) / (dim + 0.05) >= 4.5


def luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_every_colour_is_given_for_light_and_for_dark() -> None:
    assert set(LIGHT) == set(DARK) and set(re.findall(r"var\(--([a-z-]+)\)", CSS)) <= set(LIGHT)


def test_a_hostile_stranger_is_shown_as_text_and_not_obeyed() -> None:
    found = Reader(page(proof(houses.hostile())))
    assert "<script>alert(1)</script>[U+000A][U+202E]evil[U+2066] <img src=x onerror=alert(2)> &amp; \"'`" in found.text
    assert "more letters)" in found.text and "A" * 1000 not in found.text
    assert "\u202e" not in found.text and "\u2066" not in found.text


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(word=st.text(st.characters(), max_size=60), nothing=st.sampled_from([None, "", 3, [], {}, ["x"], {"y": 1}]))
def test_whatever_is_reported_becomes_a_sound_page(word: str, nothing: Any) -> None:
    home = houses.well()
    for result in home.results.values():
        result["outcomes"][0].update(ok=False, detail=word, advice=word, check=word or "x", address=word)
        result["certificates"][0].update(findings=[{"id": word, "severity": word, "what": word, "seen": [word]}], certificate=nothing)
    home.results[word] = {"kind": word, "looked": False, "message": word, "outcomes": nothing, "certificates": nothing}
    home = replace(home, audits={word: {"listening": [{"port": word, "process": word}], "findings": nothing, "published": nothing}, "b": nothing})
    home = replace(home, watches={word: {"findings": [{"what": word, "about": word}]}, "b": nothing}, network={"picture": nothing, "verdicts": nothing})
    found = Reader(page(proof(home)))
    assert {tag for tag, _ in found.elements} <= OURS and not found.open
    assert " ".join(visible(word).split()) in found.text


def test_what_is_wrong_comes_before_the_sites_and_these_before_the_rest() -> None:
    found = Reader(page(proof(houses.spoilt())))
    titles = ["1 of 4 sites is not served as declared", "What is wrong", "Sites", "Problems", "Warnings", "What listens", "The network"]
    assert found.titles == titles


@pytest.mark.proves("B06")
def test_what_nobody_declared_stands_first_among_what_listens() -> None:
    text = Reader(page(proof(houses.spoilt()))).text
    listens = text[text.index("What listens") : text.index("The network")]
    assert listens.index("container paperless-db-1 (postgres:17)") < listens.index("ssh.service") < listens.index("3 more, for the machine alone")
    assert "1 port that nobody declared" in listens
    assert listens.count("80/tcp") == 1 and "every address 0.0.0.0, ::" in listens, "both families are one row"
    assert "names on the home network (mDNS)" in listens


def test_audits_may_tell_several_addresses_of_one_port_and_what_they_could_not_see() -> None:
    home = houses.well()
    audit = {"listening": [{"addresses": ["0.0.0.0", "::"], "port": 9, "protocol": "udp", "reach": "any", "declared": ""}], "unseen": ["Docker was not asked."]}
    text = Reader(page(proof(replace(home, audits={"server": audit})))).text
    assert "0.0.0.0, ::" in text and "Not seen: Docker was not asked." in text


def test_a_row_tells_name_way_life_and_every_vantage() -> None:
    text = Reader(page(proof(houses.spoilt()))).text
    assert "home.example.org62.2.3.4 → server (Caddy) → 127.0.0.1:8123110 of 160 hours left" in text
    assert "renewal 10 days late" in text and "could not look" in text and "2 failed of 14" in text


def test_a_failed_check_is_titled_by_what_is_wrong_and_not_by_what_was_hoped() -> None:
    text = Reader(page(proof(houses.burning()))).text
    assert "12 names: not reachable" in text and "12 names: reachable" not in text
    home = houses.well()
    houses.fail(home, "phone", SITES["home"], "port 8123 closed", "port 8123 answers")
    assert "home.example.org: port 8123 is open" in Reader(page(proof(home))).text


def test_names_with_another_port_lead_there() -> None:
    home = houses.well()
    home.probes[0]["https_port"] = 8443
    hrefs = [one["href"] for tag, one in Reader(page(proof(home))).elements if tag == "a"]
    assert f"https://{SITES['home']}:8443/" in hrefs and f"https://{SITES['media']}/" in hrefs


def test_fifty_sites_are_put_together_in_less_than_a_second() -> None:
    home = houses.many()
    start = time.monotonic()
    text = page(proof(home))
    assert time.monotonic() - start < 1 and len(text) < 1_500_000


def test_invisible_letters_and_towers_of_accents_are_shown_by_number() -> None:
    assert visible("a\u200bb\x00\ud800\u2028c") == "a[U+200B]b[U+0000][U+D800][U+2028]c"
    assert visible("e" + "\u0301" * 5) == "e" + "\u0301" * 3 + "[U+0301]" * 2
    assert visible("ab" * 9, 4) == "abab … (14 more letters)"
    assert len(visible(HOSTILE)) < 600
