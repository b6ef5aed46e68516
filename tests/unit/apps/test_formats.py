"""Whatever stands in an app's file: it is set and all else stays, or it is refused with a sentence; a second run changes nothing."""

from __future__ import annotations

import ast
import json
import xml.etree.ElementTree as ElementTree
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from plugins.module_utils.apps import ini_file
from plugins.module_utils.apps.files import Unknown
from plugins.module_utils.apps.lines import FORMATS

NAME = "/srv/app/settings"
ROOT = {"xml": "Root"}
PROXIES = ["172.30.4.17"]
WANTED: dict[str, dict[str, Any]] = {
    "xml": {"Known": {"string": PROXIES}, "Deep": {"On": True}, "@a": "1"},
    "yaml": {"dns": {"known": PROXIES, "deep": {"on": True}}, "port": 80},
    "json": {"dns": {"known": PROXIES, "deep": {"on": True}}, "port": 80},
    "ini": {"": {"domain": "home.example.org"}, "dns": {"on": True, "port": 80}},
    "python": {"KNOWN": PROXIES, "HEADER": {"tuple": ["a", "b"]}},
}


def edited(kind: str, text: str, wanted: dict[str, Any] | None = None) -> str:
    """A text after it is set; nothing is left to set then."""
    given = WANTED[kind] if wanted is None else wanted
    after = FORMATS[kind](text, given, NAME, ROOT.get(kind, ""))
    assert FORMATS[kind](after, given, NAME, ROOT.get(kind, "")) == after
    return after


def refusal(kind: str, text: str, wanted: dict[str, Any] | None = None) -> str:
    with pytest.raises(Unknown) as refused:
        edited(kind, text, wanted)
    assert NAME in str(refused.value)
    return str(refused.value)


NEW = {
    "xml": '<?xml version="1.0" encoding="utf-8"?>\n<Root a="1">\n  <Known>\n    <string>172.30.4.17</string>\n  </Known>\n'
    "  <Deep>\n    <On>true</On>\n  </Deep>\n</Root>\n",
    "yaml": 'dns:\n  known:\n    - 172.30.4.17\n  deep:\n    "on": true\nport: 80\n',
    "json": '{\n  "dns": {\n    "known": [\n      "172.30.4.17"\n    ],\n    "deep": {\n      "on": true\n    }\n  },\n  "port": 80\n}\n',
    "ini": 'domain = "home.example.org"\n\n[dns]\non = true\nport = 80\n',
    "python": "# BEGIN homeserver.exposure\nKNOWN = ['172.30.4.17']\nHEADER = ('a', 'b')\n# END homeserver.exposure\n",
}


@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_that_is_not_there_is_written_as_a_person_would(kind: str) -> None:
    assert edited(kind, "") == NEW[kind]


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_ends_of_windows_and_a_byte_order_mark_stay(kind: str, mark: str) -> None:
    before = {
        "xml": "<Root>\n  <!-- mine -->\n  <Other />\n</Root>\n",
        "yaml": "# mine\na: 1\n",
        "json": '{\n  "a": 1\n}\n',
        "ini": "; mine\na = 1\n[b]\nc = 2\n",
        "python": "# mine\nA = 1\n",
    }[kind]
    plain = edited(kind, before)
    assert edited(kind, mark + before.replace("\n", "\r\n")) == mark + plain.replace("\n", "\r\n")


