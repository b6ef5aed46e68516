"""The watch on Debian 12 and 13 with their own apprise, under systemd in containers of this test: told by the playbook's role, heard by a real web server and a
real mail server."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
BED = ROOT / "molecule" / "internet"
BIN = Path(sys.executable).parent
RECIPE = """\
ARG BASE
FROM ${BASE}
RUN apt-get update -q && apt-get install -qy --no-install-recommends nginx apprise python3-cryptography openssl \\
  && rm -f /etc/nginx/sites-enabled/default && rm -rf /var/lib/apt/lists/*
"""
HOST, HUSH = "home.example.org", "hush-hush"
STORE = "/etc/exposure/certificates/home"
MOST_EXPOSED = 2.5
SITE = f"server {{ listen 443 ssl; server_name {HOST}; ssl_certificate {STORE}/fullchain.pem; ssl_certificate_key {STORE}/privkey.pem; return 200 home; }}\n"
ISSUE = (
    f"mkdir -p {STORE}; openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {STORE}/privkey.pem -out {STORE}/fullchain.pem "
    f"-days 90 -subj /CN={HOST} -addext subjectAltName=DNS:{HOST} 2>&1"
)
RECEIVERS = '''
import http.server, socketserver, threading

def keep(name, text):
    with open("/root/" + name, "a") as file:
        file.write(text + "\\n")

class Web(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        keep("ping" if self.command == "GET" else "web", body or self.path)
        self.send_response(200)
        self.end_headers()
    do_POST = do_GET
    def log_message(self, *words): pass

class Mail(socketserver.StreamRequestHandler):
    """RFC 5321, as far as a client needs it."""
    def handle(self):
        self.say("220 mail.example.org")
        for line in self.rfile:
            verb = line.split()[0].upper() if line.split() else b""
            if verb == b"EHLO":
                self.say("250-mail.example.org\\r\\n250 AUTH PLAIN LOGIN")
            elif verb == b"DATA":
                self.say("354 go on")
                text = b""
                while not text.endswith(b"\\r\\n.\\r\\n"):
                    text += self.rfile.readline()
                keep("mail", text.decode())
                self.say("250 kept")
            elif verb == b"QUIT":
                return self.say("221 bye")
            else:
                self.say("235 welcome" if verb == b"AUTH" else "250 fine")
    def say(self, text):
        self.wfile.write(text.encode() + b"\\r\\n")

socketserver.TCPServer.allow_reuse_address = True
threading.Thread(target=http.server.ThreadingHTTPServer(("127.0.0.1", 8099), Web).serve_forever).start()
socketserver.ThreadingTCPServer(("127.0.0.1", 8025), Mail).serve_forever()
'''
DECLARED: dict[str, Any] = {
    "watch_host": "home",
    "watch_sites": [{"site": "home", "host": HOST, "certificate": "home", "trusted": False, "passed": False}],
    "watch_certificates": ["home"],
    "watch_units": ["nginx.service", "exposure-watch.timer"],
    "watch_textfile": "/var/lib/prometheus/node-exporter",
    "watch_secrets": {
        "notify": [f"json://me:{HUSH}@127.0.0.1:8099/", f"mailto://me:{HUSH}@127.0.0.1:8025?from=home@example.org&to=me@example.org"],
        "ping": f"http://127.0.0.1:8099/{HUSH}",
    },
}


def docker(*words: str, check: bool = True) -> str:
    done = subprocess.run(["docker", *words], capture_output=True, text=True, timeout=600, check=False)
    assert not check or done.returncode == 0, f"docker {' '.join(words)}\n{done.stdout}{done.stderr}"
    return done.stdout.strip()


def image(suite: str) -> str:
    """The image of a server of this test, built where its recipe is new."""
    if subprocess.run(["docker", "image", "inspect", f"exposure-bed/{suite}:current"], capture_output=True, check=False).returncode:
        subprocess.run([BED / "engine.sh"], check=True)
        subprocess.run([sys.executable, BED / "images.py", suite], check=True)
    base = docker("image", "inspect", "--format", "{{.Id}}", f"exposure-bed/{suite}:current")
    tag = f"watch-{suite}:{hashlib.sha256((base + RECIPE).encode()).hexdigest()[:12]}"
    if subprocess.run(["docker", "image", "inspect", tag], capture_output=True, check=False).returncode:
        build = ["docker", "build", "-q", "--force-rm", "--network", "host", "-t", tag, "--build-arg", f"BASE=exposure-bed/{suite}:current", "-"]
        done = subprocess.run(build, input=RECIPE, capture_output=True, text=True, timeout=600, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    return tag


class Server:
    """A home server with one site, and those who are told of it."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder = name, folder

    def sh(self, script: str, check: bool = True) -> str:
        return docker("exec", self.name, "sh", "-c", script, check=check)

    def write(self, path: str, text: str) -> None:
        subprocess.run(["docker", "exec", "-i", self.name, "sh", "-c", f"cat > {path}"], input=text, text=True, check=True)

    def play(self, *options: str, **variables: Any) -> str:
        play = self.folder / "play.yml"
        play.write_text("- hosts: all\n  gather_facts: false\n  roles: [homeserver.exposure.watch]\n")
        environment = {**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_HOME": str(ROOT / ".cache/ansible")}
        command = [BIN / "ansible-playbook", "-i", f"{self.name},", "-c", "community.docker.docker", play, "-e", json.dumps(variables), *options]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)
        return done.stdout + done.stderr

    def look(self) -> None:
        self.sh("systemctl start exposure-watch.service")

    def heard(self, where: str = "web") -> list[str]:
        """Titles of what came to the web server, or the mails, since the last time; pings by their paths."""
        lines = self.sh(f"cat /root/{where} 2>/dev/null; rm -f /root/{where}", check=False)
        return [json.loads(line)["title"] for line in lines.splitlines()] if where == "web" else lines.split("\n.\n") if lines else []


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    name = f"watch-test-{request.param}"
    docker("rm", "-f", name, check=False)
    version = docker("info", "--format", "{{.CgroupVersion}}")
    cgroup = ["--cgroupns", "host" if version == "1" else "private", "-v", "/sys/fs/cgroup:/sys/fs/cgroup:rw"]
    rights = [f"--cap-add={right}" for right in ("SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE")]
    rights += ["--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined"]
    docker("run", "-d", "--name", name, *cgroup, *rights, "--tmpfs", "/run", "--tmpfs", "/run/lock", "--stop-signal", "SIGRTMIN+3", image(request.param))
    here = Server(name, tmp_path_factory.mktemp(name))
    try:
        deadline = time.monotonic() + 30
        while here.sh("systemctl is-system-running || true") not in ("running", "degraded") and time.monotonic() < deadline:
            time.sleep(0.3)
        here.write("/root/receivers.py", RECEIVERS)
        here.sh(f"mount --make-rshared /; {ISSUE}; mkdir -p /var/lib/prometheus/node-exporter; chown nobody /var/lib/prometheus/node-exporter")
        here.write("/etc/systemd/system/receivers.service", "[Service]\nExecStart=/usr/bin/python3 /root/receivers.py\n")
        here.sh("systemctl daemon-reload; systemctl start receivers")
        here.write("/etc/nginx/sites-enabled/home", SITE)
        here.sh("systemctl restart nginx")
        foretold = here.play("--check", "--diff", **DECLARED)
        assert "failed=0" in foretold and HUSH not in foretold and "changed=0" not in foretold, foretold
        done = here.play(**DECLARED)
        assert "failed=0" in done and HUSH not in done, done
        yield here
    finally:
        docker("rm", "-f", name)


def test_a_second_run_changes_nothing(server: Server) -> None:
    assert "changed=0" in server.play(**DECLARED)


def test_the_unit_may_do_little(server: Server) -> None:
    said = server.sh("systemd-analyze security exposure-watch.service | tail -1")
    found = re.search(r"exposure-watch.service: ([0-9.]+)", said)
    assert found and float(found[1]) <= MOST_EXPOSED, said


@pytest.mark.proves("R40")
def test_a_certificate_that_was_renewed_and_not_loaded_is_told_once_and_then_that_all_is_well(server: Server) -> None:
    server.look()
    assert server.heard() == [] and server.heard("ping") == [f"/{HUSH}"]
    server.sh(f"sleep 1; {ISSUE}")
    server.look()
    assert server.heard() == [f"home: {HOST} needs you"]
    (mail,) = server.heard("mail")
    assert f"Subject: home: {HOST} needs you" in mail and "not reloaded" in mail.replace("=\n", "") and "text/html" not in mail
    assert 'exposure_finding{id="served_differs_from_disk:reload_needed",severity="error"} 1' in server.sh(
        "cat /var/lib/prometheus/node-exporter/exposure.prom"
    )
    for _ in range(3):
        server.look()
    assert server.heard() == [] and server.heard("mail") == []
    server.sh("systemctl reload nginx; sleep 1")
    server.look()
    assert server.heard() == []
    server.look()
    assert server.heard() == ["home: all well again"]
    server.heard("mail")


@pytest.mark.proves("R40")
def test_a_unit_that_failed_is_told_within_seconds(server: Server) -> None:
    server.write(
        "/etc/systemd/system/exposure-certificates.service", "[Unit]\nOnFailure=exposure-failure@%n.service\n[Service]\nType=oneshot\nExecStart=/bin/false\n"
    )
    server.sh("systemctl daemon-reload; systemctl start exposure-certificates.service", check=False)
    deadline = time.monotonic() + 20
    told: list[str] = []
    while not told and time.monotonic() < deadline:
        told = server.heard()
        time.sleep(0.5)
    assert told == ["home: exposure-certificates.service may need you"]
    server.sh("rm /var/lib/exposure/failures/*.json; sleep 2")
    deadline = time.monotonic() + 60
    while not (told := server.heard()) and time.monotonic() < deadline:
        server.look()  # the first may still be the one that the path unit started
    assert told == ["home: all well again"]


def test_a_receiver_that_was_out_of_order_gets_the_notice_later(server: Server) -> None:
    server.sh("systemctl stop receivers exposure-watch.timer")
    assert server.sh("systemctl start exposure-watch.service", check=False) == ""
    assert server.sh("systemctl show -P ExecMainStatus exposure-watch.service") == "1"
    assert "receiver 1 (json) could not be sent: it was not reached" in server.sh("journalctl -q -o cat -u exposure-watch")
    server.sh("systemctl start receivers exposure-watch.timer; sleep 1")
    server.look()
    assert server.heard() == ["home: exposure-watch.timer needs you"]


def test_a_test_notice_reaches_everybody(server: Server) -> None:
    said = server.sh("exposure watch --test")
    assert said.splitlines() == ["Receiver 1 (json): sent.", "Receiver 2 (mailto): sent.", "Ping: answered."]


def test_every_certificate_is_shown_as_it_is_served_and_stored(server: Server) -> None:
    assert re.search(rf"{HOST} .* 90 days +100% +the same", server.sh("exposure certificates status"))


def test_no_secret_is_in_the_log_or_the_memory(server: Server) -> None:
    assert HUSH not in server.sh("journalctl --no-pager -q; cat /var/lib/exposure-watch/* /etc/exposure/watch/current/settings.json")
    assert server.sh("stat -Lc '%U %a' /etc/exposure/watch/current/secrets.json") == "root 600"


def test_nothing_of_it_is_left_when_it_goes(server: Server) -> None:
    assert "failed=0" in server.play(watch_state="absent")
    left = server.sh(
        "ls -d /etc/exposure/watch/current /var/lib/exposure-watch /etc/systemd/system/exposure-watch* 2>/dev/null; systemctl list-timers --all", check=False
    )
    assert "exposure-watch" not in left and "/etc/exposure/watch" not in left
    assert "changed=0" in server.play(watch_state="absent")
