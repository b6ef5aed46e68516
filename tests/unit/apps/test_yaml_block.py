"""One block of a person's file is set, and nothing else of the file moves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from plugins.module_utils.apps.files import Unknown
from plugins.module_utils.apps.yaml_block import with_mapping

WANTED = {"use_x_forwarded_for": True, "trusted_proxies": ["172.30.4.17"]}
ROOT = Path(__file__).resolve().parents[3]


def edited(text: str, wanted: dict[str, Any] | None = None) -> str:
    return with_mapping(text, "http", WANTED if wanted is None else wanted, "configuration.yaml")


def refusal(text: str) -> str:
    with pytest.raises(Unknown) as refused:
        edited(text)
    assert "configuration.yaml" in str(refused.value)
    return str(refused.value)


def test_in_the_configuration_of_the_example_only_the_lines_that_have_to_change_change() -> None:
    before = (ROOT / "molecule" / "internet" / "files" / "configuration.yaml").read_text()
    assert edited(before) == before.replace("        - 172.16.0.0/12   # from a blog post\n        - 127.0.0.1\n", "        - 172.30.4.17\n")


CASES = {
    "no file content": ("", "http:\n  use_x_forwarded_for: true\n  trusted_proxies:\n    - 172.30.4.17\n"),
    "comments alone": ("# mine\n", "# mine\n\nhttp:\n  use_x_forwarded_for: true\n  trusted_proxies:\n    - 172.30.4.17\n"),
    "a document without content": ("---\n# mine\n", "---\n# mine\n\nhttp:\n  use_x_forwarded_for: true\n  trusted_proxies:\n    - 172.30.4.17\n"),
    "a missing block": (
        "a: !include b.yaml\nc: !secret d\n",
        "a: !include b.yaml\nc: !secret d\n\nhttp:\n  use_x_forwarded_for: true\n  trusted_proxies:\n    - 172.30.4.17\n",
    ),
    "no line feed at the end": ("a: 1", "a: 1\n\nhttp:\n  use_x_forwarded_for: true\n  trusted_proxies:\n    - 172.30.4.17\n"),
    "an empty block": ("http:\na: 1\n", "http:\n  use_x_forwarded_for: true\n  trusted_proxies:\n    - 172.30.4.17\na: 1\n"),
    "an empty block with a comment": (
        "http:  # the proxy\n\n# next\na: 1\n",
        "http:  # the proxy\n  use_x_forwarded_for: true\n  trusted_proxies:\n    - 172.30.4.17\n\n# next\na: 1\n",
    ),
    "an empty block with comments below": (
        "http:\n  # server_port: 80\na: 1\n",
        "http:\n  use_x_forwarded_for: true\n  trusted_proxies:\n    - 172.30.4.17\n  # server_port: 80\na: 1\n",
    ),
    "an empty block at the end": ("a: 1\nhttp:", "a: 1\nhttp:\n  use_x_forwarded_for: true\n  trusted_proxies:\n    - 172.30.4.17\n"),
    "a null": ("http: null\na: 1\n", "http:\n  use_x_forwarded_for: true\n  trusted_proxies:\n    - 172.30.4.17\na: 1\n"),
    "a null with a comment": ("http: ~  # why\na: 1\n", "http:   # why\n  use_x_forwarded_for: true\n  trusted_proxies:\n    - 172.30.4.17\na: 1\n"),
    "a block with other lines": (
        "http:\n    # keep\n    server_port: 80 # eighty\n\na: 1\n",
        "http:\n    # keep\n    use_x_forwarded_for: true\n    trusted_proxies:\n      - 172.30.4.17\n    server_port: 80 # eighty\n\na: 1\n",
    ),
    "a line with a comment": (
        "http:\n  use_x_forwarded_for: false  # for now\n  trusted_proxies:  # who\n  # the old one\n  - 10.0.0.1  # gone\n  # the end\n# next\na: 1\n",
        "http:\n  use_x_forwarded_for: true  # for now\n  trusted_proxies:  # who\n  # the old one\n  - 172.30.4.17\n  # the end\n# next\na: 1\n",
    ),
    "comments between the entries of a list": (
        "http:\n  trusted_proxies:\n    - 10.0.0.1\n    # here\n    - 172.30.4.17  # there\n    # after\n  use_x_forwarded_for: true\n",
        "http:\n  trusted_proxies:\n    # here\n    - 172.30.4.17  # there\n    # after\n  use_x_forwarded_for: true\n",
    ),
    "lines without a value": (
        "http:\n  trusted_proxies:\n  use_x_forwarded_for:  # hm\n  ssl_profile: modern\n",
        "http:\n  trusted_proxies: [172.30.4.17]\n  use_x_forwarded_for: true  # hm\n  ssl_profile: modern\n",
    ),
    "a list on one line": (
        "http:\n  use_x_forwarded_for: yes\n  trusted_proxies: [10.0.0.1, 127.0.0.1]  # two\na: 1\n",
        "http:\n  use_x_forwarded_for: yes\n  trusted_proxies: [172.30.4.17]  # two\na: 1\n",
    ),
    "a list on several lines of one bracket": (
        "http:\n  use_x_forwarded_for: true\n  trusted_proxies: [10.0.0.1,\n    127.0.0.1]\na: 1\n",
        "http:\n  use_x_forwarded_for: true\n  trusted_proxies: [172.30.4.17]\na: 1\n",
    ),
    "one address instead of a list": (
        "http:\n  use_x_forwarded_for: 'true'\n  trusted_proxies: 10.0.0.1\n",
        "http:\n  use_x_forwarded_for: true\n  trusted_proxies: [172.30.4.17]\n",
    ),
    "a secret instead of a list": (
        "http:\n  use_x_forwarded_for: true\n  trusted_proxies: !secret proxies\na: 1\n",
        "http:\n  use_x_forwarded_for: true\n  trusted_proxies: [172.30.4.17]\na: 1\n",
    ),
    "a literal text as the last entry": (
        "http:\n  use_x_forwarded_for: true\n  trusted_proxies:\n    - |\n      10.0.0.1\n\n  # stays\na: 1\n",
        "http:\n  use_x_forwarded_for: true\n  trusted_proxies:\n    - 172.30.4.17\n\n  # stays\na: 1\n",
    ),
    "a literal text as a value": (
        "http:\n  trusted_proxies:\n    - 172.30.4.17\n  use_x_forwarded_for: |\n    no\n\n  # stays\na: 1\n",
        "http:\n  trusted_proxies:\n    - 172.30.4.17\n  use_x_forwarded_for: true\n\n  # stays\na: 1\n",
    ),
    "a block at the end without a line feed": (
        "a: 1\nhttp:\n  use_x_forwarded_for: true\n  trusted_proxies:\n    - 10.0.0.1",
        "a: 1\nhttp:\n  use_x_forwarded_for: true\n  trusted_proxies:\n    - 172.30.4.17\n",
    ),
    "a value at the end without a line feed": (
        "http:\n  trusted_proxies: [172.30.4.17]\n  use_x_forwarded_for: false",
        "http:\n  trusted_proxies: [172.30.4.17]\n  use_x_forwarded_for: true",
    ),
    "a quoted name": (
        '"http":\n  use_x_forwarded_for: off\n  trusted_proxies: [172.30.4.17]\n',
        '"http":\n  use_x_forwarded_for: true\n  trusted_proxies: [172.30.4.17]\n',
    ),
    "a merge key": (
        ".x: &x\n  ssl_profile: modern\nhttp:\n  <<: *x\n",
        ".x: &x\n  ssl_profile: modern\nhttp:\n  use_x_forwarded_for: true\n  trusted_proxies:\n    - 172.30.4.17\n  <<: *x\n",
    ),
    "a byte order mark": ("\ufeffa: 1\n", "\ufeffa: 1\n\nhttp:\n  use_x_forwarded_for: true\n  trusted_proxies:\n    - 172.30.4.17\n"),
    "a byte order mark before the block": (
        "\ufeffhttp:\n  use_x_forwarded_for: false\n  trusted_proxies: [172.30.4.17]\n",
        "\ufeffhttp:\n  use_x_forwarded_for: true\n  trusted_proxies: [172.30.4.17]\n",
    ),
    "letters of all the world": ("é: 例え # ☕\nhttp:\n", "é: 例え # ☕\nhttp:\n  use_x_forwarded_for: true\n  trusted_proxies:\n    - 172.30.4.17\n"),
}


@pytest.mark.parametrize(("before", "after"), CASES.values(), ids=CASES)
def test_a_file_gets_the_lines_and_nothing_else(before: str, after: str) -> None:
    assert edited(before) == after


@pytest.mark.parametrize(("before", "after"), CASES.values(), ids=CASES)
def test_a_file_that_says_it_already_is_left_alone(before: str, after: str) -> None:
    assert edited(after) == after


@pytest.mark.parametrize(("before", "after"), CASES.values(), ids=CASES)
def test_a_file_with_line_ends_of_windows_keeps_them_and_gets_no_others(before: str, after: str) -> None:
    if "\n" in before:
        assert edited(before.replace("\n", "\r\n")) == after.replace("\n", "\r\n")


@pytest.mark.parametrize(
    "text",
    [
        "http: !include http.yaml\n",
        "http: {use_x_forwarded_for: false}\n",
        "http: {}\n",
        "http: [1]\n",
        "http: 5\n",
        "http: !secret http\n",
        "http:\n- a\n",
        "{http: }\n",
        "a: &x {b: 1}\nhttp: *x\n",
    ],
)
def test_a_block_that_is_kept_elsewhere_or_on_one_line_is_refused(text: str) -> None:
    refusal(text)


def test_a_refusal_says_which_lines_to_put_there() -> None:
    assert refusal("http: !include http.yaml\n").endswith("Put these lines there:\n  use_x_forwarded_for: true\n  trusted_proxies:\n    - 172.30.4.17\n")


def test_a_block_that_is_there_twice_is_refused() -> None:
    assert "twice" in refusal("http:\n  a: 1\nb: 2\nhttp:\n  c: 1\n")


@pytest.mark.parametrize(
    "text",
    [
        "http:\n\tserver_port: 80\n",
        "a: [1\n",
        "a: 'b\n",
        "a: \x07\n",
        'a: "\\UFFFFFFFF"\n',
        "- a\n- b\n",
        "just a text\n",
        "null\n",
        "a: 1\n---\nb: 2\n",
        "a: 1\n...\n",
        "  a: 1\n",
        "[" * 3000,
        "&a [*a]\n",
        "x: &a [*a]\n",
        "a: |+\n  b\n\n",
        "a: |\n  b",
        "http:\n  ? [a, b]\n  : c\n",
        "? http\n: a: 1\n",
        "base: &b\n  use_x_forwarded_for: false\nhttp: *b\n",
        "http: &b\n  use_x_forwarded_for: false\nother: *b\n",
        "a: &n [10.0.0.1]\nhttp:\n  use_x_forwarded_for: true\n  trusted_proxies: *n\n",
        "x: &n null\nhttp: *n\n",
    ],
)
def test_a_file_that_cannot_be_changed_safely_is_refused_and_never_ends_in_another_error(text: str) -> None:
    refusal(text)


@pytest.mark.parametrize("proxies", [["fd00::1"], ["172.30.4.17", "fd00::1"], ["10.0.0.0/8"], ["2001:db8::/32", "::1"]])
def test_addresses_of_every_kind_are_read_back_as_they_were_meant(proxies: list[str]) -> None:
    after = edited("http:\n  trusted_proxies:\n    - 127.0.0.1\n", {"trusted_proxies": proxies})
    assert yaml.safe_load(after) == {"http": {"trusted_proxies": proxies}}
    assert edited(after, {"trusted_proxies": proxies}) == after
    flow = edited("http:\n  trusted_proxies: []\n", {"trusted_proxies": proxies})
    assert yaml.safe_load(flow) == {"http": {"trusted_proxies": proxies}}


WORDS = st.from_regex(r"[a-z_]{1,6}", fullmatch=True).filter(lambda word: word not in ("http", "y", "n", "yes", "no", "on", "off", "null", "true", "false"))
COMMENTS = st.from_regex(r"#[ a-z:\[{'\"!é-]{0,12}", fullmatch=True)
TAILS = st.just("") | st.builds("  {}".format, COMMENTS)
SCALARS = st.one_of(
    WORDS,
    st.integers().map(str),
    st.builds("'{}'".format, WORDS),
    st.builds('"{}"'.format, WORDS),
    st.builds("!secret {}".format, WORDS),
    st.builds("!include {}.yaml".format, WORDS),
    st.sampled_from(["true", "~", "", "[a, 'b']", "{a: 1}", "2024-01-01", "10.0.0.1"]),
)
BETWEEN = st.lists(st.just("") | COMMENTS | st.builds(" {}".format, COMMENTS), max_size=2)


@st.composite
def entries(draw: st.DrawFn, name: str, indent: str) -> list[str]:
    """A line `name:` with a value of one of the kinds that YAML has, at an indentation."""
    tail = draw(TAILS)
    kinds = {"use_x_forwarded_for": ["scalar", "literal"], "trusted_proxies": ["scalar", "list", "flush list", "literal"]}
    kind = draw(st.sampled_from(kinds.get(name, ["scalar", "scalar", "list", "flush list", "mapping", "literal"])))
    if kind == "scalar":
        return [f"{indent}{name}: {draw(SCALARS)}{tail}"]
    inner = indent + ("" if kind == "flush list" else draw(st.sampled_from(["  ", "    "])))
    if kind == "literal":
        return [f"{indent}{name}: {draw(st.sampled_from(['|', '>', '|-', '>-']))}", *[f"{inner or '  '}{draw(WORDS)}" for _ in range(draw(st.integers(1, 2)))]]
    lines = [f"{indent}{name}:{tail}"]
    for number in range(draw(st.integers(1, 3))):
        lines += draw(BETWEEN) if number else []
        lines.append(f"{inner}{'- ' if 'list' in kind else f'k{number}: '}{draw(SCALARS)}{draw(TAILS)}")
    return lines


@st.composite
def files(draw: st.DrawFn) -> tuple[list[str], list[str], list[str], str]:
    """The lines before the block `http:`, those of the block, those after it, and what ends a line."""
    names = draw(st.lists(WORDS, max_size=4, unique=True))
    before: list[str] = draw(BETWEEN)
    after: list[str] = draw(BETWEEN)
    for number, name in enumerate(names):
        (before if number % 2 else after).extend([*draw(entries(name, "")), *draw(BETWEEN)])
    block: list[str] = []
    if draw(st.booleans()):
        indent = draw(st.sampled_from(["  ", "    ", " "]))
        block = [f"http:{draw(TAILS)}"]
        for name in draw(st.lists(st.sampled_from(["use_x_forwarded_for", "trusted_proxies", "server_port", "ssl_profile"]), max_size=4, unique=True)):
            block += [*draw(st.lists(st.builds("{}{}".format, st.just(indent), COMMENTS), max_size=1)), *draw(entries(name, indent))]
    return before, block, after, draw(st.sampled_from(["\n", "\r\n"]))


def plain(node: Any) -> Any:
    """The file as data, tags kept."""
    if isinstance(node, yaml.MappingNode):
        return {key.value if isinstance(key, yaml.ScalarNode) else str(plain(key)): plain(value) for key, value in node.value}
    return [plain(child) for child in node.value] if isinstance(node, yaml.SequenceNode) else (node.tag, node.value)


def is_comment(line: str) -> bool:
    return line.lstrip().startswith("#")


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(files(), st.booleans())
@example(([], ["http:", "  trusted_proxies:", "    - a", "    # b", "    - c"], ["# d"], "\n"), True)
def test_outside_its_block_every_line_of_any_file_stays_and_within_it_only_the_wanted_entries_change(
    parts: tuple[list[str], list[str], list[str], str], final: bool
) -> None:
    before, block, after, ending = parts
    every = [*before, *block, *after] or [""]
    final = final or not every[-1]
    text = ending.join(every) + (ending if final else "")
    try:
        was = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        assume(False)
    try:
        result = edited(text)
    except Unknown as refused:
        # A literal text without a line feed at the end of the file would change with a line after it.
        assert "cannot be changed safely" in str(refused) and not block and not final
        return
    assert edited(result) == result
    if ending not in text:
        return
    assert ending == "\n" or "\n" not in result.replace("\r\n", "")
    lines = result.split(ending)
    assert lines[: len(before)] == before
    if not block:
        assert lines[: len(before + after)] == before + after
    elif after:
        tail = [*after, *([""] if final else [])]
        assert lines[-len(tail) :] == tail
    assert sorted(filter(is_comment, lines)) == sorted(filter(is_comment, text.split(ending)))
    old = plain(was) if isinstance(was, yaml.MappingNode) else {}
    new = plain(yaml.compose(result, Loader=yaml.SafeLoader))
    http = old.get("http") if isinstance(old.get("http"), dict) else {}
    assert {name: value for name, value in new.items() if name != "http"} == {name: value for name, value in old.items() if name != "http"}
    assert {name: value for name, value in new["http"].items() if name not in WANTED} == {name: value for name, value in http.items() if name not in WANTED}
    assert [value for _, value in new["http"]["trusted_proxies"]] == WANTED["trusted_proxies"] and new["http"]["use_x_forwarded_for"][1].lower() == "true"


@settings(max_examples=500, deadline=None)
@given(st.text(alphabet="http:\n\r\t -#[]{}&*!|>'\"ab?,.0\u2028\x85"))
def test_any_text_is_edited_or_refused(text: str) -> None:
    try:
        result = edited(text)
    except Unknown:
        return
    assert plain(yaml.compose(result, Loader=yaml.SafeLoader))["http"]["trusted_proxies"] == [("tag:yaml.org,2002:str", "172.30.4.17")]