SET = [
    ("xml", "<Root a='1'/>", "<Root a='1'><Known><string>172.30.4.17</string></Known><Deep><On>true</On></Deep></Root>"),
    (
        "xml",
        '<Root a="1"><Known><other/><string>x</string><!-- c --><string>y</string></Known><Deep><On>false</On></Deep></Root>',
        '<Root a="1"><Known><other/><string>172.30.4.17</string><!-- c --></Known><Deep><On>true</On></Deep></Root>',
    ),
    (
        "xml",
        '<!-- a --><Root a="0" b=">"><Known /><Deep><On xsi:nil="true" /></Deep></Root><!-- z -->',
        '<!-- a --><Root a="1" b=">"><Known><string>172.30.4.17</string></Known><Deep><On>true</On></Deep></Root><!-- z -->',
    ),
    ("xml", "<Root a='1'><Known><string> 172.30.4.17 </string></Known><Deep><On>true<!-- why --></On></Deep></Root>", ""),
    ("yaml", "{}\n", NEW["yaml"]),
    ("yaml", "dns: {}\nport: 80\n", 'dns:\n  known:\n    - 172.30.4.17\n  deep:\n    "on": true\nport: 80\n'),
    ("yaml", "dns:\n    deep:  # why\n        # keep\n        x: &a 1\n    y: *a\n", None),
    ("yaml", "port: '80'\ndns:\n  known: [1.2.3.4]\n  deep: {on: true}\n".replace("{on: true}", "\n    'on': no"), None),
    ("json", "{}", NEW["json"].rstrip("\n")),
    ("json", '{"a":1}', '{"a":1, "dns": {"known": ["172.30.4.17"], "deep": {"on": true}}, "port": 80}'),
    ("json", '{"port": 80.0, "dns": null}', '{"port": 80, "dns": {"known": ["172.30.4.17"], "deep": {"on": true}}}'),
    ("json", '{"port": true, "dns": {}}', '{"port": 80, "dns": {"known": ["172.30.4.17"], "deep": {"on": true}}}'),
    ("ini", "[dns]\non=false;why\nport=80", "; domain\n"),
    ("ini", "domain = \n[dns]\non = On\nport = 80\n", 'domain = "home.example.org"\n[dns]\non = On\nport = 80\n'),
    ("ini", "domain='x'\n[a]\n[dns]\n# none\n", "domain='home.example.org'\n[a]\n[dns]\non = true\nport = 80\n# none\n"),
    ("python", "A = '''\n# BEGIN homeserver.exposure\n'''", "A = '''\n# BEGIN homeserver.exposure\n'''\n" + NEW["python"]),
    ("python", "# BEGIN homeserver.exposure\nX = 1\n# END homeserver.exposure\nKNOWN = 2\n", "KNOWN = 2\n" + NEW["python"]),
    ("python", "A = 1\x0c\n", "A = 1\x0c\n" + NEW["python"]),
]


@pytest.mark.parametrize(("kind", "before", "after"), SET)
def test_a_file_gets_what_is_set_and_keeps_the_rest(kind: str, before: str, after: str | None) -> None:
    result = edited(kind, before)
    if kind == "ini" and after == "; domain\n":
        assert result == 'domain = "home.example.org"\n[dns]\non=true;why\nport=80'
    elif after is None:
        found = yaml.safe_load(result)
        assert found["port"] == 80 and found["dns"]["known"] == PROXIES and found["dns"]["deep"]["on"] is True
    else:
        assert result == (after or before)


BOMB = '<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><Root>&b;</Root>'
REFUSED = [
    ("xml", BOMB, "DOCTYPE"),
    ("xml", "<!DOCTYPE Root SYSTEM 'file:///etc/passwd'><Root/>", "DOCTYPE"),
    ("xml", "<Root>&x;</Root>", "not valid XML"),
    ("xml", "<Root>", "not valid XML"),
    ("xml", "<Root/><Root/>", "not valid XML"),
    ("xml", '<?xml version="1.0" encoding="utf-16"?><Root/>', "utf-16"),
    ("xml", '<?xml version="1.0" encoding="iso-8859-1"?><Root/>', "iso-8859-1"),
    ("xml", "<Other/>", "'Other'"),
    ("xml", "<Root><Known/><Known/></Root>", "twice"),
    ("xml", "<Root><Deep>text</Deep></Root>", "text"),
    ("xml", "<Root><Deep><On><b/></On></Deep></Root>", "elements in On"),
    ("yaml", "a: [1\n", "not valid YAML"),
    ("yaml", "dns:\n\tx: 1\n", "not valid YAML"),
    ("yaml", "- a\n", "is not a block"),
    ("yaml", "a: 1\n---\nb: 2\n", "not valid YAML"),
    ("yaml", "dns:\n  known: []\n  known: [x]\n", "twice"),
    ("yaml", "dns: !include dns.yaml\n", "elsewhere"),
    ("yaml", "dns: {known: [x]}\n", "on one line"),
    ("yaml", "x: &x\n  known: []\ndns: *x\n", "cannot be changed safely"),
    ("yaml", "dns: &x\n  known: []\nother: *x\n", "cannot be changed safely"),
    ("yaml", "dns:\n  known:\n    a: 1\n", "cannot be changed safely"),
    ("yaml", "&a [*a]\n", "is not a block"),
    ("yaml", "x: &a [*a]\n", "cannot be changed safely"),
    ("yaml", "[" * 3000, "is left as it is"),
    ("json", "{", "not JSON"),
    ("json", '{"a": NaN}', "not JSON"),
    ("json", "// mine\n{}", "not JSON"),
    ("json", "[]", "not an object"),
    ("json", '{"port": 1, "port": 2}', "twice"),
    ("json", '{"dns": 5}', "object"),
    ("json", '{"x":' * 100000, "is left as it is"),
    ("ini", "domain = a\ndomain = b\n", "twice"),
    ("ini", "domain = a\n   b\n", "goes on"),
    ("ini", '[x]\ny = "a\nb"\n', "does not end"),
    ("python", "A = (", "not valid Python"),
    ("python", "# -*- coding: latin-1 -*-\n", "iso-8859-1"),
    ("python", "A = \x00", "not valid Python"),
    ("python", "(" * 5000, "not valid Python"),
    ("python", "# BEGIN homeserver.exposure\nA = 1\n", "not once each"),
    ("python", "# END homeserver.exposure\n# BEGIN homeserver.exposure\n", "not once each"),
]


