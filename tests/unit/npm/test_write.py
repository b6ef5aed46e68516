"""What is written loads back as it was meant, whatever Nginx Proxy Manager was told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plugins.module_utils.npm.left import Left
from plugins.module_utils.npm.moved import Entry, Moved
from plugins.module_utils.npm.place import place
from plugins.module_utils.npm.write import host_file, hosts_file, report, vault_file
from plugins.module_utils.npm.yaml_text import Template, flow, item, variable
from tests.unit.npm.moving import loaded

HOSTILE = (
    "{{ lookup('pipe', 'id') }}",
    "{% raw %}",
    "{# x #}",
    "a: b\n- c",
    "!!python/object:x",
    "yes",
    "1e3",
    "0x1",
    "null",
    "~",
    "&a",
    "*a",
    "2024-01-01",
    "1:30",
)
texts = st.one_of(st.text(max_size=30), st.sampled_from([*HOSTILE, "\u2028# x", "\x85- y", "\ufeff", "\U0001f600", "'", '"', "\\", "#", " ", "0123", "365d"]))
names = st.sampled_from(["path", "upstream", "dns_x_token"])
values = st.one_of(texts, st.integers(), st.booleans(), st.lists(texts, max_size=4), st.lists(st.dictionaries(names, texts, max_size=2), max_size=2))


def templated(content: Any) -> Any:
    """What Ansible makes of a file's content when it is used."""
    return json.loads(json.dumps(Templar(loader=DataLoader(), variables={}).template(content)))


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.dictionaries(st.sampled_from(["name", "hosts", "upstream", "paths", "max_body"]), values, min_size=1))
def test_an_entry_loads_back_as_the_same_entry(entry: Mapping[str, Any]) -> None:
    content = "---\nlist:\n" + "\n".join(item(entry)) + "\n" + "\n".join(variable("one", entry)) + "\n"
    assert templated(loaded(content)) == {"list": [dict(entry)], "one": dict(entry)}


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.dictionaries(names, texts, min_size=1, max_size=3))
def test_a_vault_loads_back_as_the_same_secrets(lines: Mapping[str, str]) -> None:
    assert templated(loaded(vault_file(lines, "/x\n- y")))["exposure_acme_credentials"] == dict(lines)


def test_half_a_letter_breaks_no_file() -> None:
    assert loaded(vault_file({"dns_x_token": "a\ud800b"}, "/x\ud800")) == {"exposure_acme_credentials": {"dns_x_token": "a\ufffdb"}}


def test_what_looks_like_a_template_is_not_one_unless_it_was_meant() -> None:
    assert flow("{{ x }}") == '!unsafe "{{ x }}"'
    assert flow(Template("{{ x }}")) == '"{{ x }}"'


@given(texts, texts, st.lists(texts, max_size=3))
def test_whatever_is_told_in_comments_stays_in_comments(one: str, other: str, lines: list[str]) -> None:
    entry = Entry({"name": "home", "hosts": ["home.example.org"]}, one, [other])
    moved = Moved(sites=[entry, Entry({"name": "b", "hosts": ["b.example.org"]}, "b")], left=[Left("lost", one, other, one, other, lines)])
    content = host_file(moved, "server", one)
    assert loaded(content) == {"exposure_sites": [{"name": "b", "hosts": ["b.example.org"]}]}
    content.encode()
    assert all(letter.isprintable() or letter == "\n" for letter in content + report(moved, [], [], "/x", "server"))


def test_a_comment_is_an_entry_again_without_its_marks() -> None:
    paths = [{"path": f"/{number}", "upstream": "http://192.168.1.2:80"} for number in range(9)]
    entry = Entry({"name": "home", "hosts": [f"{'x' * 60}.example.org"] * 3, "paths": paths}, "proxy host 1", ["Why."])
    lines = host_file(Moved(sites=[entry]), "server", "/x").splitlines()
    assert "exposure_sites: []" in lines
    start = next(number for number, line in enumerate(lines) if line.startswith("  # - "))
    freed = "exposure_sites:\n" + "\n".join(f"  {line.removeprefix('  # ')}" for line in lines[start:])
    assert loaded(freed) == {"exposure_sites": [entry.lines]}


def test_files_of_certificates_are_found_where_the_inventory_is_then() -> None:
    entry = Entry({"name": "npm-1", "kind": "files", "chain": "npm-1/fullchain.pem", "key": "npm-1/privkey.pem"}, "x")
    (written,) = loaded(host_file(Moved(certificates=[entry]), "server", "/x"))["exposure_certificates"]
    assert (
        Templar(loader=DataLoader(), variables={"inventory_dir": "/home/me/inventory"}).template(written["key"])
        == "/home/me/inventory/host_vars/server/npm-1/privkey.pem"
    )


@pytest.mark.parametrize("host", ["server", "192.168.1.10", "fd00::10", "yes", "123"])
def test_the_host_is_in_the_group_of_proxies_and_is_reached_as_before(host: str) -> None:
    content = hosts_file(
        host, {"ansible_host": "192.168.1.10", "ansible_become": True, "ansible_port": 22, "ansible_password": "hunter2", "ansible_user": None}
    )
    assert loaded(content) == {"all": {"children": {"proxy": {"hosts": {host: {"ansible_host": "192.168.1.10", "ansible_port": 22, "ansible_become": True}}}}}}


# Files


def test_a_file_is_written_once_and_an_edited_one_only_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "host_vars" / "server" / "exposure.yml"
    assert place({path: "one\n"}, False, True).written == [str(path)] and not path.exists()
    assert place({path: "one\n"}, False, False).written == [str(path)] and path.read_text() == "one\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert place({path: "one\n"}, False, False).written == []
    kept = place({path: "two\n"}, False, False)
    assert (kept.kept, kept.written, path.read_text()) == ([str(path)], [], "one\n")
    new = place({path: "two\n"}, True, False)
    assert (new.kept, new.written, path.read_text(), (path.parent / "exposure.yml~").read_text()) == ([], [str(path)], "two\n", "one\n")
    assert new.diff[0]["before"] == "one\n" and new.diff[0]["after"] == "two\n"


def test_an_older_file_of_any_letters_is_kept_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "exposure.yml"
    path.write_bytes(b"\xff\n")
    assert place({path: "two\n"}, False, False).kept == [str(path)]
    place({path: "two\n"}, True, False)
    assert (tmp_path / "exposure.yml~").read_bytes() == b"\xff\n"


def test_a_folder_in_place_of_a_file_is_an_error_of_the_file_system(tmp_path: Path) -> None:
    (tmp_path / "exposure.yml").mkdir()
    with pytest.raises(OSError, match=r"exposure\.yml"):
        place({tmp_path / "exposure.yml": "x"}, True, False)
