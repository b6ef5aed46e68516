"""Whatever is declared, nginx's files say what the Plan says and nothing else, and nginx takes them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from plugins.filter.nginx import nginx_pattern
from plugins.module_utils.plan.make import Inventory, make
from plugins.module_utils.plan.mistakes import InventoryRefused
from plugins.module_utils.plan.model import Proxy

from .declarations import benign, benign_passthrough, catalogue, host, inventories, nginx_files, plan, proxy_of
from .nginx import Nginx

NGINX_1_22 = {"release": "bookworm", "nginx": "1.22.1-9+deb12u10"}
NGINX_1_26 = {"release": "trixie", "nginx": "1.26.3-3+deb13u10"}
SLOW = [HealthCheck.filter_too_much, HealthCheck.too_slow]


@pytest.fixture(scope="module")
def nginx() -> Iterator[Nginx]:
    with tempfile.TemporaryDirectory(prefix="nginx") as folder:  # short: a path of a socket has at most 107 letters
        yield Nginx(Path(folder) / "n")


def made(inventory: Inventory) -> Proxy | None:
    try:
        return proxy_of(make({"home": inventory}, catalogue()))
    except InventoryRefused:
        return None


def shape(line: str) -> tuple[int, str]:
    """How many words a line has, and which letters of it mean something to nginx."""
    return len(line.split()), re.sub(r"[A-Za-z0-9._~/=&?%+,@:\[\]\s*-]", "", line)


def hold_the_shape(proxy: Proxy) -> None:
    given = asdict(proxy)
    plain = {
        **given,
        "sites": [benign(site, number) for number, site in enumerate(proxy.sites)],
        "passthrough": [benign_passthrough(site, number) for number, site in enumerate(proxy.passthrough)],
    }
    wanted = nginx_files(plain)
    for name, text in nginx_files(given).items():
        # A dot of a path has a backslash in a pattern.
        shapes = [shape(line.replace("\\.", ".") if line.lstrip().startswith("rewrite ") else line) for line in text.split("\n")]
        assert shapes == [shape(line) for line in wanted[name].split("\n")]
        assert text.splitlines() == text.split("\n")[:-1], "no letter but the line feed ends a line"


@pytest.mark.parametrize("found", [NGINX_1_22, NGINX_1_26], ids=["1.22", "1.26"])
@settings(max_examples=250, deadline=None, suppress_health_check=SLOW)
@given(data=st.data())
def test_no_declared_value_adds_a_line_a_word_a_brace_a_semicolon_or_a_quote(found: dict[str, str], data: st.DataObject) -> None:
    it = made(data.draw(inventories(False, found, "nginx")))
    if it is not None:
        hold_the_shape(it)


@pytest.mark.parametrize("found", [NGINX_1_22, NGINX_1_26], ids=["1.22", "1.26"])
@settings(max_examples=100, deadline=None, suppress_health_check=SLOW)
@given(data=st.data())
def test_right_declarations_of_every_kind_keep_the_shape_of_the_files(found: dict[str, str], data: st.DataObject) -> None:
    it = made(data.draw(inventories(True, found, "nginx")))
    assume(it is not None)
    assert it is not None
    hold_the_shape(it)


@pytest.mark.proves("R13")
@settings(max_examples=60, deadline=None, suppress_health_check=[*SLOW, HealthCheck.function_scoped_fixture])
@given(inventory=inventories(True, NGINX_1_22, "nginx"))
def test_nginx_takes_every_accepted_declaration(nginx: Nginx, inventory: Inventory) -> None:
    it = made(inventory)
    assume(it is not None)
    assert it is not None
    files = nginx.files(it)
    assert not nginx.says(files), files


@settings(max_examples=30, deadline=None, suppress_health_check=[*SLOW, HealthCheck.function_scoped_fixture])
@given(inventory=inventories(False, NGINX_1_22, "nginx"))
def test_nginx_takes_what_is_left_of_hostile_declarations(nginx: Nginx, inventory: Inventory) -> None:
    it = made(inventory)
    if it is not None:
        assert not nginx.says(nginx.files(it))


def test_nginx_refuses_a_tree_that_is_wrong_and_says_where(nginx: Nginx) -> None:
    files = nginx.files(one())
    assert "http.conf" in nginx.says({**files, "http.conf": files["http.conf"] + "no_such_line;\n"})


EXCUSED = {
    "hsts_header": "whether browsers are to remember it, and for how long, is the owner's to say: they cannot be told otherwise",
    "ssl_ecdh_curve": "the group is there where OpenSSL has it: it comes with Debian 13",
}
"""What gixy says of right files too, and why it does not hold here."""


def gixy(folder: Path, trees: list[dict[str, str]]) -> list[dict[str, Any]]:
    """What gixy finds in trees, each below an `http` of its own, without what is excused."""
    paths = []
    for number, files in enumerate(trees):
        tree = folder / str(number)
        (tree / "exposure").mkdir(parents=True)
        for name, text in files.items():
            (tree / "exposure" / name).write_text(text)
        (tree / "nginx.conf").write_text("http {\ninclude exposure/http.conf;\n}\n" + ("include exposure/stream.conf;\n" if "stream.conf" in files else ""))
        paths.append(str(tree / "nginx.conf"))
    program = Path(sys.executable).with_name("gixy")
    done = subprocess.run([program, "-f", "json", "--skips", ",".join(EXCUSED), *paths], capture_output=True, text=True, check=False)
    return [finding for finding in json.loads(done.stdout) if not answers_with_sockets(finding)]


@pytest.mark.parametrize("found", [NGINX_1_22, NGINX_1_26], ids=["1.22", "1.26"])
def test_gixy_finds_nothing_in_the_files(found: dict[str, str], tmp_path: Path) -> None:
    trees: list[dict[str, str]] = []

    @settings(max_examples=40, deadline=None, database=None, derandomize=True, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(inventories(True, found, "nginx"))
    def collect(inventory: Inventory) -> None:
        if it := made(inventory):
            trees.append(nginx_files(asdict(it)))

    collect()
    assert len(trees) >= 10 and any("stream.conf" in files for files in trees)
    said = gixy(tmp_path, trees)
    assert not said, "\n".join(f"{finding['plugin']}: {finding['reason']}\n{finding['config']}" for finding in said)


def test_gixy_would_say_so(tmp_path: Path) -> None:
    files = nginx_files(asdict(one()))
    worse = {**files, "http.conf": files["http.conf"].replace("server_tokens off;", "").replace("$host$request_uri", "$host$uri")}
    assert {finding["plugin"] for finding in gixy(tmp_path, [worse])} == {"version_disclosure", "http_splitting"}


def answers_with_sockets(finding: dict[str, Any]) -> bool:
    """`$exposure_next` is a socket of this machine, whatever comes: no DNS server is asked for it."""
    return finding["plugin"] == "missing_resolver" and "proxy_pass $exposure_next;" in finding["config"] and "$exposure_upstream" not in finding["config"]


def one(**site: Any) -> Proxy:
    nas = {"name": "nas", "hosts": ["nas.example.org"], "upstream": "http://192.168.1.20:8080", **site}
    return proxy_of(plan(home=host(proxy="nginx", sites=[nas], found=NGINX_1_22)))


@pytest.mark.parametrize("key", ["name", "hosts", "certificate", "redirect"])
@pytest.mark.parametrize("value", ["a\nb", "a b", "$host", "a;", 'a"b', "a'b", "a{", "a}b", "a#b", "a\\b"])
def test_the_role_by_itself_refuses_a_site_that_would_break_out_of_its_place(key: str, value: str) -> None:
    proxy = asdict(one())
    proxy["sites"][0][key] = [value] if key == "hosts" else value
    with pytest.raises(ValueError):
        nginx_files(proxy)


@pytest.mark.parametrize("key", ["path", "upstream", "upstream_name", "upstream_ca"])
@pytest.mark.parametrize("value", ["a\nb", "/a b", "$host:80", "a;:80", "a{:80"])
def test_the_role_by_itself_refuses_a_location_that_would_break_out_of_its_place(key: str, value: str) -> None:
    proxy = asdict(one(upstream="https://192.168.1.20:5001"))
    proxy["sites"][0]["locations"][0][key] = value
    with pytest.raises(ValueError):
        nginx_files(proxy)


@pytest.mark.parametrize("key", ["name", "hosts", "upstream", "http_upstream", "http_paths"])
@pytest.mark.parametrize("value", ["a\nb", "/a b", "$host:80", "a;:80", "a{:80"])
def test_the_role_by_itself_refuses_a_site_passed_through_that_would_break_out_of_its_place(key: str, value: str) -> None:
    proxy = asdict(one(upstream="https://192.168.1.20:5001", tls="passthrough"))
    proxy["passthrough"][0][key] = [value] if key in ("hosts", "http_paths") else value
    with pytest.raises(ValueError):
        nginx_files(proxy)


@pytest.mark.parametrize("key", ["hsts", "max_body", "read_timeout"])
def test_the_role_by_itself_writes_numbers_only_where_numbers_belong(key: str) -> None:
    proxy = asdict(one())
    proxy["sites"][0][key] = "1;\nreturn 200 hi"
    assert "return 200" not in nginx_files(proxy)["http.conf"]


def test_a_path_is_a_pattern_that_matches_it_alone() -> None:
    pattern = re.compile(nginx_pattern("/a.b+c"))
    assert pattern.fullmatch("/a.b+c") and not pattern.fullmatch("/axb+c") and not pattern.fullmatch("/a.bbc")