@pytest.mark.parametrize(("kind", "text", "why"), REFUSED)
def test_what_is_not_understood_is_refused_and_said(kind: str, text: str, why: str) -> None:
    assert why in refusal(kind, text)


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("xml", {"A": "a\x00b"}),
        ("xml", {"A": None}),
        ("ini", {"": {"a": 'say "hi"'}}),
        ("ini", {"": {"a": "two\nlines"}}),
        ("ini", {"": {"a = b": "c"}}),
        ("ini", {"x]\n[y": {"a": "c"}}),
        ("ini", {"a": "no section"}),
        ("python", {"a b": 1}),
        ("python", {"class": 1}),
        ("python", {"A": float("inf")}),
    ],
)
def test_what_a_format_cannot_hold_is_refused(kind: str, wanted: dict[str, Any]) -> None:
    refusal(kind, "", wanted)


@pytest.mark.parametrize("value", ['<a href="x">&amp;\'</a>', "]]>", "a b", "é ☕ 🏠", "#x", ": y", "- z", "null", "1e5", "012", "*a", "!b", "%c", "{", "'"])
def test_a_text_is_read_back_as_it_was_meant(value: str) -> None:
    assert ElementTree.fromstring(edited("xml", "", {"A": value, "@b": value})).find("A").text == value  # type: ignore[union-attr]
    assert yaml.safe_load(edited("yaml", "", {"a": value, "b": [value], "c": {value: 1}})) == {"a": value, "b": [value], "c": {value: 1}}
    assert json.loads(edited("json", "", {"a": value})) == {"a": value}
    assert ast.literal_eval(ast.parse(edited("python", "", {"A": value})).body[0].value) == value  # type: ignore[attr-defined]
    if '"' not in value:
        assert ini_file.unquoted(ini_file.rows(edited("ini", "", {"": {"a": value}}).split("\n"), NAME)[0].value) == value


def test_a_file_in_which_aliases_multiply_is_set_in_no_time() -> None:
    rows = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60)]
    assert edited("yaml", "\n".join(rows) + "\nport: 79\n", {"port": 80}).endswith("\nport: 80\n")


def test_a_long_file_is_set_too() -> None:
    lines = "".join(f"  <E{n}>{n}</E{n}>\n" for n in range(20000))
    assert lines in edited("xml", f"<Root>\n{lines}</Root>\n")
    pairs = ",\n".join(f'  "k{n}": {n}' for n in range(20000))
    assert pairs in edited("json", f"{{\n{pairs}\n}}\n")


