"""A real BIND 9 on a port of 127.0.0.1 that takes signed updates: out of the bed's image where that is built, else out of Debian's packages."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import dns.rcode

from tests.tools import program
from tests.unit.acme.name_server import free_port

IMAGE = "exposure-bed/isp:current"
SECRET = "c2VjcmV0IG9mIHRoZSBob21lIHNlcnZlciwgMzIgYnl0ZXM="
OTHER_SECRET = "YW5vdGhlciBzZWNyZXQgb2YgYW5vdGhlciBrZXksIDMyIQ=="

CONFIGURATION = """
options {{
  directory "{folder}";
  listen-on port {port} {{ 127.0.0.1; }};
  listen-on-v6 {{ none; }};
  pid-file none;
  session-keyfile none;
  recursion no;
  dnssec-validation no;
  empty-zones-enable no;
  notify no;
}};
controls {{ }};
key "home" {{ algorithm hmac-sha256; secret "{secret}"; }};
key "long" {{ algorithm hmac-sha512; secret "{secret}"; }};
key "reader" {{ algorithm hmac-sha256; secret "{other}"; }};
zone "example.org" {{ type primary; file "example.org.zone"; update-policy {{ grant home zonesub A AAAA TXT; grant long zonesub A; }}; }};
zone "xn--mnchen-3ya.example" {{ type primary; file "munich.zone"; allow-update {{ key home; }}; }};
zone "fixed.example" {{ type primary; file "fixed.zone"; }};
"""

ZONE = """$TTL 300
@ SOA ns. host. 1 3600 600 86400 60
@ NS ns.
old A 198.51.100.1
two A 198.51.100.1
two A 198.51.100.7
mail MX 10 mx.example.net.
mail A 198.51.100.1
*.wild A 198.51.100.9
alias CNAME elsewhere.example.net.
"""


@dataclass(frozen=True)
class Bind:
    folder: Path
    port: int

    def texts(self, name: str, kind: str) -> set[str]:
        """What the server answers for a name."""
        answer = dns.query.tcp(dns.message.make_query(name, kind), "127.0.0.1", timeout=5, port=self.port)
        assert answer.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN)
        return {record.to_text() for rrset in answer.answer for record in rrset}

    def ttl(self, name: str, kind: str) -> int:
        answer = dns.query.tcp(dns.message.make_query(name, kind), "127.0.0.1", timeout=5, port=self.port)
        return int(answer.answer[0].ttl)

    def serial(self) -> str:
        (soa,) = self.texts("example.org", "SOA")
        return soa.split()[2]


def command(folder: Path) -> tuple[list[str], dict[str, str]]:
    """How named is started, and with which environment."""
    named = ["-g", "-c", str(folder / "named.conf")]
    docker = shutil.which("docker")
    if docker and subprocess.run([docker, "image", "inspect", IMAGE], capture_output=True).returncode == 0:
        return [docker, "run", "--rm", "--name", f"exposure-bind-{os.getpid()}", "--network=host", "--volume", f"{folder}:{folder}", IMAGE, "named", *named], {}
    folders = dict.fromkeys(str(path.parent) for package in missing() for path in Path(program(package, "/usr/lib")).glob("*/*.so*"))
    return [program("bind9", "/usr/sbin/named"), *named], {"LD_LIBRARY_PATH": ":".join(folders)}


def missing() -> list[str]:
    """The packages of named's libraries that this machine does not have."""
    names = {"bind9-libs"}
    for _ in range(3):  # the libraries' own libraries too
        names |= depends("bind9", *names)
    there = subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Status} ${Package}\n"], check=True, capture_output=True, text=True).stdout
    return sorted(names - {line.removeprefix("installed ") for line in there.splitlines()})


def depends(*packages: str) -> set[str]:
    """The libraries that packages cannot do without."""
    said = subprocess.run(["apt-cache", "depends", "--important", *packages], check=True, capture_output=True, text=True).stdout
    return {line.removeprefix("  Depends: ") for line in said.splitlines() if line.startswith("  Depends: lib")}


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Bind]:
    folder.mkdir()
    folder.chmod(0o777)
    port = free_port()
    (folder / "named.conf").write_text(CONFIGURATION.format(folder=folder, port=port, secret=SECRET, other=OTHER_SECRET))
    for name in ("example.org", "munich", "fixed"):
        (folder / f"{name}.zone").write_text(ZONE)
    arguments, environment = command(folder)
    log = folder / "log"
    process = subprocess.Popen(arguments, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=log.open("w"), start_new_session=True)
    try:
        deadline = time.monotonic() + 30
        while True:
            assert time.monotonic() < deadline and process.poll() is None, log.read_text()
            with contextlib.suppress(dns.exception.DNSException, OSError):
                dns.query.udp(dns.message.make_query("example.org", "SOA"), "127.0.0.1", timeout=0.3, port=port)
                break
            time.sleep(0.05)
        yield Bind(folder, port)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(20)
