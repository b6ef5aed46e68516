"""The real Caddy serves what the store holds, and takes what it is handed for its own: Debian 12's binary, as a process of this test."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from plugins.module_utils.certificates.settle import Outcome, Places, Settlement
from plugins.module_utils.certificates.store import Store
from tests.tools import program
from tests.unit.certificates.authority import ROOT, served

CA = "https://127.0.0.1:1/acme/dir"
"""No CA answers there: what Caddy serves was not obtained."""
HOST = "home.example.org"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as held:
        return int(held.getsockname()[1])


def environment(folder: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_DATA_HOME": str(folder / "data"), "XDG_CONFIG_HOME": str(folder / "config")}


@contextlib.contextmanager
def caddy(folder: Path, *site: str) -> Iterator[int]:
    """A Caddy with one site, on the port that is returned."""
    port = free_port()
    general = ("{", "admin off", f"acme_ca {CA}", "auto_https disable_redirects", f"http_port {free_port()}", f"https_port {port}", "}")
    (folder / "Caddyfile").write_text("\n".join((*general, f"{HOST} {{", "bind 127.0.0.1", *site, "respond hello", "}")) + "\n")
    binary = program("caddy", "/usr/bin/caddy")
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen([binary, "run", "--config", str(folder / "Caddyfile")], env=environment(folder), stdout=log, stderr=log)
    try:
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            assert process.poll() is None, (folder / "log").read_text()
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(20)


def eventually_shown(port: int) -> bytes:
    """Caddy listens a moment before it has read what it is to show."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with contextlib.suppress(ssl.SSLError):
            return shown(port)
        time.sleep(0.1)
    return shown(port)


def shown(port: int) -> bytes:
    """The certificate that a client which trusts the test's root is shown for the host, as PEM. Raises ssl.SSLError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=ROOT.pem.decode())
    with socket.create_connection(("127.0.0.1", port), 5) as plain, context.wrap_socket(plain, server_hostname=HOST) as secured:
        der = secured.getpeercert(binary_form=True)
    assert der
    return ssl.DER_cert_to_PEM_cert(der).encode()


def run(folder: Path, kind: str, pair: tuple[bytes, bytes] | None = None, hand: tuple[str, ...] = ()) -> Outcome:
    store = Store(lambda command: (1, ""), folder / "store", grp.getgrgid(os.getegid()).gr_name)
    files = {"home": {"chain": pair[0].decode(), "key": pair[1].decode()}} if pair else {}
    places = Places(folder / "live", folder / "pending", folder / "data/caddy", folder / "no roots")
    settlement = Settlement(store, datetime.now(UTC), files, {}, places, CA)
    return settlement.settle([{"name": "home", "hosts": [HOST], "kind": kind}], hand)


def fresh() -> tuple[bytes, bytes]:
    return served((HOST,), start=datetime.now(UTC) - timedelta(days=1))


def tls(folder: Path) -> str:
    return f"tls {folder}/store/home/fullchain.pem {folder}/store/home/privkey.pem"


@pytest.mark.proves("R37")
def test_a_certificate_of_one_s_own_is_served_and_a_client_can_verify_it(tmp_path: Path) -> None:
    pair = fresh()
    assert run(tmp_path, "files", pair).changed_names == ["home"]
    with caddy(tmp_path, tls(tmp_path)) as port:
        assert pair[0].startswith(eventually_shown(port))


def test_a_placeholder_lets_a_proxy_start_before_a_certificate_is_there(tmp_path: Path) -> None:
    assert run(tmp_path, "acme").placeholders == ["home"]
    with caddy(tmp_path, tls(tmp_path)) as port, pytest.raises(ssl.SSLCertVerificationError):
        shown(port)


def test_caddy_serves_what_it_was_handed_without_asking_a_ca_and_it_is_found_there_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    me = pwd.getpwuid(os.geteuid())
    monkeypatch.setattr(pwd, "getpwnam", lambda name: me)
    pair = fresh()
    run(tmp_path, "files", pair)
    assert run(tmp_path, "acme", hand=("home",)).handed == [HOST]
    with caddy(tmp_path) as port:
        assert pair[0].startswith(eventually_shown(port))
    assert run(tmp_path, "acme", hand=("home",)).handed == []
    other = tmp_path / "other"
    other.mkdir()
    (other / "data").symlink_to(tmp_path / "data")
    adopted = run(other, "acme")
    assert adopted.placeholders == [] and (other / "store/home/privkey.pem").read_bytes() == pair[1]


def test_without_having_been_handed_it_that_caddy_has_none(tmp_path: Path) -> None:
    with caddy(tmp_path) as port, pytest.raises(ssl.SSLError):
        shown(port)
