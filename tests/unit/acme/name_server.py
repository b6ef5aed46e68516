"""A real name server (NSD of Debian's packages, unprivileged, on a port of this machine) with the zones of a test."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import dns.exception
import dns.message
import dns.query

from tests.tools import program

LIBRARIES = (("libprotobuf-c1",), ("libfstrm0",), ("libevent-2.1-7", "libevent-2.1-7t64"))

CONFIGURATION = """
server:
  ip-address: {address}@{port}
  username: ""
  chroot: ""
  zonesdir: "{folder}"
  pidfile: "{folder}/nsd.pid"
  xfrdfile: "{folder}/xfrd.state"
  xfrdir: "{folder}"
  zonelistfile: "{folder}/zone.list"
  database: ""
  logfile: "{folder}/log"
  server-count: 1
  reuseport: no
remote-control:
  control-enable: no
"""


def libraries() -> str:
    """Where the libraries of the name server are, as LD_LIBRARY_PATH takes it."""
    folders = []
    for packages in LIBRARIES:
        for package in packages:
            with contextlib.suppress(subprocess.CalledProcessError):
                folders += [str(path.parent) for path in Path(program(package, "/usr/lib")).glob("*/*.so.*")]
                break
    return ":".join(dict.fromkeys(folders))


def free_port() -> int:
    """A port that nobody uses, neither for UDP nor TCP, and that no outgoing connection is given meanwhile."""
    for port in random.sample(range(20_000, 32_000), 100):
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                probe = stack.enter_context(socket.socket(socket.AF_INET, kind))
                probe.bind(("0.0.0.0", port))
            return port
    raise AssertionError("no free port")


@contextlib.contextmanager
def serving(folder: Path, zones: dict[str, str], failing: tuple[str, ...] = ()) -> Iterator[int]:
    """The port of a name server on 127.0.0.1 that serves zones (name -> lines of a zone file); for `failing` zones it answers SERVFAIL."""
    folder.mkdir()
    port = free_port()
    text = CONFIGURATION.format(address="127.0.0.1", port=port, folder=folder)
    for number, (name, lines) in enumerate(zones.items()):
        (folder / f"{number}.zone").write_text(f"$ORIGIN {name}\n$TTL 5\n@ SOA ns. host. 1 5 5 5 5\n{lines}\n")
        text += f'zone:\n  name: "{name}"\n  zonefile: "{number}.zone"\n'
    for name in failing:
        text += f'zone:\n  name: "{name}"\n  zonefile: "there-is-no-such-file.zone"\n'
    (folder / "nsd.conf").write_text(text)
    server = program("nsd", "/usr/sbin/nsd")
    process = subprocess.Popen(
        [server, "-d", "-c", str(folder / "nsd.conf")],
        env={**os.environ, "LD_LIBRARY_PATH": libraries()},
        stdout=subprocess.DEVNULL,
        stderr=(folder / "stderr").open("w"),
        start_new_session=True,
    )
    try:
        wait_for(port, process, folder)
        yield port
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_for(port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(dns.exception.DNSException, OSError):
            dns.query.udp(dns.message.make_query(".", "SOA"), "127.0.0.1", timeout=0.3, port=port)
            wrong = [line for line in (folder / "log").read_text().splitlines() if "error" in line and "there-is-no-such-file" not in line]
            assert not wrong, wrong
            return
        time.sleep(0.05)
    raise AssertionError("\n".join(path.read_text() for path in (folder / "stderr", folder / "log") if path.exists()))
