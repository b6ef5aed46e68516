"""Whatever is declared, nginx's files say what the Plan says and nothing else, and nginx takes them."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from plugins.module_utils.plan.make import Inventory, make
from plugins.module_utils.plan.mistakes import InventoryRefused
from plugins.module_utils.plan.model import Proxy

from .declarations import benign, benign_passthrough, catalogue, inventories, nginx_files, proxy_of
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
