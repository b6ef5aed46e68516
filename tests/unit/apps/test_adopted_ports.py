"""A person's compose file: the app's port is put on loopback, and every other byte stays."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from plugins.module_utils.apps.adopted_ports import on_loopback
from plugins.module_utils.apps.files import Unknown

FILE = """# my media server
services:
  films:   # do not touch
    image: jellyfin/jellyfin:10.11.11
    ports:
      # the player
      - {entry}   # since 2021
      - "7359:7359/udp"
      - 8920:8920
    volumes: ["/srv/films:/media:ro"]
  other:
    ports: ["8096:8096"]
"""


def edited(text: str, *targets: int) -> str:
    return on_loopback(text, "films", targets or (8096,), "compose.yml")


@pytest.mark.proves("R51")
@pytest.mark.parametrize(
    ("entry", "after"),
    [
        ('"8096:8096"', '"127.0.0.1:8096:8096"'),
        ("'8096:8096'", "'127.0.0.1:8096:8096'"),
        ("9000:8096", '"127.0.0.1:9000:8096"'),
        ('"8096:8096/tcp"', '"127.0.0.1:8096:8096/tcp"'),
        ('"0.0.0.0:8096:8096"', '"127.0.0.1:8096:8096"'),
        ('"192.168.1.10:8096:8096"', '"127.0.0.1:8096:8096"'),
        ('"[::]:8096:8096"', '"[::1]:8096:8096"'),
        ('"${PORT:-8096}:8096"', '"127.0.0.1:${PORT:-8096}:8096"'),
        ('"${ADDRESS}:8096:8096"', '"127.0.0.1:8096:8096"'),
        ("{target: 8096, published: 8096}", "{target: 8096, host_ip: 127.0.0.1, published: 8096}"),
        ("{target: 8096, published: 8096, host_ip: 0.0.0.0}", "{target: 8096, published: 8096, host_ip: 127.0.0.1}"),
        ("target: 8096\n        published: 8096", "target: 8096\n        host_ip: 127.0.0.1\n        published: 8096"),
    ],
)
def test_one_value_changes_and_every_other_byte_stays(entry: str, after: str) -> None:
    before = FILE.replace("{entry}", entry)
    assert edited(before) == FILE.replace("{entry}", after)
    assert edited(edited(before)) == edited(before)
    yaml.safe_load(edited(before))


@pytest.mark.parametrize(
    "entry", ['"127.0.0.1:8096:8096"', '"[::1]:8096:8096"', "{target: 8096, published: 8096, host_ip: 127.0.0.1}", '"8096:8096/udp"', '"8096:80"']
)
def test_what_is_right_already_or_is_another_port_stays(entry: str) -> None:
    assert edited(FILE.replace("{entry}", entry)) == FILE.replace("{entry}", entry)


def test_line_ends_of_windows_stay() -> None:
    long = FILE.replace("{entry}", "target: 8096\n        published: 8096").replace("\n", "\r\n")
    after = edited(long)
    assert "host_ip: 127.0.0.1\r\n" in after and after.count("\n") == after.count("\r\n") == long.count("\n") + 1


def test_both_families_of_one_port_each_get_their_loopback() -> None:
    text = 'services:\n  films:\n    ports: ["0.0.0.0:8096:8096", "[::]:8096:8096"]\n'
    assert edited(text) == 'services:\n  films:\n    ports: ["127.0.0.1:8096:8096", "[::1]:8096:8096"]\n'


@pytest.mark.parametrize(
    "text",
    [
        FILE.replace("{entry}", '"8090-8099:8090-8099"'),
        "x: &p ['8096:8096']\nservices:\n  other: {ports: *p}\n  films: {ports: *p}\n",
        "services:\n  films:\n    ports:\n      a: 8096:8096\n",
        "services: [\n",
        "x: &one '8096:8096'\nservices:\n  films:\n    ports: [*one]\n",
    ],
)
def test_what_others_may_share_or_nobody_understands_is_left_alone_with_the_line_to_write(text: str) -> None:
    with pytest.raises(Unknown):
        edited(text)


@pytest.mark.parametrize("text", ["", "services:\n", "services:\n  films:\n", "services:\n  other: {ports: ['8096:8096']}\n", "name: x\n"])
def test_a_file_that_does_not_publish_it_stays(text: str) -> None:
    assert edited(text) == text


COMMENTS = st.sampled_from(["", "  # mine", "\n\n      # a line between"])
ENTRIES = st.lists(
    st.tuples(
        st.sampled_from(['"{0}:{0}"', "{0}:{0}", "'{0}:{0}/udp'", "{{target: {0}, published: '{0}'}}", '"10.0.0.1:{0}:{0}"']), st.integers(1000, 1004), COMMENTS
    ),
    min_size=1,
    max_size=5,
)


@given(ENTRIES, st.sets(st.integers(1000, 1004), min_size=1))
def test_whatever_the_list_looks_like_only_the_wanted_ports_come_out_different(entries: list[tuple[str, int, str]], targets: set[int]) -> None:
    text = "services:\n  films:\n    ports:\n" + "".join(f"      - {form.format(port)}{comment}\n" for form, port, comment in entries) + "    image: x\n"
    after = edited(text, *sorted(targets))
    old, new = (yaml.safe_load(one)["services"]["films"]["ports"] for one in (text, after))
    assert len(old) == len(new)
    for (form, port, _), before, now in zip(entries, old, new, strict=True):
        if port not in targets or "udp" in form:
            assert now == before
        else:
            assert "127.0.0.1" in (now["host_ip"] if isinstance(now, dict) else now)
    assert [line.partition("#")[2] for line in text.splitlines()] == [line.partition("#")[2] for line in after.splitlines()]