WORDS = st.from_regex(r"[a-z]{1,4}", fullmatch=True)
COMMENT = st.from_regex(r"[ a-z'\"é:{}\[\]=]{0,10}", fullmatch=True)
VALUES = st.recursive(
    st.one_of(st.integers(), st.booleans(), st.none(), st.text(max_size=6), st.floats(allow_nan=False, allow_infinity=False)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(WORDS | st.sampled_from(["dns", "port", "known", "deep"]), VALUES, max_size=5)
QUIET = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


def merged(old: Any, wanted: Any) -> Any:
    return {**(old or {}), **{key: merged((old or {}).get(key), value) if isinstance(value, dict) else value for key, value in wanted.items()}}


@QUIET
@given(OBJECTS, st.sampled_from([None, 1, 2, 4, "\t"]), st.booleans())
def test_in_any_json_nothing_changes_but_what_is_set(old: dict[str, Any], indent: Any, ascii_only: bool) -> None:
    text = json.dumps(old, indent=indent, ensure_ascii=ascii_only)
    try:
        after = edited("json", text)
    except Unknown:
        assert not isinstance(old.get("dns", {}), (dict, type(None))) or not isinstance((old.get("dns") or {}).get("deep", {}), (dict, type(None)))
        return
    assert json.dumps(json.loads(after)) == json.dumps(merged(old, WANTED["json"]))


@QUIET
@given(OBJECTS, st.booleans(), st.sampled_from([2, 4]), st.lists(COMMENT, max_size=3))
def test_in_any_yaml_nothing_changes_but_what_is_set(old: dict[str, Any], flow: bool, indent: int, comments: list[str]) -> None:
    text = "".join(f"# {one}\n" for one in comments) + yaml.safe_dump(old, default_flow_style=None if flow else False, indent=indent, sort_keys=False)
    try:
        after = edited("yaml", text)
    except Unknown:
        dns = old.get("dns")
        inner = dns.get("deep") if isinstance(dns, dict) else None
        known = dns.get("known") if isinstance(dns, dict) else None
        assert (
            flow
            or not isinstance(dns, (dict, type(None)))
            or not isinstance(inner, (dict, type(None)))
            or isinstance(known, dict)
            or isinstance(old.get("port"), (dict, list))
        )
        return
    assert yaml.safe_load(after) == merged(old, WANTED["yaml"])
    assert [row for row in after.splitlines() if row.startswith("#")][: len(comments)] == [f"# {one}" for one in comments]


@st.composite
def elements(draw: st.DrawFn, depth: int = 0) -> str:
    name = draw(WORDS | st.sampled_from(["Known", "Deep", "On", "string"]))
    inner = [] if depth > 2 or name == "string" else draw(st.lists(elements(depth + 1), max_size=3))
    space = draw(st.sampled_from(["", "\n" + "  " * (depth + 1), "\n\n\t"]))
    comment = "" if name == "string" else draw(st.sampled_from(["", f"<!--{draw(WORDS)}-->", "<?pi x?>", "<![CDATA[]]>"]))
    attribute = draw(st.sampled_from(["", ' b="&gt;>"', " c = '1'"]))
    if not inner and not comment:
        return draw(st.sampled_from([f"<{name}{attribute} />", f"<{name}{attribute}/>", f"<{name}{attribute}></{name}>", f"<{name}>1</{name}>"]))
    return f"<{name}{attribute}>{comment}{''.join(space + one for one in inner)}{space}</{name}>"


def without(element: ElementTree.Element, wanted: dict[str, Any]) -> Any:
    """An element as data without what is set."""
    kept = [without(one, {}) if one.tag not in wanted else None for one in element]
    names = {key[1:] for key in wanted}
    return element.tag, {k: v for k, v in element.attrib.items() if k not in names}, (element.text or "").strip(), [one for one in kept if one]


@QUIET
@given(st.lists(elements(), max_size=4), st.sampled_from(["", "\n  "]))
def test_in_any_xml_nothing_changes_but_what_is_set(inner: list[str], space: str) -> None:
    text = f"<Root>{''.join(space + one for one in inner)}{space and chr(10)}</Root>"
    try:
        after = edited("xml", text)
    except Unknown as refused:
        assert any(why in str(refused) for why in ("twice", "a text in", "elements in"))
        return
    was, now = ElementTree.fromstring(text), ElementTree.fromstring(after)
    assert without(was, WANTED["xml"]) == without(now, WANTED["xml"])
    assert [one.text for one in now.findall("Known/string")] == PROXIES and now.findtext("Deep/On") == "true" and now.get("a") == "1"
    assert after.count("<!--") == text.count("<!--")


@QUIET
@given(
    st.lists(
        st.one_of(
            st.builds("; {}".format, COMMENT),
            st.builds("[{}]".format, WORDS | st.just("dns")),
            st.just(""),
            st.builds("{} = {}".format, WORDS | st.sampled_from(["domain", "on", "port"]), st.sampled_from(["1", '"a;b"', "'x'", "x ; c", ""])),
        ),
        max_size=10,
    ),
    st.booleans(),
)
def test_in_any_ini_no_line_goes_but_those_that_are_set(lines: list[str], final: bool) -> None:
    text = "\n".join(lines) + ("\n" if final and lines else "")
    try:
        after = edited("ini", text)
    except Unknown as refused:
        assert "twice" in str(refused)
        return
    names = ("domain", "on", "port")
    kept = [row for row in text.split("\n") if row.strip() and not row.startswith(names)]
    left = [row for row in after.split("\n") if row.strip() and not row.startswith(names)]
    assert left == kept or left == [*kept, "[dns]"]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(list(FORMATS)), st.text(alphabet="<>/!?-[]{}\":,'#;=\\ \n\r\tRootdnsABx1&*|\x0c\x00\ufeffé\ud7ff"))
def test_any_text_is_set_or_refused(kind: str, text: str) -> None:
    try:
        edited(kind, text)
    except Unknown as refused:
        assert NAME in str(refused)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.from_regex(r"[A-Z]{1,5}", fullmatch=True), VALUES, max_size=4))
def test_python_values_are_literals_and_are_read_back_as_they_were(values: dict[str, Any]) -> None:
    assume(not any(isinstance(value, dict) and set(value) == {"tuple"} for value in values.values()))
    text = edited("python", "import os\n", values)
    assert {one.targets[0].id: ast.literal_eval(one.value) for one in ast.parse(text).body[1:]} == values  # type: ignore[attr-defined]
