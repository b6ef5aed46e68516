"""What listens here, from the kernel's own tables."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from plugins.module_utils.host.sockets import Listener, listeners, owners_of, parse

# Recorded on a Debian 12 host (x86-64) with a resolver, sshd, Caddy's admin end and an established connection.
TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 3500007F:0035 00000000:0000 0A 00000000:00000000 00:00000000 00000000   101        0 20881 1 0000000000000000 100 0 0 10 5
   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 22007 1 0000000000000000 100 0 0 10 0
   2: 0100007F:07E3 00000000:0000 0A 00000000:00000000 00:00000000 00000000   998        0 31337 2 0000000000000000 100 0 0 10 0
   3: 0A02A8C0:0016 1402A8C0:D2F4 01 00000000:00000000 02:000A7F2C 00000000     0        0 40112 4 0000000000000000 20 4 31 10 -1
   4: 0A02A8C0:01BB 1402A8C0:D2F6 06 00000000:00000000 03:00000A1B 00000000     0        0 0 3 0000000000000000
"""

TCP6 = """\
  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:01BB 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 31340 1 0000 100 0 0 10 0
   1: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 31342 1 0000 100 0 0 10 0
   2: B80D01200000000000000000020000AB:20FB 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 31344 1 0000 100 0 0 10 0
   3: 0000000000000000FFFF00000A02A8C0:0050 0000000000000000FFFF00001402A8C0:D2F8 01 00000000:00000000 00:00000000 00000000     0        0 31350 1 0000 20 0 0 10 -1
"""  # noqa: E501

LITTLE = pytest.mark.skipif(os.sys.byteorder != "little", reason="the tables were recorded on a little-endian machine")  # type: ignore[attr-defined]


@LITTLE
def test_ipv4_listeners_are_read_and_connections_are_not() -> None:
    assert parse(TCP) == [("127.0.0.53", 53, "20881"), ("0.0.0.0", 22, "22007"), ("127.0.0.1", 2019, "31337")]


@LITTLE
def test_ipv6_listeners_are_read_with_their_addresses() -> None:
    assert parse(TCP6) == [("::", 443, "31340"), ("::1", 8080, "31342"), ("2001:db8::ab00:2", 8443, "31344")]


@pytest.mark.parametrize("table", ["", "  sl  local_address\n", "  sl  local_address\n\n   0: cut\n"])
def test_an_empty_or_cut_table_has_no_listeners(table: str) -> None:
    assert parse(table) == []


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A /proc with two processes: sshd, and Caddy, which also has a connection that closes while it is looked at."""
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "tcp").write_text(TCP)
    for number, name, targets in (("12", "sshd", ["/dev/null", "socket:[22007]"]), ("34", "caddy", ["socket:[31337]", "socket:[9]", "pipe:[31337]"])):
        (tmp_path / number / "fd").mkdir(parents=True)
        (tmp_path / number / "comm").write_text(f"{name}\n")
        for descriptor, target in enumerate(targets):
            (tmp_path / number / "fd" / str(descriptor)).symlink_to(target)
    return tmp_path


@LITTLE
def test_the_holder_of_a_socket_is_named_where_it_is_known(proc: Path) -> None:
    assert listeners(proc=proc) == [Listener("127.0.0.53", 53, ""), Listener("0.0.0.0", 22, "sshd"), Listener("127.0.0.1", 2019, "caddy")]
    assert {listener.process for listener in listeners(with_process=False, proc=proc)} == {""}


def test_a_connection_that_closes_meanwhile_does_not_hide_its_process(proc: Path) -> None:
    """readlink of a closed descriptor fails; a plain file does so in the same way."""
    for number in range(3, 6):
        (proc / "34" / "fd" / str(number)).write_text("closed")
    (proc / "34" / "fd" / "0").unlink()
    (proc / "34" / "fd" / "9").symlink_to("socket:[31337]")
    assert owners_of({"31337"}, proc) == {"31337": "caddy"}


def test_a_process_that_ends_meanwhile_hides_no_other(proc: Path) -> None:
    (proc / "12" / "comm").unlink()
    (proc / "5").mkdir()
    assert owners_of({"22007", "31337"}, proc) == {"31337": "caddy"}


@pytest.mark.parametrize(("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_a_socket_of_this_very_process_is_found_until_it_closes(family: socket.AddressFamily, address: str) -> None:
    try:
        held = socket.create_server((address, 0), family=family)
    except OSError as error:
        pytest.skip(f"this machine has no {address}: {error}")
    port = held.getsockname()[1]
    name = Path("/proc/self/comm").read_text().strip()
    assert Listener(address, port, name) in listeners()
    held.close()
    assert port not in {listener.port for listener in listeners()}
